"""Which cells are neighbours: inside a sensor by touch, across sensors by a distance in space.

The relation is symmetric by construction: two cells of different sensors are neighbours when their polygons come
within `gap` of one another, measured exactly.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .contact import cells_within
from .detector import Detector
from .plane import outside_distance
from .templates import Floats

Ints = NDArray[np.int64]
CellIds = NDArray[np.uint64]

# The table of a whole detector is only for detectors whose cells fit in memory; a rule can have 10^9 of them.
MAX_CELLS = 20_000_000
# Pairs of a cell and a sensor looked at together: bounds the memory.
CHUNK = 10_000


def neighbours_of(
    detector: Detector,
    cell_id: CellIds,
    across: bool = True,
    gap: float = 0.5,
    same_layer: bool = False,
) -> tuple[Ints, CellIds]:
    """Neighbours of some cells.

    Parameters
    ----------
    detector : Detector
    cell_id : uint64 (n,)
        As `Detector.cell_id` packs them.
    across : bool
        Also cells of other sensors, if their polygons come within `gap`.
    gap : float
        mm.
    same_layer : bool
        Only across sensors of one layer.

    Returns
    -------
    offsets : int64 (n + 1,)
    neighbours : uint64 (m,)
        Sorted within each cell.
    """
    sensor, cell = detector.split_cell_id(cell_id)
    row, other = _inside(detector, sensor, cell)
    if across:
        row_across, other_across = _across(detector, sensor, cell, gap, same_layer)
        row, other = np.concatenate([row, row_across]), np.concatenate([other, other_across])
    order = np.lexsort((other, row))
    offsets = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=len(sensor)))])
    return offsets.astype(np.int64), other[order]


def neighbours(
    detector: Detector, across: bool = True, gap: float = 0.5, limit: int = MAX_CELLS
) -> tuple[Ints, Ints]:
    """Neighbours of every cell number of the detector, in the order of ``(sensor, cell)``.

    Rows are ``first_cell(detector)[sensor] + cell``; numbers that are no cells have no neighbours.

    Raises
    ------
    ValueError
        If the detector has more than `limit` cell numbers; ask `neighbours_of` for the cells that matter.
    """
    first = first_cell(detector)
    if first[-1] > limit:
        raise ValueError(
            f"{detector.name} has {first[-1]:,} cell numbers, more than {limit:,}: ask neighbours_of for the cells "
            "that matter, or raise the limit"
        )
    count = np.diff(first)
    sensor = np.repeat(np.arange(detector.n_sensors), count)
    cell = np.arange(first[-1]) - first[sensor]
    real = np.zeros(len(cell), bool)
    for t, template in enumerate(detector.templates):
        mine = detector.template[sensor] == t
        real[mine] = template.exists(cell[mine].astype(np.int32))
    offsets, found = neighbours_of(detector, detector.cell_id(sensor[real], cell[real]), across, gap)
    length = np.zeros(len(cell), np.int64)
    length[real] = np.diff(offsets)
    other_sensor, other_cell = detector.split_cell_id(found)
    return np.concatenate([[0], np.cumsum(length)]), first[other_sensor] + other_cell


def first_cell(detector: Detector) -> Ints:
    """Where each sensor's cells start when all cell numbers of the detector are laid in one row (n + 1,)."""
    count = np.array([t.n_cells for t in detector.templates], np.int64)[detector.template]
    return np.concatenate([[0], np.cumsum(count)])


def _inside(detector: Detector, sensor: NDArray[np.int32], cell: NDArray[np.int32]) -> tuple[Ints, CellIds]:
    rows, others = [np.zeros(0, np.int64)], [np.zeros(0, np.uint64)]
    kind = detector.template[sensor]
    for t in np.unique(kind):
        mine = np.flatnonzero(kind == t)
        offsets, found = detector.templates[t].neighbours_of(cell[mine])
        row = np.repeat(mine, np.diff(offsets))
        rows.append(row)
        others.append(detector.cell_id(sensor[row], found))
    return np.concatenate(rows), np.concatenate(others)


