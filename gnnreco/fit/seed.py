"""Kernels of the track fit: whether the field along a candidate can tell its momentum, and where its fit starts.

See `gnnreco.fit.trackfit` for what they are part of.
"""

from __future__ import annotations

import math

import numpy as np

from gnnreco.geometry.field.grid import field_at

from .helix import BEND, extrapolate
from .kalman import IGNORED, kernel
from .propagate import TOLERANCE, to_plane

#: e/GeV. A field that does not part a particle of such a q/p (20 MeV) from a straight line tells none.
STRONGEST = 50.0
LOOKS = 6  # at the field between two hits


@kernel
def lever_of(n, given, grid, work):  # type: ignore[no-untyped-def]
    """Eight sagittas (mm) of a candidate for q/p = 1; 0 where its field cannot tell q/p."""
    p = work.point
    if grid is None:
        span2 = (p[0, 0] - p[n - 1, 0]) ** 2 + (p[0, 1] - p[n - 1, 1]) ** 2
        return max(span2, 1e-30) * abs(given.bend)
    kick, way, finest = 0.0, 0.0, np.inf
    for j in range(n):
        finest = min(finest, work.variance[j, 0], work.variance[j, 1])
    for j in range(n - 1):
        step, kx, ky, kz, _, _, _ = bend_between(p[j + 1], p[j], grid)
        kick += math.sqrt(kx * kx + ky * ky + kz * kz)
        way += step
    return kick * way if kick * way * STRONGEST > 8.0 * math.sqrt(finest) else 0.0


@kernel
def bend_between(a, b, grid):  # type: ignore[no-untyped-def]
    """What the field does to a track of q/p = 1 on the way from `a` to `b`.

    Returns the way (mm), the change of direction (3), and how far that displaces the track (3, mm).
    """
    vx, vy, vz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    kx, ky, kz, dx, dy, dz = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    way = math.sqrt(vx * vx + vy * vy + vz * vz)
    for i in range(LOOKS):
        at = (i + 0.5) / LOOKS
        bx, by, bz = field_at(grid, a[0] + at * vx, a[1] + at * vy, a[2] + at * vz)
        fx, fy, fz = vy * bz - vz * by, vz * bx - vx * bz, vx * by - vy * bx
        kx, ky, kz = kx + fx, ky + fy, kz + fz
        dx, dy, dz = dx + (1.0 - at) * fx, dy + (1.0 - at) * fy, dz + (1.0 - at) * fz
    scale = BEND / LOOKS
    return way, scale * kx, scale * ky, scale * kz, scale * way * dx, scale * way * dy, scale * way * dz


@kernel
def seed(n, lever, given, grid, work):  # type: ignore[no-untyped-def]
    """The curve through the outermost, the middle and the innermost hit, at the outermost."""
    last, middle, first = 0, n // 2, n - 1
    while last < n - 1 and work.variance[last, 0] >= IGNORED:
        last += 1
    while first > 0 and work.variance[first, 0] >= IGNORED:
        first -= 1
    while middle < n - 1 and work.variance[middle, 0] >= IGNORED:
        middle += 1
    if grid is None:
        _helix(last, middle, first, n, given, work)
    else:
        _through_field(last, middle, first, lever, grid, work)


