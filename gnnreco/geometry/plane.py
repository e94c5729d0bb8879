"""Compiled kernels on polygons in a plane: cut, measure, contain."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]

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
                    new[kept, 0], new[kept, 1] = px, py
                    kept += 1
                if (side_p > 0 and side_q < 0) or (side_p < 0 and side_q > 0):
                    t = side_p / (side_p - side_q)
                    new[kept, 0], new[kept, 1] = px + t * (qx - px), py + t * (qy - py)
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
            ax, ay = corners[i, c, 0] - x0, corners[i, c, 1] - y0
            bx, by = corners[i, (c + 1) % k, 0] - x0, corners[i, (c + 1) % k, 1] - y0
            cross = ax * by - bx * ay
            area[i] += cross / 2
            centroid[i, 0] += (ax + bx) * cross / 6
            centroid[i, 1] += (ay + by) * cross / 6
        if area[i] != 0:
            centroid[i, 0] = x0 + centroid[i, 0] / area[i]
            centroid[i, 1] = y0 + centroid[i, 1] / area[i]
        else:
            centroid[i, 0], centroid[i, 1] = x0, y0
    return area, centroid


@njit(cache=True)
def outside_distance(u: float, v: float, outline: Floats, corners: int) -> float:
    """Distance (mm) from a point to a convex counter-clockwise polygon; 0 inside."""
    inside = True
    best = np.inf
    for c in range(corners):
        ax, ay = outline[c]
        bx, by = outline[(c + 1) % corners]
        dx, dy = bx - ax, by - ay
        if dx * (v - ay) - dy * (u - ax) < 0:
            inside = False
        t = ((u - ax) * dx + (v - ay) * dy) / (dx * dx + dy * dy)
        t = min(max(t, 0.0), 1.0)
        best = min(best, np.hypot(u - ax - t * dx, v - ay - t * dy))
    return 0.0 if inside else best


@njit(cache=True)
def inside_convex(u: Floats, v: Floats, outline: Floats) -> NDArray[np.bool_]:
    """Which points lie in or on a convex polygon (k, 2)."""
    result = np.empty(len(u), np.bool_)
    for i in range(len(u)):
        result[i] = outside_distance(u[i], v[i], outline, len(outline)) <= TOUCH
    return result


def is_convex(outline: Floats) -> bool:
    """Whether a polygon (k, 2) is convex, counter-clockwise, and has no corner twice."""
    edge = np.roll(outline, -1, axis=0) - outline
    following = np.roll(edge, -1, axis=0)
    turn = edge[:, 0] * following[:, 1] - edge[:, 1] * following[:, 0]
    angle = np.arctan2(turn, (edge * following).sum(axis=1))
    long_enough = np.hypot(edge[:, 0], edge[:, 1]) > TOUCH
    return bool(long_enough.all() and (turn >= 0).all() and abs(angle.sum() - 2 * np.pi) < 1e-6)
