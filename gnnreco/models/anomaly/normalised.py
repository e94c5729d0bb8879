"""A normalised autoencoder: what comes back well must also be what is normal (arXiv 2105.05735, 2206.14225).

An autoencoder may give back what it never saw. Here its difference is an energy: rows of low energy are drawn by Langevin
steps, and where these are no normal rows the energy is raised.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from .autoencoder import Autoencoder
from .scale import Array

if TYPE_CHECKING:
    from torch import Tensor, nn

#: Of rows, row by row.
Function: TypeAlias = "Callable[[Tensor], Tensor]"
#: Steps of a chain along the codes, and then along the rows, in units of the usual difference.
CODE_STEPS, ROW_STEPS = 5, 5
CODE_STRIDE, ROW_STRIDE = 0.1, 0.5
#: Pull of all energies to zero: without it the difference of two energies has no end.
PULL = 0.05


class NormalisedAutoencoder(Autoencoder):
    """An autoencoder whose difference is the energy of a distribution; scores and contributions as of `Autoencoder`.

    Parameters
    ----------
    hidden, code, steps
        As of `Autoencoder`, which it begins as.
    contrasts : int
        Steps in which its energy is held against rows that it draws itself.
    """

    name = "normalised"

    def __init__(
        self, hidden: int = 64, code: int | None = None, steps: int = 1000, contrasts: int = 300
    ) -> None:
        super().__init__(hidden, code, steps)
        self.contrasts = contrasts

    def _refine(self, network: nn.Sequential, rows: Array, weights: Array | None) -> None:
        import torch

        from .training import learn

        sharp = torch.from_numpy(self._sharp.astype(np.float32))
        low, high = (torch.from_numpy(end.astype(np.float32)) for end in (rows.min(axis=0), rows.max(axis=0)))
        count, code = int((self._sharp > 0).sum()), len(self._layers.weights[1])

        def energy(x: Tensor) -> Tensor:
            found: Tensor = (sharp * (network(x) - x).square()).sum(dim=1)
            return found

        def loss(x: Tensor) -> Tensor:
            own = _drawn(network[4:], energy, (len(x), code), sharp, low, high)
            real, drawn = energy(x) / count, energy(own) / count
            contrast: Tensor = (real - drawn + PULL * (real**2 + drawn**2)).mean()
            return contrast

        learn(network.parameters(), loss, rows, weights, self.contrasts)


def _drawn(
    decoder: Function, energy: Function, size: tuple[int, int], sharp: Tensor, low: Tensor, high: Tensor
) -> Tensor:
    """Rows (n, k) of low energy, between `low` and `high`: by chains along codes (n, c) from anywhere, then along rows."""
    import torch

    code = 2.0 * torch.rand(size) - 1.0
    for _ in range(CODE_STEPS):
        slope = _slope(lambda u: energy(decoder(u)), code)
        code = code - 0.5 * CODE_STRIDE**2 * slope.clamp(-10.0, 10.0) + CODE_STRIDE * torch.randn_like(code)
        code = code.clamp(-1.0, 1.0)  # where the tanh of the encoder ends
    rows = decoder(code).detach().clamp(low, high)
    wide = torch.where(sharp > 0, ROW_STRIDE * torch.rsqrt(2.0 * sharp.clamp(min=1e-12)), 0.0)
    for _ in range(ROW_STEPS):
        step = 0.5 * wide**2 * _slope(energy, rows)
        rows = rows - step.clamp(-1.0, 1.0) + wide * torch.randn_like(rows)
        rows = rows.clamp(low, high)
    return rows


def _slope(energy: Function, x: Tensor) -> Tensor:
    """Its gradient by the rows `x`; the network keeps none."""
    import torch

    x = x.detach().requires_grad_()
    return torch.autograd.grad(energy(x).sum(), x)[0]
