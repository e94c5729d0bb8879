"""Physics-scaled features of doublets (two points) and triplets (two doublets that share a point).

A length is divided by its expected error, a curvature is a charge over transverse momentum, a cluster is compared with the
one that a straight passage at that angle would leave: the same numbers mean the same in any detector.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

from gnnreco.graphs.frame import Frame, Points

DOUBLET_FEATURES = (
    "q_over_pt_beam", "impact", "cot_theta",
    "width_u_first", "width_v_first", "width_u_second", "width_v_second",
    "excess_u_first", "excess_v_first", "excess_u_second", "excess_v_second",
    "length", "signal_first", "signal_second", "incidence_first", "incidence_second",
)  # fmt: skip
TRIPLET_FEATURES = (
    "kink_pull", "q_over_pt", "q_over_pt_error", "d0", "beam_pull", "kink_error", "cot_theta", "arm_ratio",
)  # fmt: skip
IMPACT_SCALE = 50.0  # mm; where `soft` bends
D0_SCALE = 0.1  # mm
LENGTH_SCALE = 100.0  # mm
SOFTEST = 0.05  # 1/GeV: a triplet cannot tell a momentum above 20 GeV from infinite


@numba.njit(inline="always")
def soft(x):  # type: ignore[no-untyped-def]
    """Linear near zero, bounded by 4: a tail cannot swamp the network, and it costs one division."""
    return x / (1.0 + 0.25 * abs(x))


@numba.njit(inline="always")
def _excess(du, dw, width, depth):  # type: ignore[no-untyped-def]
    """Channels beyond those that a straight passage fires; 0 where the cluster is unknown."""
    if width == 0:
        return 0.0
    return soft(width - 1 - abs(du) / max(abs(dw), 1e-6) * depth)


@numba.njit(inline="always")
def doublet(given, a, b, out):  # type: ignore[no-untyped-def]
    """Fill `out` (16,) with the features of the doublet (a, b); `given` comes from `doublet_arguments`."""
    x, y, z, r, sensor, width_u, width_v, signal, axes, depth, thickness, signal_per_mm, kappa = given
    dx, dy, dz = x[b] - x[a], y[b] - y[a], z[b] - z[a]
    chord = math.sqrt(dx * dx + dy * dy)
    length = math.sqrt(chord * chord + dz * dz)
    # sine of the angle between the lines from the origin, over the chord: the circle through the origin
    sine = (x[a] * y[b] - y[a] * x[b]) / (r[a] * r[b])
    out[0] = soft(2.0 * sine / max(chord, 1e-3) / kappa)
    dr = r[b] - r[a]
    if abs(dr) < 1.0:
        dr = 1.0
    out[1] = soft((z[a] - r[a] * dz / dr) / IMPACT_SCALE)
    out[2] = soft(dz / max(chord, 1e-3))
    for end in range(2):
        i = a if end == 0 else b
        m, k = axes[sensor[i]], sensor[i]
        du = m[0, 0] * dx + m[1, 0] * dy + m[2, 0] * dz
        dv = m[0, 1] * dx + m[1, 1] * dy + m[2, 1] * dz
        dw = m[0, 2] * dx + m[1, 2] * dy + m[2, 2] * dz
        cosine = max(abs(dw) / length, 1e-3)
        out[3 + 2 * end] = soft(width_u[i] / 2.0)
        out[4 + 2 * end] = soft(width_v[i] / 2.0)
        out[7 + 2 * end] = _excess(du, dw, width_u[i], depth[k, 0])
        out[8 + 2 * end] = _excess(dv, dw, width_v[i], depth[k, 1])
        out[12 + end] = soft(signal[i] * cosine / (thickness[k] * signal_per_mm))
        out[14 + end] = cosine
    out[11] = soft(length / LENGTH_SCALE)


@numba.njit(cache=True, boundscheck=False, error_model="numpy", fastmath={"contract", "arcp"})
def _doublets(given, pairs, out):  # type: ignore[no-untyped-def]
    for n in range(len(pairs)):
        doublet(given, pairs[n, 0], pairs[n, 1], out[n])


@numba.njit(inline="always")
def _errors(m, sigma_u, sigma_v, tx, ty, cot):  # type: ignore[no-untyped-def]
    """Variance of a point across a track with transverse direction (tx, ty): in azimuth and along z."""
    across, along = 0.0, 0.0
    for k in range(2):
        sigma = sigma_u if k == 0 else sigma_v
        across += (sigma * (m[1, k] * tx - m[0, k] * ty)) ** 2
        along += (sigma * (m[2, k] - cot * (m[0, k] * tx + m[1, k] * ty))) ** 2
    return across, along


@numba.njit(inline="always")
def triplet(given, a, b, c, out):  # type: ignore[no-untyped-def]
    """Fill `out` (8,) with the features of the triplet (a, b, c); `given` comes from `triplet_arguments`."""
    x, y, z, sensor, sigma_u, sigma_v, axes, x0, kappa = given
    abx, aby, abz = x[b] - x[a], y[b] - y[a], z[b] - z[a]
    bcx, bcy, bcz = x[c] - x[b], y[c] - y[b], z[c] - z[b]
    ab, bc = max(math.sqrt(abx * abx + aby * aby), 1e-3), max(math.sqrt(bcx * bcx + bcy * bcy), 1e-3)
    acx, acy = abx + bcx, aby + bcy
    ac = max(math.sqrt(acx * acx + acy * acy), 1e-3)
    # curvature of the circle through the three points, positive when it turns to the left
    curvature = 2.0 * (abx * bcy - aby * bcx) / (ab * bc * ac)
    half1, half2 = min(abs(curvature) * ab / 2, 0.99), min(abs(curvature) * bc / 2, 0.99)
    arc1 = ab * (math.asin(half1) / half1 if half1 > 1e-4 else 1.0)
    arc2 = bc * (math.asin(half2) / half2 if half2 > 1e-4 else 1.0)
    cot1, cot2 = abz / arc1, bcz / arc2
    cot = (abz + bcz) / (arc1 + arc2)
    tx, ty = acx / ac, acy / ac
    across_a, along_a = _errors(axes[sensor[a]], sigma_u[a], sigma_v[a], tx, ty, cot)
    across_b, along_b = _errors(axes[sensor[b]], sigma_u[b], sigma_v[b], tx, ty, cot)
    across_c, along_c = _errors(axes[sensor[c]], sigma_u[c], sigma_v[c], tx, ty, cot)
    q_over_pt = curvature / kappa
    one = 1.0 + cot * cot
    m = axes[sensor[b]]
    cosine = abs(m[0, 2] * tx + m[1, 2] * ty + m[2, 2] * cot) / math.sqrt(one)
    theta0 = (
        0.0136 * max(abs(q_over_pt), SOFTEST) / math.sqrt(one) * math.sqrt(x0[sensor[b]] / max(cosine, 0.05))
    )
    lever = (1 / ab + 1 / bc) ** 2
    turn = across_a / ab**2 + across_b * lever + across_c / bc**2 + theta0 * theta0 * one
    kink = along_a / ab**2 + along_b * lever + along_c / bc**2 + (theta0 * one) ** 2
    error = 2.0 / ac * math.sqrt(turn) / kappa
    # impact of the circle: signed distance of the origin from it, stable for straight lines too
    nx, ny = -aby / ab, abx / ab
    # tangent at b is the chord a-b turned by half the arc
    s, co = math.sin(curvature * arc1 / 2), math.cos(curvature * arc1 / 2)
    px, py = co * nx - s * ny, s * nx + co * ny
    q = curvature * (x[b] * x[b] + y[b] * y[b]) / 2 + x[b] * px + y[b] * py
    d0 = 2 * q / (1 + math.sqrt(max(1 + 2 * curvature * q, 0.0)))
    ra, rc = math.sqrt(x[a] * x[a] + y[a] * y[a]), math.sqrt(x[c] * x[c] + y[c] * y[c])
    beam = 2.0 * (x[a] * y[c] - y[a] * x[c]) / (ra * rc) / ac / kappa
    out[0] = soft((cot2 - cot1) / math.sqrt(kink))
    out[1] = soft(q_over_pt)
    out[2] = math.log(error)
    out[3] = soft(d0 / D0_SCALE)
    out[4] = soft((q_over_pt - beam) / error)
    out[5] = math.log(kink) / 2
    out[6] = soft(cot)
    out[7] = math.log(bc / ab)


def doublet_arguments(points: Points, frame: Frame, signal_per_mm: float) -> tuple[object, ...]:
    """What `doublet` needs of an event and a detector."""
    return (
        points.x, points.y, points.z, points.r, points.sensor, points.width_u, points.width_v, points.signal,
        frame.axes, frame.depth_in_cells, frame.thickness, signal_per_mm, frame.kappa_per_gev,
    )  # fmt: skip


def triplet_arguments(points: Points, frame: Frame) -> tuple[object, ...]:
    """What `triplet` needs of an event and a detector."""
    return (
        points.x, points.y, points.z, points.sensor, points.sigma_u, points.sigma_v,
        frame.axes, frame.radiation_lengths, frame.kappa_per_gev,
    )  # fmt: skip


def doublet_features(
    points: Points, frame: Frame, pairs: NDArray[np.int32], signal_per_mm: float
) -> NDArray[np.float32]:
    """Features of each pair of points, in the order of `DOUBLET_FEATURES`. Shape (n, 16)."""
    out = np.empty((len(pairs), len(DOUBLET_FEATURES)), np.float32)
    _doublets(doublet_arguments(points, frame, signal_per_mm), pairs, out)
    return out
