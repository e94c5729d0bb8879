"""Kernels of the track fit: the reference track, sensor by sensor inwards, to the z axis.

See `gnnreco.fit.trackfit` for what they are part of.
"""

from __future__ import annotations

import math

import numpy as np

from gnnreco.columns import Floats
from gnnreco.geometry.field.grid import FieldGrid
from gnnreco.kernels import U, V, W, X, Y, Z

from .helix import (
    D0,
    PHI,
    Q_OVER_P,
    RAY_Q_OVER_P,
    THETA,
    TX,
    TY,
    TZ,
    Z0,
    extrapolate,
    path_to_axis,
    step,
    turn,
)
from .kalman import ANGLE_U, ANGLE_V, TILT_U, TILT_V, Given, Work, dot, kernel, sandwich, use_chi2
from .matter import before_the_first_sensor, inside
from .propagate import TOLERANCE, push, to_axis, to_plane
from .result import FITTED, NOT_FINITE, UNMEASURED, UNSETTLED, FitResult

ROUNDING = 1e-6  # of chi2: what lies farther below zero is no fit
ANY_ANGLE = math.pi**2 / 3  # rad^2, variance of the angle of a track along z


@kernel
def follow_hits(n: int, work: Work) -> None:
    """A reference for tracks whose seed misses a sensor: through every hit, each time along its neighbours."""
    p, s = work.point, work.state
    for j in range(n):
        a, b = max(j - 1, 0), min(j + 1, n - 1)
        dx, dy, dz = p[a, X] - p[b, X], p[a, Y] - p[b, Y], p[a, Z] - p[b, Z]
        norm = 1.0 / math.sqrt(dx * dx + dy * dy + dz * dz)
        s[j, X], s[j, Y], s[j, Z] = p[j, X], p[j, Y], p[j, Z]
        s[j, TX], s[j, TY], s[j, TZ], s[j, RAY_Q_OVER_P] = dx * norm, dy * norm, dz * norm, s[0, RAY_Q_OVER_P]


@kernel
def angle_axes(j: int, work: Work) -> None:
    """U and V, square to the reference direction and to each other: U = v x T, V = T x U."""
    vx, vy, vz = work.axes[j, V, X], work.axes[j, V, Y], work.axes[j, V, Z]
    tx, ty, tz = work.state[j, TX], work.state[j, TY], work.state[j, TZ]
    ux, uy, uz = vy * tz - vz * ty, vz * tx - vx * tz, vx * ty - vy * tx
    norm = 1.0 / math.sqrt(ux * ux + uy * uy + uz * uz)
    ux, uy, uz = ux * norm, uy * norm, uz * norm
    work.axes[j, TILT_U, X], work.axes[j, TILT_U, Y], work.axes[j, TILT_U, Z] = ux, uy, uz
    work.axes[j, TILT_V, X], work.axes[j, TILT_V, Y], work.axes[j, TILT_V, Z] = (
        ty * uz - tz * uy,
        tz * ux - tx * uz,
        tx * uy - ty * ux,
    )


@kernel
def column(
    c: int, j: int, s: float, helix: tuple[float, ...], given: Given, grid: FieldGrid | None, work: Work
) -> tuple[float, float, float, float, float, float]:
    """Change of position and direction for a unit change of parameter `c` on sensor `j`, a step `s` (``turn``) later."""
    if grid is not None:
        moved = work.rays[1 + c]
        return moved[X], moved[Y], moved[Z], moved[TX], moved[TY], moved[TZ]
    if c < 2:
        return work.axes[j, c, X], work.axes[j, c, Y], work.axes[j, c, Z], 0.0, 0.0, 0.0
    sin, cos, along, across, along_slope, across_slope = helix
    if c < 4:
        tx, ty, tz = work.axes[j, c + 1, X], work.axes[j, c + 1, Y], work.axes[j, c + 1, Z]
        return (
            s * (along * tx - across * ty),
            s * (along * ty + across * tx),
            s * tz,
            cos * tx - sin * ty,
            cos * ty + sin * tx,
            tz,
        )
    tx, ty = work.state[j, TX], work.state[j, TY]
    da = -s * given.bend
    return (
        s * da * (along_slope * tx - across_slope * ty),
        s * da * (along_slope * ty + across_slope * tx),
        0.0,
        da * (-sin * tx - cos * ty),
        da * (-sin * ty + cos * tx),
        0.0,
    )


