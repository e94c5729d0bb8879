"""Neighbours in depth: cells of one layer and the cells of the next that they cover."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.errors import BadConfig
from gnnreco.geometry.cells.templates import Cells
from gnnreco.geometry.detector import Detector
from gnnreco.geometry.plane import inside_polygon, outside_distance
from gnnreco.kernels import U, V, W, X, Y, Z, njit

from .contact import shared_area
from .links import Links, crossing, face, linked_sensors, project
from .shapes import Frames, Shapes, bins, fired_shapes, frames, grown, in_space, real_cells, stamped_shapes

CellIds = NDArray[np.uint64]

HOW = ("projective", "nearest")
# A cell covers another when they share this part of the smaller one.
SHARE = 0.01


def between_layers(detector: Detector, cell_id: CellIds, how: str = "projective") -> tuple[Ints, CellIds]:
    """Neighbours of some cells in the layers before and behind them.

    The next layer is what a ray from the source meets next (or one along the normal): no layer numbers or names are
    looked at, except that sensors of one layer never follow one another. Cells of a subsystem that measures energy are
    joined only with such, all others only with one another. Cracks narrower than half a cell show no layer behind.

    Parameters
    ----------
    detector : Detector
    cell_id : uint64 (n,)
        As `Detector.cell_id` packs them.
    how : str
        ``projective``: cells that share at least 1 % of the smaller one, seen from the source; thick cells where their
        faces meet. ``nearest``: cells that hold the foot of the other's middle along the other's normal.

    Returns
    -------
    offsets : int64 (n + 1,)
    neighbours : uint64 (m,)
        Sorted within each cell; the relation is symmetric.

    Raises
    ------
    BadConfig
        If `how` is neither.
    """
    detector = detector.at_source()
    unique, back = np.unique(np.asarray(cell_id, np.uint64), return_inverse=True)
    sensor, cell = detector.split_cell_id(unique)
    queries, _ = fired_shapes(detector, sensor, cell)
    targets = _reached(detector, queries, how)
    first, second = pairs_between(detector, queries, targets, how)
    row = np.searchsorted(unique, first)
    order = np.lexsort((second, row))
    offsets = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=len(unique)))])
    length = np.diff(offsets)[back]
    ends = np.concatenate([[0], np.cumsum(length)]).astype(np.int64)
    return ends, second[order][np.arange(ends[-1]) + np.repeat(offsets[:-1][back] - ends[:-1], length)]


def pairs_between(
    detector: Detector, queries: Shapes | None, targets: Shapes | None, how: str
) -> tuple[CellIds, CellIds]:
    """Pairs of cells that follow one another in depth, of `queries` and `targets`; None: every cell of the detector."""
    links = linked_sensors(detector, _projective(how))
    if queries is None or targets is None:
        linked = np.unique(detector.template[np.diff(links.offsets) > 0])
        every = stamped_shapes(detector, {int(t): real_cells(detector.templates[t]) for t in linked})
        queries = every if queries is None else queries
        targets = every if targets is None else targets
    used, first, second = _overlaps(frames(detector), queries, targets, links, _projective(how))
    return first[:used], second[:used]


def _projective(how: str) -> bool:
    if how not in HOW:
        raise BadConfig(f"neighbours between layers: {how!r} is neither {' nor '.join(HOW)}")
    return how == "projective"


def _reached(detector: Detector, queries: Shapes, how: str) -> Shapes:
    """The cells of the next layers around the shadows of some cells."""
    links = linked_sensors(detector, _projective(how))
    sensor, box = _shadow_boxes(frames(detector), queries, links, _projective(how))
    kind = detector.template[sensor]
    found = [np.zeros(0, np.int64)]
    for t in np.unique(kind):
        mine = np.flatnonzero(kind == t)
        offsets, cells = detector.templates[t].within(box[mine, :2], box[mine, 2:])
        found.append(np.unique(np.repeat(sensor[mine].astype(np.int64), np.diff(offsets)) << 32 | cells))
    both = np.concatenate(found)
    shapes, _ = fired_shapes(detector, (both >> 32).astype(np.int32), (both & 0xFFFFFFFF).astype(np.int32))
    return shapes


@njit(cache=True)
def _shadow(
    sensors: Frames, shapes: Shapes, s: int, i: int, t: int, ahead: bool, projective: bool, polygon: Floats
) -> tuple[bool, float, float, float]:
    """The middle of a cell of s on the middle plane of t, and how far its corners lie from there; fills the polygon."""
    middle = shapes.middle[i]
    x, y, z = in_space(sensors, s, middle[U], middle[V], 0.0)
    leave, enter = face(sensors, s, x, y, z, ahead), face(sensors, t, x, y, z, not ahead)
    hit, u, v = project(sensors, s, middle[U], middle[V], leave, t, enter, projective)
    reach = 0.0
    for c in range(shapes.first[i + 1] - shapes.first[i]):
        corner = shapes.points[shapes.first[i] + c]
        well, polygon[c, U], polygon[c, V] = project(
            sensors, s, corner[U], corner[V], leave, t, enter, projective
        )
        hit = hit and well
        reach = max(reach, np.hypot(polygon[c, U] - u, polygon[c, V] - v))
    return hit, u, v, reach


@njit(cache=True)
def _widest(shapes: Shapes) -> int:
    widest = 1
    for i in range(len(shapes.cell)):
        widest = max(widest, shapes.first[i + 1] - shapes.first[i])
    return widest


@njit(cache=True)
def _search(
    sensors: Frames, shapes: Shapes, s: int, i: int, t: int, ahead: bool, projective: bool, polygon: Floats
) -> tuple[bool, float, float, float]:
    """Where cells of t that go with a cell of s are, and how far from there their balls may be; False: nowhere."""
    hit, u, v, reach = _shadow(sensors, shapes, s, i, t, ahead, projective, polygon)
    if not hit:
        return False, 0.0, 0.0, 0.0
    if not projective:
        # The feet of cells of t that fall into the cell run along the normal of t instead.
        x, y, z = in_space(sensors, s, shapes.middle[i, U], shapes.middle[i, V], 0.0)
        leave, enter = face(sensors, s, x, y, z, ahead), face(sensors, t, x, y, z, not ahead)
        r, n = sensors.rotation[t], sensors.rotation[s]
        slope = r[X, W] * n[X, W] + r[Y, W] * n[Y, W] + r[Z, W] * n[Z, W]
        x, y, z = in_space(sensors, s, shapes.middle[i, U], shapes.middle[i, V], leave)
        o = sensors.center[t]
        w = r[X, W] * (x - o[X]) + r[Y, W] * (y - o[Y]) + r[Z, W] * (z - o[Z])
        reach += abs(enter - w) * np.sqrt(max(1 / slope**2 - 1, 0.0))
    kind = sensors.template[t]
    # Half the thickness along slanted walls is small beside this.
    near = outside_distance(u, v, sensors.outline[kind], sensors.corners[kind]) <= reach
    return near, u, v, reach


@njit(cache=True)
def _shadow_boxes(sensors: Frames, queries: Shapes, links: Links, projective: bool) -> tuple[Cells, Floats]:
    sensor, box, used = np.empty(1024, np.int32), np.empty(4096), 0
    polygon = np.empty((_widest(queries), 2))
    for s in range(len(queries.start)):
        for i in range(queries.start[s], queries.end[s]):
            for k in range(links.offsets[s], links.offsets[s + 1]):
                t = links.sensor[k]
                near, u, v, reach = _search(sensors, queries, s, i, t, links.ahead[k], projective, polygon)
                if not near:
                    continue
                if used == len(sensor):
                    sensor, box = grown(sensor), grown(box)
                    box = grown(box) if len(box) < 4 * len(sensor) else box
                sensor[used] = t
                box[4 * used], box[4 * used + 1] = u - reach, v - reach
                box[4 * used + 2], box[4 * used + 3] = u + reach, v + reach
                used += 1
    return sensor[:used].copy(), box[: 4 * used].copy().reshape(-1, 4)


@njit(cache=True)
def _overlaps(
    sensors: Frames, queries: Shapes, targets: Shapes, links: Links, projective: bool
) -> tuple[int, CellIds, CellIds]:
    first, second, used = np.empty(1024, np.uint64), np.empty(1024, np.uint64), 0
    one, two = np.empty((_widest(queries), 2)), np.empty((_widest(targets), 2))
    for s in range(len(queries.start)):
        if queries.start[s] == queries.end[s]:
            continue
        for k in range(links.offsets[s], links.offsets[s + 1]):
            t = links.sensor[k]
            start, end = targets.start[t], targets.end[t]
            if start == end:
                continue
            u0, v0, size, along, across, offsets, rows = bins(targets.middle[start:end])
            wide = targets.reach[start:end].max()
            for a in range(queries.start[s], queries.end[s]):
                near, u, v, reach = _search(sensors, queries, s, a, t, links.ahead[k], projective, one)
                if not near:
                    continue
                reach += wide
                low_u, high_u = (
                    max(0, int((u - reach - u0) / size)),
                    min(along - 1, int((u + reach - u0) / size)),
                )
                low_v, high_v = (
                    max(0, int((v - reach - v0) / size)),
                    min(across - 1, int((v + reach - v0) / size)),
                )
                for x in range(low_u, high_u + 1):
                    for y in range(low_v, high_v + 1):
                        for p in range(offsets[x * across + y], offsets[x * across + y + 1]):
                            b = start + rows[p]
                            apart = np.hypot(targets.middle[b, U] - u, targets.middle[b, V] - v)
                            if apart > reach - wide + targets.reach[b]:
                                continue
                            if projective:
                                joined = _cover(sensors, queries, s, a, targets, t, b, links, k, (one, two))
                            else:
                                joined = _facing(sensors, queries, s, a, targets, t, b, links, k)
                            if not joined:
                                continue
                            if used == len(first):
                                first, second = grown(first), grown(second)
                            first[used] = np.uint64(s) << np.uint64(32) | np.uint64(queries.cell[a])
                            second[used] = np.uint64(t) << np.uint64(32) | np.uint64(targets.cell[b])
                            used += 1
    return used, first, second


@njit(cache=True)
def _cover(
    sensors: Frames,
    queries: Shapes,
    s: int,
    a: int,
    targets: Shapes,
    t: int,
    b: int,
    links: Links,
    k: int,
    drawn: tuple[Floats, Floats],
) -> bool:
    """Whether two cells share enough, seen from the origin; always on the plane of the later sensor."""
    one, two = drawn
    ahead = links.ahead[k]
    if s < t:
        held = queries.first[a + 1] - queries.first[a]
        other = targets.points[targets.first[b] : targets.first[b + 1]]
        area, u, v, size_a, size_b = shared_area(one, held, other, len(other))
        plane = t
    else:
        # The shadow drawn for the search is on the other plane.
        held = targets.first[b + 1] - targets.first[b]
        _shadow(sensors, targets, t, b, s, not ahead, True, two)
        other = queries.points[queries.first[a] : queries.first[a + 1]]
        area, u, v, size_a, size_b = shared_area(two, held, other, len(other))
        plane = s
    if area < SHARE * min(size_a, size_b):
        return False
    if not links.screened[k]:
        return True
    point = np.array(in_space(sensors, plane, u, v, 0.0))
    return not _screen(sensors, links, s, t, point, point / np.sqrt((point * point).sum()))


@njit(cache=True)
def _facing(
    sensors: Frames, queries: Shapes, s: int, a: int, targets: Shapes, t: int, b: int, links: Links, k: int
) -> bool:
    """Whether a cell holds the foot of the other's middle."""
    if not (
        _foot_inside(sensors, queries, s, a, targets, t, b, links.ahead[k])
        or _foot_inside(sensors, targets, t, b, queries, s, a, not links.ahead[k])
    ):
        return False
    if not links.screened[k]:
        return True
    point = np.array(in_space(sensors, s, queries.middle[a, U], queries.middle[a, V], 0.0))
    way = np.array(in_space(sensors, t, targets.middle[b, U], targets.middle[b, V], 0.0)) - point
    return not _screen(sensors, links, s, t, point, way / np.sqrt((way * way).sum()))


