"""Cells in bars: boxes of two axes, in which cells are sorted along the third: a few look-ups find all near a place."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gnnreco.columns import Floats, Ints
from gnnreco.kernels import njit

#: Bits of the number of a box for each of its two axes; the group takes the rest.
BITS = 20


class ScaledCells(NamedTuple):
    """Cells and the units in which they are near or far; a tuple of arrays, so that numba takes it as it is.

    Attributes
    ----------
    xyz, direction : float64 (n, 3)
        Position, mm; the way a shower runs there.
    u, v : float64 (n, 3)
        What gives, by a scalar product with a step, where the step lands in the plane of the sensor when it is
        carried there along `direction`.
    cosine, along : float64 (n,)
        Of the direction to the sensor's normal; position along that normal, mm.
    unit : float64 (n, 2)
        Lateral units along u and v, mm.
    depth, step, reach : float64 (n,)
        Depth, its unit, and the longest distance.
    lengthwise : float64 (n,)
        How many mm a unit of depth is within a group; 0 where a group has one depth.
    group, sensor : int64 (n,)
    """

    xyz: Floats
    direction: Floats
    u: Floats
    v: Floats
    cosine: Floats
    along: Floats
    unit: Floats
    depth: Floats
    step: Floats
    reach: Floats
    lengthwise: Floats
    group: Ints
    sensor: Ints


class Groups(NamedTuple):
    """Layers, sorted by stack, then depth; see `CellFrame`. All (n_groups,)."""

    stack: Ints
    depth: Floats
    middle: Floats
    spread: Floats
    bend: Floats


class Bars(NamedTuple):
    """Bar ``row`` holds ``order[ends[row]:ends[row + 1]]``, sorted by `place`; `table` finds the row of a key.

    Attributes
    ----------
    order : int64 (n,)
        Rows of the cells: by group, box and place.
    place : float64 (n,)
        Of the cells in that order, along the third axis of their group, mm.
    keys, ends, table : int64
    axes : int64 (n_groups, 3)
        Axes of the boxes, then the one along which cells are sorted: that in which the group is longest.
    low : float64 (3,)
        Where the boxes begin, mm.
    side : float64 (n_groups,)
        Of the boxes, mm.
    reach, steps : float64 (n_groups,)
        Longest reach of the group's cells aside, mm, and in depth; 0 where there is no cell.
    """

    order: Ints
    place: Floats
    keys: Ints
    ends: Ints
    table: Ints
    axes: Ints
    low: Floats
    side: Floats
    reach: Floats
    steps: Floats


def bars_of(cells: ScaledCells, groups: Groups) -> Bars:
    """Bars of all cells."""
    n, n_groups = len(cells.xyz), len(groups.stack)
    reach, steps, least, most = _extents(cells, n_groups)
    low = least.min(axis=0) if n else np.zeros(3)
    extent = float((most.max(axis=0) - low).max()) if n else 0.0
    axes = np.argsort(most - least, axis=1, kind="stable")
    # The reach of a layer and those beside it, so that few boxes are looked at; all of them must fit the key.
    wide = np.pad(reach, 1)
    side = np.maximum(np.maximum(wide[:-2], wide[2:]), reach) + groups.spread
    side = np.maximum(side, max(extent / 2 ** (BITS - 1), 1e-6))
    key, place = _keys(cells.xyz, cells.group, axes, low, side)
    order = np.lexsort((place, key))
    key = key[order]
    start = np.flatnonzero(np.diff(key, prepend=-1))
    keys, ends = key[start], np.append(start, n).astype(np.int64)
    return Bars(order, place[order], keys, ends, _table(keys), axes, low, side, reach, steps)


@njit(cache=True)
def _extents(cells: ScaledCells, n_groups: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Of each group: longest reach aside, mm, and in depth; smallest and largest coordinates, infinite without cells."""
    reach, steps = np.zeros(n_groups), np.zeros(n_groups)
    least, most = np.full((n_groups, 3), np.inf), np.full((n_groups, 3), -np.inf)
    for i in range(len(cells.group)):
        g = cells.group[i]
        aside = max(cells.unit[i, 0], cells.unit[i, 1], cells.lengthwise[i])
        reach[g] = max(reach[g], aside * cells.reach[i])
        steps[g] = max(steps[g], cells.step[i] * cells.reach[i])
        for axis in range(3):
            least[g, axis] = min(least[g, axis], cells.xyz[i, axis])
            most[g, axis] = max(most[g, axis], cells.xyz[i, axis])
    return reach, steps, least, most


@njit(cache=True)
def _keys(xyz: Floats, group: Ints, axes: Ints, low: Floats, side: Floats) -> tuple[Ints, Floats]:
    """Key of the bar of each cell, and its place along it."""
    key, place = np.empty(len(group), np.int64), np.empty(len(group))
    for i in range(len(group)):
        g = group[i]
        a, b, c = axes[g]
        one, two = int((xyz[i, a] - low[a]) / side[g]), int((xyz[i, b] - low[b]) / side[g])
        key[i], place[i] = (g << BITS | one) << BITS | two, xyz[i, c]
    return key, place


@njit(cache=True, nogil=True, forceinline=True)
def _slot(key: int, mask: int) -> int:
    """Where a key belongs in a table of mask + 1 places: high bits mixed down."""
    mixed = (key ^ (key >> 31)) * 0x2545F4914F6CDD1D
    return (mixed ^ (mixed >> 29)) & mask


@njit(cache=True)
def _table(keys: Ints) -> Ints:
    """Open hash table: rows of the keys, -1 where a place is free."""
    size = 16
    while size < 2 * len(keys):
        size *= 2
    table = np.full(size, -1, np.int64)
    for row in range(len(keys)):
        place = _slot(keys[row], size - 1)
        while table[place] >= 0:
            place = (place + 1) & (size - 1)
        table[place] = row
    return table


@njit(cache=True, nogil=True, forceinline=True)
def find_bar(key: int, keys: Ints, table: Ints) -> int:
    """Row of the bar with a key; -1: it holds no cell."""
    mask = len(table) - 1
    place = _slot(key, mask)
    while table[place] >= 0:
        if keys[table[place]] == key:
            return table[place]
        place = (place + 1) & mask
    return -1


@njit(cache=True, nogil=True, forceinline=True)
def first_from(row: int, place: Floats, start: int, stop: int, least: float) -> int:
    """First row from `start` to `stop` whose place is at least `least`, `stop` where none is; sought from `row` on."""
    row = min(max(row, start), stop)
    while row < stop and place[row] < least:
        row += 1
    while row > start and place[row - 1] >= least:
        row -= 1
    return row
