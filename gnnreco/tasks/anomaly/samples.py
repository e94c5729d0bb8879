"""What the anomaly task learns from: the regions of an event."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Event, Floats
from gnnreco.graphs.regions import RegionFrame, Regions, regions_of
from gnnreco.graphs.regions.totals import totals_of


@dataclass(frozen=True, slots=True)
class AnomalySample:
    """The regions of one event.

    Attributes
    ----------
    features : float32 (belts * around, 16)
        See `gnnreco.graphs.regions.FEATURES`.
    static : float32 (belts, 5)
        What never changes in a belt of regions.
    totals : float64 (13,)
        See `gnnreco.graphs.regions.totals.TOTALS`.
    """

    features: NDArray[np.float32]
    static: NDArray[np.float32]
    totals: Floats

    @property
    def grid(self) -> tuple[int, int]:
        """Belts, and regions in each."""
        return len(self.static), len(self.features) // max(len(self.static), 1)


def sample_of(frame: RegionFrame, event: Event) -> tuple[AnomalySample, Regions]:
    """The regions of an event in the source's frame, as the network reads them and with what belongs to each hit."""
    regions = regions_of(frame, event.hits)
    return AnomalySample(regions.features, frame.static(), totals_of(frame, regions)), regions
