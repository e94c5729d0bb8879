"""The kernel that joins doublets to triplets: their features, the limits on these and the gate, in one pass.

Around each point, every doublet that arrives meets blocks of those that leave. Differences of coordinates, the sine between
two doublets and the change of slope are taken in double precision; the rest is single precision, many lanes at a time.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gnnreco.graphs.dense import LANES, inlined
from gnnreco.kernels import njit

from .features import ONE, SHORTEST, TWO, positions, soft
from .frame import Frame, Points
from .gate import gate_block, hidden_layers

BLOCK = 16  # doublets that leave a point, taken together
VECTOR = 8  # as many as one instruction works on
D0_SCALE = np.float32(0.1)  # mm
SOFTEST = np.float32(0.05)  # 1/GeV: a triplet cannot tell a momentum above 20 GeV from infinite
HIGHLAND = 0.0136  # GeV
STRAIGHTEST = np.float32(0.05)  # cosine below which the path through a sensor grows no longer
MOST_BENT = np.float32(0.99)  # sine of half the angle that an arc may turn
HALF, ZERO = np.float32(0.5), np.float32(0)
# (arcsin(x) / x - 1) / x^2 as a polynomial of x^2 up to 0.44, to 1e-8
ARC = tuple(
    np.float32(c)
    for c in (0.16666669, 0.07499472, 0.04482664, 0.02801784, 0.03647444, -0.02362939, 0.06556225)
)
ARC_FROM = np.float32(0.44)

# no infinities may be assumed away here: limits are infinite where nothing is cut
_LAWS = {"contract", "arcp", "nsz", "reassoc"}
_vectorised = njit(cache=True, boundscheck=False, error_model="numpy", fastmath=_LAWS)
_vectorised_inlined = njit(  # for callees: see `inlined`
    cache=True, boundscheck=False, error_model="numpy", fastmath=_LAWS, forceinline=True
)


@_vectorised
def _point_errors(sensor, sigma_u, sigma_v, axes, x0):  # type: ignore[no-untyped-def]
    """Of each point: its errors along u and v as vectors, the normal, and the scattering of 1 GeV. Shape (n, 10)."""
    out = np.empty((len(sensor), 10), np.float32)
    for i in range(len(sensor)):
        k = sensor[i]
        for row in range(3):
            out[i, row] = sigma_u[i] * axes[k, row, 0]
            out[i, 3 + row] = sigma_v[i] * axes[k, row, 1]
            out[i, 6 + row] = axes[k, row, 2]
        out[i, 9] = HIGHLAND * HIGHLAND * x0[k]
    return out


def join_arguments(points: Points, frame: Frame) -> tuple[object, ...]:
    """What `join` needs of an event and a detector."""
    errors = _point_errors(points.sensor, points.sigma_u, points.sigma_v, frame.axes, frame.radiation_lengths)
    return positions(points.x, points.y, points.z, points.r), errors, np.float32(frame.kappa_per_gev)


def raw_limits(limits: NDArray[np.float64]) -> NDArray[np.float32]:
    """Limits (8, 2) on the features as limits (2, 8) on the numbers behind them, before `soft` and the logarithm."""
    with np.errstate(divide="ignore", over="ignore"):
        inside = np.clip(limits, -4, 4)
        raw = inside / (1 - np.abs(inside) / 4)
        for k, power in ((2, 1), (5, 2), (7, 1)):
            raw[k] = np.exp(power * limits[k])
    return np.ascontiguousarray(raw.T, np.float32)


@njit(inline="always")
def _arc(square, cosine):  # type: ignore[no-untyped-def]
    """How much longer an arc is than its chord, relative to the chord; `square` is half its angle's sine squared."""
    half = HALF - HALF * cosine  # the same for half the arc: where the polynomial does not reach
    u = square if square < ARC_FROM else half
    p = u * (ARC[0] + u * (ARC[1] + u * (ARC[2] + u * (ARC[3] + u * (ARC[4] + u * (ARC[5] + u * ARC[6]))))))
    return p if square < ARC_FROM else (ONE + p) * math.sqrt(TWO / (ONE + cosine)) - ONE


@njit(inline="always")
def _errors(ux, uy, uz, vx, vy, vz, tx, ty, cot):  # type: ignore[no-untyped-def]
    """Variance of a point across a track with transverse direction (tx, ty): in azimuth and along z."""
    across_u, across_v = uy * tx - ux * ty, vy * tx - vx * ty
    along_u, along_v = uz - cot * (ux * tx + uy * ty), vz - cot * (vx * tx + vy * ty)
    return across_u * across_u + across_v * across_v, along_u * along_u + along_v * along_v


