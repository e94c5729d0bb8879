"""Compiled kernels on polygons in a plane: cut, measure, contain."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats
from gnnreco.kernels import U, V, njit

# Two corners closer than this (mm) are the same point; a position this far outside an edge is still on it.
TOUCH = 1e-9


@njit(cache=True)
def clip(polygons: Floats, outline: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Cut convex polygons (n, k, 2) by a convex counter-clockwise outline (m, 2), after Sutherland and Hodgman.

    Returns the corners (n, k + m, 2), padded with the last corner, and how many are real; 0 where nothing is left.
    """
    n, k, m = polygons.shape[0], polygons.shape[1], outline.shape[0]
    size = k + m
    result = np.zeros((n, size, 2))
    count = np.zeros(n, np.int64)
    old = np.empty((size + 1, 2))
    new = np.empty((size + 1, 2))
    for i in range(n):
        held = k
        old[:k] = polygons[i]
        for edge in range(m):
            ax, ay = outline[edge]
            bx, by = outline[(edge + 1) % m]
            kept = 0
            for c in range(held):
                px, py = old[c]
                qx, qy = old[(c + 1) % held]
                side_p = (bx - ax) * (py - ay) - (by - ay) * (px - ax)
                side_q = (bx - ax) * (qy - ay) - (by - ay) * (qx - ax)
                if side_p >= 0:
                    new[kept, U], new[kept, V] = px, py
                    kept += 1
                if (side_p > 0 and side_q < 0) or (side_p < 0 and side_q > 0):
                    t = side_p / (side_p - side_q)
                    new[kept, U], new[kept, V] = px + t * (qx - px), py + t * (qy - py)
                    kept += 1
            old, new, held = new, old, kept
            if held == 0:
                break
        count[i] = held
        for c in range(size):
            if held:
                result[i, c] = old[min(c, held - 1)]
    return result, count


@njit(cache=True)
def area_centroid(corners: Floats) -> tuple[Floats, Floats]:
    """Signed area (n,) and centroid (n, 2) of polygons (n, k, 2) padded with their last corner."""
    n, k = corners.shape[0], corners.shape[1]
    area = np.zeros(n)
    centroid = np.zeros((n, 2))
    for i in range(n):
        x0, y0 = corners[i, 0]
        for c in range(k):
            # Relative to the first corner: small cells far from the origin keep their digits.
            ax, ay = corners[i, c, U] - x0, corners[i, c, V] - y0
            bx, by = corners[i, (c + 1) % k, U] - x0, corners[i, (c + 1) % k, V] - y0
            cross = ax * by - bx * ay
            area[i] += cross / 2
            centroid[i, U] += (ax + bx) * cross / 6
            centroid[i, V] += (ay + by) * cross / 6
        if area[i] != 0:
            centroid[i, U] = x0 + centroid[i, U] / area[i]
            centroid[i, V] = y0 + centroid[i, V] / area[i]
        else:
            centroid[i, U], centroid[i, V] = x0, y0
    return area, centroid


@njit(cache=True)
def mean_squares(corners: Floats, about: Floats) -> Floats:
    """Mean of u^2 and of v^2 (n, 2), from points (n, 2), over polygons (n, k, 2) padded with their last corner.

    It is 0 where a polygon has no area.
    """
    n, k = corners.shape[0], corners.shape[1]
    mean = np.zeros((n, 2))
    for i in range(n):
        twice = 0.0
        for c in range(k):
            d = (c + 1) % k
            au, av = corners[i, c, U] - about[i, U], corners[i, c, V] - about[i, V]
            bu, bv = corners[i, d, U] - about[i, U], corners[i, d, V] - about[i, V]
            cross = au * bv - bu * av
            twice += cross
            mean[i, U] += (au * au + au * bu + bu * bu) * cross / 6
            mean[i, V] += (av * av + av * bv + bv * bv) * cross / 6
        for axis in range(2):
            mean[i, axis] = mean[i, axis] / twice if twice != 0 else 0.0
    return mean


@njit(cache=True)
def outside_distance(u: float, v: float, outline: Floats, corners: int) -> float:
    """Distance (mm) from a point to a convex counter-clockwise polygon; 0 inside."""
    inside, square = True, np.inf
    for c in range(corners):
        ax, ay = outline[c]
        bx, by = outline[c + 1 if c + 1 < corners else 0]
        dx, dy, du, dv = bx - ax, by - ay, u - ax, v - ay
        if not dx * dv - dy * du >= 0:  # NaN is outside
            inside = False
            t = min(max((du * dx + dv * dy) / (dx * dx + dy * dy), 0.0), 1.0)
            square = min(square, (du - t * dx) ** 2 + (dv - t * dy) ** 2)
    return 0.0 if inside else np.sqrt(square)


@njit(cache=True)
def inside_depth(u: float, v: float, outline: Floats, corners: int) -> float:
    """Distance (mm) from a point inside a convex counter-clockwise polygon to its nearest edge; 0 outside."""
    best = np.inf
    for c in range(corners):
        ax, ay = outline[c]
        dx, dy = outline[(c + 1) % corners, U] - ax, outline[(c + 1) % corners, V] - ay
        length = np.hypot(dx, dy)
        if length > 0:
            best = min(best, (dx * (v - ay) - dy * (u - ax)) / length)
    return max(best, 0.0) if corners else 0.0


