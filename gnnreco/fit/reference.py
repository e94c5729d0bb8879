"""Kernels of the track fit: the reference track, sensor by sensor inwards, to the z axis.

See `gnnreco.fit.trackfit` for what they are part of.
"""

from __future__ import annotations

import math

import numpy as np

from .helix import extrapolate, path_to_axis, step, turn
from .kalman import dot, kernel, sandwich, use_chi2
from .propagate import TOLERANCE, push, to_axis, to_plane

FITTED, TOO_FEW_HITS, MISSED_SENSOR, UNSETTLED, NOT_FINITE = 0, 1, 2, 3, 4
#: Variance given to what a track cannot tell: q/p in too weak a field ((e/GeV)^2), the angle of a track along z (rad^2).
UNMEASURED, ANY_ANGLE = 1e6, math.pi**2 / 3


@kernel
def follow_hits(n, work):  # type: ignore[no-untyped-def]
    """A reference for tracks whose seed misses a sensor: through every hit, each time along its neighbours."""
    p, s = work.point, work.state
    for j in range(n):
        a, b = max(j - 1, 0), min(j + 1, n - 1)
        dx, dy, dz = p[a, 0] - p[b, 0], p[a, 1] - p[b, 1], p[a, 2] - p[b, 2]
        norm = 1.0 / math.sqrt(dx * dx + dy * dy + dz * dz)
        s[j, 0], s[j, 1], s[j, 2] = p[j, 0], p[j, 1], p[j, 2]
        s[j, 3], s[j, 4], s[j, 5], s[j, 6] = dx * norm, dy * norm, dz * norm, s[0, 6]


@kernel
def angle_axes(j, work):  # type: ignore[no-untyped-def]
    """U and V, square to the reference direction and to each other: U = v x T, V = T x U."""
    vx, vy, vz = work.axes[j, 1, 0], work.axes[j, 1, 1], work.axes[j, 1, 2]
    tx, ty, tz = work.state[j, 3], work.state[j, 4], work.state[j, 5]
    ux, uy, uz = vy * tz - vz * ty, vz * tx - vx * tz, vx * ty - vy * tx
    norm = 1.0 / math.sqrt(ux * ux + uy * uy + uz * uz)
    ux, uy, uz = ux * norm, uy * norm, uz * norm
    work.axes[j, 3, 0], work.axes[j, 3, 1], work.axes[j, 3, 2] = ux, uy, uz
    work.axes[j, 4, 0], work.axes[j, 4, 1], work.axes[j, 4, 2] = (
        ty * uz - tz * uy,
        tz * ux - tx * uz,
        tx * uy - ty * ux,
    )


@kernel
def inside(j, lever, given, work):  # type: ignore[no-untyped-def]
    """q/p on the inner side of sensor `j`, its slope in q/p outside, and the variance of each angle from scattering."""
    q_over_p = work.state[j, 6] if lever > 0.0 else given.q_over_p_without_field
    slant = abs(dot(work.axes[j, 2], work.state[j, 3], work.state[j, 4], work.state[j, 5]))
    depth = work.material[j] / max(slant, 0.05)
    if q_over_p == 0.0 or depth <= 0.0:
        return work.state[j, 6], 1.0, 0.0
    p = 1.0 / abs(q_over_p)
    energy = math.sqrt(p * p + given.mass * given.mass)
    beta2 = p * p / (energy * energy)
    theta = (
        0.0136 / (p * math.sqrt(beta2)) * math.sqrt(depth) * max(0.0, 1.0 + 0.038 * math.log(depth / beta2))
    )
    if not given.energy_loss or lever == 0.0:
        return work.state[j, 6], 1.0, theta * theta
    inner = energy + depth * _loss(p, energy, given.mass)
    inner_p = math.sqrt(inner * inner - given.mass * given.mass)
    return math.copysign(1.0 / inner_p, q_over_p), (p / inner_p) ** 3 * inner / energy, theta * theta


