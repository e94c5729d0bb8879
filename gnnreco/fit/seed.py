"""Kernels of the track fit: whether the field along a candidate can tell its momentum, and where its fit starts.

See `gnnreco.fit.trackfit` for what they are part of.
"""

from __future__ import annotations

import math

import numpy as np

from gnnreco.columns import Floats
from gnnreco.geometry.field.grid import FieldGrid, field_at
from gnnreco.kernels import U, V, W, X, Y, Z

from .helix import BEND, RAY_Q_OVER_P, TX, TY, TZ, extrapolate
from .kalman import IGNORED, Given, Work, kernel
from .propagate import TOLERANCE, to_plane

#: e/GeV. A field that does not part a particle of such a q/p (20 MeV) from a straight line tells none.
STRONGEST = 50.0
LOOKS = 6  # at the field between two hits


@kernel
def lever_of(n: int, given: Given, grid: FieldGrid | None, work: Work) -> float:
    """Eight sagittas (mm) of a candidate for q/p = 1; 0 where its field cannot tell q/p."""
    p = work.point
    if grid is None:
        span2 = (p[0, X] - p[n - 1, X]) ** 2 + (p[0, Y] - p[n - 1, Y]) ** 2
        return max(span2, 1e-30) * abs(given.bend)
    kick, way, finest = 0.0, 0.0, np.inf
    for j in range(n):
        finest = min(finest, work.variance[j, U], work.variance[j, V])
    for j in range(n - 1):
        step, kx, ky, kz, _, _, _ = bend_between(p[j + 1], p[j], grid)
        kick += math.sqrt(kx * kx + ky * ky + kz * kz)
        way += step
    return kick * way if kick * way * STRONGEST > 8.0 * math.sqrt(finest) else 0.0


@kernel
def bend_between(
    a: Floats, b: Floats, grid: FieldGrid
) -> tuple[float, float, float, float, float, float, float]:
    """What the field does to a track of q/p = 1 on the way from `a` to `b`.

    Returns the way (mm), the change of direction (3), and how far that displaces the track (3, mm).
    """
    vx, vy, vz = b[X] - a[X], b[Y] - a[Y], b[Z] - a[Z]
    kx, ky, kz, dx, dy, dz = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    way = math.sqrt(vx * vx + vy * vy + vz * vz)
    for i in range(LOOKS):
        at = (i + 0.5) / LOOKS
        bx, by, bz = field_at(grid, a[X] + at * vx, a[Y] + at * vy, a[Z] + at * vz)
        fx, fy, fz = vy * bz - vz * by, vz * bx - vx * bz, vx * by - vy * bx
        kx, ky, kz = kx + fx, ky + fy, kz + fz
        dx, dy, dz = dx + (1.0 - at) * fx, dy + (1.0 - at) * fy, dz + (1.0 - at) * fz
    scale = BEND / LOOKS
    return way, scale * kx, scale * ky, scale * kz, scale * way * dx, scale * way * dy, scale * way * dz


@kernel
def seed(n: int, lever: float, given: Given, grid: FieldGrid | None, work: Work) -> None:
    """The curve through the outermost, the middle and the innermost hit, at the outermost."""
    last, middle, first = 0, n // 2, n - 1
    while last < n - 1 and work.variance[last, U] >= IGNORED:
        last += 1
    while first > 0 and work.variance[first, U] >= IGNORED:
        first -= 1
    while middle < n - 1 and work.variance[middle, U] >= IGNORED:
        middle += 1
    if grid is None:
        _helix(last, middle, first, n, given, work)
    else:
        _through_field(last, middle, first, lever, grid, work)


@kernel
def _helix(last: int, middle: int, first: int, n: int, given: Given, work: Work) -> None:
    """In a constant field along z."""
    p, s = work.point, work.state
    ax, ay, bx, by, cx, cy = p[first, X], p[first, Y], p[middle, X], p[middle, Y], p[last, X], p[last, Y]
    chord, rise = math.hypot(cx - ax, cy - ay), p[last, Z] - p[first, Z]
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
    x, y, z = p[last, X], p[last, Y], p[last, Z]
    tx, ty, tz = math.cos(phi) * around / path, math.sin(phi) * around / path, rise / path
    if last > 0:  # out again to the outermost sensor, whose own hit was dropped
        n0, k = work.axes[0, W], -curvature * around / path
        x, y, z, tx, ty, tz, _, _ = extrapolate(
            x, y, z, tx, ty, tz, k, p[0, X], p[0, Y], p[0, Z], n0[X], n0[Y], n0[Z]
        )
    s[0, X], s[0, Y], s[0, Z], s[0, TX], s[0, TY], s[0, TZ] = x, y, z, tx, ty, tz
    s[0, RAY_Q_OVER_P] = -curvature * around / path / given.bend if given.bend != 0.0 else 0.0


@kernel
def _through_field(last: int, middle: int, first: int, lever: float, grid: FieldGrid, work: Work) -> None:
    """In any field, which is looked at along the lines from hit to hit: x(s) = x0 + t0 s + q/p d(s), by the middle hit."""
    p, s = work.point, work.state
    way, kx, ky, kz, dx, dy, dz = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    half, hx, hy, hz, before = 0.0, 0.0, 0.0, 0.0, first
    for j in range(first - 1, last - 1, -1):
        if work.variance[j, U] >= IGNORED:
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
            here = u[X] * (hx - share * dx) + u[Y] * (hy - share * dy) + u[Z] * (hz - share * dz)
            bent += off * here / work.variance[middle, a]
            strength += here * here / work.variance[middle, a]
        q_over_p = bent / max(strength, 1e-30)
    ray, at = work.rays[0], 1.0 / max(way, 1e-9)
    ray[X], ray[Y], ray[Z], ray[RAY_Q_OVER_P] = p[last, X], p[last, Y], p[last, Z], q_over_p
    ray[TX] = (p[last, X] - p[first, X] - q_over_p * dx) * at + q_over_p * kx
    ray[TY] = (p[last, Y] - p[first, Y] - q_over_p * dy) * at + q_over_p * ky
    ray[TZ] = (p[last, Z] - p[first, Z] - q_over_p * dz) * at + q_over_p * kz
    norm = 1.0 / max(math.sqrt(ray[TX] ** 2 + ray[TY] ** 2 + ray[TZ] ** 2), 1e-30)
    ray[TX], ray[TY], ray[TZ] = ray[TX] * norm, ray[TY] * norm, ray[TZ] * norm
    if last > 0:  # out again to the outermost sensor, whose own hit was dropped
        w = work.axes[0, W]
        to_plane(grid, TOLERANCE, work.rays[:1], p[0, X], p[0, Y], p[0, Z], w[X], w[Y], w[Z])
    s[0] = ray
