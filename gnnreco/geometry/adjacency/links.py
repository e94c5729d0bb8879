"""Which sensors follow one another in depth, seen from the origin or along their normals."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.geometry.cells.templates import Cells
from gnnreco.geometry.detector import Detector
from gnnreco.geometry.index import SensorIndex
from gnnreco.geometry.plane import outside_distance
from gnnreco.kernels import U, V, W, X, Y, Z, njit

from .contact import shared_area
from .shapes import Frames, frames, grown, in_frame, in_space

# A crack between two sensors of a layer is no way to the layer behind it: half a cell is closed, up to this, mm.
CRACK = 10.0
# Where rays start: in the middle of a sensor, and so many on each ring at these parts of the way to its edge.
RAYS, RINGS = 12, (0.5, 0.98)


class Links(NamedTuple):
    """Sensors that follow each sensor in depth, both ways: ``offsets[s]:offsets[s + 1]``.

    `ahead`: the other one lies farther out. `screened`: a third layer may lie between some of their cells. `crack`: how
    far each sensor screens beyond its outline, mm.
    """

    offsets: Ints
    sensor: Cells
    ahead: NDArray[np.bool_]
    screened: NDArray[np.bool_]
    crack: Floats


def linked_sensors(detector: Detector, projective: bool) -> Links:
    """Sensors of different layers with nothing between them; calorimeters and trackers are never linked.

    Rays run from points of every sensor outwards, and inwards as far as they come nearer to the origin, and find the first
    layer in their way; all its sensors there that share some of the shadow are linked. Kept with the detector.
    """
    held = detector.__dict__.setdefault("_links", {})
    if projective not in held:
        held[projective] = _find(detector, projective)
    return held[projective]  # type: ignore[no-any-return]


def _find(detector: Detector, projective: bool) -> Links:
    sensors = frames(detector)
    energy = np.array(["energy" in part.measures for part in detector.subsystems])[detector.subsystem]
    crack = np.minimum(np.maximum(detector.pitch_u, detector.pitch_v) / 2, CRACK)
    index = detector.index(1.0)
    used, one, two, ahead = _look(sensors, _samples(detector), index_of(index), energy, crack, projective)
    key = np.minimum(one, two)[:used] << 32 | np.maximum(one, two)[:used]
    farther = np.where(one < two, ahead, ~ahead)[:used]
    pairs, first = np.unique(key, return_index=True)
    low, high, farther = (pairs >> 32), (pairs & 0xFFFFFFFF), farther[first]
    real = _shadows_meet(sensors, low, high, projective)
    low, high, farther = low[real], high[real], farther[real]
    row, other = np.concatenate([low, high]), np.concatenate([high, low])
    order = np.lexsort((other, row))
    offsets = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=detector.n_sensors))]).astype(
        np.int64
    )
    other = other[order].astype(np.int32)
    farther = np.concatenate([farther, ~farther])[order]
    return Links(offsets, other, farther, _screened(offsets, other, farther, sensors.layer), crack)


def index_of(index: SensorIndex) -> tuple[Floats, float, Ints, Ints, Cells]:
    """The parts of an index, for a kernel."""
    return index.origin, index.size, index.shape, index.offsets, index.sensors


def _samples(detector: Detector) -> Floats:
    """Points of each template's plane where rays start (n_templates, k, 2), mm: the middle, and rings around it."""
    points = []
    for template in detector.templates:
        outline = np.concatenate([template.outline, template.outline[:1]])
        way = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(outline, axis=0), axis=1))])
        at = np.arange(RAYS) / RAYS * way[-1]
        edge = np.stack([np.interp(at, way, outline[:, axis]) for axis in range(2)], axis=1)
        middle = template.outline.mean(axis=0)
        rings = [middle + part * (edge - middle) for part in RINGS]
        points.append(np.concatenate([middle[None], *rings]))
    return np.array(points)