def _across(
    detector: Detector, sensor: NDArray[np.int32], cell: NDArray[np.int32], gap: float, same_layer: bool
) -> tuple[Ints, CellIds]:
    corners = detector.cell_corners(sensor, cell)
    middle = corners.mean(axis=1)
    reach = np.linalg.norm(corners - middle[:, None], axis=2).max(axis=1, initial=0.0) + gap
    offsets, close = sensor_pairs(detector, gap)
    row, target = _candidates(
        *(middle, reach, sensor, offsets, close, detector.center, detector.rotation),
        *(detector.template, detector.outline_corners(), detector.outline_counts),
    )
    if same_layer:
        kept = detector.layer[sensor[row]] == detector.layer[target]
        row, target = row[kept], target[kept]
    rows, others = [np.zeros(0, np.int64)], [np.zeros(0, np.uint64)]
    kind = detector.template[target]
    for t in np.unique(kind):
        mine = np.flatnonzero(kind == t)
        for some in np.array_split(mine, len(mine) // CHUNK + 1):
            axes = detector.rotation[target[some]]
            shifted = corners[row[some]] - detector.center[target[some]][:, None]
            local = np.einsum("nji,nkj->nki", axes, shifted)[..., :2]
            low, high = local.min(axis=1) - gap, local.max(axis=1) + gap
            ends, cells = detector.templates[t].within(low, high)
            pair = np.repeat(some, np.diff(ends))
            touch = cells_within(corners[row[pair]], detector.cell_corners(target[pair], cells), gap)
            rows.append(row[pair][touch])
            others.append(detector.cell_id(target[pair], cells)[touch])
    return np.concatenate(rows), np.concatenate(others)


def sensor_pairs(detector: Detector, gap: float) -> tuple[Ints, NDArray[np.int32]]:
    """Sensors whose boxes come within `gap` mm of each sensor's: offsets (n + 1,) and sensors."""
    low, high = detector.bounds
    index = detector.index(gap)
    offsets, close = _close_boxes(
        *(low - gap / 2, high + gap / 2, index.origin, index.size, index.shape, index.offsets, index.sensors)
    )
    return offsets, close


@njit(cache=True)
def _close_boxes(
    low: Floats,
    high: Floats,
    origin: Floats,
    size: float,
    shape: Ints,
    offsets: Ints,
    sensors: NDArray[np.int32],
) -> tuple[Ints, NDArray[np.int32]]:
    n = len(low)
    ends = np.zeros(n + 1, np.int64)
    found = np.empty(16 * n + 16, np.int32)
    seen = np.full(n, -1, np.int64)
    total = 0
    for a in range(n):
        seen[a] = a
        first = np.empty(3, np.int64)
        last = np.empty(3, np.int64)
        for axis in range(3):
            first[axis] = max(0, int((low[a, axis] - origin[axis]) / size))
            last[axis] = min(shape[axis] - 1, int((high[a, axis] - origin[axis]) / size))
        for x in range(first[0], last[0] + 1):
            for y in range(first[1], last[1] + 1):
                for z in range(first[2], last[2] + 1):
                    box = (x * shape[1] + y) * shape[2] + z
                    for k in range(offsets[box], offsets[box + 1]):
                        b = sensors[k]
                        if seen[b] == a:
                            continue
                        seen[b] = a
                        apart = False
                        for axis in range(3):
                            if low[a, axis] > high[b, axis] or low[b, axis] > high[a, axis]:
                                apart = True
                        if apart:
                            continue
                        if total == len(found):
                            grown = np.empty(2 * total, np.int32)
                            grown[:total] = found
                            found = grown
                        found[total] = b
                        total += 1
        ends[a + 1] = total
    return ends, found[:total]


@njit(cache=True)
def _candidates(
    middle: Floats,
    reach: Floats,
    sensor: NDArray[np.int32],
    offsets: Ints,
    close: NDArray[np.int32],
    center: Floats,
    rotation: Floats,
    template: NDArray[np.int32],
    outlines: Floats,
    outline_counts: Ints,
) -> tuple[Ints, NDArray[np.int32]]:
    """Pairs (cell, sensor) where the ball around the cell reaches the sensor's piece of plane."""
    rows = np.empty(0, np.int64)
    targets = np.empty(0, np.int32)
    total = 0
    for filling in range(2):
        if filling:
            rows = np.empty(total, np.int64)
            targets = np.empty(total, np.int32)
        total = 0
        for i in range(len(middle)):
            for k in range(offsets[sensor[i]], offsets[sensor[i] + 1]):
                s = close[k]
                local = rotation[s].T @ (middle[i] - center[s])
                t = template[s]
                away = outside_distance(local[0], local[1], outlines[t], outline_counts[t])
                if np.hypot(away, local[2]) > reach[i]:
                    continue
                if filling:
                    rows[total], targets[total] = i, s
                total += 1
    return rows, targets
