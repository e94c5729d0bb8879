"""Where a beam may hit: what nearly all layers of a detector cover."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats
from gnnreco.geometry import Detector
from gnnreco.geometry.checks.coverage import along_z

NEARLY = 0.9  # of the layers that the best place has
LINES = 64  # along either side of the spot


@dataclass(frozen=True)
class Spot:
    """Part of a rectangle in x and y.

    Attributes
    ----------
    low, high : float64 (2,)
        Corners, mm.
    covered : bool (n, n)
        By parts of equal size, along x and y.
    """

    low: Floats
    high: Floats
    covered: NDArray[np.bool_]

    @classmethod
    def covered_by(cls, detector: Detector) -> Spot:
        """What nearly all layers cover along z, of those that the place with the most has."""
        whole = np.ones((LINES, LINES), bool)
        if not detector.n_sensors:
            return cls(np.zeros(2), np.zeros(2), whole)
        low, high = detector.bounds[0][:, :2].min(axis=0), detector.bounds[1][:, :2].max(axis=0)
        while True:
            layers = along_z(detector, low, high, LINES, LINES).layers
            covered = layers >= max(NEARLY * layers.max(), 1)
            if not covered.any():
                return cls(low, high, whole)
            first, last = np.array(
                [np.flatnonzero(covered.any(axis=a))[[0, -1]] for a in (1, 0)]
            ).T + np.array([[-1], [1]])
            if (first <= 0).all() and (last >= LINES - 1).all():
                return cls(low, high, covered)
            # Look closer, where layers differ much in size; each round takes away two lines at least.
            step = (high - low) / LINES
            low, high = low + np.maximum(first, 0) * step, low + np.minimum(last + 1, LINES) * step

    @property
    def middle(self) -> Floats:
        """Of the rectangle (2,), mm."""
        return (self.low + self.high) / 2

    def __call__(self, rng: np.random.Generator, n: int) -> Floats:
        """Points (n, 2), mm, uniform over what is covered."""
        points = np.empty((n, 2))
        due = np.arange(n)
        while len(due):
            place = rng.uniform(-1, 1, (len(due), 2))
            points[due] = self.middle + place * (self.high - self.low) / 2
            row, column = np.minimum(((place + 1) / 2 * LINES).astype(np.int64), LINES - 1).T
            due = due[~self.covered[row, column]]
        return points