@kernel
def _helix(last, middle, first, n, given, work):  # type: ignore[no-untyped-def]
    """In a constant field along z."""
    p, s = work.point, work.state
    ax, ay, bx, by, cx, cy = p[first, 0], p[first, 1], p[middle, 0], p[middle, 1], p[last, 0], p[last, 1]
    chord, rise = math.hypot(cx - ax, cy - ay), p[last, 2] - p[first, 2]
    sides = math.hypot(bx - ax, by - ay) * math.hypot(cx - bx, cy - by) * chord
    curvature = 0.0
    if given.bend != 0.0 and n > 2 and sides > 0.0 and chord > 1e-6 * abs(rise):
        curvature = 2.0 * ((bx - ax) * (cy - by) - (by - ay) * (cx - bx)) / sides
    half = math.asin(min(1.0, max(-1.0, 0.5 * curvature * chord)))
    bent_back = (ax - bx) * (cx - bx) + (ay - by) * (cy - by) > 0.0
    if curvature != 0.0 and bent_back:  # more than half a turn from the first to the last
        half = math.copysign(math.pi, half) - half
    around = 2.0 * half / curvature if curvature != 0.0 else chord
    phi = math.atan2(cy - ay, cx - ax) + half
    path = math.hypot(around, rise)
    x, y, z = p[last, 0], p[last, 1], p[last, 2]
    tx, ty, tz = math.cos(phi) * around / path, math.sin(phi) * around / path, rise / path
    if last > 0:  # out again to the outermost sensor, whose own hit was dropped
        n0, k = work.axes[0, 2], -curvature * around / path
        x, y, z, tx, ty, tz, _, _ = extrapolate(
            x, y, z, tx, ty, tz, k, p[0, 0], p[0, 1], p[0, 2], n0[0], n0[1], n0[2]
        )
    s[0, 0], s[0, 1], s[0, 2], s[0, 3], s[0, 4], s[0, 5] = x, y, z, tx, ty, tz
    s[0, 6] = -curvature * around / path / given.bend if given.bend != 0.0 else 0.0


@kernel
def _through_field(last, middle, first, lever, grid, work):  # type: ignore[no-untyped-def]
    """In any field, which is looked at along the lines from hit to hit: x(s) = x0 + t0 s + q/p d(s), by the middle hit."""
    p, s = work.point, work.state
    way, kx, ky, kz, dx, dy, dz = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    half, hx, hy, hz, before = 0.0, 0.0, 0.0, 0.0, first
    for j in range(first - 1, last - 1, -1):
        if work.variance[j, 0] >= IGNORED:
            continue
        more, mx, my, mz, ex, ey, ez = bend_between(p[before], p[j], grid)
        dx, dy, dz = dx + kx * more + ex, dy + ky * more + ey, dz + kz * more + ez
        kx, ky, kz, way, before = kx + mx, ky + my, kz + mz, way + more, j
        if j == middle:
            half, hx, hy, hz = way, dx, dy, dz
    q_over_p, share = 0.0, half / max(way, 1e-9)
    if lever > 0.0 and 0.0 < share < 1.0:
        bent, strength = 0.0, 0.0
        for a in range(2):
            u = work.axes[middle, a]
            off = 0.0
            for i in range(3):
                off += u[i] * (p[middle, i] - p[first, i] - share * (p[last, i] - p[first, i]))
            here = u[0] * (hx - share * dx) + u[1] * (hy - share * dy) + u[2] * (hz - share * dz)
            bent += off * here / work.variance[middle, a]
            strength += here * here / work.variance[middle, a]
        q_over_p = bent / max(strength, 1e-30)
    ray, at = work.rays[0], 1.0 / max(way, 1e-9)
    ray[0], ray[1], ray[2], ray[6] = p[last, 0], p[last, 1], p[last, 2], q_over_p
    ray[3] = (p[last, 0] - p[first, 0] - q_over_p * dx) * at + q_over_p * kx
    ray[4] = (p[last, 1] - p[first, 1] - q_over_p * dy) * at + q_over_p * ky
    ray[5] = (p[last, 2] - p[first, 2] - q_over_p * dz) * at + q_over_p * kz
    norm = 1.0 / max(math.sqrt(ray[3] ** 2 + ray[4] ** 2 + ray[5] ** 2), 1e-30)
    ray[3], ray[4], ray[5] = ray[3] * norm, ray[4] * norm, ray[5] * norm
    if last > 0:  # out again to the outermost sensor, whose own hit was dropped
        w = work.axes[0, 2]
        to_plane(grid, TOLERANCE, work.rays[:1], p[0, 0], p[0, 1], p[0, 2], w[0], w[1], w[2])
    s[0] = ray
