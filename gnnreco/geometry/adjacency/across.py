"""Cells of different sensors that come close: only cells at the rim are looked at, unless sensors lie one over the other."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.geometry.cells.templates import Cells, CellTemplate
from gnnreco.geometry.detector import Detector
from gnnreco.geometry.plane import outside_distance
from gnnreco.kernels import U, V, W, X, Y, Z, njit

from .contact import polygons_within
from .shapes import Frames, Shapes, bins, frames, grown, in_frame, in_space, real_cells, stamped_shapes

CellIds = NDArray[np.uint64]

# Cells exactly `gap` apart are neighbours however the detector is turned: rounding stays far under a nanometre.
TIE = 1e-6
# Sensors may lie over one another by the rounding of a table, mm, and still count as side by side.
DEPTH = 0.01


class Adjacent(NamedTuple):
    """Sensors that come within the gap of each sensor, and whether they lie over its inner cells."""

    offsets: Ints
    sensor: Cells
    stacked: NDArray[np.bool_]
    gap: Floats


def pairs_across(
    detector: Detector, queries: Shapes | None, targets: Shapes | None, gap: Floats, same_layer: bool
) -> tuple[CellIds, CellIds]:
    """Pairs of cells of different sensors within the gap.

    Parameters
    ----------
    detector : Detector
    queries, targets : Shapes, optional
        The first and the second cell of each pair; None: every cell of the detector.
    gap : float64 (n_sensors,)
        mm; of two sensors the lesser counts.
    same_layer : bool
        Only between sensors of one layer.

    Returns
    -------
    first, second : uint64 (m,)
        Each pair of queried cells comes both ways round.
    """
    held = detector.__dict__.setdefault("_adjacent", {})
    key = gap.tobytes()
    if key not in held:
        held.clear()
        adjacent = adjacent_sensors(detector, gap)
        held[key] = adjacent, None
    if (queries is None or targets is None) and held[key][1] is None:
        held[key] = held[key][0], _at_the_rim(detector, held[key][0])
    adjacent, every = held[key]
    queries = every if queries is None else queries
    targets = every if targets is None else targets
    used, first, second = _contacts(frames(detector), queries, targets, adjacent, same_layer)
    return first[:used], second[:used]


def _at_the_rim(detector: Detector, adjacent: Adjacent) -> Shapes:
    """The cells that can have neighbours on other sensors, once for each template."""
    count = np.diff(adjacent.offsets)
    row = np.repeat(np.arange(len(count)), count)
    stacked = np.bincount(row, adjacent.stacked, len(count)) > 0
    cells = {}
    for t in np.unique(detector.template[count > 0]):
        mine, template = detector.template == t, detector.templates[t]
        inner = bool(stacked[mine].any())
        cells[int(t)] = real_cells(template) if inner else _rim(template, float(adjacent.gap[mine].max()))
    return stamped_shapes(detector, cells)


def _rim(template: CellTemplate, gap: float) -> Cells:
    """Cells that come within `gap` of the edge of their sensor."""
    boxes = [np.zeros((0, 4))]
    for corner, following in zip(template.outline, np.roll(template.outline, -1, axis=0), strict=True):
        steps = int(np.ceil(np.abs(following - corner).max() / (4 * max(*template.pitch, gap)))) + 1
        ends = corner + np.linspace(0, 1, steps + 1)[:, None] * (following - corner)
        low, high = np.minimum(ends[:-1], ends[1:]), np.maximum(ends[:-1], ends[1:])
        boxes.append(np.hstack([low - gap - DEPTH, high + gap + DEPTH]))
    box = np.concatenate(boxes)
    _, cells = template.within(box[:, :2], box[:, 2:])
    return np.unique(cells)


def sensor_pairs(detector: Detector, gap: float | Floats) -> tuple[Ints, Cells]:
    """Sensors whose boxes, each grown by half its `gap` (a number or (n,), mm), meet: offsets (n + 1,) and sensors."""
    low, high = detector.bounds
    index = detector.index(float(np.max(gap, initial=0.0)))
    half = np.broadcast_to(gap, len(low))[:, None] / 2
    return _close_boxes(
        *(low - half, high + half, index.origin, index.size, index.shape, index.offsets, index.sensors)
    )


def adjacent_sensors(detector: Detector, gap: Floats) -> Adjacent:
    """Sensors whose outlines come within the gap of each sensor's."""
    offsets, close = sensor_pairs(detector, gap + TIE)
    keep, stacked = _outlines_meet(frames(detector), offsets, close, gap)
    row = np.repeat(np.arange(detector.n_sensors), np.diff(offsets))[keep]
    ends = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=detector.n_sensors))])
    return Adjacent(ends.astype(np.int64), close[keep], stacked[keep], gap)