@njit(cache=True)
def project(
    sensors: Frames, s: int, u: float, v: float, from_w: float, t: int, to_w: float, projective: bool
) -> tuple[bool, float, float]:
    """Where a point of the middle plane of s falls on that of t, seen from the origin or along the normal of s.

    It is moved along its cell's walls to the height `from_w`, where it leaves s; and from the height `to_w`, where it
    enters t, along the walls there. False where the ray does not meet the plane, or only behind the origin.
    """
    focus = sensors.focus[sensors.template[s]]
    if not np.isnan(focus[W]):
        scale = 1 - from_w / focus[W]
        u, v = focus[U] + (u - focus[U]) * scale, focus[V] + (v - focus[V]) * scale
    x, y, z = in_space(sensors, s, u, v, from_w)
    r, n = sensors.rotation[t], sensors.rotation[s]
    a, b, c = in_frame(sensors, t, x, y, z)
    if projective:
        dx, dy, dz = x, y, z
    else:
        dx, dy, dz = n[X, W], n[Y, W], n[Z, W]
    dw = r[X, W] * dx + r[Y, W] * dy + r[Z, W] * dz
    if abs(dw) <= 1e-9 * np.sqrt(dx * dx + dy * dy + dz * dz):
        return False, 0.0, 0.0
    step = (to_w - c) / dw
    if projective and step <= -1:
        return False, 0.0, 0.0
    u = a + step * (r[X, U] * dx + r[Y, U] * dy + r[Z, U] * dz)
    v = b + step * (r[X, V] * dx + r[Y, V] * dy + r[Z, V] * dz)
    focus = sensors.focus[sensors.template[t]]
    if not np.isnan(focus[W]):
        scale = focus[W] / (focus[W] - to_w)
        u, v = focus[U] + (u - focus[U]) * scale, focus[V] + (v - focus[V]) * scale
    return True, u, v


@njit(cache=True)
def face(sensors: Frames, s: int, x: float, y: float, z: float, outer: bool) -> float:
    """Height of the face of s away from the origin (or towards it), near a global point."""
    r = sensors.rotation[s]
    out = r[X, W] * x + r[Y, W] * y + r[Z, W] * z >= 0
    half = sensors.thickness[sensors.template[s]] / 2
    return half if out == outer else -half


@njit(cache=True)
def _look(
    sensors: Frames,
    samples: Floats,
    index: tuple[Floats, float, Ints, Ints, Cells],
    energy: NDArray[np.bool_],
    crack: Floats,
    projective: bool,
) -> tuple[int, Ints, Ints, NDArray[np.bool_]]:
    """Pairs of sensors, some of them often, and whether the second lies farther out."""
    one, two, ahead = np.empty(1024, np.int64), np.empty(1024, np.int64), np.empty(1024, np.bool_)
    used = 0
    origin, size, shape, offsets, held = index
    seen = np.full(len(sensors.center), -1, np.int64)
    low, high = np.empty(3, np.int64), np.empty(3, np.int64)
    point, way, place = np.empty(3), np.empty(3), np.empty(3)
    for s in range(len(sensors.center)):
        outline = samples[sensors.template[s]]
        spacing = 0.0
        for k in range(len(outline)):
            spacing = max(spacing, np.hypot(outline[k, U] - outline[0, U], outline[k, V] - outline[0, V]) / 2)
        for side in range(2):
            for k in range(len(outline)):
                x, y, z = in_space(sensors, s, outline[k, U], outline[k, V], 0.0)
                r = sensors.rotation[s]
                point[X], point[Y], point[Z] = x, y, z
                away = np.sqrt(x * x + y * y + z * z)
                if projective:
                    if away == 0:
                        continue
                    way[X], way[Y], way[Z] = x / away, y / away, z / away
                    depth = away
                else:
                    depth = r[X, W] * x + r[Y, W] * y + r[Z, W] * z
                    sign = 1.0 if depth >= 0 else -1.0
                    way[X], way[Y], way[Z] = sign * r[X, W], sign * r[Y, W], sign * r[Z, W]
                    depth = abs(depth)
                if side == 1:
                    way *= -1.0
                far = np.inf if side == 0 else depth
                t, length = _first(sensors, s, point, way, far, index, energy, crack)
                if t < 0 or seen[t] == 2 * s + side:
                    continue
                # Sensors of that layer around the place, so that no corner of the shadow is missed.
                wide = spacing * (
                    abs(away + (length if side == 0 else -length)) / away if projective else 1.0
                )
                for axis in range(3):
                    place[axis] = point[axis] + length * way[axis]
                    low[axis] = max(0, int((place[axis] - wide - origin[axis]) / size))
                    high[axis] = min(shape[axis] - 1, int((place[axis] + wide - origin[axis]) / size))
                for i in range(low[X], high[X] + 1):
                    for j in range(low[Y], high[Y] + 1):
                        for h in range(low[Z], high[Z] + 1):
                            box = (i * shape[Y] + j) * shape[Z] + h
                            for p in range(offsets[box], offsets[box + 1]):
                                other = held[p]
                                if sensors.layer[other] != sensors.layer[t] or energy[other] != energy[s]:
                                    continue
                                if seen[other] == 2 * s + side:
                                    continue
                                seen[other] = 2 * s + side
                                if used == len(one):
                                    one, two, ahead = grown(one), grown(two), grown(ahead)
                                one[used], two[used], ahead[used] = s, other, side == 0
                                used += 1
    return used, one, two, ahead