@_vectorised_inlined
def _leaving(at, errors, doublets, first, end, b, wide, g):  # type: ignore[no-untyped-def]
    """Rows of `wide`: x, y, slope of the doublets that leave b; of `g`: length, sine, cosine of azimuth, errors (6)."""
    for n in range(BLOCK):
        c = doublets[min(first + n, end - 1), 1]
        x, y, z = at[c, 0] - at[b, 0], at[c, 1] - at[b, 1], at[c, 2] - at[b, 2]
        length = max(math.sqrt(x * x + y * y), SHORTEST)
        wide[n], wide[BLOCK + n], wide[2 * BLOCK + n] = x, y, z / length
        g[n] = length
        g[BLOCK + n] = at[b, 4] * at[c, 5] - at[b, 5] * at[c, 4]
        g[2 * BLOCK + n] = at[b, 4] * at[c, 4] + at[b, 5] * at[c, 5]
        for k in range(6):
            g[(3 + k) * BLOCK + n] = errors[c, k]


@_vectorised_inlined
def _meet(at, errors, kappa, a, b, lanes, wide, g, low, high, raw):  # type: ignore[no-untyped-def]
    """Rows of `raw`: the 8 numbers behind the features of (a, b) and each doublet of the block, and whether all fit."""
    abx, aby, abz = at[b, 0] - at[a, 0], at[b, 1] - at[a, 1], at[b, 2] - at[a, 2]
    length = max(math.sqrt(abx * abx + aby * aby), SHORTEST)
    slope1 = abz / length
    dz1, ab, per_ab = np.float32(abz), np.float32(length), np.float32(1.0 / length)
    sine1 = np.float32(at[a, 4] * at[b, 5] - at[a, 5] * at[b, 4])
    cosine1 = np.float32(at[a, 4] * at[b, 4] + at[a, 5] * at[b, 5])
    # of the straight line through both: its distance from the origin; and the product of the two positions
    impact = np.float32((abx * at[b, 1] - aby * at[b, 0]) / length)
    product = np.float32(at[a, 0] * at[b, 0] + at[a, 1] * at[b, 1])
    aux, auy, auz, avx, avy, avz = (
        errors[a, 0], errors[a, 1], errors[a, 2], errors[a, 3], errors[a, 4], errors[a, 5]
    )  # fmt: skip
    bux, buy, buz, bvx, bvy, bvz = (
        errors[b, 0], errors[b, 1], errors[b, 2], errors[b, 3], errors[b, 4], errors[b, 5]
    )  # fmt: skip
    wx, wy, wz, scattering = errors[b, 6], errors[b, 7], errors[b, 8], errors[b, 9]
    for n in range(lanes):
        bcx, bcy, slope2, bc = wide[n], wide[BLOCK + n], wide[2 * BLOCK + n], g[n]
        per_bc = ONE / bc
        acx, acy = np.float32(abx + bcx), np.float32(aby + bcy)
        per_ac = ONE / max(math.sqrt(acx * acx + acy * acy), SHORTEST)
        tx, ty = acx * per_ac, acy * per_ac
        # curvature of the circle through the three points, positive when it turns to the left
        curvature = TWO * np.float32(abx * bcy - aby * bcx) * per_ab * per_bc * per_ac
        half1 = min(abs(curvature) * ab * HALF, MOST_BENT)
        half2 = min(abs(curvature) * bc * HALF, MOST_BENT)
        square1, square2 = half1 * half1, half2 * half2
        turned = math.sqrt(ONE - square1)
        more1, more2 = _arc(square1, turned), _arc(square2, math.sqrt(ONE - square2))
        less1, less2 = more1 / (ONE + more1), more2 / (ONE + more2)
        bend = np.float32(slope2 - slope1) - np.float32(slope2) * less2 + np.float32(slope1) * less1
        cot = (dz1 + np.float32(slope2) * bc) / (ab + ab * more1 + bc + bc * more2)
        across_a, along_a = _errors(aux, auy, auz, avx, avy, avz, tx, ty, cot)
        across_b, along_b = _errors(bux, buy, buz, bvx, bvy, bvz, tx, ty, cot)
        across_c, along_c = _errors(
            g[3 * BLOCK + n], g[4 * BLOCK + n], g[5 * BLOCK + n],
            g[6 * BLOCK + n], g[7 * BLOCK + n], g[8 * BLOCK + n], tx, ty, cot,
        )  # fmt: skip
        q_over_pt = curvature / kappa
        one = ONE + cot * cot
        cosine = abs(wx * tx + wy * ty + wz * cot) / math.sqrt(one)
        hardest = max(abs(q_over_pt), SOFTEST)
        scattered = scattering * hardest * hardest / max(cosine, STRAIGHTEST)
        at_a, at_b, at_c = per_ab * per_ab, (per_ab + per_bc) * (per_ab + per_bc), per_bc * per_bc
        turn = across_a * at_a + across_b * at_b + across_c * at_c + scattered
        kink = along_a * at_a + along_b * at_b + along_c * at_c + scattered * one
        error = TWO * per_ac * math.sqrt(turn) / kappa
        # impact of the circle: signed distance of the origin from it, stable for straight lines too
        q = turned * impact + HALF * curvature * product
        d0 = TWO * q / (ONE + math.sqrt(max(ONE + TWO * curvature * q, ZERO)))
        beam = TWO * (sine1 * g[2 * BLOCK + n] + cosine1 * g[BLOCK + n]) * per_ac / kappa
        pull, d0, beam_pull = bend / math.sqrt(kink), d0 / D0_SCALE, (q_over_pt - beam) / error
        ratio = bc * per_ab
        raw[n], raw[BLOCK + n], raw[2 * BLOCK + n], raw[3 * BLOCK + n] = pull, q_over_pt, error, d0
        raw[4 * BLOCK + n], raw[5 * BLOCK + n], raw[6 * BLOCK + n], raw[7 * BLOCK + n] = (
            beam_pull, kink, cot, ratio
        )  # fmt: skip
        fits = (low[0] <= pull) & (pull <= high[0]) & (low[1] <= q_over_pt) & (q_over_pt <= high[1])
        fits &= (low[2] <= error) & (error <= high[2]) & (low[3] <= d0) & (d0 <= high[3])
        fits &= (low[4] <= beam_pull) & (beam_pull <= high[4]) & (low[5] <= kink) & (kink <= high[5])
        fits &= (low[6] <= cot) & (cot <= high[6]) & (low[7] <= ratio) & (ratio <= high[7])
        raw[8 * BLOCK + n] = ONE if fits else ZERO