@njit(cache=True)
def _foot_inside(
    sensors: Frames, shapes: Shapes, s: int, i: int, others: Shapes, t: int, j: int, ahead: bool
) -> bool:
    middle = shapes.middle[i]
    x, y, z = in_space(sensors, s, middle[U], middle[V], 0.0)
    leave, enter = face(sensors, s, x, y, z, ahead), face(sensors, t, x, y, z, not ahead)
    hit, u, v = project(sensors, s, middle[U], middle[V], leave, t, enter, False)
    polygon = others.points[others.first[j] : others.first[j + 1]]
    return hit and inside_polygon(u, v, polygon, len(polygon))


@njit(cache=True)
def _screen(sensors: Frames, links: Links, s: int, t: int, point: Floats, way: Floats) -> bool:
    """Whether a sensor of a third layer that is linked with either lies between them on a line."""
    _, one = crossing(sensors, s, point, way, np.inf, 0.0)
    _, two = crossing(sensors, t, point, way, np.inf, 0.0)
    low, high = min(one, two), max(one, two)
    start = point + low * way
    for turn in range(2):
        end = s if turn == 0 else t
        for k in range(links.offsets[end], links.offsets[end + 1]):
            third = links.sensor[k]
            if sensors.layer[third] == sensors.layer[s] or sensors.layer[third] == sensors.layer[t]:
                continue
            hit, _ = crossing(sensors, third, start, way, links.crack[third], high - low)
            if hit:
                return True
    return False