@kernel
def _loss(p, energy, mass):  # type: ignore[no-untyped-def]
    """Mean energy loss in one radiation length of silicon (21.82 g/cm^2), GeV: Bethe with the density effect far up."""
    electron, excitation, plasma = 0.511e-3, 173e-9, 31.05e-9
    gamma, beta2 = energy / mass, (p / energy) ** 2
    bg2 = (p / mass) ** 2
    largest = 2.0 * electron * bg2 / (1.0 + 2.0 * gamma * electron / mass + (electron / mass) ** 2)
    density = max(0.0, math.log(plasma / excitation) + 0.5 * math.log(bg2) - 0.5)
    bracket = 0.5 * math.log(2.0 * electron * bg2 * largest / excitation**2) - beta2 - density
    return 21.82 * 0.307075e-3 * 0.49848 / beta2 * max(bracket, 0.0)


@kernel
def column(c, j, s, helix, given, grid, work):  # type: ignore[no-untyped-def]
    """Change of position and direction for a unit change of parameter `c` on sensor `j`, a step `s` (``turn``) later."""
    if grid is not None:
        moved = work.rays[1 + c]
        return moved[0], moved[1], moved[2], moved[3], moved[4], moved[5]
    if c < 2:
        return work.axes[j, c, 0], work.axes[j, c, 1], work.axes[j, c, 2], 0.0, 0.0, 0.0
    sin, cos, along, across, along_slope, across_slope = helix
    if c < 4:
        tx, ty, tz = work.axes[j, c + 1, 0], work.axes[j, c + 1, 1], work.axes[j, c + 1, 2]
        return (
            s * (along * tx - across * ty), s * (along * ty + across * tx), s * tz,
            cos * tx - sin * ty, cos * ty + sin * tx, tz,
        )  # fmt: skip
    tx, ty = work.state[j, 3], work.state[j, 4]
    da = -s * given.bend
    return (
        s * da * (along_slope * tx - across_slope * ty), s * da * (along_slope * ty + across_slope * tx), 0.0,
        da * (-sin * tx - cos * ty), da * (-sin * ty + cos * tx), 0.0,
    )  # fmt: skip


@kernel
def take(j, q_over_p, work):  # type: ignore[no-untyped-def]
    """The reference on sensor `j` as a ray, and its change for a unit change of each parameter."""
    rays = work.rays
    rays[:] = 0.0
    for i in range(6):
        rays[0, i] = work.state[j, i]
    rays[0, 6], rays[5, 6] = q_over_p, 1.0
    for i in range(3):
        rays[1, i], rays[2, i] = work.axes[j, 0, i], work.axes[j, 1, i]
        rays[3, 3 + i], rays[4, 3 + i] = work.axes[j, 3, i], work.axes[j, 4, i]
    return rays[0]


@kernel
def advance(j, first_pass, lever, given, grid, work):  # type: ignore[no-untyped-def]
    """Step the reference from sensor `j` to the next one in: its Jacobian, and the gap (or, at first, the reference)."""
    ref, axes = work.state, work.axes
    q_over_p, slope, work.scatter[j] = inside(j, lever, given, work)
    k, s = given.bend * q_over_p, 0.0
    if grid is None:
        x, y, z, tx, ty, tz, s, crossed = extrapolate(
            ref[j, 0], ref[j, 1], ref[j, 2], ref[j, 3], ref[j, 4], ref[j, 5], k,
            work.point[j + 1, 0], work.point[j + 1, 1], work.point[j + 1, 2],
            axes[j + 1, 2, 0], axes[j + 1, 2, 1], axes[j + 1, 2, 2],
        )  # fmt: skip
        ax, ay, az = ty, -tx, 0.0
    else:
        ray, to, w = take(j, q_over_p, work), work.point[j + 1], axes[j + 1, 2]
        _, crossed = to_plane(grid, TOLERANCE, work.rays, to[0], to[1], to[2], w[0], w[1], w[2])
        x, y, z, tx, ty, tz = ray[0], ray[1], ray[2], ray[3], ray[4], ray[5]
        ax, ay, az = push(grid, x, y, z, tx, ty, tz, 1.0)
    if not crossed:
        return False
    here = ref[j + 1]
    if first_pass:
        here[0], here[1], here[2], here[3], here[4], here[5], here[6] = x, y, z, tx, ty, tz, q_over_p
        angle_axes(j + 1, work)
    dx, dy, dz, ex, ey, ez = x - here[0], y - here[1], z - here[2], tx - here[3], ty - here[4], tz - here[5]
    for r in range(2):
        work.gap[j + 1, r] = dot(axes[j + 1, r], dx, dy, dz)
        work.gap[j + 1, r + 2] = dot(axes[j + 1, r + 3], ex, ey, ez)
    work.gap[j + 1, 4] = q_over_p - here[6]
    helix = turn(k, s)
    into = 1.0 / dot(axes[j + 1, 2], tx, ty, tz)
    for c in range(5):
        dx, dy, dz, ex, ey, ez = column(c, j, s, helix, given, grid, work)
        slide = -dot(axes[j + 1, 2], dx, dy, dz) * into  # along the track, back on to the plane
        dx, dy, dz = dx + slide * tx, dy + slide * ty, dz + slide * tz
        ex, ey, ez = ex + slide * k * ax, ey + slide * k * ay, ez + slide * k * az
        factor = slope if c == 4 else 1.0
        for r in range(2):
            work.jacobian[j, r, c] = factor * dot(axes[j + 1, r], dx, dy, dz)
            work.jacobian[j, r + 2, c] = factor * dot(axes[j + 1, r + 3], ex, ey, ez)
        work.jacobian[j, 4, c] = 0.0
    work.jacobian[j, 4, 4] = slope
    return True