@kernel
def take(j: int, q_over_p: float, work: Work) -> Floats:
    """The reference on sensor `j` as a ray, and its change for a unit change of each parameter."""
    rays = work.rays
    rays[:] = 0.0
    for i in range(6):
        rays[0, i] = work.state[j, i]
    rays[0, RAY_Q_OVER_P], rays[1 + Q_OVER_P, RAY_Q_OVER_P] = q_over_p, 1.0
    for i in range(3):
        rays[1 + U, i], rays[1 + V, i] = work.axes[j, U, i], work.axes[j, V, i]
        rays[1 + ANGLE_U, TX + i] = work.axes[j, TILT_U, i]
        rays[1 + ANGLE_V, TX + i] = work.axes[j, TILT_V, i]
    return rays[0]


@kernel
def advance(j: int, first_pass: bool, lever: float, given: Given, grid: FieldGrid | None, work: Work) -> bool:
    """Step the reference from sensor `j` to the next one in: its Jacobian, and the gap (or, at first, the reference)."""
    ref, axes = work.state, work.axes
    q_over_p, slope, work.scatter[j, 0], work.scatter[j, 1] = inside(j, lever, given, work)
    k, s = given.bend * q_over_p, 0.0
    if grid is None:
        x, y, z, tx, ty, tz, s, crossed = extrapolate(
            ref[j, X],
            ref[j, Y],
            ref[j, Z],
            ref[j, TX],
            ref[j, TY],
            ref[j, TZ],
            k,
            work.point[j + 1, X],
            work.point[j + 1, Y],
            work.point[j + 1, Z],
            axes[j + 1, W, X],
            axes[j + 1, W, Y],
            axes[j + 1, W, Z],
        )
        ax, ay, az = ty, -tx, 0.0
    else:
        ray, to, w = take(j, q_over_p, work), work.point[j + 1], axes[j + 1, W]
        _, crossed = to_plane(grid, TOLERANCE, work.rays, to[X], to[Y], to[Z], w[X], w[Y], w[Z])
        x, y, z, tx, ty, tz = ray[X], ray[Y], ray[Z], ray[TX], ray[TY], ray[TZ]
        ax, ay, az = push(grid, x, y, z, tx, ty, tz, 1.0)
    if not crossed:
        return False
    here = ref[j + 1]
    if first_pass:
        here[X], here[Y], here[Z] = x, y, z
        here[TX], here[TY], here[TZ], here[RAY_Q_OVER_P] = tx, ty, tz, q_over_p
        angle_axes(j + 1, work)
    dx, dy, dz = x - here[X], y - here[Y], z - here[Z]
    ex, ey, ez = tx - here[TX], ty - here[TY], tz - here[TZ]
    for r in range(2):
        work.gap[j + 1, r] = dot(axes[j + 1, r], dx, dy, dz)
        work.gap[j + 1, ANGLE_U + r] = dot(axes[j + 1, TILT_U + r], ex, ey, ez)
    work.gap[j + 1, Q_OVER_P] = q_over_p - here[RAY_Q_OVER_P]
    helix = turn(k, s)
    into = 1.0 / dot(axes[j + 1, W], tx, ty, tz)
    for c in range(5):
        dx, dy, dz, ex, ey, ez = column(c, j, s, helix, given, grid, work)
        slide = -dot(axes[j + 1, W], dx, dy, dz) * into  # along the track, back on to the plane
        dx, dy, dz = dx + slide * tx, dy + slide * ty, dz + slide * tz
        ex, ey, ez = ex + slide * k * ax, ey + slide * k * ay, ez + slide * k * az
        factor = slope if c == Q_OVER_P else 1.0
        for r in range(2):
            work.jacobian[j, r, c] = factor * dot(axes[j + 1, r], dx, dy, dz)
            work.jacobian[j, ANGLE_U + r, c] = factor * dot(axes[j + 1, TILT_U + r], ex, ey, ez)
        work.jacobian[j, Q_OVER_P, c] = 0.0
    work.jacobian[j, Q_OVER_P, Q_OVER_P] = slope
    return True


