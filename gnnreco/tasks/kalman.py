"""Kernels of the track fit: see `gnnreco.tasks.trackfit`, which says what they do and prepares their arrays."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.tasks.helix import extrapolate, path_to_axis, step, turn

FITTED, TOO_FEW_HITS, MISSED_SENSOR, NOT_FINITE = 0, 1, 2, 3
#: Variance given to what a track cannot tell: q/p without a field ((e/GeV)^2), the angle of a track along z (rad^2).
UNMEASURED, ANY_ANGLE = 1e6, math.pi**2 / 3
#: Passes over one track: two nearly always do.
MAX_PASSES = 6
kernel: Any = njit(cache=True, nogil=True, error_model="numpy")


class Given(NamedTuple):
    """What the kernels read."""

    xyz: Floats
    sensor: NDArray[np.int32]
    var_u: Floats
    var_v: Floats
    rotation: Floats
    radiation_lengths: Floats
    bend: float  # k = bend * q/p, see helix.py
    mass: float
    energy_loss: bool
    q_over_p_without_field: float
    max_chi2_hit: float
    max_drops: int


class Out(NamedTuple):
    """What they fill: the arrays of `FitResult`."""

    parameters: Floats
    covariance: Floats
    chi2: Floats
    ndf: Floats
    status: NDArray[np.uint8]
    at_first_hit: NDArray[np.bool_]
    kept: NDArray[np.bool_]
    chi2_hit: Floats
    first: Floats
    last: Floats


class Work(NamedTuple):
    """Scratch for one track of up to N hits, row 0 the outermost; made once and used again for every track."""

    row: Ints  # (N,) place of the hit in the candidates' hit_index
    point: Floats  # (N, 3) the hit
    axes: Floats  # (N, 5, 3) u, v and normal of its sensor, then the axes U, V of the two angles
    variance: Floats  # (N, 2)
    material: Floats  # (N,) radiation lengths at normal incidence
    state: Floats  # (N, 7) the reference: x, y, z, direction, q/p
    scatter: Floats  # (N,) variance of each angle from this sensor's material
    gap: Floats  # (N, 5) the reference stepped here from the sensor outside, less the reference here
    jacobian: Floats  # (N, 5, 5) from this sensor to the next one in
    predicted: Floats  # (N, 5) deviation before this hit is used
    covariance: Floats  # (N, 5, 5) of `predicted`
    gain: Floats  # (N, 5, 2)
    weight: Floats  # (N, 3) inverse covariance of the residual: uu, uv, vv
    residual: Floats  # (N, 2)
    chi2: Floats  # (N,)
    filtered: Floats  # (5, 5) covariance once the latest hit was used
    a: Floats  # (5, 5) scratch
    b: Floats
    c: Floats


@kernel
def fit_range(start, stop, offsets, hit_index, given, out):  # type: ignore[no-untyped-def]
    """Fit candidates `start` to `stop`."""
    longest = 1
    for i in range(start, stop):
        longest = max(longest, offsets[i + 1] - offsets[i])
    n = longest
    work = Work(
        np.empty(n, np.int64), np.empty((n, 3)), np.empty((n, 5, 3)), np.empty((n, 2)), np.empty(n), np.empty((n, 7)),
        np.empty(n), np.zeros((n, 5)), np.empty((n, 5, 5)), np.empty((n, 5)), np.empty((n, 5, 5)), np.empty((n, 5, 2)), np.empty((n, 3)),
        np.empty((n, 2)), np.empty(n), np.empty((5, 5)), np.empty((5, 5)), np.empty((5, 5)), np.empty((5, 5)),
    )  # fmt: skip
    unknowns = 5 if given.bend != 0.0 else 4
    for i in range(start, stop):
        n = _load(offsets[i], offsets[i + 1], hit_index, given, out, work)
        for drop in range(given.max_drops + 1):
            out.status[i] = _fit_one(n, unknowns, given, work)
            if out.status[i] != FITTED:
                break
            worst = 0
            for j in range(n):
                out.chi2_hit[work.row[j]] = work.chi2[j]
                if work.chi2[j] > work.chi2[worst]:
                    worst = j
            if drop == given.max_drops or work.chi2[worst] <= given.max_chi2_hit or 2 * (n - 1) <= unknowns:
                break
            out.kept[work.row[worst]] = False
            n = _drop(n, worst, work)
        if out.status[i] == FITTED:
            out.status[i] = _write(i, n, unknowns, given, work, out)


@kernel
def _load(start, stop, hit_index, given, out, work):  # type: ignore[no-untyped-def]
    """Copy one candidate's usable hits, outermost first; returns how many."""
    n = 0
    for m in range(stop - 1, start - 1, -1):
        hit = hit_index[m]
        sensor = given.sensor[hit]
        size = given.xyz[hit, 0] + given.xyz[hit, 1] + given.xyz[hit, 2] + given.var_u[hit] + given.var_v[hit]
        if sensor < 0 or not math.isfinite(size) or given.var_u[hit] <= 0.0 or given.var_v[hit] <= 0.0:
            continue
        out.kept[m] = True
        work.row[n] = m
        for c in range(3):
            work.point[n, c] = given.xyz[hit, c]
            for a in range(3):
                work.axes[n, a, c] = given.rotation[sensor, c, a]
        work.variance[n, 0], work.variance[n, 1] = given.var_u[hit], given.var_v[hit]
        work.material[n] = given.radiation_lengths[sensor]
        n += 1
    return n


