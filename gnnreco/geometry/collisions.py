"""What shares space with what: sensors as convex solids, cells as polygons."""

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
    """Pairs (m, 2) of sensors whose volumes share more than `depth` mm; walls lean towards a template's focus."""
    offsets, close = sensor_pairs(detector, 0.0)
    first = np.repeat(np.arange(detector.n_sensors), np.diff(offsets))
    once = first < close
    pairs = np.stack([first[once], close[once]], axis=1)
    leaning = np.array([t.focus is not None for t in detector.templates])
    shared = _solids_share(
        *(pairs, detector.center, detector.rotation, detector.template, _faces(detector)),
        *(detector.outline_counts, leaning, depth),
    )
    return pairs[shared]


def _faces(detector: Detector) -> Floats:
    """Corners (n_templates, 2, k, 3) of the lower and the upper face of each template, mm."""
    outlines = detector.outline_corners()
    faces = np.zeros((len(outlines), 2, outlines.shape[1], 3))
    for row, template in enumerate(detector.templates):
        for side, w in enumerate((-template.thickness / 2, template.thickness / 2)):
            faces[row, side, :, :2], faces[row, side, :, 2] = outlines[row], w
            if template.focus is not None:
                away = 1 - w / template.focus[2]
                faces[row, side, :, :2] = template.focus[:2] + (outlines[row] - template.focus[:2]) * away
    return faces


@njit(cache=True)
def _solids_share(
    pairs: Ints,
    center: Floats,
    rotation: Floats,
    template: NDArray[np.int32],
    faces: Floats,
    counts: Ints,
    leaning: NDArray[np.bool_],
    depth: float,
) -> NDArray[np.bool_]:
    """Separating axes of two convex solids with two parallel faces: their faces' normals, and the products of edges."""
    result = np.zeros(len(pairs), np.bool_)
    for i in range(len(pairs)):
        a, b = pairs[i]
        t, s = template[a], template[b]
        one = _turned(rotation[a], faces[t, :, : counts[t]])
        two = _turned(rotation[b], faces[s, :, : counts[s]])
        two += center[b] - center[a]
        edges_a, normals_a = _edges(one, leaning[t])
        edges_b, normals_b = _edges(two, leaning[s])
        result[i] = not (
            _apart(normals_a, one, two, depth)
            or _apart(normals_b, one, two, depth)
            or _apart(_products(edges_a, edges_b), one, two, depth)
        )
    return result


@njit(cache=True)
def _turned(rotation: Floats, face: Floats) -> Floats:
    corners = np.empty((2 * face.shape[1], 3))
    for side in range(2):
        for c in range(face.shape[1]):
            for k in range(3):
                corners[side * face.shape[1] + c, k] = (
                    rotation[k, 0] * face[side, c, 0]
                    + rotation[k, 1] * face[side, c, 1]
                    + rotation[k, 2] * face[side, c, 2]
                )
    return corners


@njit(cache=True)
def _edges(corners: Floats, leaning: bool) -> tuple[Floats, Floats]:
    """Edges of a solid (the lower face's, then the walls': one where they are parallel), and normals of its faces."""
    n = len(corners) // 2
    walls = n if leaning else 1
    edges, normals = np.empty((n + walls, 3)), np.empty((n + 1, 3))
    for c in range(n):
        edges[c] = corners[(c + 1) % n] - corners[c]
    for c in range(walls):
        edges[n + c] = corners[n + c] - corners[c]
    for c in range(n):
        normals[c] = np.cross(edges[c], edges[n + c % walls])
    normals[n] = np.cross(edges[0], edges[1])
    return edges, normals


@njit(cache=True)
def _products(edges_a: Floats, edges_b: Floats) -> Floats:
    axes = np.empty((len(edges_a) * len(edges_b), 3))
    for i in range(len(edges_a)):
        for j in range(len(edges_b)):
            axes[i * len(edges_b) + j] = np.cross(edges_a[i], edges_b[j]) / np.sqrt(
                (edges_a[i] ** 2).sum() * (edges_b[j] ** 2).sum()
            )
    return axes


@njit(cache=True)
def _apart(axes: Floats, one: Floats, two: Floats, depth: float) -> bool:
    """Whether the shadows of two solids on any of the axes share `depth` mm at most."""
    for i in range(len(axes)):
        length = np.sqrt((axes[i] ** 2).sum())
        if length < 1e-6:
            continue
        low_a, high_a, low_b, high_b = np.inf, -np.inf, np.inf, -np.inf
        for c in range(len(one)):
            along = (one[c, 0] * axes[i, 0] + one[c, 1] * axes[i, 1] + one[c, 2] * axes[i, 2]) / length
            low_a, high_a = min(low_a, along), max(high_a, along)
        for c in range(len(two)):
            along = (two[c, 0] * axes[i, 0] + two[c, 1] * axes[i, 1] + two[c, 2] * axes[i, 2]) / length
            low_b, high_b = min(low_b, along), max(high_b, along)
        if min(high_a - low_b, high_b - low_a) <= depth:
            return True
    return False


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