@njit(cache=True)
def _first(
    sensors: Frames,
    s: int,
    point: Floats,
    way: Floats,
    far: float,
    index: tuple[Floats, float, Ints, Ints, Cells],
    energy: NDArray[np.bool_],
    crack: Floats,
) -> tuple[int, float]:
    """The first sensor of another layer on a ray, and how far it is; -1 where there is none."""
    origin, size, shape, offsets, held = index
    box, step = np.empty(3, np.int64), np.empty(3, np.int64)
    leave, across = np.empty(3), np.empty(3)
    for axis in range(3):
        box[axis] = min(max(int((point[axis] - origin[axis]) / size), 0), shape[axis] - 1)
        step[axis] = 1 if way[axis] > 0 else -1
        edge = origin[axis] + (box[axis] + (way[axis] > 0)) * size
        leave[axis] = (edge - point[axis]) / way[axis] if way[axis] != 0 else np.inf
        across[axis] = size / abs(way[axis]) if way[axis] != 0 else np.inf
    best, found, entered = far, -1, 0.0
    while entered <= best:
        here = (box[X] * shape[Y] + box[Y]) * shape[Z] + box[Z]
        for p in range(offsets[here], offsets[here + 1]):
            t = held[p]
            if sensors.layer[t] == sensors.layer[s] or energy[t] != energy[s]:
                continue
            hit, length = crossing(sensors, t, point, way, crack[t], best)
            if hit:
                best, found = length, t
        axis = int(np.argmin(leave))
        entered = leave[axis]
        box[axis] += step[axis]
        if box[axis] < 0 or box[axis] >= shape[axis]:
            break
        leave[axis] += across[axis]
    return found, best


@njit(cache=True)
def crossing(
    sensors: Frames, t: int, point: Floats, way: Floats, margin: float, far: float
) -> tuple[bool, float]:
    """Whether a ray crosses the middle plane of a sensor before `far`, at most `margin` outside its outline; and where."""
    r, o = sensors.rotation[t], sensors.center[t]
    slope = r[X, W] * way[X] + r[Y, W] * way[Y] + r[Z, W] * way[Z]
    if abs(slope) < 1e-9:
        return False, 0.0
    away = r[X, W] * (o[X] - point[X]) + r[Y, W] * (o[Y] - point[Y]) + r[Z, W] * (o[Z] - point[Z])
    length = away / slope
    if not 0 < length < far:
        return False, length
    u, v, _ = in_frame(
        sensors, t, point[X] + length * way[X], point[Y] + length * way[Y], point[Z] + length * way[Z]
    )
    kind = sensors.template[t]
    return outside_distance(u, v, sensors.outline[kind], sensors.corners[kind]) <= margin, length


@njit(cache=True)
def _shadows_meet(sensors: Frames, low: Ints, high: Ints, projective: bool) -> NDArray[np.bool_]:
    """Whether the shadow of one outline on the plane of the other covers some of it."""
    result = np.zeros(len(low), np.bool_)
    shadow = np.empty((sensors.outline.shape[1], 2))
    for i in range(len(low)):
        for turn in range(1 if projective else 2):
            s, t = (low[i], high[i]) if turn == 0 else (high[i], low[i])
            kind, other = sensors.template[s], sensors.template[t]
            whole = True
            for c in range(sensors.corners[kind]):
                corner = sensors.outline[kind, c]
                hit, u, v = project(sensors, s, corner[U], corner[V], 0.0, t, 0.0, projective)
                whole = whole and hit
                shadow[c, U], shadow[c, V] = u, v
            if whole:
                area, _, _, one, two = shared_area(
                    shadow, sensors.corners[kind], sensors.outline[other], sensors.corners[other]
                )
                result[i] = result[i] or area > 1e-9 * min(one, two)
    return result


@njit(cache=True)
def _screened(offsets: Ints, other: Cells, ahead: NDArray[np.bool_], layer: Cells) -> NDArray[np.bool_]:
    """Links beside which one of the two sensors has a link of the same direction to another layer."""
    mixed = np.zeros((len(offsets) - 1, 2), np.bool_)
    for s in range(len(offsets) - 1):
        for side in range(2):
            known = -1
            for k in range(offsets[s], offsets[s + 1]):
                if ahead[k] == (side == 1):
                    mixed[s, side] = mixed[s, side] or (known >= 0 and layer[other[k]] != known)
                    known = layer[other[k]]
    result = np.zeros(len(other), np.bool_)
    for s in range(len(offsets) - 1):
        for k in range(offsets[s], offsets[s + 1]):
            side = 1 if ahead[k] else 0
            result[k] = mixed[s, side] or mixed[other[k], 1 - side]
    return result
