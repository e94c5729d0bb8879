"""Compiled kernels on pairs of cells: do flat polygons in space come close, how much do two polygons in a plane share?"""

from __future__ import annotations

import numpy as np

from gnnreco.columns import Floats
from gnnreco.geometry.plane import inside_polygon
from gnnreco.kernels import U, V, X, Y, Z, njit


@njit(cache=True)
def polygons_within(a: Floats, n: int, b: Floats, m: int, gap: float) -> bool:
    """Whether two flat polygons in space, the first n and m rows of (k, 3), come within `gap` mm of one another."""
    return _edges_within(a, n, b, m, gap) or _face_within(a, n, b, m, gap) or _face_within(b, m, a, n, gap)


@njit(cache=True, error_model="numpy")
def _edges_within(a: Floats, n: int, b: Floats, m: int, gap: float) -> bool:
    """Segment to segment, after Ericson, Real-Time Collision Detection, 5.1.9."""
    for i in range(n):
        o = i + 1 if i + 1 < n else 0
        dx, dy, dz = a[o, X] - a[i, X], a[o, Y] - a[i, Y], a[o, Z] - a[i, Z]
        dd = dx * dx + dy * dy + dz * dz
        for j in range(m):
            p = j + 1 if j + 1 < m else 0
            ex, ey, ez = b[p, X] - b[j, X], b[p, Y] - b[j, Y], b[p, Z] - b[j, Z]
            rx, ry, rz = a[i, X] - b[j, X], a[i, Y] - b[j, Y], a[i, Z] - b[j, Z]
            ee, de = ex * ex + ey * ey + ez * ez, dx * ex + dy * ey + dz * ez
            f, c = ex * rx + ey * ry + ez * rz, dx * rx + dy * ry + dz * rz
            s = 0.0
            determinant = dd * ee - de * de
            if determinant > 1e-12 * dd * ee:
                s = min(max((de * f - c * ee) / determinant, 0.0), 1.0)
            t = (de * s + f) / ee if ee > 0 else 0.0
            if t < 0 or t > 1:
                t = min(max(t, 0.0), 1.0)
                s = min(max((de * t - c) / dd, 0.0), 1.0) if dd > 0 else 0.0
            x, y, z = rx + s * dx - t * ex, ry + s * dy - t * ey, rz + s * dz - t * ez
            if x * x + y * y + z * z <= gap * gap:
                return True
    return False


@njit(cache=True, error_model="numpy")
def _face_within(a: Floats, n: int, b: Floats, m: int, gap: float) -> bool:
    """Whether a corner of `a` lies within `gap` over the face of `b`, or an edge of `a` goes through it."""
    normal = np.zeros(3)
    for j in range(1, m - 1):
        for x in range(3):
            y, z = (x + 1) % 3, (x + 2) % 3
            normal[x] += (b[j, y] - b[0, y]) * (b[j + 1, z] - b[0, z])
            normal[x] -= (b[j, z] - b[0, z]) * (b[j + 1, y] - b[0, y])
    length = np.sqrt(normal[X] ** 2 + normal[Y] ** 2 + normal[Z] ** 2)
    if length == 0:
        return False
    normal /= length
    height = np.empty(n)
    low = np.inf
    for i in range(n):
        height[i] = 0.0
        for x in range(3):
            height[i] += (a[i, x] - b[0, x]) * normal[x]
        low = min(low, abs(height[i]))
    if low > gap and (height[0] > 0) == (height[n - 1] > 0) and height.min() * height.max() > 0:
        return False
    # The face in its own plane: drop the axis the normal is most along, which keeps insides inside.
    drop = int(np.argmax(np.abs(normal)))
    x, y = (drop + 1) % 3, (drop + 2) % 3
    flat = np.empty((m, 2))
    flat[:, U], flat[:, V] = b[:m, x], b[:m, y]
    for i in range(n):
        h = height[i]
        if abs(h) <= gap and inside_polygon(a[i, x] - h * normal[x], a[i, y] - h * normal[y], flat, m):
            return True
        o = (i + 1) % n
        if h * height[o] < 0:
            t = h / (h - height[o])
            if inside_polygon(a[i, x] + t * (a[o, x] - a[i, x]), a[i, y] + t * (a[o, y] - a[i, y]), flat, m):
                return True
    return False


