"""One class: a network takes normal rows close to one point, and how far others come to lie tells how strange they are.

Deep support vector data description (Ruff et al., ICML 2018). A network that takes everything to that point has learned
nothing. The point is fixed, away from zero, before training, and no layer has a bias, so none can forget its input. But
normal rows lie around zero, where a network without any constant is blind: the first layer is told a column of ones too.
So what forbids the collapse in the end are rows made by shuffling and blurring the columns: they must stay away, by the
loss for known anomalies of Ruff et al. (arXiv 1906.02694).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gnnreco.models.state import Numbers

from .heads import Arrays, Head
from .layers import Layers, squashed
from .scale import Array

if TYPE_CHECKING:
    from torch import Tensor

#: Slope of what is below zero.
LEAK = 0.1
#: Distance from zero of each coordinate of the point, at least.
AWAY = 0.1
#: Steps of the path along which gradients are gathered.
PATH = 16


class OneClass(Head):
    """Squared distance from the centre, in the space into which a network takes rows.

    Contributions are integrated gradients along the straight line from the middle of normal data (Sundararajan et al., arXiv
    1703.01365), in `PATH` steps: they add up to the score less that of the middle but for a few percent.

    Parameters
    ----------
    hidden, out : int
        Width of its layers, and numbers that it makes of a row.
    steps : int
        Of the training.
    """

    name = "oneclass"
    exact = False

    def __init__(self, hidden: int = 64, out: int = 16, steps: int = 1000) -> None:
        self.hidden, self.out, self.steps = hidden, out, steps
        self._layers = Layers([], [])
        self._centre = np.zeros(0)

    def _learn(self, z: Array, weights: Array | None, varies: NDArray[np.bool_], seed: int) -> None:
        import torch
        from torch import nn

        from .training import drawing, learn

        k, rows = z.shape[1], squashed(z)
        sizes = (k + 1, self.hidden, self.hidden, self.out)
        shown = torch.from_numpy(varies.astype(np.float32))
        with drawing(seed):
            dense = [nn.Linear(a, b, bias=False) for a, b in pairwise(sizes)]
            parts = [part for layer in dense for part in (layer, nn.LeakyReLU(LEAK))][:-1]
            layers = nn.Sequential(*parts)

            def embedded(x: Tensor) -> Tensor:
                found: Tensor = layers(torch.cat([x, torch.ones(len(x), 1)], dim=1))
                return found

            with torch.no_grad():
                centre = embedded(torch.from_numpy(rows.astype(np.float32))).mean(dim=0)
                centre = torch.where(centre < 0, centre.clamp(max=-AWAY), centre.clamp(min=AWAY))

            def distance(x: Tensor) -> Tensor:
                away: Tensor = (embedded(x) - centre).square().sum(dim=1)
                return away

            def loss(x: Tensor) -> Tensor:
                strange = distance(_made(x) * shown)
                return distance(x).mean() + (1.0 / (strange + 0.1)).mean()

            learn(layers.parameters(), loss, rows, weights, self.steps, rate=1e-2)
        self._layers = Layers.trained([layer.weight for layer in dense])
        self._centre = centre.double().numpy()
        self.base = float(self._distance(np.zeros((1, k)))[0])

    def _distance(self, x: Array) -> Array:
        return ((self._embedded(x)[-1] - self._centre) ** 2).sum(axis=1)

    def _embedded(self, x: Array) -> list[Array]:
        """What each layer makes of rows as networks see them, before it is bent."""
        found = [self._layers.step(0, np.column_stack([x, np.ones(len(x))]))]
        for depth in range(1, len(self._layers.weights)):
            found.append(self._layers.step(depth, np.maximum(found[-1], LEAK * found[-1])))
        return found

    def _slope(self, x: Array) -> Array:
        """Gradient of the distance by the columns, (n, k)."""
        found = self._embedded(x)
        slope = 2.0 * (found[-1] - self._centre) @ self._layers.weights[-1]
        for depth in range(len(found) - 2, -1, -1):
            slope = np.where(found[depth] > 0, slope, LEAK * slope) @ self._layers.weights[depth]
        return slope[:, :-1]

    def _scores(self, z: Array) -> Array:
        return self._distance(squashed(z))

    def _parts(self, z: Array) -> Array:
        x = squashed(z)
        slope = sum(self._slope(x * (step + 0.5) / PATH) for step in range(PATH))
        return x * slope / PATH

    def _arrays(self) -> Arrays:
        return {"centre": self._centre, **self._layers.arrays()}

    @classmethod
    def _expected(cls, columns: int) -> dict[str, Numbers]:
        known = {"centre": Numbers(("out",), np.float64)}
        return known | Layers.expected((columns + 1, "hidden", "inner", "out"), biased=False)

    def _take(self, found: Arrays) -> None:
        self._centre, self._layers = found["centre"], Layers.of_arrays(found)


def _made(x: Tensor) -> Tensor:
    """Rows (n, k) that are not normal: the columns of several rows in one, half of them blurred, half from anywhere near."""
    import torch

    n, k = x.shape
    mixed = torch.gather(x, 0, torch.randint(n, (n, k))) + 0.3 * torch.randn(n, k)
    anywhere = 2.0 * torch.randn(n, k)
    return torch.where(torch.rand(n, 1) < 0.5, mixed, anywhere)
