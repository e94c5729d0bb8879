"""Graphs of cells: of the hits of an event, and of a whole detector, kept on disk."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from .across import pairs_across
from .between import pairs_between
from .detector import Detector
from .neighbours import each_gap, inside
from .shapes import Floats, Ints, fired_shapes
from .templates import Cells

CellIds = NDArray[np.uint64]


def hit_graph(
    detector: Detector,
    sensor: ArrayLike,
    cell: ArrayLike,
    layers: str | None = "projective",
    across: bool = True,
    gap: float | None = None,
    time: Floats | None = None,
    window: float = np.inf,
) -> tuple[Ints, Ints]:
    """Which hits of an event lie in neighbouring cells; the time grows with the hits, not with the detector.

    Parameters
    ----------
    detector : Detector
    sensor, cell : int (n,)
        Of each hit; -1 in either: a hit without neighbours.
    layers : str, optional
        Also cells of the next layers, ``projective`` or ``nearest`` as `between_layers` tells; None: without.
    across : bool
        Also cells of other sensors, if their polygons come within `gap`; only of one layer where `layers` is given.
    gap : float, optional
        mm; None: half a cell, of two sensors the lesser.
    time : float64 (n,), optional
        ns; with it, hits farther apart than `window` are no neighbours.
    window : float
        ns.

    Returns
    -------
    offsets : int64 (n + 1,)
    neighbour : int64 (m,)
        Rows of the hits, sorted within each hit; symmetric. Hits of one cell are neighbours of one another.
    """
    sensors, cells = np.asarray(sensor, np.int32), np.asarray(cell, np.int32)
    ids = detector.cell_id(np.where(cells < 0, -1, sensors), np.where(sensors < 0, -1, cells))
    unique, back = np.unique(ids, return_inverse=True)
    fired_sensor, fired_cell = detector.split_cell_id(unique)
    known = len(unique) - int((fired_cell < 0).any())
    one, two = _fired_pairs(detector, fired_sensor[:known], fired_cell[:known], layers, across, gap)
    order = np.argsort(back, kind="stable")
    members = np.concatenate([[0], np.cumsum(np.bincount(back, minlength=len(unique)))])
    moment = np.zeros(len(back)) if time is None else np.asarray(time, np.float64)
    return _of_hits(back, order, members, known, *_table(one, two, len(unique)), moment, float(window))


def _fired_pairs(
    detector: Detector, sensor: Cells, cell: Cells, layers: str | None, across: bool, gap: float | None
) -> tuple[Ints, Ints]:
    """Pairs of rows of fired cells, sorted by sensor and cell; both ways round."""
    unique = detector.cell_id(sensor, cell)
    row, other = inside(detector, sensor, cell)
    place = np.searchsorted(unique, other)
    place[place == len(unique)] = 0
    there = unique[place] == other if len(unique) else np.zeros(0, bool)
    one, two = [row[there]], [place[there]]
    if len(unique) and (across or layers is not None):
        shapes, _ = fired_shapes(detector, sensor, cell)
        found = []
        if across:
            found.append(pairs_across(detector, shapes, shapes, each_gap(detector, gap), layers is not None))
        if layers is not None:
            found.append(pairs_between(detector, shapes, shapes, layers))
        for first, second in found:
            one.append(np.searchsorted(unique, first))
            two.append(np.searchsorted(unique, second))
    return np.concatenate(one), np.concatenate(two)


@njit(cache=True)
def _table(one: Ints, two: Ints, n: int) -> tuple[Ints, Ints]:
    """Pairs as CSR, sorted within each row, each once."""
    offsets = np.zeros(n + 1, np.int64)
    for k in range(len(one)):
        offsets[one[k] + 1] += 1
    offsets = np.cumsum(offsets)
    free, other = offsets[:-1].copy(), np.empty(len(one), np.int64)
    for k in range(len(one)):
        other[free[one[k]]] = two[k]
        free[one[k]] += 1
    kept = 0
    for row in range(n):
        low, high = offsets[row], offsets[row + 1]
        other[low:high].sort()
        offsets[row] = kept
        for k in range(low, high):
            if k == low or other[k] != other[k - 1]:
                other[kept] = other[k]
                kept += 1
    offsets[n] = kept
    return offsets, other[:kept].copy()


@njit(cache=True)
def _of_hits(
    cell: Ints,
    order: Ints,
    members: Ints,
    known: int,
    offsets: Ints,
    others: Ints,
    time: Floats,
    window: float,
) -> tuple[Ints, Ints]:
    """From a table of cells to one of hits; cells from `known` on are none."""
    ends = np.zeros(len(cell) + 1, np.int64)
    found = np.empty(0, np.int64)
    for filling in range(2):
        if filling:
            ends = np.cumsum(ends)
            found = np.empty(ends[-1], np.int64)
        for hit in range(len(cell)):
            c, used = cell[hit], 0
            if c >= known:
                continue
            for k in range(offsets[c] - 1, offsets[c + 1]):
                other = c if k < offsets[c] else others[k]
                for m in range(members[other], members[other + 1]):
                    if order[m] == hit or not abs(time[order[m]] - time[hit]) <= window:
                        continue
                    if filling:
                        found[ends[hit] + used] = order[m]
                    used += 1
            if filling:
                found[ends[hit] : ends[hit + 1]].sort()
            else:
                ends[hit + 1] = used
    return ends, found
