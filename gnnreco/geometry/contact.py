"""Compiled kernels on flat polygons in space: do they come close?"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .plane import inside_polygon

Floats = NDArray[np.float64]


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
