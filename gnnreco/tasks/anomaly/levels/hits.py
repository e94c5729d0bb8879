"""The level of hits: regions of the detector, as its sensors see them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Event, Floats, Ints, JetBlock
from gnnreco.errors import BadInput
from gnnreco.events.select import seen
from gnnreco.geometry import Detector
from gnnreco.graphs.regions import FEATURES, KINDS, RegionConfig, RegionFrame, Regions, regions_of
from gnnreco.graphs.regions.places import TRACKING
from gnnreco.graphs.regions.totals import TOTALS, totals_of
from gnnreco.tasks.contract import Needs

from ..explain import attribution_of
from ..samples import AnomalySample
from .terms import Terms

NEEDS = Needs(("position", "energy"))
HITS = Terms("event", "hit", FEATURES, 1 + TRACKING, KINDS, TOTALS, "transverse energy")
DEEP = 3  # from this shell of depth on a deposit counts as hadronic


class HitsLevel:
    """Sees the hits of an event.

    Parameters
    ----------
    detector : Detector
        As it was loaded.
    config : RegionConfig
    """

    def __init__(self, detector: Detector, config: RegionConfig) -> None:
        self.detector = detector
        self.frame = RegionFrame.of(detector.at_source(), config)

    def look(self, event: Event | JetBlock) -> HitsLook:
        """The regions of an event."""
        if isinstance(event, JetBlock):
            raise BadInput(event.source, f"event {event.number}", "holds jets, not hits; name a file of hits")
        mine = seen(event, self.detector, NEEDS.measures)
        regions = regions_of(self.frame, mine.event.hits)
        n = int((regions.region >= 0).any())  # without hits there is no score
        features, totals = regions.features[: n * self.frame.n_regions], totals_of(self.frame, regions)
        sample = AnomalySample(features, self.frame.static(), totals[None][:n])
        sensor = mine.event.hits.sensor
        part = np.append(self.frame.part, -1)[sensor]
        return HitsLook(sample, regions, part >= DEEP, (part < 0) & (sensor >= 0), mine.rows, len(event.hits))


@dataclass(frozen=True, slots=True)
class HitsLook:
    """What it saw; `rows` are those of the hits seen in the whole event of `n_hits`, None where they are all."""

    sample: AnomalySample
    regions: Regions
    hadronic: NDArray[np.bool_]
    tracker: NDArray[np.bool_]
    rows: Ints | None
    n_hits: int

    def attribution(self, row: int, by_region: Floats, contributions: Floats) -> Floats:
        """How much of the score each hit gives (n_hits,): see `attribution_of`."""
        seen_hits = attribution_of(self.regions, by_region, contributions, self.hadronic, self.tracker)
        if self.rows is None:
            return seen_hits
        out = np.zeros(self.n_hits)
        out[self.rows] = seen_hits
        return out