@njit(cache=True)
def inside_convex(u: Floats, v: Floats, outline: Floats) -> NDArray[np.bool_]:
    """Which points lie in or on a convex polygon (k, 2)."""
    result = np.empty(len(u), np.bool_)
    for i in range(len(u)):
        inside = True
        for c in range(len(outline)):
            ax, ay = outline[c]
            bx, by = outline[c + 1 if c + 1 < len(outline) else 0]
            inside = inside and (bx - ax) * (v[i] - ay) - (by - ay) * (u[i] - ax) >= 0
        # The distance is dear and seldom asked for.
        result[i] = inside or outside_distance(u[i], v[i], outline, len(outline)) <= TOUCH
    return result


def is_convex(outline: Floats) -> bool:
    """Whether a polygon (k, 2) is convex, counter-clockwise, and has no corner twice."""
    edge = np.roll(outline, -1, axis=0) - outline
    following = np.roll(edge, -1, axis=0)
    turn = edge[:, 0] * following[:, 1] - edge[:, 1] * following[:, 0]
    angle = np.arctan2(turn, (edge * following).sum(axis=1))
    long_enough = np.hypot(edge[:, 0], edge[:, 1]) > TOUCH
    return bool(long_enough.all() and (turn >= 0).all() and abs(angle.sum() - 2 * np.pi) < 1e-6)


@njit(cache=True)
def inside_polygon(u: float, v: float, polygon: Floats, corners: int) -> bool:
    """Even-odd rule, half open: a point on the edge of two polygons that share it lies in exactly one."""
    inside = False
    for c in range(corners):
        ax, ay = polygon[c]
        bx, by = polygon[(c + 1) % corners]
        if (ay > v) == (by > v):
            continue
        # The lower end first, whichever way round the polygon goes: both neighbours compute the same number.
        if ay > by:
            ax, ay, bx, by = bx, by, ax, ay
        if u < ax + (v - ay) * (bx - ax) / (by - ay):
            inside = not inside
    return inside


@njit(cache=True)
def polygon_distance(a: Floats, corners_a: int, b: Floats, corners_b: int) -> float:
    """Smallest distance (mm) between the corners of either polygon and the edges of the other; 0 if edges cross.

    For polygons of which neither holds the other this is their distance.
    """
    best = np.inf
    for turn in range(2):
        p, q, n, m = (a, b, corners_a, corners_b) if turn == 0 else (b, a, corners_b, corners_a)
        for i in range(n):
            for j in range(m):
                dx, dy = q[(j + 1) % m, U] - q[j, U], q[(j + 1) % m, V] - q[j, V]
                length = dx * dx + dy * dy
                px, py = p[i, U] - q[j, U], p[i, V] - q[j, V]
                t = min(max((px * dx + py * dy) / length, 0.0), 1.0) if length > 0 else 0.0
                best = min(best, np.hypot(px - t * dx, py - t * dy))
    return 0.0 if edges_cross(a, corners_a, b, corners_b) else best


@njit(cache=True)
def edges_cross(a: Floats, corners_a: int, b: Floats, corners_b: int) -> bool:
    """Whether an edge of one polygon truly crosses an edge of the other; touching is not crossing."""
    for i in range(corners_a):
        px, py = a[i]
        rx, ry = a[(i + 1) % corners_a, U] - px, a[(i + 1) % corners_a, V] - py
        for j in range(corners_b):
            qx, qy = b[j, U] - px, b[j, V] - py
            sx, sy = b[(j + 1) % corners_b, U] - px, b[(j + 1) % corners_b, V] - py
            one, two = rx * qy - ry * qx, rx * sy - ry * sx
            dx, dy = sx - qx, sy - qy
            three, four = dy * qx - dx * qy, dx * (ry - qy) - dy * (rx - qx)
            small = 1e-7 * (np.hypot(rx, ry) + np.hypot(dx, dy)) * max(np.hypot(rx, ry), np.hypot(dx, dy))
            astride_a = (one > small and two < -small) or (one < -small and two > small)
            astride_b = (three > small and four < -small) or (three < -small and four > small)
            if astride_a and astride_b:
                return True
    return False


@njit(cache=True)
def crossing_themselves(polygons: Floats, counts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which polygons (n, k, 2) have an edge that truly crosses another of their own; touching is not crossing."""
    result = np.zeros(len(polygons), np.bool_)
    for i in range(len(polygons)):
        n = counts[i]
        for one in range(n - 2):
            for two in range(one + 2, n):
                if one == 0 and two == n - 1:
                    continue
                a, b = np.empty((2, 2)), np.empty((2, 2))
                a[0], a[1] = polygons[i, one], polygons[i, one + 1]
                b[0], b[1] = polygons[i, two], polygons[i, (two + 1) % n]
                if edges_cross(a, 2, b, 2):
                    result[i] = True
    return result


@njit(cache=True)
def farthest_outside(polygons: Floats, counts: NDArray[np.int64], outline: Floats) -> Floats:
    """How far (n,), mm, the farthest corner of each polygon (n, k, 2) lies outside a convex outline."""
    result = np.zeros(len(polygons))
    for i in range(len(polygons)):
        for c in range(counts[i]):
            away = outside_distance(polygons[i, c, U], polygons[i, c, V], outline, len(outline))
            result[i] = max(result[i], away)
    return result
