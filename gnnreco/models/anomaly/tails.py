"""How far each column reaches into the upper tail of normal rows: squares of minus the logarithm of the chance, summed.

Columns whose large values mean much (energies, counts, surprises) need no density: a row is strange where some of its
numbers are larger than nearly all normal ones. In the manner of ECOD (Li et al., IEEE TKDE 35 (2023) 12181, arXiv
2201.00382), but with upper tails only, with an exponential beyond the last one in fifty, and with squares, so that one
extreme number is worth more than many large ones.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gnnreco.models.state import Numbers

from .heads import Arrays, Head
from .scale import FARTHEST, Array

KNOTS = 64
TAIL = 0.02  # of the rows, from which on the tail is an exponential
FEWEST = 10  # rows in it
THINNEST = 1e-3  # spreads: length of the exponential


class Tails(Head):
    """Upper tails of each column."""

    name = "tails"

    def __init__(self) -> None:
        self._knots, self._levels, self._length = np.zeros((KNOTS, 0)), np.zeros(KNOTS), np.zeros(0)

    def _learn(self, z: Array, weights: Array | None, varies: NDArray[np.bool_], seed: int) -> None:
        n, k = z.shape
        tail = min(max(TAIL, FEWEST / n), 0.5)
        self._levels = np.linspace(0.0, -math.log(tail), KNOTS)
        every = np.broadcast_to((np.ones(n) if weights is None else weights)[:, None], z.shape)
        below = 1.0 - np.exp(-self._levels)
        self._knots = np.quantile(z, below, axis=0, weights=every, method="inverted_cdf")
        beyond = np.maximum(z - self._knots[-1], 0.0)
        mass = (every * (z > self._knots[-1])).sum(0)
        mean = np.divide((every * beyond).sum(0), mass, out=np.ones(k), where=mass > 0)
        self._length = np.where(varies, np.maximum(mean, THINNEST), FARTHEST)

    def _scores(self, z: Array) -> Array:
        return self._parts(z).sum(axis=1)

    def _parts(self, z: Array) -> Array:
        level = np.empty_like(z)
        for column in range(z.shape[1]):
            # Of equal knots, which a column with few values has, the first counts: half of all may share a value.
            knots, first = np.unique(self._knots[:, column], return_index=True)
            level[:, column] = np.interp(z[:, column], knots, self._levels[first])
        beyond = np.maximum(z - self._knots[-1], 0.0) / self._length
        return (level + beyond) ** 2

    def _arrays(self) -> Arrays:
        return {"knots": self._knots, "levels": self._levels, "length": self._length}

    @classmethod
    def _expected(cls, columns: int) -> dict[str, Numbers]:
        return {
            "knots": Numbers((KNOTS, columns), np.float64, -FARTHEST, FARTHEST),
            "levels": Numbers((KNOTS,), np.float64, 0.0, 100.0),
            "length": Numbers((columns,), np.float64, THINNEST, FARTHEST),
        }

    def _take(self, found: Arrays) -> None:
        if (np.diff(found["knots"], axis=0) < 0).any() or (np.diff(found["levels"]) <= 0).any():
            raise ValueError("the knots of the tails must not fall, and their levels must rise")
        self._knots, self._levels, self._length = found["knots"], found["levels"], found["length"]
