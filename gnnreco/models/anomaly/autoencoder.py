"""An autoencoder: rows go through fewer numbers than they have columns; strange ones come back as something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gnnreco.models.state import Numbers

from .heads import Arrays, Head
from .layers import Layers, squashed
from .scale import Array

if TYPE_CHECKING:
    from torch import nn

#: Smallest spread of what a column comes back with, in spreads of the column.
SHARPEST = 0.02


class Autoencoder(Head):
    """Half the squared difference between a row and what comes back of it, each column in units of its usual difference.

    Contributions are the terms of that sum: exact. What lies between normal rows may come back well, though it is strange.

    Parameters
    ----------
    hidden : int
        Width of its layers.
    code : int, optional
        Numbers that it goes through; without it a quarter of the columns.
    steps : int
        Of the training.
    """

    name = "autoencoder"

    def __init__(self, hidden: int = 64, code: int | None = None, steps: int = 1500) -> None:
        self.hidden, self.code, self.steps = hidden, code, steps
        self._layers = Layers([], [])
        self._sharp = np.zeros(0)

    def _learn(self, z: Array, weights: Array | None, varies: NDArray[np.bool_], seed: int) -> None:
        from torch import nn

        from .training import drawing, learn

        k, rows = z.shape[1], squashed(z)
        code = self.code or -(-int(varies.sum()) // 4)
        with drawing(seed):
            network = nn.Sequential(
                *(nn.Linear(k, self.hidden), nn.Tanh(), nn.Linear(self.hidden, code), nn.Tanh()),
                *(nn.Linear(code, self.hidden), nn.Tanh(), nn.Linear(self.hidden, k)),
            )
            learn(network.parameters(), lambda x: (network(x) - x).square().mean(), rows, weights, self.steps)
            self._keep(network)
            noise = np.sqrt(np.average((rows - self._back(rows)) ** 2, axis=0, weights=weights))
            self._sharp = np.where(varies, 0.5 / np.maximum(noise, SHARPEST) ** 2, 0.0)
            self._refine(network, rows, weights)
            self._keep(network)

    def _refine(self, network: nn.Sequential, rows: Array, weights: Array | None) -> None:
        """Nothing; a kind of autoencoder may learn further."""

    def _keep(self, network: nn.Sequential) -> None:
        from torch import nn

        dense = [part for part in network if isinstance(part, nn.Linear)]
        self._layers = Layers.trained([part.weight for part in dense], [part.bias for part in dense])

    def _back(self, x: Array) -> Array:
        last = len(self._layers.weights) - 1
        for depth in range(last):
            x = np.tanh(self._layers.step(depth, x))
        return self._layers.step(last, x)

    def _scores(self, z: Array) -> Array:
        return self._parts(z).sum(axis=1)

    def _parts(self, z: Array) -> Array:
        rows = squashed(z)
        return self._sharp * (rows - self._back(rows)) ** 2

    def _arrays(self) -> Arrays:
        return {"sharp": self._sharp, **self._layers.arrays()}

    @classmethod
    def _expected(cls, columns: int) -> dict[str, Numbers]:
        sharp = Numbers((columns,), np.float64, 0.0, 0.5 / SHARPEST**2)
        return {"sharp": sharp, **Layers.expected((columns, "hidden", "code", "out", columns))}

    def _take(self, found: Arrays) -> None:
        self._sharp, self._layers = found["sharp"], Layers.of_arrays(found)
