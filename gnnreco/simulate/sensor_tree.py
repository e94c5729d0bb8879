"""Which sensor does a track cross next: a tree of boxes around the sensors, and the exact helix-plane crossing."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats
from gnnreco.geometry import Detector
from gnnreco.kernels import U, V, W, X, Y, Z, njit
from gnnreco.kernels.sorting import rising

CENTER, HALF = 3, 4  # rows of a sensor's place, after its axes U, V, W
NODE, ENTRY = range(2)  # columns of the stack of a search

Vector = tuple[float, float, float]
LEAF = 2  # sensors in a leaf
STEEP = 0.05  # cosine of incidence under which a plane is too nearly touched to be judged from afar


class SensorTree(NamedTuple):
    """The sensors of a detector as numba wants them: a complete binary tree of boxes in heap order, and the planes.

    Node ``i`` has the children ``2 i + 1`` and ``2 i + 2``; the last ``len(order) / LEAF`` nodes are the leaves.
    A tree and no grid, because it has no cell size to choose: centimetre telescopes and metre-wide chambers are alike.

    Attributes
    ----------
    low, high : float64 (n_nodes, 3), mm
    order : int32 (n_leaves * LEAF,)
        Sensors in the order of the leaves, -1 where there is none.
    place : float64 (n, 5, 3)
        The local axes u, v, w of each sensor as rows, its centre, and its half widths along u and v.
    outline, corners : float64 (n_templates, k, 2), int64 (n_templates,)
        Convex outlines, counter-clockwise, and how many corners of each are real.
    template : int32 (n,)
    r_max : float
        Radius around the z axis beyond which there is no sensor, mm.
    """

    low: Floats
    high: Floats
    order: NDArray[np.int32]
    place: Floats
    outline: Floats
    corners: NDArray[np.int64]
    template: NDArray[np.int32]
    r_max: float


def sensor_tree(detector: Detector) -> SensorTree:
    """The tree of a detector, halved level by level along the longest side of each part."""
    low, high = detector.bounds
    n = detector.n_sensors
    levels = max(0, int(np.ceil(np.log2(max(n, 1) / LEAF))))
    order = np.full(LEAF << levels, -1, np.int32)
    order[:n] = np.arange(n)
    middle = np.full((len(order), 3), np.inf)
    middle[:n] = (low + high) / 2
    for level in range(levels):
        groups = order.reshape(1 << level, -1)
        points = middle[groups]
        points[groups < 0] = np.inf
        real = np.isfinite(points)
        spread = np.max(points, 1, initial=-np.inf, where=real) - np.min(
            points, 1, initial=np.inf, where=real
        )
        keys = np.take_along_axis(points, spread.argmax(axis=1)[:, None, None], axis=2)[:, :, 0]
        groups = np.take_along_axis(groups, keys.argsort(axis=1, kind="stable"), axis=1)
        order = _halved(groups).ravel()
    lows, highs = _boxes(order, low, high)
    half = np.stack([detector.half_u, detector.half_v, np.zeros(n)], axis=1)
    rims = np.maximum(np.abs(low), np.abs(high))[:, :2]
    place = np.concatenate(
        [detector.rotation.swapaxes(1, 2), detector.center[:, None], half[:, None]], axis=1
    )
    arrays = (
        *(lows, highs, order, place),
        *(detector.outline_corners(), detector.outline_counts, detector.template),
    )
    # One layout for all detectors: the kernels of a flight take a minute to compile for another one.
    lasting = [np.require(array, requirements=("C", "W")) for array in arrays]
    reach = float(np.hypot(rims[:, 0], rims[:, 1]).max(initial=0.0))
    return SensorTree(*lasting, reach)  # type: ignore[call-arg, arg-type]


def _halved(groups: NDArray[np.int32]) -> NDArray[np.int32]:
    """Rows of sensors, -1 at their ends, as twice as many rows with half of the real ones each."""
    place = np.arange(groups.shape[1] // 2)
    real = (groups >= 0).sum(axis=1, keepdims=True)
    first = (real + 1) // 2
    left = np.where(place < first, groups[:, place], -1)
    right = np.take_along_axis(groups, np.minimum(first + place, groups.shape[1] - 1), axis=1)
    return np.stack([left, np.where(first + place < real, right, -1)], axis=1).astype(np.int32)


def _boxes(order: NDArray[np.int32], low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Boxes of all nodes, from the leaves up; an empty node has an inverted box."""
    empty = (order < 0)[:, None]
    if len(low) == 0:
        low = high = np.zeros((1, 3))
    lows = [np.where(empty, np.inf, low[order]).reshape(-1, LEAF, 3).min(axis=1)]
    highs = [np.where(empty, -np.inf, high[order]).reshape(-1, LEAF, 3).max(axis=1)]
    while len(lows[-1]) > 1:
        lows.append(np.minimum(lows[-1][0::2], lows[-1][1::2]))
        highs.append(np.maximum(highs[-1][0::2], highs[-1][1::2]))
    return np.concatenate(lows[::-1]), np.concatenate(highs[::-1])