@njit(cache=True, error_model="numpy")
def shared_area(a: Floats, n: int, b: Floats, m: int) -> tuple[float, float, float, float, float]:
    """What two polygons in a plane share, whether convex or not.

    The first n and m rows of (k, 2) are corners, either way round. `b` cuts `a` after Sutherland and Hodgman; where it is
    not convex it counts as the sum of the signed triangles around its first corner: areas and moments add up.

    Returns
    -------
    area : float
        mm^2.
    u, v : float
        Centroid of what is shared.
    area_a, area_b : float
        Of the polygons themselves.
    """
    area = u = v = 0.0
    area_a, _, _ = _moments(a, n)
    area_b, _, _ = _moments(b, m)
    whole = _turns_one_way(b, m)
    old, new = np.empty((2 * (n + m) + 8, 2)), np.empty((2 * (n + m) + 8, 2))
    knife = np.empty((m, 2))
    for j in range(1, 2 if whole else m - 1):
        size = m if whole else 3
        for c in range(size):
            knife[c] = b[c] if whole else b[0 if c == 0 else j + c - 1]
        sign, _, _ = _moments(knife, size)
        if sign == 0:
            continue
        held = n
        old[:n] = a[:n]
        for edge in range(size):
            ax, ay = knife[edge]
            bx, by = knife[(edge + 1) % size]
            if sign < 0:
                ax, ay, bx, by = bx, by, ax, ay
            kept = 0
            for c in range(held):
                d = c + 1 if c + 1 < held else 0
                side_c = (bx - ax) * (old[c, V] - ay) - (by - ay) * (old[c, U] - ax)
                side_d = (bx - ax) * (old[d, V] - ay) - (by - ay) * (old[d, U] - ax)
                if side_c >= 0:
                    new[kept, U], new[kept, V] = old[c, U], old[c, V]
                    kept += 1
                if (side_c > 0 and side_d < 0) or (side_c < 0 and side_d > 0):
                    t = side_c / (side_c - side_d)
                    new[kept, U] = old[c, U] + t * (old[d, U] - old[c, U])
                    new[kept, V] = old[c, V] + t * (old[d, V] - old[c, V])
                    kept += 1
            old, new, held = new, old, kept
            if held == 0:
                break
        part, part_u, part_v = _moments(old, held)
        side = 1.0 if sign > 0 else -1.0
        area += side * part
        u += side * part_u
        v += side * part_v
    if area == 0:
        return 0.0, 0.0, 0.0, abs(area_a), abs(area_b)
    return abs(area), u / area, v / area, abs(area_a), abs(area_b)


@njit(cache=True)
def _turns_one_way(p: Floats, n: int) -> bool:
    """Whether a polygon is convex, either way round."""
    left = right = False
    for c in range(n):
        d, e = (c + 1) % n, (c + 2) % n
        cross = (p[d, U] - p[c, U]) * (p[e, V] - p[d, V]) - (p[d, V] - p[c, V]) * (p[e, U] - p[d, U])
        left = left or cross > 0
        right = right or cross < 0
    return not (left and right)


@njit(cache=True)
def _moments(p: Floats, n: int) -> tuple[float, float, float]:
    """Signed area of a polygon, and the area times its centroid."""
    area = u = v = 0.0
    for c in range(1, n - 1):
        ax, ay = p[c, U] - p[0, U], p[c, V] - p[0, V]
        bx, by = p[c + 1, U] - p[0, U], p[c + 1, V] - p[0, V]
        cross = (ax * by - ay * bx) / 2
        area += cross
        u += cross * (p[0, U] + (ax + bx) / 3)
        v += cross * (p[0, V] + (ay + by) / 3)
    return area, u, v