@njit(cache=True)
def _close_boxes(
    low: Floats,
    high: Floats,
    origin: Floats,
    size: float,
    shape: Ints,
    offsets: Ints,
    sensors: Cells,
) -> tuple[Ints, Cells]:
    n = len(low)
    ends = np.zeros(n + 1, np.int64)
    found = np.empty(16 * n + 16, np.int32)
    seen = np.full(n, -1, np.int64)
    first, last = np.empty(3, np.int64), np.empty(3, np.int64)
    total = 0
    for a in range(n):
        seen[a] = a
        for axis in range(3):
            first[axis] = max(0, int((low[a, axis] - origin[axis]) / size))
            last[axis] = min(shape[axis] - 1, int((high[a, axis] - origin[axis]) / size))
        for x in range(first[X], last[X] + 1):
            for y in range(first[Y], last[Y] + 1):
                for z in range(first[Z], last[Z] + 1):
                    box = (x * shape[Y] + y) * shape[Z] + z
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
                            found = grown(found)
                        found[total] = b
                        total += 1
        ends[a + 1] = total
    return ends, found[:total].copy()


@njit(cache=True)
def _outlines_meet(
    sensors: Frames, offsets: Ints, close: Cells, gap: Floats
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    keep, stacked = np.zeros(len(close), np.bool_), np.zeros(len(close), np.bool_)
    k = sensors.outline.shape[1]
    one, two = np.empty((k, 3)), np.empty((k, 3))
    reach = np.zeros(len(sensors.outline))
    for kind in range(len(reach)):
        for c in range(k):
            reach[kind] = max(reach[kind], np.hypot(sensors.outline[kind, c, U], sensors.outline[kind, c, V]))
    for s in range(len(gap)):
        outline, n = sensors.outline[sensors.template[s]], sensors.corners[sensors.template[s]]
        for c in range(n):
            one[c] = in_space(sensors, s, outline[c, U], outline[c, V], 0.0)
        for pair in range(offsets[s], offsets[s + 1]):
            t = close[pair]
            near = min(gap[s], gap[t]) + TIE
            if _far_apart(sensors, reach, s, t, near) or _far_apart(sensors, reach, t, s, near):
                continue
            other, m = sensors.outline[sensors.template[t]], sensors.corners[sensors.template[t]]
            for c in range(m):
                two[c] = in_space(sensors, t, other[c, U], other[c, V], 0.0)
            # In the order of the rows, so that both ways round give the same answer.
            meet = polygons_within(one, n, two, m, near) if s < t else polygons_within(two, m, one, n, near)
            if meet:
                keep[pair] = True
                for c in range(m):
                    two[c] = in_frame(sensors, s, two[c, X], two[c, Y], two[c, Z])
                stacked[pair] = _lies_over(two, m, outline, n, near)
    return keep, stacked


@njit(cache=True)
def _far_apart(sensors: Frames, reach: Floats, s: int, t: int, near: float) -> bool:
    """Whether the ball around a sensor stays clear of the plane of another, or of its outline there."""
    o = sensors.center[t]
    u, v, w = in_frame(sensors, s, o[X], o[Y], o[Z])
    kind = sensors.template[s]
    wide = reach[sensors.template[t]] + near
    if abs(w) > wide:
        return True
    return np.hypot(outside_distance(u, v, sensors.outline[kind], sensors.corners[kind]), w) > wide


@njit(cache=True)
def _lies_over(other: Floats, m: int, outline: Floats, n: int, near: float) -> bool:
    """Whether a flat polygon in a sensor's frame lies over more than the rim of its outline, at most `near` away.

    The part that does is cut out by half spaces. How deep a point of it lies inside the outline is a concave function,
    so the mean of its corners is at least as deep as its deepest point by their number.
    """
    old, new = np.empty((m + n + 4, 3)), np.empty((m + n + 4, 3))
    old[:m] = other[:m]
    held = m
    for edge in range(n + 2):
        kept = 0
        for c in range(held):
            d = (c + 1) % held
            side_c, side_d = _side(old[c], outline, n, edge, near), _side(old[d], outline, n, edge, near)
            if side_c >= 0:
                new[kept] = old[c]
                kept += 1
            if (side_c > 0 and side_d < 0) or (side_c < 0 and side_d > 0):
                new[kept] = old[c] + side_c / (side_c - side_d) * (old[d] - old[c])
                kept += 1
        old, new, held = new, old, kept
        if held == 0:
            return False
    u, v = old[:held, U].mean(), old[:held, V].mean()
    depth = np.inf
    for edge in range(n):
        ax, ay = outline[edge]
        bx, by = outline[(edge + 1) % n]
        cross = (bx - ax) * (v - ay) - (by - ay) * (u - ax)
        depth = min(depth, cross / np.hypot(bx - ax, by - ay))
    return depth > DEPTH / held


@njit(cache=True)
def _side(point: Floats, outline: Floats, n: int, edge: int, near: float) -> float:
    """Positive on the inner side of an edge of the outline, or of the planes `near` over and under it."""
    if edge >= n:
        return near - point[W] if edge == n else near + point[W]
    ax, ay = outline[edge]
    bx, by = outline[(edge + 1) % n]
    return (bx - ax) * (point[V] - ay) - (by - ay) * (point[U] - ax)


@njit(cache=True)
def _contacts(
    sensors: Frames, queries: Shapes, targets: Shapes, adjacent: Adjacent, same_layer: bool
) -> tuple[int, CellIds, CellIds]:
    first, second = np.empty(1024, np.uint64), np.empty(1024, np.uint64)
    used = 0
    widest = 1
    for shapes in (queries, targets):
        for i in range(len(shapes.cell)):
            widest = max(widest, shapes.first[i + 1] - shapes.first[i])
    one, two = np.empty((widest, 3)), np.empty((widest, 3))
    for s in range(len(queries.start)):
        if queries.start[s] == queries.end[s]:
            continue
        for k in range(adjacent.offsets[s], adjacent.offsets[s + 1]):
            t = adjacent.sensor[k]
            if same_layer and sensors.layer[s] != sensors.layer[t]:
                continue
            gap = min(adjacent.gap[s], adjacent.gap[t]) + TIE
            mine, at = _near(sensors, queries, s, t, gap)
            if len(mine) == 0:
                continue
            theirs, around = _near(sensors, targets, t, s, gap)
            if len(theirs) == 0:
                continue
            # In the frame of s: cells of the other sensor in boxes, so that each cell looks only around itself.
            flat, reach = np.empty((len(theirs), 2)), 0.0
            for j in range(len(theirs)):
                u, v, _ = in_frame(sensors, s, around[j, X], around[j, Y], around[j, Z])
                flat[j, U], flat[j, V] = u, v
                reach = max(reach, targets.reach[theirs[j]])
            u0, v0, size, along, across, offsets, rows = bins(flat)
            for i in range(len(mine)):
                a = mine[i]
                u, v = queries.middle[a]
                wide = queries.reach[a] + reach + gap
                low_u, high_u = (
                    max(0, int((u - wide - u0) / size)),
                    min(along - 1, int((u + wide - u0) / size)),
                )
                low_v, high_v = (
                    max(0, int((v - wide - v0) / size)),
                    min(across - 1, int((v + wide - v0) / size)),
                )
                drawn = False
                id_a = np.uint64(s) << np.uint64(32) | np.uint64(queries.cell[a])
                if high_v < low_v:
                    continue
                for x in range(low_u, high_u + 1):
                    for p in range(offsets[x * across + low_v], offsets[x * across + high_v + 1]):
                        j = rows[p]
                        b = theirs[j]
                        dx, dy, dz = at[i, X] - around[j, X], at[i, Y] - around[j, Y], at[i, Z] - around[j, Z]
                        near = queries.reach[a] + targets.reach[b] + gap
                        if dx * dx + dy * dy + dz * dz > near * near:
                            continue
                        if not drawn:
                            n = _draw(sensors, queries, s, a, one)
                            drawn = True
                        m = _draw(sensors, targets, t, b, two)
                        # In the order of the ids, so that both ways round give the same answer.
                        meet = (
                            polygons_within(one, n, two, m, gap)
                            if s < t
                            else polygons_within(two, m, one, n, gap)
                        )
                        if not meet:
                            continue
                        if used == len(first):
                            first, second = grown(first), grown(second)
                        first[used] = id_a
                        second[used] = np.uint64(t) << np.uint64(32) | np.uint64(targets.cell[b])
                        used += 1
    return used, first, second


@njit(cache=True)
def _near(sensors: Frames, shapes: Shapes, s: int, t: int, gap: float) -> tuple[Ints, Floats]:
    """Cells of sensor s whose ball comes within the gap of the outline of sensor t, and their middles in space."""
    start, end = shapes.start[s], shapes.end[s]
    found, place, used = np.empty(end - start, np.int64), np.empty((end - start, 3)), 0
    outline, corners = sensors.outline[sensors.template[t]], sensors.corners[sensors.template[t]]
    for i in range(start, end):
        x, y, z = in_space(sensors, s, shapes.middle[i, U], shapes.middle[i, V], 0.0)
        u, v, w = in_frame(sensors, t, x, y, z)
        wide = shapes.reach[i] + gap
        if abs(w) <= wide and np.hypot(outside_distance(u, v, outline, corners), w) <= wide:
            found[used] = i
            place[used, X], place[used, Y], place[used, Z] = x, y, z
            used += 1
    return found[:used], place[:used]


@njit(cache=True)
def _draw(sensors: Frames, shapes: Shapes, s: int, i: int, corners: Floats) -> int:
    """Corners of a cell in space; how many."""
    n = shapes.first[i + 1] - shapes.first[i]
    for c in range(n):
        p = shapes.points[shapes.first[i] + c]
        corners[c, X], corners[c, Y], corners[c, Z] = in_space(sensors, s, p[U], p[V], 0.0)
    return n