@njit(cache=True, error_model="numpy")
def helix(x: Vector, t: Vector, h: Vector, k: float, s: float) -> tuple[Vector, Vector]:
    """Position and direction after the path s along the helix with field direction h and turn k (rad/mm)."""
    a = k * s
    if abs(a) < 1e-4:  # series: 1 - cos and a - sin lose their digits here
        along, bend, drift, sin, cos = s * (1 - a * a / 6), s * a / 2, s * a * a / 6, a, 1 - a * a / 2
    else:
        sin, cos = np.sin(a), np.cos(a)
        along, bend, drift = sin / k, (1 - cos) / k, s - sin / k
    c = (t[Y] * h[Z] - t[Z] * h[Y], t[Z] * h[X] - t[X] * h[Z], t[X] * h[Y] - t[Y] * h[X])
    p = t[X] * h[X] + t[Y] * h[Y] + t[Z] * h[Z]
    position = (
        x[X] + t[X] * along + c[X] * bend + h[X] * p * drift,
        x[Y] + t[Y] * along + c[Y] * bend + h[Y] * p * drift,
        x[Z] + t[Z] * along + c[Z] * bend + h[Z] * p * drift,
    )
    direction = (
        t[X] * cos + c[X] * sin + h[X] * p * (1 - cos),
        t[Y] * cos + c[Y] * sin + h[Y] * p * (1 - cos),
        t[Z] * cos + c[Z] * sin + h[Z] * p * (1 - cos),
    )
    return position, direction


@njit(cache=True, error_model="numpy")
def plane_crossing(f: float, a: float, b: float, least: float, limit: float) -> float:
    """Smallest root s in (least, limit) of f + a s + b s^2 / 2; infinite where there is none."""
    # A helix in the plane divides 0 by 0: NaN compares false and is no crossing.
    if abs(b) * limit < 1e-9 * abs(a):
        s = -f / a
        return s if least < s < limit else np.inf
    root = a * a - 2 * b * f
    if root < 0:
        return np.inf
    q = -(a + np.copysign(np.sqrt(root), a))
    first, second = (2 * f / q if q != 0 else np.inf), q / b
    if first > second:
        first, second = second, first
    if least < first < limit:
        return first
    return second if least < second < limit else np.inf


@njit(cache=True, error_model="numpy")
def nonzero(value: float) -> float:
    """The value, or what is next to nothing: its inverse times zero must not be NaN."""
    return value if abs(value) > 1e-200 else 1e-200


