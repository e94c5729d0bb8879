"""The density itself: a neural spline flow (Durkan et al., arXiv 1906.04032) turns normal rows into normal distributions.

Each of its steps moves every column by a spline whose shape the columns before it decide. zuko trains it; its masked
networks are kept as arrays, and a kernel of ours follows the splines, so that scoring needs neither zuko nor torch.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gnnreco.errors import MissingTool
from gnnreco.kernels import njit
from gnnreco.models.state import Numbers

from .heads import Arrays, Head
from .layers import Layers, squashed
from .scale import Array

if TYPE_CHECKING:
    from torch import Tensor

#: Splines reach so far from zero; beyond, columns stay as they are.
BOUND = 5.0
#: Logarithm of the smallest slope of a spline, as of zuko.
FLATTEST = math.log(1e-3)
#: Steps of a flow: one through the columns forwards, one backwards.
STEPS = 2
#: Most pieces of a spline.
PIECES = 64


class Flow(Head):
    """Minus the logarithm of the density of a row (with its columns in spreads).

    It is a sum over columns: how unlikely is the place to which the flow moves one, and how far it stretched what lay around
    it, given the columns that shape its splines. `contributions` are these terms less what they are for normal rows on
    average. They are exact; what is strange in how two columns go together may be put down to either.

    Parameters
    ----------
    hidden : int
        Width of the networks that shape the splines.
    bins : int
        Pieces of a spline.
    steps : int
        Of the training.
    """

    name = "flow"

    def __init__(self, hidden: int = 64, bins: int = 6, steps: int = 1000) -> None:
        self.hidden, self.bins, self.steps = hidden, bins, steps
        self._networks: list[Layers] = []
        self._usual = np.zeros(0)

    def _learn(self, z: Array, weights: Array | None, varies: NDArray[np.bool_], seed: int) -> None:
        try:
            from zuko.flows import NSF
        except ImportError as error:
            raise MissingTool("zuko", "a flow is trained by it: pip install 'gnnreco[anomaly]'") from error
        from .training import drawing, learn

        rows = squashed(z[:, varies])
        with drawing(seed):
            flow = NSF(
                rows.shape[1], transforms=STEPS, bins=self.bins, hidden_features=(self.hidden, self.hidden)
            )

            def loss(x: Tensor) -> Tensor:
                found: Tensor = -flow().log_prob(x).mean()
                return found

            learn(flow.parameters(), loss, rows, weights, self.steps)
        self._networks = [_network(step, self.hidden) for step in flow.transform.transforms]
        self._usual = np.zeros(len(varies))
        self._usual[varies] = np.average(self._terms(rows), axis=0, weights=weights)
        self.base = float(self._usual.sum())

    def _terms(self, x: Array) -> Array:
        """What each column (n, d) that varies adds to minus the logarithm of the density."""
        terms = np.full(x.shape, 0.5 * math.log(2 * math.pi))
        for network in self._networks:
            shape = x
            for depth in range(len(network.weights)):
                shape = network.step(depth, np.maximum(shape, 0.0) if depth else shape)
            x = x.copy()
            _bend(x, shape.reshape(*x.shape, -1), terms)
        return terms + 0.5 * x**2

    def _scores(self, z: Array) -> Array:
        return self._terms(squashed(z[:, self.scale.varies])).sum(axis=1)

    def _parts(self, z: Array) -> Array:
        parts = np.zeros(z.shape)
        parts[:, self.scale.varies] = self._terms(squashed(z[:, self.scale.varies]))
        return parts - self._usual

    def _arrays(self) -> Arrays:
        networks = [network.arrays(f"steps.{i}") for i, network in enumerate(self._networks)]
        return {"usual": self._usual, **{name: array for part in networks for name, array in part.items()}}

    @classmethod
    def _expected(cls, columns: int) -> dict[str, Numbers]:
        found = {"usual": Numbers((columns,), np.float64)}
        for i in range(STEPS):
            found |= Layers.expected(("varying", f"a{i}", f"b{i}", f"shape{i}"), name=f"steps.{i}")
        return found

    def _take(self, found: Arrays) -> None:
        self._networks = [Layers.of_arrays(found, f"steps.{i}") for i in range(STEPS)]
        self._usual = found["usual"]
        varying = int(self.scale.varies.sum())
        for network in self._networks:
            out, into = network.weights[-1].shape[0], network.weights[0].shape[1]
            pieces = (out // max(varying, 1) + 1) // 3
            if into != varying or out != (3 * pieces - 1) * varying or not 0 < pieces <= PIECES:
                raise ValueError(
                    f"a network of the flow turns {into} columns into {out} numbers; {varying} columns vary, "
                    "and each needs three for every piece of its spline, less one"
                )


def _network(step: Any, hidden: int) -> Layers:
    """What decides the splines of one step of a flow of zuko, its masks applied."""
    if not hasattr(step, "hyper"):  # a single column: its spline depends on nothing
        shape = np.concatenate([part.detach().numpy().ravel() for part in step.phi])
        none = [np.zeros((hidden, 1)), np.zeros((hidden, hidden)), np.zeros((len(shape), hidden))]
        return Layers(none, [np.zeros(hidden), np.zeros(hidden), shape])
    dense = [part for part in step.hyper if hasattr(part, "mask")]
    return Layers.trained([part.mask * part.weight for part in dense], [part.bias for part in dense])


@njit(cache=True, nogil=True)
def _positive(s: float, flattest: float) -> float:
    """The exponential of a number that is first brought between `flattest` and its opposite."""
    return math.exp(s / (1 + abs(s / flattest)))


@njit(cache=True, nogil=True)
def _bend(x: Array, shape: NDArray[np.float64], terms: Array) -> None:
    """Move columns `x` (n, d) along splines, and take the logarithms of their slopes off `terms` (n, d).

    `shape` (n, d, 3 bins - 1) holds, before they are bounded, the logarithms of widths and heights of the pieces, and of the
    slopes between them, as ``MonotonicRQSTransform`` of zuko has them.
    """
    n, d, numbers = shape.shape
    bins = (numbers + 1) // 3
    for row in range(n):
        for column in range(d):
            at = x[row, column]
            if not -BOUND < at <= BOUND:
                continue
            s = shape[row, column]
            width, height = 0.0, 0.0
            for i in range(bins):
                width += _positive(s[i], FLATTEST / 2)
                height += _positive(s[bins + i], FLATTEST / 2)
            x0, y0, x1, y1, piece = -BOUND, -BOUND, -BOUND, -BOUND, -1
            while piece < 0 or (at > x1 and piece < bins - 1):
                piece += 1
                x0, y0 = x1, y1
                x1 = x0 + 2 * BOUND / width * _positive(s[piece], FLATTEST / 2)
                y1 = y0 + 2 * BOUND / height * _positive(s[bins + piece], FLATTEST / 2)
            before, after = 1.0, 1.0  # slopes at both ends
            if piece > 0:
                before = _positive(s[2 * bins + piece - 1], FLATTEST)
            if piece < bins - 1:
                after = _positive(s[2 * bins + piece], FLATTEST)
            z = min((at - x0) / (x1 - x0), 1.0)  # the last end may be missed by rounding
            mean = (y1 - y0) / (x1 - x0)
            below = mean + (before + after - 2 * mean) * z * (1 - z)
            x[row, column] = y0 + (y1 - y0) * (mean * z**2 + before * z * (1 - z)) / below
            slope = mean**2 * (2 * mean * z * (1 - z) + before * (1 - z) ** 2 + after * z**2) / below**2
            terms[row, column] -= math.log(slope)
