"""A graph network that expects what a region holds from what lies around it, and so knows what is surprising."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .surprise import LEAST_SCALE, UNIT, SurpriseSizes, masks


class SurpriseNetwork(nn.Module):
    """Density of each feature of a node, given those before it, the neighbours of the node, and what never changes there.

    Neighbours send messages, whose sum is the context; the features of the node itself do not enter it. The densities are
    mixtures of logistic distributions, computed for all features at once by masked layers (MADE, arXiv 1502.03509).

    Parameters
    ----------
    sizes : SurpriseSizes
    """

    def __init__(self, sizes: SurpriseSizes) -> None:
        super().__init__()
        self.sizes = sizes
        features, hidden, width = sizes.features, sizes.hidden, sizes.width
        self.register_buffer("center", torch.zeros(features))
        self.register_buffer("scale", torch.ones(features))
        self.message = nn.Linear(features, hidden)
        self.way = nn.Parameter(torch.zeros(sizes.ways, hidden))
        self.context = nn.Linear(hidden, hidden)
        self.first = nn.Linear(features, width)
        self.about = nn.Linear(hidden + sizes.static, width)
        self.second = nn.Linear(width, width)
        self.out = nn.Linear(width, 3 * sizes.mixtures * features)
        for name, mask in masks(sizes).items():
            self.register_buffer(f"{name}_mask", torch.from_numpy(mask), persistent=False)

    def scale_to(self, features: Tensor) -> None:
        """Take middle and spread of each feature from nodes that hold something (n, f)."""
        center, scale = features.mean(0), features.std(0, unbiased=False)
        self.get_buffer("center").copy_(center)
        self.get_buffer("scale").copy_(torch.where(scale > 1e-3, scale, torch.ones_like(scale)))

    def forward(
        self, features: Tensor, static: Tensor, neighbours: Tensor, classes: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Minus the logarithm of the density of each feature of each node, and what is to be expected of it.

        Parameters
        ----------
        features : (n, f)
        static : (n, s)
            What never changes at a node.
        neighbours : int64 (n, k)
            Rows of the neighbours; n where there is none.
        classes : int64 (k,)
            Which way each of the k lies.

        Returns
        -------
        nll, expected : (n, f)
            The second is what the first is on average, if the network is right (a bound from above).
        """
        x = (features - self.get_buffer("center")) / self.get_buffer("scale")
        sent = self.message(x)
        # Beyond the rim nothing speaks: relu makes silence of a large negative number.
        sent = torch.cat([sent, sent.new_full((1, sent.shape[1]), -1e9)])[neighbours]
        context = torch.relu(sent + self.way[classes]).sum(1) / len(classes)
        about = torch.cat([torch.relu(self.context(context)), static], dim=1)
        hidden = nn.functional.linear(x, self.first.weight * self.get_buffer("first_mask"), self.first.bias)
        hidden = torch.relu(hidden + self.about(about))
        hidden = torch.relu(
            nn.functional.linear(
                hidden, self.second.weight * self.get_buffer("second_mask"), self.second.bias
            )
        )
        out = nn.functional.linear(hidden, self.out.weight * self.get_buffer("out_mask"), self.out.bias)
        weight, middle, spread = out.reshape(len(x), 3, self.sizes.mixtures, self.sizes.features).unbind(1)
        share = torch.log_softmax(weight, dim=1)
        log_scale = torch.log(nn.functional.softplus(spread + UNIT) + LEAST_SCALE)
        z = (x[:, None] - middle) * torch.exp(-log_scale)
        of_each = -z.abs() - 2 * nn.functional.softplus(-z.abs()) - log_scale
        nll = -torch.logsumexp(share + of_each, dim=1)
        expected = (share.exp() * (log_scale + 2 - share)).sum(1)
        return nll, expected
