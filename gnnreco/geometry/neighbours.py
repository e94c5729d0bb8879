"""Which cells are neighbours: inside a sensor by touch, across sensors by a distance in space.

The relation is symmetric by construction: two cells of different sensors are neighbours when their polygons come
within `gap` of one another, measured exactly.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .detector import Detector
from .plane import inside_polygon, outside_distance
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


@njit(cache=True)
def cells_within(a: Floats, b: Floats, gap: float) -> NDArray[np.bool_]:
    """Whether flat polygons in space, (n, k, 3) and (n, m, 3) padded, come within `gap` mm, pair by pair."""
    result = np.zeros(len(a), np.bool_)
    for i in range(len(a)):
        result[i] = (
            _edges_within(a[i], b[i], gap) or _face_within(a[i], b[i], gap) or _face_within(b[i], a[i], gap)
        )
    return result


@njit(cache=True)
def _edges_within(a: Floats, b: Floats, gap: float) -> bool:
    """Segment to segment, after Ericson, Real-Time Collision Detection, 5.1.9."""
    for i in range(len(a)):
        p, d = a[i], a[(i + 1) % len(a)] - a[i]
        dd = (d * d).sum()
        for j in range(len(b)):
            e = b[(j + 1) % len(b)] - b[j]
            r = p - b[j]
            ee, f, c, de = (e * e).sum(), (e * r).sum(), (d * r).sum(), (d * e).sum()
            s = 0.0
            determinant = dd * ee - de * de
            if determinant > 1e-12 * dd * ee:
                s = min(max((de * f - c * ee) / determinant, 0.0), 1.0)
            t = (de * s + f) / ee if ee > 0 else 0.0
            if t < 0 or t > 1:
                t = min(max(t, 0.0), 1.0)
                s = min(max((de * t - c) / dd, 0.0), 1.0) if dd > 0 else 0.0
            away = r + s * d - t * e
            if (away * away).sum() <= gap * gap:
                return True
    return False


@njit(cache=True)
def _face_within(a: Floats, b: Floats, gap: float) -> bool:
    """Whether a corner of `a` lies within `gap` over the face of `b`, or an edge of `a` goes through it."""
    normal = np.zeros(3)
    for j in range(1, len(b) - 1):
        normal += np.cross(b[j] - b[0], b[j + 1] - b[0])
    length = np.sqrt((normal * normal).sum())
    if length == 0:
        return False
    normal /= length
    # The face in its own plane: drop the axis the normal is most along, which keeps insides inside.
    drop = np.argmax(np.abs(normal))
    x, y = (drop + 1) % 3, (drop + 2) % 3
    flat = np.empty((len(b), 2))
    flat[:, 0], flat[:, 1] = b[:, x], b[:, y]
    for i in range(len(a)):
        height = ((a[i] - b[0]) * normal).sum()
        foot = a[i] - height * normal
        if abs(height) <= gap and inside_polygon(foot[x], foot[y], flat, len(b)):
            return True
        after = a[(i + 1) % len(a)]
        height_after = ((after - b[0]) * normal).sum()
        if height * height_after < 0:
            through = a[i] + (after - a[i]) * (height / (height - height_after))
            if inside_polygon(through[x], through[y], flat, len(b)):
                return True
    return False
