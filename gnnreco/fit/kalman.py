"""Kernels of the track fit: the scratch of one track, and the linear filter and smoother of its deviations.

See `gnnreco.fit.trackfit` for what they are part of.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.kernels import U, V, X, Y, Z, njit

from .helix import Q_OVER_P, RAY_Q_OVER_P, TX, TY, TZ

#: Columns of a deviation, after the offsets U and V: two small angles; then `Q_OVER_P`.
ANGLE_U, ANGLE_V = 2, 3
#: Rows of the axes on a sensor, after its own U, V, W: those along which the angles are taken.
TILT_U, TILT_V = 3, 4
#: Columns of a symmetric 2 x 2 matrix.
UU, UV, VV = range(3)

#: Variance, mm^2, of a hit that is left out although its sensor stays in the track.
IGNORED = 1e12
kernel: Any = njit(cache=True, nogil=True, error_model="numpy")


class Given(NamedTuple):
    """What the kernels read."""

    xyz: Floats
    sensor: NDArray[np.int32]
    var_u: Floats
    var_v: Floats
    rotation: Floats
    radiation_lengths: Floats  # (k, 2): of each sensor, and of one behind another sensor of its layer
    layer: NDArray[np.int32]
    passive: Floats  # (k, 4): radius, half length, radiation lengths and middle of the cylinders that are no sensors
    bend: float  # k = bend * q/p, see helix.py and propagate.py
    mass: float
    energy_loss: bool
    q_over_p_without_field: float
    max_chi2_hit: float
    max_drops: int


class Work(NamedTuple):
    """Scratch for one track of up to N hits, row 0 the outermost; made once and used again for every track."""

    row: Ints  # (N,) place of the hit in the candidates' hit_index
    point: Floats  # (N, 3) the hit
    axes: Floats  # (N, 5, 3) u, v and normal of its sensor, then the axes U, V of the two angles
    variance: Floats  # (N, 2)
    cluster: Floats  # (N, 2, 6) along each axis, see clusters.py
    material: Floats  # (N,) radiation lengths at normal incidence
    state: Floats  # (N, 7) the reference: x, y, z, direction, q/p
    between: Floats  # (N, 3) cylinders crossed from this sensor to the next one in, see matter.py
    scatter: Floats  # (N, 2) variance of each angle from this sensor's material, and from those cylinders
    gap: Floats  # (N, 5) the reference stepped here from the sensor outside, less the reference here
    jacobian: Floats  # (N, 5, 5) from this sensor to the next one in
    predicted: Floats  # (N, 5) deviation before this hit is used
    covariance: Floats  # (N, 5, 5) of `predicted`
    gain: Floats  # (N, 5, 2)
    weight: Floats  # (N, 3) inverse covariance of the residual: uu, uv, vv
    residual: Floats  # (N, 2)
    chi2: Floats  # (N,)
    filtered: Floats  # (5, 5) covariance once the latest hit was used
    rays: Floats  # (6, 7): the reference on its way, and its derivatives, see propagate.py
    a: Floats  # (5, 5) scratch
    b: Floats
    c: Floats


@kernel
def filter_hits(n: int, lever: float, work: Work) -> float:
    """Kalman filter of the deviations, outermost hit first; returns chi2. Before the first hit nothing is known.

    `lever`: eight sagittas of the track for q/p = 1 (mm GeV/e); 0 where the field cannot tell q/p, here and below.
    """
    p, shift = work.filtered, np.zeros(5)
    p[:] = 0.0
    coarsest = 0.0
    for j in range(n):
        for c in range(2):
            if work.variance[j, c] < IGNORED:
                coarsest = max(coarsest, work.variance[j, c])
    p[U, U], p[V, V] = 1e6 * coarsest, 1e6 * coarsest
    p[ANGLE_U, ANGLE_U], p[ANGLE_V, ANGLE_V] = 1.0, 1.0
    if lever > 0.0:
        p[Q_OVER_P, Q_OVER_P] = _vague_q_over_p(math.sqrt(coarsest), lever, work) ** 2
    total = 0.0
    for j in range(n):
        if j > 0:
            p[ANGLE_U, ANGLE_U] += work.scatter[j - 1, 0]
            p[ANGLE_V, ANGLE_V] += work.scatter[j - 1, 0]
            sandwich(work.jacobian[j - 1], p, work.a, work.covariance[j])
            if work.scatter[j - 1, 1] > 0.0:
                _scatter_on_the_way(j, work)
            for r in range(5):
                work.predicted[j, r] = work.gap[j, r]
                for c in range(5):
                    work.predicted[j, r] += work.jacobian[j - 1, r, c] * shift[c]
        else:
            work.covariance[0] = p
            work.predicted[0] = 0.0
        before, state = work.covariance[j], work.state[j]
        dx, dy, dz = state[X] - work.point[j, X], state[Y] - work.point[j, Y], state[Z] - work.point[j, Z]
        res_u = -dot(work.axes[j, U], dx, dy, dz) - work.predicted[j, U]
        res_v = -dot(work.axes[j, V], dx, dy, dz) - work.predicted[j, V]
        uu, vv, uv = before[U, U] + work.variance[j, U], before[V, V] + work.variance[j, V], before[U, V]
        det = 1.0 / (uu * vv - uv * uv)
        uu, uv, vv = vv * det, -uv * det, uu * det
        work.weight[j, UU], work.weight[j, UV], work.weight[j, VV] = uu, uv, vv
        work.residual[j, U], work.residual[j, V] = res_u, res_v
        total += uu * res_u * res_u + 2.0 * uv * res_u * res_v + vv * res_v * res_v
        for r in range(5):
            gain_u, gain_v = before[r, U] * uu + before[r, V] * uv, before[r, U] * uv + before[r, V] * vv
            work.gain[j, r, U], work.gain[j, r, V] = gain_u, gain_v
            shift[r] = work.predicted[j, r] + gain_u * res_u + gain_v * res_v
            for c in range(r + 1):
                p[r, c] = before[r, c] - gain_u * before[c, U] - gain_v * before[c, V]
                p[c, r] = p[r, c]
    return total


@kernel
def _scatter_on_the_way(j: int, work: Work) -> None:
    """Add what cylinders before sensor `j` scatter: its angles, and offsets by the part of the way that was left."""
    jacobian, variance = work.jacobian[j - 1], work.scatter[j - 1, 1]
    depth = work.between[j - 1, 0]
    left, squared = work.between[j - 1, 1] / depth, work.between[j - 1, 2] / depth
    for angle in range(ANGLE_U, ANGLE_V + 1):
        for r in range(ANGLE_V + 1):
            for c in range(ANGLE_V + 1):
                offsets = (r < ANGLE_U) + (c < ANGLE_U)
                share = squared if offsets == 2 else (left if offsets == 1 else 1.0)
                work.covariance[j, r, c] += variance * share * jacobian[r, angle] * jacobian[c, angle]


@kernel
def _vague_q_over_p(error: float, lever: float, work: Work) -> float:
    """A spread of q/p far wider than these hits could measure: a thousand times the sagitta's error over the span."""
    return 10.0 + 10.0 * abs(work.state[0, RAY_Q_OVER_P]) + min(1e4, 8e3 * error / (lever + 1e-9))