@njit(cache=True, error_model="numpy")
def next_sensor(
    tree: SensorTree,
    stack: Floats,
    x: Vector,
    t: Vector,
    h: Vector,
    k: float,
    least: float,
    step: float,
) -> tuple[int, float]:
    """The first sensor on the helix between `least` and `step` mm: (sensor, path); (-1, step) where there is none.

    The caller keeps ``step * k`` well under one radian, so that the arc stays near its chord, and lends a `stack` (64, 2).
    """
    end, _ = helix(x, t, h, k, step)
    d = (end[X] - x[X], end[Y] - x[Y], end[Z] - x[Z])
    fat = step * step * abs(k) / 8 * 1.1 + 1e-6  # the arc leaves its chord by the sagitta at most
    normal = (t[Y] * h[Z] - t[Z] * h[Y], t[Z] * h[X] - t[X] * h[Z], t[X] * h[Y] - t[Y] * h[X])
    inverse = (1 / nonzero(d[X]), 1 / nonzero(d[Y]), 1 / nonzero(d[Z]))
    length = np.sqrt(d[X] * d[X] + d[Y] * d[Y] + d[Z] * d[Z])
    best, found = step, -1
    low, high, order = tree.low, tree.high, tree.order
    first_leaf = len(order) // LEAF - 1
    stack[0, NODE], stack[0, ENTRY] = 0, _entry(low, high, 0, x, inverse, fat)
    depth = 1
    while depth > 0:
        depth -= 1
        node = int(stack[depth, NODE])
        if stack[depth, ENTRY] * length > best + fat:
            continue
        if node < first_leaf:
            near, far = 2 * node + 1, 2 * node + 2
            near_entry, far_entry = (
                _entry(low, high, near, x, inverse, fat),
                _entry(low, high, far, x, inverse, fat),
            )
            if far_entry < near_entry:
                near, near_entry, far, far_entry = far, far_entry, near, near_entry
            # The nearer box is opened first: what it holds makes most of the others needless.
            stack[depth, NODE], stack[depth, ENTRY] = far, far_entry
            stack[depth + 1, NODE], stack[depth + 1, ENTRY] = near, near_entry
            depth += 2
            continue
        for place in range((node - first_leaf) * LEAF, (node - first_leaf + 1) * LEAF):
            sensor = order[place]
            if sensor < 0:
                continue
            s = _cross(tree.place, sensor, x, t, h, k, normal, least, best)
            if s < best and inside(tree, sensor, helix(x, t, h, k, s)[0]):
                best, found = s, sensor
    return found, best


@njit(cache=True, error_model="numpy")
def sensors_ahead(
    tree: SensorTree, stack: Floats, x: Vector, t: Vector, reach: float
) -> tuple[Floats, NDArray[np.int64]]:
    """Paths to all sensors on a straight line of `reach` mm, in order, and the sensors: one descent for a whole flight."""
    paths, sensors, n = np.empty(32), np.empty(32, np.int64), 0
    axis, normal = (0.0, 0.0, 1.0), (0.0, 0.0, 0.0)
    inverse = (1 / nonzero(t[X] * reach), 1 / nonzero(t[Y] * reach), 1 / nonzero(t[Z] * reach))
    low, high, order = tree.low, tree.high, tree.order
    first_leaf = len(order) // LEAF - 1
    stack[0, NODE], depth = 0, 1
    while depth > 0:
        depth -= 1
        node = int(stack[depth, NODE])
        if _entry(low, high, node, x, inverse, 1e-6) == np.inf:
            continue
        if node < first_leaf:
            stack[depth, NODE], stack[depth + 1, NODE] = 2 * node + 1, 2 * node + 2
            depth += 2
            continue
        for place in range((node - first_leaf) * LEAF, (node - first_leaf + 1) * LEAF):
            sensor = order[place]
            s = _cross(tree.place, sensor, x, t, axis, 0.0, normal, 0.0, reach) if sensor >= 0 else np.inf
            if s == np.inf or not inside(tree, sensor, helix(x, t, axis, 0.0, s)[0]):
                continue
            if n == len(paths):
                paths, sensors = np.append(paths, paths), np.append(sensors, sensors)
            paths[n], sensors[n] = s, sensor
            n += 1
    along = rising(paths[:n])
    return paths[:n][along], sensors[:n][along]


