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
#: By which of `gnnreco.columns.ANOMALY_PARTS` a hit takes part in each of the totals: 0 tracks, 1 ionisation, 2 energy.
BY_ENERGY, BY_HITS, BY_IONISATION = (0, 1, 2, 3, 4, 5, 6, 7, 9, 12), (8,), (10, 11)
HARDEST = (5, 6, 7)


def totals_of(frame: RegionFrame, regions: Regions) -> Floats:
    """The numbers `TOTALS` of an event (13,): logarithms of one plus a number, or of one plus GeV over 0.1."""
    eta, phi = middles(frame)
    energy = regions.energy.sum(1)
    et = energy / np.cosh(eta)
    px, py, pz = (et * np.cos(phi)).sum(), (et * np.sin(phi)).sum(), (et * np.sinh(eta)).sum()
    mass = np.sqrt(max(energy.sum() ** 2 - px**2 - py**2 - pz**2, 0.0))
    hardest = np.sort(et)[::-1][: len(HARDEST)]
    counted = np.expm1(regions.features.astype(np.float64))
    layers = np.repeat(np.maximum(frame.layers, 1.0), frame.around, axis=0)
    energies = [*regions.energy.sum(0), et.sum(), np.hypot(px, py), mass, *hardest]
    hits = (counted[:, HITS : HITS + TRACKING] * layers).sum()
    numbers = [hits, *(counted[:, k].sum() for k in (CELLS, HIGH, VERY_HIGH))]
    return np.log1p([*(np.array(energies) / UNIT), *numbers, counted[:, LATE].sum()])


def middles(frame: RegionFrame) -> tuple[Floats, Floats]:
    """Pseudorapidity and azimuth of the middle of each region (n_regions,)."""
    belt, turn = np.divmod(np.arange(frame.n_regions), frame.around)
    return frame.first + (belt + 0.5) * frame.width, ((turn + 0.5) / frame.around - 0.5) * 2 * np.pi
