"""Two doublets that share a point: the numbers behind the features of their triplet, many lanes at a time.

Differences of coordinates, the sine between two doublets and the change of slope are taken in double precision; the rest is
single precision.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats
from gnnreco.kernels import njit

from ..features import ONE, SHORTEST, TWO

BLOCK = 64  # meetings of two doublets taken together
D0_SCALE = np.float32(0.1)  # mm
SOFTEST = np.float32(0.05)  # 1/GeV: a triplet cannot tell a momentum above 20 GeV from infinite
STRAIGHTEST = np.float32(0.05)  # cosine below which the path through a sensor grows no longer
MOST_BENT = np.float32(0.99)  # sine of half the angle that an arc may turn
HALF, ZERO = np.float32(0.5), np.float32(0)
# (arcsin(x) / x - 1) / x^2 as a polynomial of x^2 up to 0.44, to 1e-8
ARC = tuple(
    np.float32(c)
    for c in (0.16666669, 0.07499472, 0.04482664, 0.02801784, 0.03647444, -0.02362939, 0.06556225)
)
ARC_FROM = np.float32(0.44)
# Numbers behind the features of a triplet.
KINK_PULL, Q_OVER_PT, Q_OVER_PT_ERROR, D0, BEAM_PULL, KINK_ERROR, COT_THETA, ARM_RATIO = range(8)

# no infinities may be assumed away here: limits are infinite where nothing is cut
LAWS = {"contract", "arcp", "nsz", "reassoc"}
vectorised_inlined = njit(  # for callees: see `gnnreco.graphs.dense.inlined`
    cache=True, boundscheck=False, error_model="numpy", fastmath=LAWS, forceinline=True
)


@njit(inline="always")
def _arc(square: np.float32, cosine: np.float32) -> np.float32:
    """How much longer an arc is than its chord, relative to the chord; `square` is half its angle's sine squared."""
    half = HALF - HALF * cosine  # the same for half the arc: where the polynomial does not reach
    u = square if square < ARC_FROM else half
    a0, a1, a2, a3, a4, a5, a6 = ARC
    p = u * (a0 + u * (a1 + u * (a2 + u * (a3 + u * (a4 + u * (a5 + u * a6))))))
    return p if square < ARC_FROM else (ONE + p) * math.sqrt(TWO / (ONE + cosine)) - ONE


@njit(inline="always")
def _errors(
    ux: np.float32,
    uy: np.float32,
    uz: np.float32,
    vx: np.float32,
    vy: np.float32,
    vz: np.float32,
    tx: np.float32,
    ty: np.float32,
    cot: np.float32,
) -> tuple[np.float32, np.float32]:
    """Variance of a point across a track with transverse direction (tx, ty): in azimuth and along z."""
    across_u, across_v = uy * tx - ux * ty, vy * tx - vx * ty
    along_u, along_v = uz - cot * (ux * tx + uy * ty), vz - cot * (vx * tx + vy * ty)
    return across_u * across_u + across_v * across_v, along_u * along_u + along_v * along_v


@vectorised_inlined
def _keep(
    n: int,
    numbers: tuple[np.float32, ...],
    low: NDArray[np.float32],
    high: NDArray[np.float32],
    raw: NDArray[np.float32],
) -> None:
    """Fill lane `n` of `raw`: the 8 numbers behind the features of a triplet, and whether all fit the limits."""
    pull, q_over_pt, error, d0, beam_pull, kink, cot, ratio = numbers
    raw[n], raw[BLOCK + n], raw[2 * BLOCK + n], raw[3 * BLOCK + n] = pull, q_over_pt, error, d0
    raw[4 * BLOCK + n], raw[5 * BLOCK + n], raw[6 * BLOCK + n], raw[7 * BLOCK + n] = (
        beam_pull,
        kink,
        cot,
        ratio,
    )
    fits = (low[KINK_PULL] <= pull) & (pull <= high[KINK_PULL])
    fits &= (low[Q_OVER_PT] <= q_over_pt) & (q_over_pt <= high[Q_OVER_PT])
    fits &= (low[Q_OVER_PT_ERROR] <= error) & (error <= high[Q_OVER_PT_ERROR])
    fits &= (low[D0] <= d0) & (d0 <= high[D0])
    fits &= (low[BEAM_PULL] <= beam_pull) & (beam_pull <= high[BEAM_PULL])
    fits &= (low[KINK_ERROR] <= kink) & (kink <= high[KINK_ERROR])
    fits &= (low[COT_THETA] <= cot) & (cot <= high[COT_THETA])
    fits &= (low[ARM_RATIO] <= ratio) & (ratio <= high[ARM_RATIO])
    raw[8 * BLOCK + n] = ONE if fits else ZERO


@njit(inline="always")
def _errors_of(
    row: int, n: int, g: NDArray[np.float32], tx: np.float32, ty: np.float32, cot: np.float32
) -> tuple[np.float32, np.float32]:
    """`_errors` of the point whose errors lie in `g` from a row on."""
    return _errors(
        g[row * BLOCK + n],
        g[(row + 1) * BLOCK + n],
        g[(row + 2) * BLOCK + n],
        g[(row + 3) * BLOCK + n],
        g[(row + 4) * BLOCK + n],
        g[(row + 5) * BLOCK + n],
        tx,
        ty,
        cot,
    )


@vectorised_inlined
def meet(
    kappa: np.float32,
    wide: Floats,
    g: NDArray[np.float32],
    low: NDArray[np.float32],
    high: NDArray[np.float32],
    raw: NDArray[np.float32],
) -> None:
    """Rows of `raw`: the 8 numbers behind the features of each lane's triplet, and whether all fit the limits.

    Rows of `wide`: x, y, slope of the first doublet, then of the second. Of `g`: length, sine and cosine of azimuth,
    distance and product of the first; length, sine and cosine of the second; the errors of the three points, and of the
    second its sensor's normal and scattering.
    """
    for n in range(BLOCK):
        abx, aby, slope1 = wide[n], wide[BLOCK + n], wide[2 * BLOCK + n]
        bcx, bcy, slope2 = wide[3 * BLOCK + n], wide[4 * BLOCK + n], wide[5 * BLOCK + n]
        ab, sine1, cosine1, impact, product = (
            g[n],
            g[BLOCK + n],
            g[2 * BLOCK + n],
            g[3 * BLOCK + n],
            g[4 * BLOCK + n],
        )
        bc, sine2, cosine2 = g[5 * BLOCK + n], g[6 * BLOCK + n], g[7 * BLOCK + n]
        per_ab, per_bc = ONE / ab, ONE / bc
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
        cot = (np.float32(slope1) * ab + np.float32(slope2) * bc) / (ab + ab * more1 + bc + bc * more2)
        across_a, along_a = _errors_of(8, n, g, tx, ty, cot)
        across_b, along_b = _errors_of(14, n, g, tx, ty, cot)
        across_c, along_c = _errors_of(20, n, g, tx, ty, cot)
        wx, wy, wz, scattering = g[26 * BLOCK + n], g[27 * BLOCK + n], g[28 * BLOCK + n], g[29 * BLOCK + n]
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
        beam = TWO * (sine1 * cosine2 + cosine1 * sine2) * per_ac / kappa
        pull, d0, beam_pull = bend / math.sqrt(kink), d0 / D0_SCALE, (q_over_pt - beam) / error
        ratio = bc * per_ab
        _keep(n, (pull, q_over_pt, error, d0, beam_pull, kink, cot, ratio), low, high, raw)