@inlined
def _finish(f):  # type: ignore[no-untyped-def]
    """Turn the raw numbers of a full block into features."""
    for k in (0, 1, 3, 4, 6):
        for n in range(k * LANES, (k + 1) * LANES):
            f[n] = soft(f[n])
    for n in range(LANES):
        f[2 * LANES + n] = math.log(f[2 * LANES + n])
        f[5 * LANES + n] = HALF * math.log(f[5 * LANES + n])
        f[7 * LANES + n] = math.log(f[7 * LANES + n])


@_vectorised_inlined
def _flush(size, pair, weights, threshold, layers, out, features, n):  # type: ignore[no-untyped-def]
    """Write the triplets of a block that the gate lets through; return how many there are by now."""
    f = layers[0]
    _finish(f)
    gate_block(weights, layers)
    for lane in range(size):
        if not layers[3][lane] > threshold:
            continue
        if n < len(out):
            out[n, 0], out[n, 1] = pair[lane, 0], pair[lane, 1]
            for k in range(8):
                features[n, k] = f[k * LANES + lane]
        n += 1
    return n


@_vectorised
def join(  # type: ignore[no-untyped-def]
    given, doublets, start, arriving, arriving_start, low, high, logits, weights, threshold, out, features
):
    """Fill `out` (budget, 2) and `features` (budget, 8); return how many triplets fit the limits, and how many are out."""
    at, errors, kappa = given
    layers = hidden_layers(weights)
    f, pair = layers[0], np.empty((LANES, 2), np.int32)
    f[: 8 * LANES] = ONE
    wide, g, raw = np.empty(3 * BLOCK), np.empty(9 * BLOCK, np.float32), np.empty(9 * BLOCK, np.float32)
    within, n, size = 0, 0, 0
    for b in range(len(at)):
        if arriving_start[b] == arriving_start[b + 1]:
            continue
        end = start[b + 1]
        for first in range(start[b], end, BLOCK):
            lanes = min(BLOCK, (end - first + VECTOR - 1) // VECTOR * VECTOR)
            _leaving(at, errors, doublets, first, end, b, wide, g)
            for k in range(arriving_start[b], arriving_start[b + 1]):
                i = arriving[k]
                _meet(at, errors, kappa, doublets[i, 0], b, lanes, wide, g, low, high, raw)
                for lane in range(min(BLOCK, end - first)):
                    if raw[8 * BLOCK + lane] == ZERO:
                        continue
                    within += 1
                    pair[size, 0], pair[size, 1] = i, first + lane
                    for row in range(8):
                        f[row * LANES + size] = raw[row * BLOCK + lane]
                    f[8 * LANES + size], f[9 * LANES + size] = logits[i], logits[first + lane]
                    size += 1
                    if size == LANES:
                        n = _flush(size, pair, weights, threshold, layers, out, features, n)
                        size = 0
    return within, _flush(size, pair, weights, threshold, layers, out, features, n)
