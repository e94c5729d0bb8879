"""Learning to pivot (Louppe, Kagan, Cranmer, arXiv 1611.01046): what is learned must not tell a nuisance.

An adversary learns to guess the nuisance from an output; its gradient reaches the network with the sign turned, so the
network learns outputs from which nothing can be guessed.

The adversary is also told the truth. Without it, the best fit to the training sample is already beyond its reach: it has no
mean deviation left given anything that it sees, whatever prior of the truth the nuisance brought with it. With it, the
output becomes independent of the nuisance at each true value, so it no longer shrinks towards what is usual there. An
anomaly score has no truth: it becomes independent of the nuisance over all that is shown, such as the mass of normal events.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

SMALLEST = 1e-2  # spread of what is always the same


class _Turned(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * grads[0], None


class Adversary(nn.Module):
    """Guesses a nuisance from an output and the truth, if any: a normal distribution whose mean and width depend on them.

    All three are counted from their mean in units of their spread, over all that was seen in training, so a strength means
    the same for any nuisance, and the guess is good after few steps.
    """

    seen: Tensor

    def __init__(self, hidden: int = 16) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(2, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh(), nn.Linear(hidden, 2)
        )
        self.register_buffer("seen", torch.zeros(3, 3, dtype=torch.float64))  # sums of 1, x, x^2

    def forward(self, output: Tensor, truth: Tensor | None, nuisance: Tensor, strength: float) -> Tensor:
        """Mean negative log-likelihood of the nuisance, given the output and the truth, all (n,).

        What made the output climbs it; the truth and the nuisance have no gradient. Without a truth the guess is one from
        the output alone.
        """
        truth = torch.zeros_like(output) if truth is None else truth
        rows = torch.stack([output, truth.detach(), nuisance.detach()])
        if self.training:
            x = rows.detach().double()
            self.seen += torch.stack([torch.ones_like(x), x, x**2]).sum(dim=2)
        _, mean, square = self.seen / self.seen[0].clamp(min=1.0)
        spread = torch.sqrt((square - mean**2).clamp(min=SMALLEST**2))
        output, truth, nuisance = (rows - mean[:, None].float()) / spread[:, None].float()
        told = torch.stack([_Turned.apply(output, strength), truth], dim=1)  # type: ignore[no-untyped-call]
        middle, log_sigma = self.layers(told).T
        pull = (nuisance - middle) * torch.exp(-log_sigma)
        loss: Tensor = (0.5 * pull**2 + log_sigma).mean()
        return loss
