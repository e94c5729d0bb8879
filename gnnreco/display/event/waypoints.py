"""The points a line is drawn through: hits of a tracker as they are, charge in short means, showers by their middle."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Event, Floats, Ints
from gnnreco.geometry import Detector

from .curves import Helices

POINT, CHARGE, ENERGY = 0, 1, 2  # how a hit tells where a particle went
PIECE = 0.02  # of the detector's size: charge along so much of a line becomes one point
TRACKED = 3  # points without which the middle of the shower is needed to draw a line


def kinds_of_hits(event: Event, detector: Detector) -> NDArray[np.uint8]:
    """`POINT`, `CHARGE` or `ENERGY` for each hit (n,), by what its subsystem measures."""
    kinds = [
        CHARGE
        if "charge" in s.measures
        else ENERGY
        if "energy" in s.measures and "position" not in s.measures
        else POINT
        for s in detector.subsystems
    ]
    return np.array([*kinds, POINT], np.uint8)[np.append(detector.subsystem, -1)[event.hits.sensor]]


def waypoints(
    helices: Helices, offsets: Ints, rows: Ints, event: Event, kinds: NDArray[np.uint8], size: float
) -> tuple[Ints, Floats]:
    """Points of each line.

    Parameters
    ----------
    helices : Helices, n rows
    offsets, rows : int64 (n + 1,), (m,)
        Rows of the event's hits by line.
    event : Event
    kinds : uint8 (n_hits,)
        From `kinds_of_hits`.
    size : float
        Of the detector, mm.

    Returns
    -------
    offsets : int64 (n + 1,)
    points : float64 (k, 3)
        Finite, mm.
    """
    xyz, n = event.hits.xyz, len(offsets) - 1
    line = np.repeat(np.arange(n), np.diff(offsets))
    good = np.isfinite(xyz[rows]).all(axis=1)
    line, rows = line[good], rows[good]
    kind = kinds[rows]
    piece = np.arange(len(rows))  # a tracker's hit is a point of its own
    drifted = np.flatnonzero(kind == CHARGE)
    if len(drifted):
        way = helices.way_to(line[drifted], xyz[rows[drifted]])
        piece[drifted] = np.nan_to_num(np.floor(way / (PIECE * size))).astype(np.int64)
    piece[kind == ENERGY] = 0
    tracked = np.bincount(line[kind != ENERGY], minlength=n) >= TRACKED
    keep = (kind != ENERGY) | ~tracked[line]
    key = np.stack([line, kind, piece])[:, keep]
    groups, row = np.unique(key, axis=1, return_inverse=True)
    weight = np.ones(len(rows))
    if event.hits.energy is not None:
        left = np.nan_to_num(event.hits.energy[rows]).clip(1e-12)
        weight = np.where(kind == POINT, 1.0, left)
    row, weight, rows = row.reshape(-1), weight[keep], rows[keep]
    total = np.bincount(row, weight, minlength=groups.shape[1])
    middle = [np.bincount(row, weight * xyz[rows, a], minlength=len(total)) / total for a in range(3)]
    counts = np.bincount(groups[0], minlength=n)
    return np.append(0, np.cumsum(counts)), np.stack(middle, axis=1)
