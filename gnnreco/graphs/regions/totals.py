"""What an event holds as a whole, from its regions: the summary that any simple search for anomalies would begin with."""

from __future__ import annotations

import numpy as np

from gnnreco.columns import Floats

from .fill import CELLS, HIGH, HITS, LATE, UNIT, VERY_HIGH, Regions
from .places import TRACKING, RegionFrame

TOTALS = (
    *("electromagnetic energy", "hadronic energy", "transverse energy", "missing transverse energy", "mass"),
    *("hardest region", "second region", "third region"),
    *("hits of trackers", "cells", "hits of high ionisation", "hits of very high ionisation", "late energy"),
)
#: Which of the totals the hits make by their energy, by being there, by their ionisation; which speak of one region alone,
#: and which of late hits.
BY_ENERGY, BY_HITS, BY_IONISATION = (0, 1, 2, 3, 4, 9), (8,), (10, 11)
HARDEST, BY_LATENESS = (5, 6, 7), 12


def totals_of(frame: RegionFrame, regions: Regions) -> Floats:
    """The numbers `TOTALS` of an event (13,): logarithms of one plus a number, or of one plus GeV over 0.1."""
    eta, phi = frame.middles()
    energy, et = regions.energy.sum(1), regions.transverse
    px, py, pz = (et * np.cos(phi)).sum(), (et * np.sin(phi)).sum(), (et * np.sinh(eta)).sum()
    mass = np.sqrt(max(energy.sum() ** 2 - px**2 - py**2 - pz**2, 0.0))
    hardest = np.sort(et)[::-1][: len(HARDEST)]
    counted = np.expm1(regions.features.astype(np.float64))
    layers = np.repeat(np.maximum(frame.layers, 1.0), frame.around, axis=0)
    energies = [*regions.energy.sum(0), et.sum(), np.hypot(px, py), mass, *hardest]
    hits = (counted[:, HITS : HITS + TRACKING] * layers).sum()
    numbers = [hits, *(counted[:, k].sum() for k in (CELLS, HIGH, VERY_HIGH))]
    return np.log1p([*(np.array(energies) / UNIT), *numbers, counted[:, LATE].sum()])
