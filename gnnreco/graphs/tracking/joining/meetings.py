"""Two doublets that share a point: the numbers behind the features of their triplet, many lanes at a time.

Differences of coordinates, the sine between two doublets and the change of slope are taken in double precision; the rest is
single precision.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats
from gnnreco.kernels import X, Y, Z, njit

from ..features import COS, ONE, SHORTEST, SIN, TWO
from .leaving import GROUP, ROOM, Leaving, vectorised_inlined

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
SCATTERING = (
    9  # column of a point's errors, after two vectors and the normal: the scattering of 1 GeV, squared
)
Six = tuple[np.float32, np.float32, np.float32, np.float32, np.float32, np.float32]


@njit(inline="always")
def _arc(square: np.float32, cosine: np.float32) -> np.float32:
    """How much longer an arc is than its chord, relative to the chord; `square` is half its angle's sine squared."""
    half = HALF - HALF * cosine  # the same for half the arc: where the polynomial does not reach
    u = square if square < ARC_FROM else half
    a0, a1, a2, a3, a4, a5, a6 = ARC
    p = u * (a0 + u * (a1 + u * (a2 + u * (a3 + u * (a4 + u * (a5 + u * a6))))))
    return p if square < ARC_FROM else (ONE + p) * math.sqrt(TWO / (ONE + cosine)) - ONE


@njit(inline="always")
def _six(table: NDArray[np.float32], row: int) -> Six:
    return table[row, 0], table[row, 1], table[row, 2], table[row, 3], table[row, 4], table[row, 5]


@njit(inline="always")
def _eight(limits: NDArray[np.float32]) -> tuple[np.float32, ...]:
    return limits[0], limits[1], limits[2], limits[3], limits[4], limits[5], limits[6], limits[7]


@njit(inline="always")
def _errors(vectors: Six, tx: np.float32, ty: np.float32, cot: np.float32) -> tuple[np.float32, np.float32]:
    """Variance of a point across a track with transverse direction (tx, ty): in azimuth and along z."""
    ux, uy, uz, vx, vy, vz = vectors
    across_u, across_v = uy * tx - ux * ty, vy * tx - vx * ty
    along_u, along_v = uz - cot * (ux * tx + uy * ty), vz - cot * (vx * tx + vy * ty)
    return across_u * across_u + across_v * across_v, along_u * along_u + along_v * along_v


@njit(inline="always")
def _column(table: NDArray[Any], row: int, k: np.uint64) -> Any:
    """Unsigned numbers are places that cannot be counted from the end: the compiler need not ask."""
    return table[np.uint64(row * ROOM) + k]


@vectorised_inlined
def meet(
    at: Floats,
    errors: NDArray[np.float32],
    a: int,
    b: int,
    kappa: np.float32,
    leaving: Leaving,
    first: int,
    groups: int,
    low: NDArray[np.float32],
    high: NDArray[np.float32],
    raw: NDArray[np.float32],
) -> None:
    """Let the doublet from a to b meet `groups` of `GROUP` of those that leave b, from row `first` on.

    Rows of `raw` are filled: the 8 numbers behind the features of each triplet, and whether all fit the limits.
    """
    x, y, z = at[b, X] - at[a, X], at[b, Y] - at[a, Y], at[b, Z] - at[a, Z]
    length = max(math.sqrt(x * x + y * y), SHORTEST)
    slope1, ab, per_ab = z / length, np.float32(length), ONE / np.float32(length)
    sine1 = np.float32(at[a, COS] * at[b, SIN] - at[a, SIN] * at[b, COS])
    cosine1 = np.float32(at[a, COS] * at[b, COS] + at[a, SIN] * at[b, SIN])
    impact = np.float32((x * at[b, Y] - y * at[b, X]) / length)
    product = np.float32(at[a, X] * at[b, X] + at[a, Y] * at[b, Y])
    errors_a, errors_b = _six(errors, a), _six(errors, b)
    wx, wy, wz, scattering = errors[b, 6], errors[b, 7], errors[b, 8], errors[b, SCATTERING]
    l0, l1, l2, l3, l4, l5, l6, l7 = _eight(low)
    h0, h1, h2, h3, h4, h5, h6, h7 = _eight(high)
    wide, near = leaving.wide, leaving.near
    for n in range(np.uint64(groups * GROUP)):
        k = np.uint64(first) + n
        bcx, bcy, slope2 = _column(wide, 0, k), _column(wide, 1, k), _column(wide, 2, k)
        bc, sine2, cosine2 = _column(near, 0, k), _column(near, 1, k), _column(near, 2, k)
        per_bc = ONE / bc
        acx, acy = np.float32(x + bcx), np.float32(y + bcy)
        per_ac = ONE / max(math.sqrt(acx * acx + acy * acy), SHORTEST)
        tx, ty = acx * per_ac, acy * per_ac
        # curvature of the circle through the three points, positive when it turns to the left
        curvature = TWO * np.float32(x * bcy - y * bcx) * per_ab * per_bc * per_ac
        half1 = min(abs(curvature) * ab * HALF, MOST_BENT)
        half2 = min(abs(curvature) * bc * HALF, MOST_BENT)
        square1, square2 = half1 * half1, half2 * half2
        turned = math.sqrt(ONE - square1)
        more1, more2 = _arc(square1, turned), _arc(square2, math.sqrt(ONE - square2))
        less1, less2 = more1 / (ONE + more1), more2 / (ONE + more2)
        bend = np.float32(slope2 - slope1) - np.float32(slope2) * less2 + np.float32(slope1) * less1
        cot = (np.float32(slope1) * ab + np.float32(slope2) * bc) / (ab + ab * more1 + bc + bc * more2)
        across_a, along_a = _errors(errors_a, tx, ty, cot)
        across_b, along_b = _errors(errors_b, tx, ty, cot)
        errors_c = (
            *(_column(near, 3, k), _column(near, 4, k), _column(near, 5, k)),
            *(_column(near, 6, k), _column(near, 7, k), _column(near, 8, k)),
        )
        across_c, along_c = _errors(errors_c, tx, ty, cot)
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
        raw[n], raw[np.uint64(ROOM) + n], raw[np.uint64(2 * ROOM) + n] = pull, q_over_pt, error
        raw[np.uint64(3 * ROOM) + n], raw[np.uint64(4 * ROOM) + n] = d0, beam_pull
        raw[np.uint64(5 * ROOM) + n], raw[np.uint64(6 * ROOM) + n], raw[np.uint64(7 * ROOM) + n] = (
            kink,
            cot,
            ratio,
        )
        fits = (l0 <= pull) & (pull <= h0) & (l1 <= q_over_pt) & (q_over_pt <= h1)
        fits &= (l2 <= error) & (error <= h2) & (l3 <= d0) & (d0 <= h3)
        fits &= (l4 <= beam_pull) & (beam_pull <= h4) & (l5 <= kink) & (kink <= h5)
        fits &= (l6 <= cot) & (cot <= h6) & (l7 <= ratio) & (ratio <= h7)
        raw[np.uint64(8 * ROOM) + n] = ONE if fits else ZERO