@kernel
def _drop(n, j, work):  # type: ignore[no-untyped-def]
    for i in range(j, n - 1):
        work.row[i] = work.row[i + 1]
        work.point[i] = work.point[i + 1]
        work.axes[i] = work.axes[i + 1]
        work.variance[i] = work.variance[i + 1]
        work.material[i] = work.material[i + 1]
    return n - 1


@kernel
def _fit_one(n, unknowns, given, work):  # type: ignore[no-untyped-def]
    """Passes of linearise, filter, smooth until the track stands still; returns the status.

    A change of direction by an angle leaves an error of that angle squared times the way to the next sensor: when it is
    under a twentieth of the best resolution, or chi2 does not change, another pass would tell nothing new.
    """
    if 2 * n < unknowns or n < 2:
        return TOO_FEW_HITS
    _seed(n, given, work)
    finest, before = np.inf, np.inf
    for j in range(n):
        finest = min(finest, work.variance[j, 0], work.variance[j, 1])
    p = work.point
    way = math.sqrt((p[0, 0] - p[n - 1, 0]) ** 2 + (p[0, 1] - p[n - 1, 1]) ** 2 + (p[0, 2] - p[n - 1, 2]) ** 2) / (n - 1)
    for number in range(MAX_PASSES):
        for j in range(n):
            if j > 0 and not _advance(j - 1, number == 0, given, work):
                return MISSED_SENSOR
            if j == 0 or number > 0:
                _angle_axes(j, work)
        chi2 = _filter(n, given, work)
        if not math.isfinite(chi2):
            return NOT_FINITE
        turned = _smooth(n, work)
        if turned * way < 0.05 * math.sqrt(finest) or abs(chi2 - before) < 0.01 + 1e-3 * chi2:
            break
        before = chi2
    return FITTED