@kernel
def write_track(
    i: int, n: int, ndf: int, lever: float, given: Given, grid: FieldGrid | None, work: Work, out: FitResult
) -> int:
    """Carry the innermost state in to the z axis and fill row `i`; returns the status."""
    j, p, jacobian, covariance = n - 1, work.filtered, work.a, work.b
    q_over_p, slope, scatter, _ = inside(j, lever, given, work)
    p[ANGLE_U, ANGLE_U] += scatter
    p[ANGLE_V, ANGLE_V] += scatter
    here = work.state[j]
    x, y, z, tx, ty, tz = here[X], here[Y], here[Z], here[TX], here[TY], here[TZ]
    k = given.bend * q_over_p
    # Along z within the errors: no closest approach. (25 = five standard deviations.)
    at_hit = tx * tx + ty * ty < 25.0 * max(p[ANGLE_U, ANGLE_U], p[ANGLE_V, ANGLE_V])
    s, ax, ay, az = 0.0, 0.0, 0.0, 0.0
    if grid is None:
        s = 0.0 if at_hit else path_to_axis(x, y, tx, ty, k)
        x, y, z, tx, ty, tz = step(x, y, z, tx, ty, tz, k, s)
        ax, ay = ty, -tx
    else:
        ray = take(j, q_over_p, work)
        if not at_hit:
            to_axis(grid, TOLERANCE, work.rays)
        x, y, z, tx, ty, tz = ray[X], ray[Y], ray[Z], ray[TX], ray[TY], ray[TZ]
        ax, ay, az = push(grid, x, y, z, tx, ty, tz, 1.0)
    transverse = max(math.hypot(tx, ty), 1e-9)
    phi = math.atan2(ty, tx)
    cos, sin = math.cos(phi), math.sin(phi)
    helix = turn(k, s)
    along = 1.0 / (transverse * transverse + k * (x * ax + y * ay))
    for c in range(5):
        dx, dy, dz, ex, ey, ez = column(c, j, s, helix, given, grid, work)
        slide = 0.0 if at_hit else -(tx * dx + ty * dy + x * ex + y * ey) * along
        ex, ey, ez = ex + slide * k * ax, ey + slide * k * ay, ez + slide * k * az
        factor = slope if c == Q_OVER_P else 1.0
        jacobian[D0, c] = factor * (cos * (dy + slide * ty) - sin * (dx + slide * tx))
        jacobian[Z0, c] = factor * (dz + slide * tz)
        jacobian[PHI, c] = factor * (cos * ey - sin * ex) / transverse
        jacobian[THETA, c] = -factor * ez / transverse
        jacobian[Q_OVER_P, c] = 0.0
    jacobian[Q_OVER_P, Q_OVER_P] = slope
    sandwich(jacobian, p, work.c, covariance)
    if at_hit:  # no variance tells that z0 was not measured: a tilted sensor would give it some
        covariance[Z0, :], covariance[:, Z0] = 0.0, 0.0
    sine = math.hypot(tx, ty) / math.sqrt(tx * tx + ty * ty + tz * tz)
    if not at_hit and sine > 0.0:
        first, cot = math.hypot(here[X], here[Y]), tz / math.hypot(tx, ty)
        before_the_first_sensor(first, z, cot, sine, lever, q_over_p, given, covariance)
    if lever == 0.0:
        covariance[Q_OVER_P, Q_OVER_P] = UNMEASURED
    if covariance[PHI, PHI] > ANY_ANGLE:
        _cap_angle(covariance)
    total = 0.0
    for c in range(n):
        total += use_chi2(c, work)
    values = out.parameters[i]
    values[D0], values[Z0], values[PHI] = y * cos - x * sin, z, phi
    values[THETA], values[Q_OVER_P] = math.atan2(math.hypot(tx, ty), tz), q_over_p
    for r in range(5):
        for c in range(r + 1):
            out.covariance[i, r * (r + 1) // 2 + c] = covariance[r, c]
    out.chi2[i], out.ndf[i], out.at_first_hit[i] = total, ndf, at_hit
    out.first[i], out.last[i] = work.state[n - 1], work.state[0]
    finite = math.isfinite(np.sum(values) + np.sum(out.covariance[i]) + total)
    if finite and total > -ROUNDING:
        out.chi2[i] = max(total, 0.0)
        return FITTED
    values[:], out.covariance[i], out.chi2[i], out.ndf[i], out.first[i], out.last[i] = (
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
    )
    return UNSETTLED if finite else NOT_FINITE


@kernel
def _cap_angle(covariance: Floats) -> None:
    """A direction along z leaves phi anywhere: shrink its error to that of a uniform angle, correlations kept."""
    factor = math.sqrt(ANY_ANGLE / covariance[PHI, PHI])
    for c in range(5):
        covariance[PHI, c] *= factor
        covariance[c, PHI] *= factor
