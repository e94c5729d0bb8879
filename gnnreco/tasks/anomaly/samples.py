"""What the anomaly task learns from: the regions of an event, or of each of its jets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats


@dataclass(frozen=True, slots=True)
class AnomalySample:
    """The regions of one event, or of some jets.

    Attributes
    ----------
    features : float32 (n * belts * around, f)
        Of the regions of n events or jets, one after the other: see `gnnreco.tasks.anomaly.levels.Terms`.
    static : float32 (belts, s)
        What never changes in a belt of regions.
    totals : float64 (n, t)
        What each of them holds as a whole.
    """

    features: NDArray[np.float32]
    static: NDArray[np.float32]
    totals: Floats

    def __len__(self) -> int:
        return len(self.totals)

    @property
    def grid(self) -> tuple[int, int]:
        """Belts, and regions in each."""
        return len(self.static), len(self.features) // max(len(self.static) * len(self), 1)