@kernel
def write_track(i, n, ndf, lever, given, grid, work, out):  # type: ignore[no-untyped-def]
    """Carry the innermost state in to the z axis and fill row `i`; returns the status."""
    j, p, jacobian, covariance = n - 1, work.filtered, work.a, work.b
    q_over_p, slope, scatter = inside(j, lever, given, work)
    p[2, 2] += scatter
    p[3, 3] += scatter
    here = work.state[j]
    x, y, z, tx, ty, tz = here[0], here[1], here[2], here[3], here[4], here[5]
    k = given.bend * q_over_p
    # Along z within the errors: no closest approach. (25 = five standard deviations.)
    at_hit = tx * tx + ty * ty < 25.0 * max(p[2, 2], p[3, 3])
    s, ax, ay, az = 0.0, 0.0, 0.0, 0.0
    if grid is None:
        s = 0.0 if at_hit else path_to_axis(x, y, tx, ty, k)
        x, y, z, tx, ty, tz = step(x, y, z, tx, ty, tz, k, s)
        ax, ay = ty, -tx
    else:
        ray = take(j, q_over_p, work)
        if not at_hit:
            to_axis(grid, TOLERANCE, work.rays)
        x, y, z, tx, ty, tz = ray[0], ray[1], ray[2], ray[3], ray[4], ray[5]
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
        factor = slope if c == 4 else 1.0
        jacobian[0, c] = factor * (cos * (dy + slide * ty) - sin * (dx + slide * tx))
        jacobian[1, c] = factor * (dz + slide * tz)
        jacobian[2, c] = factor * (cos * ey - sin * ex) / transverse
        jacobian[3, c] = -factor * ez / transverse
        jacobian[4, c] = 0.0
    jacobian[4, 4] = slope
    sandwich(jacobian, p, work.c, covariance)
    if lever == 0.0:
        covariance[4, 4] = UNMEASURED
    if covariance[2, 2] > ANY_ANGLE:
        _cap_angle(covariance)
    total = 0.0
    for c in range(n):
        total += use_chi2(c, work)
    values = out.parameters[i]
    values[0], values[1], values[2] = y * cos - x * sin, z, phi
    values[3], values[4] = math.atan2(math.hypot(tx, ty), tz), q_over_p
    for r in range(5):
        for c in range(r + 1):
            out.covariance[i, r * (r + 1) // 2 + c] = covariance[r, c]
    out.chi2[i], out.ndf[i], out.at_first_hit[i] = total, ndf, at_hit
    out.first[i], out.last[i] = work.state[n - 1], work.state[0]
    if math.isfinite(np.sum(values) + np.sum(out.covariance[i]) + total):
        return FITTED
    values[:], out.covariance[i], out.chi2[i], out.ndf[i], out.first[i], out.last[i] = (
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
    )
    return NOT_FINITE


@kernel
def _cap_angle(covariance):  # type: ignore[no-untyped-def]
    """A direction along z leaves phi anywhere: shrink its error to that of a uniform angle, correlations kept."""
    factor = math.sqrt(ANY_ANGLE / covariance[2, 2])
    for c in range(5):
        covariance[2, c] *= factor
        covariance[c, 2] *= factor
