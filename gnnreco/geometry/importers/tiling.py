"""Voronoi cells of points inside a convex outline."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints

# Corners of a tiling closer than this (mm) are one: Qhull splits a corner of four cells into two.
SAME = 1e-6


def voronoi_cells(points: Floats, outline: Floats) -> tuple[Floats, Ints]:
    """The part of an outline that is nearest to each point.

    Parameters
    ----------
    points : float64 (n, 2)
        All strictly inside the outline, no two the same; mm.
    outline : float64 (m, 2)
        Convex, counter-clockwise.

    Returns
    -------
    polygons : float64 (n, k, 2)
        Counter-clockwise, padded with the last corner; together they fill the outline.
    counts : int64 (n,)
        How many corners are real.
    """
    from scipy.spatial import Voronoi

    # The mirror images of the points in each edge of the outline make that edge a border of the tiling.
    edges = np.roll(outline, -1, axis=0) - outline
    normals = np.stack([edges[:, 1], -edges[:, 0]], axis=1) / np.linalg.norm(edges, axis=1)[:, None]
    depth = np.einsum("pek,ek->pe", points[:, None] - outline, normals)
    images = points[:, None] - 2 * depth[..., None] * normals
    tiling = Voronoi(np.concatenate([points, images.reshape(-1, 2)]))
    regions = [tiling.regions[tiling.point_region[row]] for row in range(len(points))]
    counts = np.array([len(region) for region in regions], np.int64)
    corner = np.minimum(np.arange(counts.max()), counts[:, None] - 1)
    flat = np.concatenate([np.asarray(region, np.int64) for region in regions])
    polygons = tiling.vertices[flat[np.cumsum(counts)[:, None] - counts[:, None] + corner]]
    return _tidy(polygons, counts, points)


def _tidy(polygons: Floats, counts: Ints, points: Floats) -> tuple[Floats, Ints]:
    """Corners in the order of their angle round the cell's point, corners that fall together counted once."""
    real = np.arange(polygons.shape[1]) < counts[:, None]
    away = polygons - points[:, None]
    angle = np.where(real, np.arctan2(away[..., 1], away[..., 0]), np.inf)
    order = np.argsort(angle, axis=1, kind="stable")
    polygons = np.take_along_axis(polygons, order[..., None], axis=1)
    last = np.take_along_axis(polygons, (counts - 1)[:, None, None], axis=1)
    before = np.concatenate([last, polygons[:, :-1]], axis=1)
    keep = real & (np.linalg.norm(polygons - before, axis=2) > SAME)
    order = np.argsort(~keep, axis=1, kind="stable")
    counts = keep.sum(axis=1)
    corner = np.minimum(np.arange(counts.max()), counts[:, None] - 1)
    picked = np.take_along_axis(order, corner, axis=1)
    return np.take_along_axis(polygons, picked[..., None], axis=1), counts


def corner_table(polygons: Floats, counts: Ints) -> dict[str, NDArray]:
    """The columns ``cell, u, v`` of a table of polygons, one row a corner."""
    real = np.arange(polygons.shape[1]) < counts[:, None]
    cell = np.repeat(np.arange(len(counts)), counts)
    return {"cell": cell.astype(np.int32), "u": polygons[..., 0][real], "v": polygons[..., 1][real]}