@kernel
def _seed(n, given, work):  # type: ignore[no-untyped-def]
    """Helix through the outermost, the middle and the innermost hit, at the outermost."""
    p, s = work.point, work.state
    ax, ay, bx, by, cx, cy = p[n - 1, 0], p[n - 1, 1], p[n // 2, 0], p[n // 2, 1], p[0, 0], p[0, 1]
    chord, rise = math.hypot(cx - ax, cy - ay), p[0, 2] - p[n - 1, 2]
    sides = math.hypot(bx - ax, by - ay) * math.hypot(cx - bx, cy - by) * chord
    curvature = 0.0
    if given.bend != 0.0 and n > 2 and sides > 0.0 and chord > 1e-6 * abs(rise):
        curvature = 2.0 * ((bx - ax) * (cy - by) - (by - ay) * (cx - bx)) / sides
    half = math.asin(min(1.0, max(-1.0, 0.5 * curvature * chord)))
    if (ax - bx) * (cx - bx) + (ay - by) * (cy - by) > 0.0:  # more than half a turn from the first to the last
        half = math.copysign(math.pi, half) - half
    around = 2.0 * half / curvature if curvature != 0.0 else chord
    phi = math.atan2(cy - ay, cx - ax) + half
    path = math.hypot(around, rise)
    s[0, 0], s[0, 1], s[0, 2] = p[0, 0], p[0, 1], p[0, 2]
    s[0, 3], s[0, 4], s[0, 5] = math.cos(phi) * around / path, math.sin(phi) * around / path, rise / path
    s[0, 6] = -curvature * around / path / given.bend if given.bend != 0.0 else 0.0


@kernel
def _angle_axes(j, work):  # type: ignore[no-untyped-def]
    """U and V, square to the reference direction and to each other: U = v x T, V = T x U."""
    vx, vy, vz = work.axes[j, 1, 0], work.axes[j, 1, 1], work.axes[j, 1, 2]
    tx, ty, tz = work.state[j, 3], work.state[j, 4], work.state[j, 5]
    ux, uy, uz = vy * tz - vz * ty, vz * tx - vx * tz, vx * ty - vy * tx
    norm = 1.0 / math.sqrt(ux * ux + uy * uy + uz * uz)
    ux, uy, uz = ux * norm, uy * norm, uz * norm
    work.axes[j, 3, 0], work.axes[j, 3, 1], work.axes[j, 3, 2] = ux, uy, uz
    work.axes[j, 4, 0], work.axes[j, 4, 1], work.axes[j, 4, 2] = ty * uz - tz * uy, tz * ux - tx * uz, tx * uy - ty * ux


@kernel
def _inside(j, given, work):  # type: ignore[no-untyped-def]
    """q/p on the inner side of sensor `j`, its slope in q/p outside, and the variance of each angle from scattering."""
    q_over_p = work.state[j, 6] if given.bend != 0.0 else given.q_over_p_without_field
    slant = abs(_dot(work.axes[j, 2], work.state[j, 3], work.state[j, 4], work.state[j, 5]))
    depth = work.material[j] / max(slant, 0.05)
    if q_over_p == 0.0 or depth <= 0.0:
        return work.state[j, 6], 1.0, 0.0
    p = 1.0 / abs(q_over_p)
    energy = math.sqrt(p * p + given.mass * given.mass)
    beta2 = p * p / (energy * energy)
    theta = 0.0136 / (p * math.sqrt(beta2)) * math.sqrt(depth) * max(0.0, 1.0 + 0.038 * math.log(depth / beta2))
    if not given.energy_loss or given.bend == 0.0:
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
def _dot(row, x, y, z):  # type: ignore[no-untyped-def]
    return row[0] * x + row[1] * y + row[2] * z


@kernel
def _column(c, j, s, helix, given, work):  # type: ignore[no-untyped-def]
    """Change of position and direction for a unit change of parameter `c` on sensor `j`, a step `s` (``turn``) later."""
    if c < 2:
        return work.axes[j, c, 0], work.axes[j, c, 1], work.axes[j, c, 2], 0.0, 0.0, 0.0
    sin, cos, along, across, along_slope, across_slope = helix
    if c < 4:
        tx, ty, tz = work.axes[j, c + 1, 0], work.axes[j, c + 1, 1], work.axes[j, c + 1, 2]
        return (
            s * (along * tx - across * ty), s * (along * ty + across * tx), s * tz, cos * tx - sin * ty, cos * ty + sin * tx, tz
        )  # fmt: skip
    tx, ty = work.state[j, 3], work.state[j, 4]
    da = -s * given.bend
    return (
        s * da * (along_slope * tx - across_slope * ty), s * da * (along_slope * ty + across_slope * tx), 0.0,
        da * (-sin * tx - cos * ty), da * (-sin * ty + cos * tx), 0.0,
    )  # fmt: skip


@kernel
def _advance(j, first_pass, given, work):  # type: ignore[no-untyped-def]
    """Step the reference from sensor `j` to the next one in: its Jacobian, and the gap (or, at first, the reference)."""
    ref, axes = work.state, work.axes
    q_over_p, slope, work.scatter[j] = _inside(j, given, work)
    k = given.bend * q_over_p
    x, y, z, tx, ty, tz, s, crossed = extrapolate(
        ref[j, 0], ref[j, 1], ref[j, 2], ref[j, 3], ref[j, 4], ref[j, 5], k,
        work.point[j + 1, 0], work.point[j + 1, 1], work.point[j + 1, 2],
        axes[j + 1, 2, 0], axes[j + 1, 2, 1], axes[j + 1, 2, 2],
    )  # fmt: skip
    if not crossed:
        return False
    here = ref[j + 1]
    if first_pass:
        here[0], here[1], here[2], here[3], here[4], here[5], here[6] = x, y, z, tx, ty, tz, q_over_p
        _angle_axes(j + 1, work)
    dx, dy, dz, ex, ey, ez = x - here[0], y - here[1], z - here[2], tx - here[3], ty - here[4], tz - here[5]
    for r in range(2):
        work.gap[j + 1, r] = _dot(axes[j + 1, r], dx, dy, dz)
        work.gap[j + 1, r + 2] = _dot(axes[j + 1, r + 3], ex, ey, ez)
    work.gap[j + 1, 4] = q_over_p - here[6]
    helix = turn(k, s)
    into = 1.0 / _dot(axes[j + 1, 2], tx, ty, tz)
    for c in range(5):
        dx, dy, dz, ex, ey, ez = _column(c, j, s, helix, given, work)
        slide = -_dot(axes[j + 1, 2], dx, dy, dz) * into  # along the track, back on to the plane
        dx, dy, dz = dx + slide * tx, dy + slide * ty, dz + slide * tz
        ex, ey = ex + slide * k * ty, ey - slide * k * tx
        factor = slope if c == 4 else 1.0
        for r in range(2):
            work.jacobian[j, r, c] = factor * _dot(axes[j + 1, r], dx, dy, dz)
            work.jacobian[j, r + 2, c] = factor * _dot(axes[j + 1, r + 3], ex, ey, ez)
        work.jacobian[j, 4, c] = 0.0
    work.jacobian[j, 4, 4] = slope
    return True


@kernel
def _filter(n, given, work):  # type: ignore[no-untyped-def]
    """Kalman filter of the deviations, outermost hit first; returns chi2. Before the first hit nothing is known."""
    p, shift = work.filtered, np.zeros(5)
    p[:] = 0.0
    p[0, 0], p[1, 1] = 1e6 * work.variance[0, 0], 1e6 * work.variance[0, 1]
    p[2, 2], p[3, 3] = 1.0, 1.0
    if given.bend != 0.0:
        p[4, 4] = _vague_q_over_p(n, given, work) ** 2
    total = 0.0
    for j in range(n):
        if j > 0:
            p[2, 2] += work.scatter[j - 1]
            p[3, 3] += work.scatter[j - 1]
            _sandwich(work.jacobian[j - 1], p, work.a, work.covariance[j])
            for r in range(5):
                work.predicted[j, r] = work.gap[j, r]
                for c in range(5):
                    work.predicted[j, r] += work.jacobian[j - 1, r, c] * shift[c]
        else:
            work.covariance[0] = p
            work.predicted[0] = 0.0
        before, state = work.covariance[j], work.state[j]
        dx, dy, dz = state[0] - work.point[j, 0], state[1] - work.point[j, 1], state[2] - work.point[j, 2]
        res_u = -_dot(work.axes[j, 0], dx, dy, dz) - work.predicted[j, 0]
        res_v = -_dot(work.axes[j, 1], dx, dy, dz) - work.predicted[j, 1]
        uu, vv, uv = before[0, 0] + work.variance[j, 0], before[1, 1] + work.variance[j, 1], before[0, 1]
        det = 1.0 / (uu * vv - uv * uv)
        uu, uv, vv = vv * det, -uv * det, uu * det
        work.weight[j, 0], work.weight[j, 1], work.weight[j, 2] = uu, uv, vv
        work.residual[j, 0], work.residual[j, 1] = res_u, res_v
        total += uu * res_u * res_u + 2.0 * uv * res_u * res_v + vv * res_v * res_v
        for r in range(5):
            gain_u, gain_v = before[r, 0] * uu + before[r, 1] * uv, before[r, 0] * uv + before[r, 1] * vv
            work.gain[j, r, 0], work.gain[j, r, 1] = gain_u, gain_v
            shift[r] = work.predicted[j, r] + gain_u * res_u + gain_v * res_v
            for c in range(r + 1):
                p[r, c] = before[r, c] - gain_u * before[c, 0] - gain_v * before[c, 1]
                p[c, r] = p[r, c]
    return total


@kernel
def _vague_q_over_p(n, given, work):  # type: ignore[no-untyped-def]
    """A spread of q/p far wider than these hits could measure: a thousand times the sagitta's error over the span."""
    first, last = work.point[n - 1], work.point[0]
    span2 = (last[0] - first[0]) ** 2 + (last[1] - first[1]) ** 2
    worst = math.sqrt(max(work.variance[0, 0], work.variance[0, 1]))
    return 10.0 + 10.0 * abs(work.state[0, 6]) + min(1e4, 8e3 * worst / (span2 * abs(given.bend) + 1e-9))


@kernel
def _sandwich(f, p, half, out):  # type: ignore[no-untyped-def]
    """out = F P F^T for symmetric P."""
    for r in range(5):
        for c in range(5):
            half[r, c] = f[r, 0] * p[0, c] + f[r, 1] * p[1, c] + f[r, 2] * p[2, c] + f[r, 3] * p[3, c] + f[r, 4] * p[4, c]
    for r in range(5):
        for c in range(r + 1):
            out[r, c] = (
                half[r, 0] * f[c, 0] + half[r, 1] * f[c, 1] + half[r, 2] * f[c, 2] + half[r, 3] * f[c, 3] + half[r, 4] * f[c, 4]
            )
            out[c, r] = out[r, c]


@kernel
def _smooth(n, work):  # type: ignore[no-untyped-def]
    """Innermost hit first: what each hit adds to chi2, and the reference moved on to the smoothed track.

    Returns the largest change of direction, squared.

    `force` and `stiffness` are r and N of Durbin and Koopman: first and second derivative of the chi2 of all hits farther
    in, by the state here. With them a hit's own chi2, all others fitted, is u^T D^-1 u (pull and weight below).
    """
    force, carried, transposed, stiffness, mixed = np.zeros(5), np.zeros(5), work.c, work.b, work.a
    stiffness[:] = 0.0
    turned = 0.0
    for j in range(n - 1, -1, -1):
        gain = work.gain[j]
        uu, uv, vv = work.weight[j, 0], work.weight[j, 1], work.weight[j, 2]
        pull_u = uu * work.residual[j, 0] + uv * work.residual[j, 1]
        pull_v = uv * work.residual[j, 0] + vv * work.residual[j, 1]
        if j < n - 1:
            for c in range(5):
                carried[c] = 0.0
                for r in range(5):
                    transposed[c, r] = work.jacobian[j, r, c]
                    carried[c] += transposed[c, r] * force[r]
            force[:] = carried
            _sandwich(transposed, stiffness, mixed, stiffness)
            for r in range(5):
                pull_u -= gain[r, 0] * force[r]
                pull_v -= gain[r, 1] * force[r]
                for a in range(2):
                    mixed[r, a] = 0.0
                    for c in range(5):
                        mixed[r, a] += stiffness[r, c] * gain[c, a]
            for r in range(5):
                uu += gain[r, 0] * mixed[r, 0]
                uv += gain[r, 0] * mixed[r, 1]
                vv += gain[r, 1] * mixed[r, 1]
                for a in range(2):
                    stiffness[r, a] -= mixed[r, a]
                    stiffness[a, r] -= mixed[r, a]
        work.chi2[j] = (vv * pull_u * pull_u - 2.0 * uv * pull_u * pull_v + uu * pull_v * pull_v) / (uu * vv - uv * uv)
        force[0] += pull_u
        force[1] += pull_v
        stiffness[0, 0] += uu
        stiffness[0, 1] += uv
        stiffness[1, 0] += uv
        stiffness[1, 1] += vv
        for r in range(5):
            carried[r] = work.predicted[j, r]
            for c in range(5):
                carried[r] += work.covariance[j, r, c] * force[c]
        _move(j, carried, work)
        turned = max(turned, carried[2] ** 2 + carried[3] ** 2)
    return turned


@kernel
def _move(j, by, work):  # type: ignore[no-untyped-def]
    """Apply a deviation to the reference on sensor `j`."""
    state, axes = work.state[j], work.axes[j]
    for c in range(3):
        state[c] += axes[0, c] * by[0] + axes[1, c] * by[1]
        state[3 + c] += axes[3, c] * by[2] + axes[4, c] * by[3]
    norm = 1.0 / math.sqrt(state[3] ** 2 + state[4] ** 2 + state[5] ** 2)
    state[3], state[4], state[5] = state[3] * norm, state[4] * norm, state[5] * norm
    state[6] += by[4]


@kernel
def _write(i, n, unknowns, given, work, out):  # type: ignore[no-untyped-def]
    """Carry the innermost state in to the z axis and fill row `i`; returns the status."""
    j, p, jacobian, covariance = n - 1, work.filtered, work.a, work.b
    q_over_p, slope, scatter = _inside(j, given, work)
    p[2, 2] += scatter
    p[3, 3] += scatter
    here = work.state[j]
    x, y, z, tx, ty, tz = here[0], here[1], here[2], here[3], here[4], here[5]
    k = given.bend * q_over_p
    # Along z within the errors: no closest approach. (25 = five standard deviations.)
    at_hit = tx * tx + ty * ty < 25.0 * max(p[2, 2], p[3, 3])
    s = 0.0 if at_hit else path_to_axis(x, y, tx, ty, k)
    x, y, z, tx, ty, tz = step(x, y, z, tx, ty, tz, k, s)
    transverse = max(math.hypot(tx, ty), 1e-9)
    phi = math.atan2(ty, tx)
    cos, sin = math.cos(phi), math.sin(phi)
    helix = turn(k, s)
    along = 1.0 / (transverse * transverse + k * (x * ty - y * tx))
    for c in range(5):
        dx, dy, dz, ex, ey, ez = _column(c, j, s, helix, given, work)
        slide = 0.0 if at_hit else -(tx * dx + ty * dy + x * ex + y * ey) * along
        ex, ey = ex + slide * k * ty, ey - slide * k * tx
        factor = slope if c == 4 else 1.0
        jacobian[0, c] = factor * (cos * (dy + slide * ty) - sin * (dx + slide * tx))
        jacobian[1, c] = factor * (dz + slide * tz)
        jacobian[2, c] = factor * (cos * ey - sin * ex) / transverse
        jacobian[3, c] = -factor * ez / transverse
        jacobian[4, c] = 0.0
    jacobian[4, 4] = slope
    _sandwich(jacobian, p, work.c, covariance)
    if given.bend == 0.0:
        covariance[4, 4] = UNMEASURED
    if covariance[2, 2] > ANY_ANGLE:
        _cap_angle(covariance)
    total = 0.0
    for c in range(n):
        total += _use_chi2(c, work)
    values = out.parameters[i]
    values[0], values[1], values[2] = y * cos - x * sin, z, phi
    values[3], values[4] = math.atan2(math.hypot(tx, ty), tz), q_over_p
    for r in range(5):
        for c in range(r + 1):
            out.covariance[i, r * (r + 1) // 2 + c] = covariance[r, c]
    out.chi2[i], out.ndf[i], out.at_first_hit[i] = total, 2 * n - unknowns, at_hit
    out.first[i], out.last[i] = work.state[n - 1], work.state[0]
    if math.isfinite(np.sum(values) + np.sum(out.covariance[i]) + total):
        return FITTED
    values[:], out.covariance[i], out.chi2[i], out.ndf[i], out.first[i], out.last[i] = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    return NOT_FINITE


@kernel
def _use_chi2(j, work):  # type: ignore[no-untyped-def]
    u, v = work.residual[j, 0], work.residual[j, 1]
    return work.weight[j, 0] * u * u + 2.0 * work.weight[j, 1] * u * v + work.weight[j, 2] * v * v


@kernel
def _cap_angle(covariance):  # type: ignore[no-untyped-def]
    """A direction along z leaves phi anywhere: shrink its error to that of a uniform angle, correlations kept."""
    factor = math.sqrt(ANY_ANGLE / covariance[2, 2])
    for c in range(5):
        covariance[2, c] *= factor
        covariance[c, 2] *= factor
