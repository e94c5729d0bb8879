"""What shares space with what: sensors as flat prisms, cells as polygons."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .detector import Detector
from .neighbours import sensor_pairs
from .plane import area_centroid, clip, edges_cross, inside_polygon
from .polygons import PolygonTemplate
from .templates import Floats

Ints = NDArray[np.int64]

# Sensors may press into one another by the rounding of a table, mm.
DEPTH = 0.01
# And cells by this share of their area.
SHARE = 1e-4


def overlapping_sensors(detector: Detector, depth: float = DEPTH) -> Ints:
    """Pairs (m, 2) of sensors whose volumes, outline times thickness, share more than `depth` mm."""
    offsets, close = sensor_pairs(detector, 0.0)
    first = np.repeat(np.arange(detector.n_sensors), np.diff(offsets))
    once = first < close
    pairs = np.stack([first[once], close[once]], axis=1)
    shared = _prisms_share(
        *(pairs, detector.center, detector.rotation, detector.thickness, detector.template),
        *(detector.outline_corners(), detector.outline_counts, depth),
    )
    return pairs[shared]


@njit(cache=True)
def _prisms_share(
    pairs: Ints,
    center: Floats,
    rotation: Floats,
    thickness: Floats,
    template: NDArray[np.int32],
    outlines: Floats,
    counts: Ints,
    depth: float,
) -> NDArray[np.bool_]:
    """Separating axes of two convex prisms: their faces' normals, and the products of their edges."""
    result = np.zeros(len(pairs), np.bool_)
    for i in range(len(pairs)):
        a, b = pairs[i]
        shared = True
        between = center[b] - center[a]
        n, m = counts[template[a]], counts[template[b]]
        edges_a = _edges(rotation[a], outlines[template[a]], n)
        edges_b = _edges(rotation[b], outlines[template[b]], m)
        for turn in range((n + 1) * (m + 1) + n + m + 2):
            if turn < (n + 1) * (m + 1):
                axis = np.cross(edges_a[turn // (m + 1)], edges_b[turn % (m + 1)])
            elif turn < (n + 1) * (m + 1) + n + 1:
                side = turn - (n + 1) * (m + 1)
                axis = edges_a[n] if side == n else np.cross(edges_a[side], edges_a[n])
            else:
                side = turn - (n + 1) * (m + 1) - n - 1
                axis = edges_b[m] if side == m else np.cross(edges_b[side], edges_b[m])
            length = np.sqrt((axis * axis).sum())
            if length < 1e-6:
                continue
            axis /= length
            low_a, high_a = _extent(axis, rotation[a], outlines[template[a]], n, thickness[a])
            low_b, high_b = _extent(axis, rotation[b], outlines[template[b]], m, thickness[b])
            away = (axis * between).sum()
            if min(high_a - low_b - away, high_b + away - low_a) <= depth:
                shared = False
                break
        result[i] = shared
    return result


@njit(cache=True)
def _edges(rotation: Floats, outline: Floats, n: int) -> Floats:
    """Unit directions of a prism's edges, its normal last."""
    edges = np.empty((n + 1, 3))
    for c in range(n):
        step = outline[(c + 1) % n] - outline[c]
        length = np.hypot(step[0], step[1])
        for k in range(3):
            edges[c, k] = (rotation[k, 0] * step[0] + rotation[k, 1] * step[1]) / length
    edges[n] = rotation[:, 2]
    return edges


@njit(cache=True)
def _extent(axis: Floats, rotation: Floats, outline: Floats, n: int, thickness: float) -> tuple[float, float]:
    """Shadow of a prism on a direction, relative to its centre."""
    u = (axis * rotation[:, 0]).sum()
    v = (axis * rotation[:, 1]).sum()
    half = abs((axis * rotation[:, 2]).sum()) * thickness / 2
    low, high = np.inf, -np.inf
    for c in range(n):
        along = u * outline[c, 0] + v * outline[c, 1]
        low, high = min(low, along), max(high, along)
    return low - half, high + half


def overlapping_cells(template: PolygonTemplate) -> Ints:
    """Pairs (m, 2) of cells of a template that cover the same place."""
    offsets, close = template.touching
    first = np.repeat(np.arange(template.n_cells), np.diff(offsets))
    once = first < close
    pairs = np.stack([first[once], close[once]], axis=1)
    inner = template.position(np.arange(template.n_cells))
    return pairs[_cells_share(pairs, template.polygons, template.counts, inner)]


@njit(cache=True)
def _cells_share(pairs: Ints, polygons: Floats, counts: Ints, inner: Floats) -> NDArray[np.bool_]:
    result = np.zeros(len(pairs), np.bool_)
    for i in range(len(pairs)):
        a, b = pairs[i]
        one, two = polygons[a, : counts[a]], polygons[b, : counts[b]]
        if _convex(one) and _convex(two):
            shared, _ = area_centroid(clip(polygons[a : a + 1, : counts[a]], two)[0])
            whole, _ = area_centroid(polygons[a : a + 1])
            result[i] = shared[0] > SHARE * whole[0]
        else:
            result[i] = (
                edges_cross(one, counts[a], two, counts[b])
                or _reaches_into(one, counts[a], inner[a], two, counts[b])
                or _reaches_into(two, counts[b], inner[b], one, counts[a])
            )
    return result


@njit(cache=True)
def _convex(polygon: Floats) -> bool:
    n = len(polygon)
    for c in range(n):
        ax, ay = polygon[(c + 1) % n] - polygon[c]
        bx, by = polygon[(c + 2) % n] - polygon[(c + 1) % n]
        if ax * by - ay * bx < 0:
            return False
    return True


@njit(cache=True)
def _reaches_into(a: Floats, corners_a: int, inner: Floats, b: Floats, corners_b: int) -> bool:
    """Whether the inner point of `a`, or a corner drawn a little towards it, lies inside `b`."""
    if inside_polygon(inner[0], inner[1], b, corners_b):
        return True
    for c in range(corners_a):
        u, v = a[c] + SHARE * (inner - a[c])
        if inside_polygon(u, v, a, corners_a) and inside_polygon(u, v, b, corners_b):
            return True
    return False
