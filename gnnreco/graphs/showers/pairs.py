"""Pairs of cells that lie close in physics-scaled units, found layer by layer with a grid; linear in cells."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.kernels import U, V, W, X, Y, Z, get_num_threads, njit

from .bars import BITS, Bars, Groups, ScaledCells, bars_of, find_bar, first_from

Pairs = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32], int]
# Columns of a cell, as in `ScaledCells`: its place from X to Z, then these.
WAY, TO_U, TO_V, COSINE, ALONG, UNIT, DEEP, STEP, REACH, LENGTHWISE = 3, 6, 9, 12, 13, 14, 16, 17, 18, 19
inlined = njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
#: Room for rounding, where a quick test goes before an exact one.
NEARLY = 1.0 + 1e-9
#: Cells whose pairs one thread finds at a time.
STRETCH = 4096


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
    bars, parts = pairs_in_parts(cells, groups, rotation, limit)
    pairs = [part for _, part in parts]
    one, two, distance = (np.concatenate([part[k] for part in pairs]) for k in range(3))
    needed = sum(part[3] for part in pairs)
    return bars.order[one].astype(np.int32), bars.order[two].astype(np.int32), distance, needed


def pairs_in_parts(
    cells: ScaledCells, groups: Groups, rotation: Floats, limit: int
) -> tuple[Bars, Iterator[tuple[int, Pairs]]]:
    """The same, part by part, so that they need not all be held.

    Returns
    -------
    bars : Bars
        Rows of the parts are places in its `order`.
    parts
        Each with the row before which its first cells lie, and its pairs: each of a row of that part with an earlier one.
        At most `limit` are kept in all.
    """
    bars = bars_of(cells, groups)
    group, sensor = cells.group[bars.order], cells.sensor[bars.order]
    return bars, _searched(_rows(cells, bars.order), group, sensor, groups, bars, rotation, limit)


@njit(cache=True)
def _rows(cells: ScaledCells, order: Ints) -> Floats:
    """Columns `X` to `LENGTHWISE` of the cells, those of a bar side by side in memory."""
    xyz, direction, u, v, cosine, along, unit, depth, step, reach, lengthwise, _, _ = cells
    rows = np.empty((len(order), LENGTHWISE + 1))
    for k in range(len(order)):
        i = order[k]
        for axis in range(3):
            rows[k, axis], rows[k, WAY + axis] = xyz[i, axis], direction[i, axis]
            rows[k, TO_U + axis], rows[k, TO_V + axis] = u[i, axis], v[i, axis]
        rows[k, COSINE], rows[k, ALONG] = cosine[i], along[i]
        rows[k, UNIT], rows[k, UNIT + V] = unit[i, U], unit[i, V]
        rows[k, DEEP], rows[k, STEP], rows[k, REACH] = depth[i], step[i], reach[i]
        rows[k, LENGTHWISE] = lengthwise[i]
    return rows


def _searched(
    rows: Floats, group: Ints, sensor: Ints, groups: Groups, bars: Bars, rotation: Floats, limit: int
) -> Iterator[tuple[int, Pairs]]:
    """Stretches of cells, on as many threads as numba may use; the order of pairs knows nothing of the threads."""
    n = len(rows)
    starts = range(0, max(n, 1), STRETCH)
    threads = min(get_num_threads(), len(starts))

    def search(start: int) -> tuple[int, Pairs]:
        stop = min(start + STRETCH, n)
        return stop, _search(rows, group, sensor, groups, bars, rotation, limit, start, stop)

    with ThreadPoolExecutor(threads) if threads > 1 else nullcontext() as pool:
        for first in range(
            0, len(starts), threads
        ):  # no more at once than threads: the others would wait in memory
            some = starts[first : first + threads]
            for stop, part in pool.map(search, some) if pool else map(search, some):
                kept = part[0][:limit], part[1][:limit], part[2][:limit], part[3]
                limit -= len(kept[0])
                yield stop, kept


@inlined
def _turned(i: int, j: int, rows: Floats, sensor: Ints, rotation: Floats) -> tuple[float, float]:
    """Lateral units of cell j along u and v of the sensor of cell i, mm."""
    one, two, u, v = sensor[i], sensor[j], 0.0, 0.0
    for b in range(2):
        along_u, along_v = 0.0, 0.0
        for axis in range(3):
            along_u += rotation[one, axis, U] * rotation[two, axis, b]
            along_v += rotation[one, axis, V] * rotation[two, axis, b]
        u += (along_u * rows[j, UNIT + b]) ** 2
        v += (along_v * rows[j, UNIT + b]) ** 2
    return np.sqrt(u), np.sqrt(v)


@inlined
def _distance(i: int, j: int, around: float, rows: Floats, sensor: Ints, rotation: Floats) -> float:
    """Scaled distance of two cells, in the frame of the first; infinite more than `around` mm aside, or out of reach."""
    x, y, z = rows[j, X] - rows[i, X], rows[j, Y] - rows[i, Y], rows[j, Z] - rows[i, Z]
    ahead = x * rows[i, WAY + X] + y * rows[i, WAY + Y] + z * rows[i, WAY + Z]
    across = x * x + y * y + z * z - ahead * ahead
    step, deep = max(rows[i, STEP], rows[j, STEP]), rows[i, DEEP] - rows[j, DEEP]
    farthest = max(rows[i, REACH], rows[j, REACH])
    # The largest unit gives the shortest distance: most pairs that are too far are told by products alone.
    wide = max(max(rows[i, UNIT], rows[i, UNIT + V]), max(rows[j, UNIT], rows[j, UNIT + V]))
    room = (NEARLY * (farthest * step) ** 2 - deep * deep) * wide * wide
    if (across > around * around) | (across * step * step > room):
        return np.inf
    u = x * rows[i, TO_U + X] + y * rows[i, TO_U + Y] + z * rows[i, TO_U + Z]
    v = x * rows[i, TO_V + X] + y * rows[i, TO_V + Y] + z * rows[i, TO_V + Z]
    unit_u, unit_v = rows[j, UNIT], rows[j, UNIT + V]
    if unit_u != unit_v and sensor[i] != sensor[j]:
        unit_u, unit_v = _turned(i, j, rows, sensor, rotation)
    unit_u, unit_v = max(unit_u, rows[i, UNIT]), max(unit_v, rows[i, UNIT + V])
    length, lateral = u * u + v * v, 0.0
    if length > 1e-12:
        lateral = ((u / unit_u) ** 2 + (v / unit_v) ** 2) * max(across, 0.0) / length
    deeper = deep / step
    return np.sqrt(lateral + deeper * deeper)


@njit(cache=True, nogil=True, error_model="numpy")
def _search(
    rows: Floats,
    group: Ints,
    sensor: Ints,
    groups: Groups,
    bars: Bars,
    rotation: Floats,
    limit: int,
    start: int,
    stop: int,
) -> Pairs:
    """Pairs of the cells from `start` to `stop` with those before them."""
    # Taken out of their tuples once: numba counts a reference each time it takes one.
    stacks, depths, middles, spreads, bends = groups
    order, place, keys, ends, table, all_axes, low, sides, reaches, steps = bars
    one = np.empty(32 * (stop - start) + 16, np.int32)
    two = np.empty(len(one), np.int32)
    distance = np.empty(len(one), np.float32)
    total = 0
    least, most = np.empty(3), np.empty(3)
    begins = ends.copy()  # where the last cell began in each bar: the next one of its own bar begins near
    for i in range(start, stop):
        g, cosine = group[i], rows[i, COSINE]
        drifts, reach = rows[i, LENGTHWISE] > 0, rows[i, REACH]
        h = g
        # From its own layer towards the front: each pair is met once, from its deeper cell.
        while h >= 0 and stacks[h] == stacks[g]:
            deeper = (depths[g] - depths[h]) / cosine / max(steps[g], steps[h])
            if deeper > 1:
                break
            if reaches[h] == 0:  # a layer without cells
                h -= 1
                continue
            shift = 0.0 if h == g or drifts else (middles[h] - rows[i, ALONG]) / cosine
            # What depth has used of the reach is lost aside; a tenth is left for cells that look another way.
            around = max(reaches[g], reaches[h]) * np.sqrt(1 - (0.9 * deeper) ** 2)
            for axis in range(3):
                # A disk in the plane of the sensor, thickened for layers that bend; where cells drift a ball, flattened
                # along the drift where all of the group drift one way.
                flat, normal = 1.0, rotation[sensor[i], axis, W]
                if not drifts:
                    flat = min(1.1, 0.1 + bends[h] + np.sqrt(max(0.0, 1.0 - normal**2)))
                elif h == g and bends[h] == 0:
                    thick = min(1.0, 1.01 * steps[g] * rows[i, LENGTHWISE] / around)
                    flat = np.sqrt(1.0 - (1.0 - thick**2) * normal**2)
                half = around * flat / cosine + spreads[h]
                here = rows[i, axis] + shift * rows[i, WAY + axis]
                least[axis], most[axis] = here - half, here + half
            a, b, c = all_axes[h]
            side = sides[h]
            first = max(0, int(np.floor((least[a] - low[a]) / side)))
            left = max(0, int(np.floor((least[b] - low[b]) / side)))
            last = min(2**BITS - 1, int(np.floor((most[a] - low[a]) / side)))
            right = min(2**BITS - 1, int(np.floor((most[b] - low[b]) / side)))
            for x in range(first, last + 1):
                for y in range(left, right + 1):
                    row = find_bar((h << BITS | x) << BITS | y, keys, table)
                    if row < 0:
                        continue
                    end = min(ends[row + 1], i)  # of two cells of one layer the later one meets the other
                    begins[row] = begin = first_from(begins[row], place, ends[row], end, least[c])
                    for j in range(begin, end):
                        if place[j] > most[c]:
                            break
                        step = max(rows[i, STEP], rows[j, STEP])
                        if abs(rows[i, DEEP] - rows[j, DEEP]) > NEARLY * max(reach, rows[j, REACH]) * step:
                            continue
                        one_of, other = i, j
                        if h == g:
                            # Of one layer the cell that faces the origin more is the first, whatever the order of rows.
                            facing = rows[j, COSINE]
                            if facing > cosine or (facing == cosine and order[j] > order[i]):
                                one_of, other = j, i
                        d = _distance(one_of, other, around, rows, sensor, rotation)
                        if d > max(reach, rows[j, REACH]):
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
    return one[:kept].copy(), two[:kept].copy(), distance[:kept].copy(), total


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
