"""Learning to pivot (Louppe, Kagan, Cranmer, arXiv 1611.01046): what is learned must not tell a nuisance.

An adversary learns to guess the nuisance from an output; its gradient reaches the network with the sign turned, so the
network learns outputs from which nothing can be guessed.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class _Turned(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * grads[0], None


class Adversary(nn.Module):
    """Guesses a nuisance from an output: a normal distribution whose mean and width depend on it."""

    def __init__(self, hidden: int = 16) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(1, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh(), nn.Linear(hidden, 2)
        )

    def forward(self, output: Tensor, nuisance: Tensor, strength: float) -> Tensor:
        """Mean negative log-likelihood of the nuisance (n,), given the output (n,); what made the output climbs it."""
        mean, log_sigma = self.layers(_Turned.apply(output, strength)[:, None]).T  # type: ignore[no-untyped-call]
        pull = (nuisance - mean) * torch.exp(-log_sigma)
        loss: Tensor = (0.5 * pull**2 + log_sigma).mean()
        return loss