@kernel
def use_chi2(j: int, work: Work) -> float:
    u, v = work.residual[j, U], work.residual[j, V]
    return work.weight[j, UU] * u * u + 2.0 * work.weight[j, UV] * u * v + work.weight[j, VV] * v * v


@kernel
def smooth(n: int, work: Work) -> float:
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
        uu, uv, vv = work.weight[j, UU], work.weight[j, UV], work.weight[j, VV]
        pull_u = uu * work.residual[j, U] + uv * work.residual[j, V]
        pull_v = uv * work.residual[j, U] + vv * work.residual[j, V]
        if j < n - 1:
            for c in range(5):
                carried[c] = 0.0
                for r in range(5):
                    transposed[c, r] = work.jacobian[j, r, c]
                    carried[c] += transposed[c, r] * force[r]
            force[:] = carried
            sandwich(transposed, stiffness, mixed, stiffness)
            for r in range(5):
                pull_u -= gain[r, U] * force[r]
                pull_v -= gain[r, V] * force[r]
                for a in range(2):
                    mixed[r, a] = 0.0
                    for c in range(5):
                        mixed[r, a] += stiffness[r, c] * gain[c, a]
            for r in range(5):
                uu += gain[r, U] * mixed[r, U]
                uv += gain[r, U] * mixed[r, V]
                vv += gain[r, V] * mixed[r, V]
                for a in range(2):
                    stiffness[r, a] -= mixed[r, a]
                    stiffness[a, r] -= mixed[r, a]
        work.chi2[j] = (vv * pull_u * pull_u - 2.0 * uv * pull_u * pull_v + uu * pull_v * pull_v) / (
            uu * vv - uv * uv
        )
        force[U] += pull_u
        force[V] += pull_v
        stiffness[U, U] += uu
        stiffness[U, V] += uv
        stiffness[V, U] += uv
        stiffness[V, V] += vv
        for r in range(5):
            carried[r] = work.predicted[j, r]
            for c in range(5):
                carried[r] += work.covariance[j, r, c] * force[c]
        _move(j, carried, work)
        turned = max(turned, carried[ANGLE_U] ** 2 + carried[ANGLE_V] ** 2)
    return turned


@kernel
def _move(j: int, by: Floats, work: Work) -> None:
    """Apply a deviation to the reference on sensor `j`."""
    state, axes = work.state[j], work.axes[j]
    for c in range(3):
        state[c] += axes[U, c] * by[U] + axes[V, c] * by[V]
        state[TX + c] += axes[TILT_U, c] * by[ANGLE_U] + axes[TILT_V, c] * by[ANGLE_V]
    norm = 1.0 / math.sqrt(state[TX] ** 2 + state[TY] ** 2 + state[TZ] ** 2)
    state[TX], state[TY], state[TZ] = state[TX] * norm, state[TY] * norm, state[TZ] * norm
    state[RAY_Q_OVER_P] += by[Q_OVER_P]


@kernel
def sandwich(f: Floats, p: Floats, half: Floats, out: Floats) -> None:
    """out = F P F^T for symmetric P."""
    for r in range(5):
        for c in range(5):
            half[r, c] = (
                f[r, U] * p[U, c]
                + f[r, V] * p[V, c]
                + f[r, ANGLE_U] * p[ANGLE_U, c]
                + f[r, ANGLE_V] * p[ANGLE_V, c]
                + f[r, Q_OVER_P] * p[Q_OVER_P, c]
            )
    for r in range(5):
        for c in range(r + 1):
            out[r, c] = (
                half[r, U] * f[c, U]
                + half[r, V] * f[c, V]
                + half[r, ANGLE_U] * f[c, ANGLE_U]
                + half[r, ANGLE_V] * f[c, ANGLE_V]
                + half[r, Q_OVER_P] * f[c, Q_OVER_P]
            )
            out[c, r] = out[r, c]


@kernel
def dot(row: Floats, x: float, y: float, z: float) -> float:
    return row[X] * x + row[Y] * y + row[Z] * z
