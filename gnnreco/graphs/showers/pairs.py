"""Pairs of cells that lie close in physics-scaled units, found layer by layer with a grid; linear in cells."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.kernels import get_num_threads, njit

Pairs = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32], int]
#: Bits of a box number for each axis; the group takes the rest.
BITS = 16
#: Cells whose pairs one thread finds at a time.
STRETCH = 4096


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


class _Boxes(NamedTuple):
    """Boxes of cells: those of ``keys[row]`` are ``order[ends[row]:ends[row + 1]]``; `table` finds the row of a key."""

    order: Ints
    keys: Ints
    ends: Ints
    table: Ints
    low: Floats
    side: Floats
    reach: Floats
    steps: Floats


def close_pairs(cells: ScaledCells, groups: Groups, rotation: Floats, limit: int) -> Pairs:
    """Unordered pairs of cells of one stack whose scaled distance is at most their reach.

    The distance joins three parts: across the direction of the shower, along u and v of the sensor, each in its
    unit; and along it, the difference in depth over the larger step.

    Parameters
    ----------
    cells : ScaledCells
    groups : Groups
    rotation : float64 (n_sensors, 3, 3)
    limit : int
        Pairs beyond it are counted, not kept.

    Returns
    -------
    one, two : int32 (m,)
    distance : float32 (m,)
    needed : int
        How many pairs there are.
    """
    boxes = _boxes(cells, groups)
    ordered = ScaledCells._make(
        column[boxes.order] for column in cells
    )  # cells of a box side by side in memory
    one, two, distance, needed = _searched(ordered, groups, boxes, rotation, limit)
    return boxes.order[one].astype(np.int32), boxes.order[two].astype(np.int32), distance, needed


def _boxes(cells: ScaledCells, groups: Groups) -> _Boxes:
    n, n_groups = len(cells.xyz), len(groups.stack)
    reach, steps = np.zeros(n_groups), np.zeros(n_groups)
    np.maximum.at(
        reach, cells.group, np.maximum(cells.unit.max(axis=1, initial=0.0), cells.lengthwise) * cells.reach
    )
    np.maximum.at(steps, cells.group, cells.step * cells.reach)
    low = cells.xyz.min(axis=0) if n else np.zeros(3)
    extent = float((cells.xyz.max(axis=0) - low).max()) if n else 0.0
    # The reach of a layer and those beside it, so that few boxes are looked at; all of them must fit the key.
    wide = np.pad(reach, 1)
    side = np.maximum(np.maximum(wide[:-2], wide[2:]), reach) + groups.spread
    side = np.maximum(side, max(extent / 2 ** (BITS - 1), 1e-6))
    box = ((cells.xyz - low) / side[cells.group][:, None]).astype(np.int64)
    key = ((cells.group << BITS | box[:, 0]) << BITS | box[:, 1]) << BITS | box[:, 2]
    order = np.argsort(key, kind="stable")
    keys, start = np.unique(key[order], return_index=True)
    return _Boxes(order, keys, np.append(start, n).astype(np.int64), _table(keys), low, side, reach, steps)


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def _find(key: int, keys: Ints, table: Ints) -> int:
    mask = len(table) - 1
    place = _slot(key, mask)
    while table[place] >= 0:
        if keys[table[place]] == key:
            return table[place]
        place = (place + 1) & mask
    return -1


@njit(cache=True, nogil=True)
def _turned(i: int, j: int, cells: ScaledCells, rotation: Floats) -> tuple[float, float]:
    """Lateral units of cell j along u and v of the sensor of cell i, mm."""
    one, two = rotation[cells.sensor[i]], rotation[cells.sensor[j]]
    lengths = np.zeros(2)
    for a in range(2):
        for b in range(2):
            cosine = one[0, a] * two[0, b] + one[1, a] * two[1, b] + one[2, a] * two[2, b]
            lengths[a] += (cosine * cells.unit[j, b]) ** 2
    return np.sqrt(lengths[0]), np.sqrt(lengths[1])


@njit(cache=True, nogil=True)
def _distance(i: int, j: int, around: float, cells: ScaledCells, rotation: Floats) -> float:
    """Scaled distance of two cells, in the frame of the first; infinite more than `around` mm aside."""
    x, y, z = (
        cells.xyz[j, 0] - cells.xyz[i, 0],
        cells.xyz[j, 1] - cells.xyz[i, 1],
        cells.xyz[j, 2] - cells.xyz[i, 2],
    )
    ahead = x * cells.direction[i, 0] + y * cells.direction[i, 1] + z * cells.direction[i, 2]
    across = x * x + y * y + z * z - ahead * ahead
    if across > around * around:
        return np.inf
    u = x * cells.u[i, 0] + y * cells.u[i, 1] + z * cells.u[i, 2]
    v = x * cells.v[i, 0] + y * cells.v[i, 1] + z * cells.v[i, 2]
    unit_u, unit_v = cells.unit[j, 0], cells.unit[j, 1]
    if unit_u != unit_v and cells.sensor[i] != cells.sensor[j]:
        unit_u, unit_v = _turned(i, j, cells, rotation)
    unit_u, unit_v = max(unit_u, cells.unit[i, 0]), max(unit_v, cells.unit[i, 1])
    length, lateral = u * u + v * v, 0.0
    if length > 1e-12:
        lateral = ((u / unit_u) ** 2 + (v / unit_v) ** 2) * max(across, 0.0) / length
    deeper = (cells.depth[i] - cells.depth[j]) / max(cells.step[i], cells.step[j])
    return np.sqrt(lateral + deeper * deeper)


def _searched(cells: ScaledCells, groups: Groups, boxes: _Boxes, rotation: Floats, limit: int) -> Pairs:
    """All pairs, stretch by stretch on as many threads as numba may use; their order knows nothing of the threads."""
    n = len(cells.xyz)
    starts = range(0, max(n, 1), STRETCH)

    def search(start: int) -> Pairs:
        return _search(cells, groups, boxes, rotation, limit, start, min(start + STRETCH, n))  # type: ignore[no-any-return]

    threads = min(get_num_threads(), len(starts))
    if threads > 1:
        with ThreadPoolExecutor(threads) as pool:
            parts = list(pool.map(search, starts))
    else:
        parts = [search(start) for start in starts]
    one, two, distance = (np.concatenate([part[k] for part in parts]) for k in range(3))
    return one, two, distance, sum(part[3] for part in parts)


@njit(cache=True, nogil=True)
def _search(
    cells: ScaledCells, groups: Groups, boxes: _Boxes, rotation: Floats, limit: int, start: int, stop: int
) -> Pairs:
    """Pairs of the cells from `start` to `stop` with those before them."""
    one = np.empty(32 * (stop - start) + 16, np.int32)
    two = np.empty(len(one), np.int32)
    distance = np.empty(len(one), np.float32)
    total = 0
    first, last = np.empty(3, np.int64), np.empty(3, np.int64)
    for i in range(start, stop):
        g, cosine = cells.group[i], cells.cosine[i]
        h = g
        # From its own layer towards the front: each pair is met once, from its deeper cell.
        while h >= 0 and groups.stack[h] == groups.stack[g]:
            deeper = (groups.depth[g] - groups.depth[h]) / cosine / max(boxes.steps[g], boxes.steps[h])
            if deeper > 1:
                break
            if boxes.reach[h] == 0:  # a layer without cells
                h -= 1
                continue
            drifts = cells.lengthwise[i] > 0
            shift = 0.0 if h == g or drifts else (groups.middle[h] - cells.along[i]) / cosine
            # What depth has used of the reach is lost aside; a tenth is left for cells that look another way.
            around = max(boxes.reach[g], boxes.reach[h]) * np.sqrt(1 - (0.9 * deeper) ** 2)
            for axis in range(3):
                # A disk in the plane of the sensor, thickened for layers that bend; a ball where cells drift.
                flat = (
                    1.0
                    if cells.lengthwise[i] > 0
                    else 0.1 + np.sqrt(max(0.0, 1.0 - rotation[cells.sensor[i], axis, 2] ** 2))
                )
                half = around * flat / cosine + groups.spread[h]
                here = cells.xyz[i, axis] + shift * cells.direction[i, axis] - boxes.low[axis]
                first[axis] = max(0, int(np.floor((here - half) / boxes.side[h])))
                last[axis] = min(2**BITS - 1, int(np.floor((here + half) / boxes.side[h])))
            for x in range(first[0], last[0] + 1):
                for y in range(first[1], last[1] + 1):
                    for z in range(first[2], last[2] + 1):
                        row = _find(((h << BITS | x) << BITS | y) << BITS | z, boxes.keys, boxes.table)
                        if row < 0:
                            continue
                        for j in range(boxes.ends[row], boxes.ends[row + 1]):
                            if h == g and j >= i:
                                continue
                            # Of one layer the cell that faces the origin more is the first, whatever the order of rows.
                            tie = cells.cosine[j] == cells.cosine[i] and boxes.order[j] > boxes.order[i]
                            swap = h == g and (cells.cosine[j] > cells.cosine[i] or tie)
                            a, b = (j, i) if swap else (i, j)
                            d = _distance(a, b, around, cells, rotation)
                            if d > max(cells.reach[i], cells.reach[j]):
                                continue
                            if total < limit:
                                if total == len(one):
                                    one = np.concatenate((one, np.empty(total, np.int32)))
                                    two = np.concatenate((two, np.empty(total, np.int32)))
                                    distance = np.concatenate((distance, np.empty(total, np.float32)))
                                one[total], two[total], distance[total] = i, j, d
                            total += 1
            h -= 1
    kept = min(total, limit)
    return one[:kept], two[:kept], distance[:kept], total


@njit(cache=True)
def symmetric(
    n: int, one: NDArray[np.int32], two: NDArray[np.int32], distance: NDArray[np.float32]
) -> tuple[Ints, NDArray[np.int32], NDArray[np.float32]]:
    """Unordered pairs as a CSR table in which each stands twice: offsets (n + 1,), neighbours, distances."""
    offsets = np.zeros(n + 1, np.int64)
    for k in range(len(one)):
        offsets[one[k] + 1] += 1
        offsets[two[k] + 1] += 1
    offsets = np.cumsum(offsets)
    fill = offsets[:-1].copy()
    neighbour = np.empty(2 * len(one), np.int32)
    length = np.empty(2 * len(one), np.float32)
    for k in range(len(one)):
        for a, b in ((one[k], two[k]), (two[k], one[k])):
            neighbour[fill[a]], length[fill[a]] = b, distance[k]
            fill[a] += 1
    return offsets, neighbour, length
