"""What shares space with what: sensors as convex solids, cells as polygons."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.geometry.adjacency.neighbours import sensor_pairs
from gnnreco.geometry.cells.polygons import PolygonTemplate
from gnnreco.geometry.detector import Detector
from gnnreco.geometry.plane import area_centroid, clip, edges_cross, farthest_outside, inside_polygon
from gnnreco.kernels import U, V, W, X, Y, Z, njit

# Sensors may press into one another by the rounding of a table, mm.
DEPTH = 0.01
# And cells by this share of their area, or of their size.
SHARE = 1e-4
INSIDE = 1e-2
# So many pairs of sensors are looked at cell by cell; where there are more, the outlines decide.
MAX_BY_CELLS = 2000
# And so many cells of each.
MAX_CELLS = 5000


def overlapping_sensors(detector: Detector, depth: float = DEPTH) -> Ints:
    """Pairs (m, 2) of sensors whose volumes share more than `depth` mm; walls lean towards a template's focus."""
    offsets, close = sensor_pairs(detector, 0.0)
    first = np.repeat(np.arange(detector.n_sensors), np.diff(offsets))
    once = first < close
    pairs = np.stack([first[once], close[once]], axis=1)
    leaning = np.array([t.focus is not None for t in detector.templates])
    shared = _solids_share(
        *(pairs, detector.center, detector.rotation, detector.template, detector.solid_corners()),
        *(detector.outline_counts, leaning, depth),
    )
    pairs = pairs[shared]
    # Rings and drawn cells may leave free what their convex outline holds: only there do the cells decide.
    free = np.array([len(t.hole) > 0 or isinstance(t, PolygonTemplate) for t in detector.templates])
    open_ = np.flatnonzero(free[detector.template[pairs]].any(axis=1))[:MAX_BY_CELLS]
    kept = np.ones(len(pairs), bool)
    kept[open_] = [
        not (_in_hole(detector, a, b) or _in_hole(detector, b, a))
        and (_cells_meet(detector, a, b) or _cells_meet(detector, b, a))
        for a, b in pairs[open_]
    ]
    return pairs[kept]


def overlap_depth(detector: Detector, pairs: Ints) -> Floats:
    """How far (m,) the solids of each pair of sensors (m, 2) press into one another, mm, to a thousandth of itself."""
    leaning = np.array([t.focus is not None for t in detector.templates])
    solids = (detector.center, detector.rotation, detector.template, detector.solid_corners())
    low, high = np.zeros(len(pairs)), np.full(len(pairs), np.inf)
    depth = np.full(len(pairs), DEPTH)
    for _ in range(24):
        # The depth at which a pair is apart lies between what it shares still and what it shares no more.
        shared = np.array(
            [
                _solids_share(pairs[i : i + 1], *solids, detector.outline_counts, leaning, depth[i])[0]
                for i in range(len(pairs))
            ]
        )
        low, high = np.where(shared, depth, low), np.where(shared, high, depth)
        depth = np.where(np.isinf(high), 2 * low + DEPTH, (low + high) / 2)
        if np.isfinite(high).all() and (high - low <= 0.001 * high).all():
            break
    return low


def _in_hole(detector: Detector, a: int, b: int) -> bool:
    """Whether one sensor stands wholly in the hole of the other, or would if that were longer."""
    hole = detector.templates[detector.template[b]].hole
    if len(hole) == 0:
        return False
    corners = detector.solid_corners()[detector.template[a]].reshape(-1, 3)
    there = np.full(len(corners), b)
    local = detector.to_local(there, detector.to_global(np.full(len(corners), a), corners))
    away = farthest_outside(detector.to_plane(there, local)[None], np.array([len(corners)]), hole)
    return bool(away[0] <= DEPTH)


def _cells_meet(detector: Detector, a: int, b: int) -> bool:
    """Whether a cell of one sensor reaches into a cell of the other: its middle, or a point near a corner."""
    template = detector.templates[detector.template[a]]
    cells = np.arange(0, template.n_cells, 1 + template.n_cells // MAX_CELLS, dtype=np.int32)
    cells = cells[template.exists(cells)]
    middle = template.position(cells)[:, None]
    uv = np.concatenate([middle, middle + (template.corners(cells) - middle) * (1 - INSIDE)], axis=1)
    for height in (-0.5, 0.0, 0.5):
        w = np.full(uv.shape[0] * uv.shape[1], height * (1 - INSIDE) * template.thickness)
        here = np.full(len(w), a)
        xyz = detector.to_global(here, detector.from_plane(here, uv.reshape(-1, 2), w))
        there = np.full(len(w), b)
        local = detector.to_local(there, xyz)
        inside = np.abs(local[:, 2]) < detector.thickness[b] / 2 - DEPTH
        flat = detector.to_plane(there[inside], local[inside])
        if (detector.cell_at(there[inside], flat[:, 0], flat[:, 1]) >= 0).any():
            return True
    return False


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
                    rotation[k, U] * face[side, c, U]
                    + rotation[k, V] * face[side, c, V]
                    + rotation[k, W] * face[side, c, W]
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
        normals[c] = _cross(edges[c], edges[n + c % walls])
    normals[n] = 0.0
    for c in range(1, n - 1):
        normals[n] += _cross(corners[c] - corners[0], corners[c + 1] - corners[0])
    return edges, normals


@njit(cache=True)
def _cross(a: Floats, b: Floats) -> Floats:
    # np.cross takes seconds to compile.
    product = np.empty(3)
    for k in range(3):
        product[k] = a[(k + 1) % 3] * b[(k + 2) % 3] - a[(k + 2) % 3] * b[(k + 1) % 3]
    return product


@njit(cache=True)
def _products(edges_a: Floats, edges_b: Floats) -> Floats:
    axes = np.empty((len(edges_a) * len(edges_b), 3))
    for i in range(len(edges_a)):
        for j in range(len(edges_b)):
            axes[i * len(edges_b) + j] = _cross(edges_a[i], edges_b[j]) / np.sqrt(
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
            along = (one[c, X] * axes[i, X] + one[c, Y] * axes[i, Y] + one[c, Z] * axes[i, Z]) / length
            low_a, high_a = min(low_a, along), max(high_a, along)
        for c in range(len(two)):
            along = (two[c, X] * axes[i, X] + two[c, Y] * axes[i, Y] + two[c, Z] * axes[i, Z]) / length
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
    if inside_polygon(inner[U], inner[V], b, corners_b):
        return True
    for c in range(corners_a):
        u, v = a[c] + SHARE * (inner - a[c])
        if inside_polygon(u, v, a, corners_a) and inside_polygon(u, v, b, corners_b):
            return True
    return False