@njit(cache=True, error_model="numpy")
def _entry(low: Floats, high: Floats, node: int, x: Vector, inverse: Vector, fat: float) -> float:
    """Fraction of the chord at which it enters a node's box, made `fat` mm larger; infinite where it misses."""
    near, far = 0.0, 1.0
    for i in range(3):
        one = (low[node, i] - fat - x[i]) * inverse[i]
        two = (high[node, i] + fat - x[i]) * inverse[i]
        near, far = max(near, min(one, two)), min(far, max(one, two))
    return near if near <= far else np.inf


@njit(cache=True, error_model="numpy")
def _cross(
    place: Floats,
    sensor: int,
    x: Vector,
    t: Vector,
    h: Vector,
    k: float,
    normal: Vector,
    least: float,
    limit: float,
) -> float:
    """Path to the sensor's plane if the helix meets the box around it between `least` and `limit`; else infinite."""
    dx, dy, dz = (
        x[X] - place[sensor, CENTER, X],
        x[Y] - place[sensor, CENTER, Y],
        x[Z] - place[sensor, CENTER, Z],
    )
    wx, wy, wz = place[sensor, W, X], place[sensor, W, Y], place[sensor, W, Z]
    f = wx * dx + wy * dy + wz * dz
    if abs(f) > limit:
        return np.inf
    a = wx * t[X] + wy * t[Y] + wz * t[Z]
    b = k * (wx * normal[X] + wy * normal[Y] + wz * normal[Z])
    s = plane_crossing(f, a, b, least, limit * 1.02 + 1e-6)
    if s == np.inf:
        return s
    # Most planes are met far from the sensor: a parabola says so without a sine, to the third order of the turn.
    bend, turn = k * s * s / 2, k * s
    px, py, pz = (
        dx + t[X] * s + normal[X] * bend,
        dy + t[Y] * s + normal[Y] * bend,
        dz + t[Z] * s + normal[Z] * bend,
    )
    slope = abs(a + b * s)
    spare = 1e-3 + s * turn * turn / slope
    if slope > STEEP and (
        abs(px * place[sensor, U, X] + py * place[sensor, U, Y] + pz * place[sensor, U, Z])
        > place[sensor, HALF, U] + spare
        or abs(px * place[sensor, V, X] + py * place[sensor, V, Y] + pz * place[sensor, V, Z])
        > place[sensor, HALF, V] + spare
    ):
        return np.inf
    if k == 0:
        return s if least < s < limit else np.inf
    for _ in range(8):  # the quadratic is a start; Newton makes it exact
        position, direction = helix(x, t, h, k, s)
        px, py, pz = (
            position[X] - place[sensor, CENTER, X],
            position[Y] - place[sensor, CENTER, Y],
            position[Z] - place[sensor, CENTER, Z],
        )
        miss = wx * px + wy * py + wz * pz
        if abs(miss) < 1e-9:
            return s if least < s < limit else np.inf
        s -= miss / (wx * direction[X] + wy * direction[Y] + wz * direction[Z])
    return np.inf  # it comes near the plane and never meets it


@njit(cache=True, error_model="numpy")
def local(tree: SensorTree, sensor: int, x: Vector) -> tuple[float, float]:
    """(u, v) of a point in the sensor's plane."""
    e = tree.place[sensor]
    d = (x[X] - e[CENTER, X], x[Y] - e[CENTER, Y], x[Z] - e[CENTER, Z])
    return d[X] * e[U, X] + d[Y] * e[U, Y] + d[Z] * e[U, Z], d[X] * e[V, X] + d[Y] * e[V, Y] + d[Z] * e[V, Z]


@njit(cache=True, error_model="numpy")
def inside(tree: SensorTree, sensor: int, x: Vector) -> bool:
    """Whether a point in the sensor's plane lies in its convex outline."""
    kind = tree.template[sensor]
    n = tree.corners[kind]
    u, v = local(tree, sensor, x)
    for i in range(n):
        j = i + 1 if i + 1 < n else 0
        au, av = tree.outline[kind, i, U], tree.outline[kind, i, V]
        if (tree.outline[kind, j, U] - au) * (v - av) - (tree.outline[kind, j, V] - av) * (u - au) < 0:
            return False
    return True
