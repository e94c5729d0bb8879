"""The two networks of the fast simulation, and how likely they find a shower; what draws showers reads the same weights.

Names and shapes of the weights: `gnnreco.simulate.showers.learned.weights.sizes`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, log_softmax, logsigmoid, silu, softplus

from gnnreco.simulate.showers.learned.features import OF_LAYER
from gnnreco.simulate.showers.learned.layers import NARROWEST_COUNT, NARROWEST_ENERGY, NARROWEST_TOTAL
from gnnreco.simulate.showers.learned.nuclear import FEATURES_OF, OF_SHOWER_OF
from gnnreco.simulate.showers.learned.points import NARROWEST, NEAR_AXIS
from gnnreco.simulate.showers.learned.weights import COUNTS, DEPOSITS, ENERGIES, PLACES, TOTALS

from .batch import ShowerLayers, ShowerPoints
from .places import log_density


class Trunk(nn.Module):
    """Two layers over features brought to one scale."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("scale", torch.ones(inputs))
        self.one, self.two = nn.Linear(inputs, hidden), nn.Linear(hidden, hidden)

    def scale_to(self, features: Tensor) -> None:
        """Take mean and spread of features (n, inputs)."""
        self.get_buffer("mean").copy_(features.mean(0))
        self.get_buffer("scale").copy_(1 / (features.std(0) + 0.05))

    def forward(self, features: Tensor) -> Tensor:
        """Hidden numbers (n, hidden)."""
        scaled = (features - self.get_buffer("mean")) * self.get_buffer("scale")
        return silu(self.two(silu(self.one(scaled))))


class TotalNetwork(nn.Module):
    """How much of a shower is seen in all."""

    def __init__(self, inputs: int, deposit: int) -> None:
        super().__init__()
        self.trunk, self.share = Trunk(inputs, deposit), nn.Linear(deposit, 1 + 3 * TOTALS)
        self.register_buffer("most", torch.zeros(1))

    def forward(self, showers: Tensor, total: Tensor) -> Tensor:
        """Minus the logarithm of the likelihood of the share that is seen of each shower (n,): their sum."""
        given, some = self.share(self.trunk(showers)), total > 0
        none = binary_cross_entropy_with_logits(given[:, 0], (~some).float(), reduction="sum")
        return none + normal(given[some, 1:], torch.log(total[some]), NARROWEST_TOTAL).sum()


class LayerNetwork(nn.Module):
    """How many points lie in a layer, and how much energy."""

    def __init__(self, inputs: int, hidden: int, deposit: int) -> None:
        super().__init__()
        self.trunk = Trunk(inputs, hidden)
        self.number = nn.Linear(hidden, 1 + 3 * COUNTS)
        self.energy_one, self.energy = nn.Linear(hidden + 1, deposit), nn.Linear(deposit, 3 * ENERGIES)
        self.register_buffer("most", torch.zeros(2))

    def forward(self, layers: ShowerLayers) -> tuple[Tensor, Tensor]:
        """Minus the logarithm of the likelihood of the numbers of points, and of their mean energies: sums over layers."""
        hidden = self.trunk(layers.features)
        given, filled = self.number(hidden), layers.count > 0
        none = binary_cross_entropy_with_logits(given[:, 0], (~filled).float(), reduction="sum")
        given, hidden, count = given[filled, 1:], hidden[filled], layers.count[filled]
        weight, middle, width = given.split(COUNTS, 1)
        width = softplus(width) + NARROWEST_COUNT
        up = (torch.log(count + 0.5)[:, None] - middle) / width
        down = (torch.log(count - 0.5)[:, None] - middle) / width
        between = (
            torch.log1p(-torch.exp(torch.clamp(down - up, max=-1e-6))) + logsigmoid(up) + logsigmoid(-down)
        )
        each = torch.where(count[:, None] < 1.5, logsigmoid(up), between)
        counted = none - torch.logsumexp(log_softmax(weight, 1) + each, 1).sum()
        given = self.energy(silu(self.energy_one(torch.cat([hidden, torch.log(count)[:, None]], 1))))
        return counted, normal(given, torch.log(layers.energy[filled] / count), NARROWEST_ENERGY).sum()


class PointNetwork(nn.Module):
    """Where the points of a layer lie, and how they share its energy."""

    def __init__(self, inputs: int, hidden: int, deposit: int) -> None:
        super().__init__()
        self.trunk = Trunk(inputs + len(OF_LAYER), hidden)
        self.around = nn.Linear(hidden, PLACES)
        self.deposit_layer = nn.Linear(hidden, deposit)
        self.deposit_own, self.deposit = nn.Linear(2, deposit, bias=False), nn.Linear(deposit, 3 * DEPOSITS)

    def scale_to(self, features: Tensor) -> None:
        """Take mean and spread of features (n, inputs)."""
        self.trunk.scale_to(features)

    def forward(self, points: ShowerPoints) -> tuple[Tensor, Tensor]:
        """Minus the logarithm of the likelihood of each point's place, in squared Moliere radii, and of its energy."""
        hidden = self.trunk(points.features)
        layer, row = points.layer, points.first[points.layer] + points.rank
        density, moliere = log_density(self.around(hidden), points), points.moliere[layer]
        place, energy = points.points[row, :2], points.points[row, 2]
        count = torch.diff(points.first)[layer]
        off = torch.sqrt((place**2).sum(1)) / moliere
        crowd = torch.log(count * density.detach().exp() + 1e-6)
        own = torch.stack([torch.log1p(NEAR_AXIS * off), crowd], 1)
        given = self.deposit(silu(self.deposit_layer(hidden)[layer] + self.deposit_own(own)))
        return -density - 2 * torch.log(moliere), normal(given, torch.log(energy), NARROWEST)


def normal(given: Tensor, value: Tensor, narrowest: float) -> Tensor:
    """Minus the logarithm of the likelihood of each value (n,), but for a constant, in a mixture of normal distributions."""
    weight, middle, width = given.chunk(3, 1)
    width = softplus(width) + narrowest
    pull = (value[:, None] - middle) / width
    return -torch.logsumexp(log_softmax(weight, 1) - 0.5 * pull**2 - torch.log(width), 1)


class FastSimNetwork(nn.Module):
    """All three: a shower's total, its layers, and what makes their points."""

    def __init__(
        self, hidden: int, deposit: int, points: nn.Module | None = None, pions: bool = False
    ) -> None:
        super().__init__()
        inputs = len(FEATURES_OF[pions])
        self.total = TotalNetwork(len(OF_SHOWER_OF[pions]), deposit)
        self.layer = LayerNetwork(inputs, hidden, deposit)
        # Any of three networks: a module's attributes have no types of their own.
        self.points: Any = PointNetwork(inputs, hidden, deposit) if points is None else points
