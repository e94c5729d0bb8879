"""The shape of the charge around each sample: which way it runs, how long it is, and where its middle lies.

Moments of the charge travel over the graph of samples: after k rounds a sample knows the charge that is k edges away,
weighted by the number of ways to it. Nothing assumes rows or a point of origin.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.kernels import njit


@njit(cache=True, nogil=True)
def spread_moments(
    xyz: Floats, weight: Floats, offsets: Ints, neighbour: NDArray[np.int32], rounds: int
) -> Floats:
    """Weight, its first and its second moments (n, 10) after some rounds, about each sample itself.

    The first three columns after the weight are the mean offset (mm), the last six the lower triangle of the covariance.
    """
    n = len(weight)
    here = np.empty((n, 10))
    for i in range(n):
        here[i, 0] = weight[i]
        for a in range(3):
            here[i, 1 + a] = weight[i] * xyz[i, a]
            for b in range(a + 1):
                here[i, 4 + a * (a + 1) // 2 + b] = weight[i] * xyz[i, a] * xyz[i, b]
    for _ in range(rounds):
        there = here.copy()
        for i in range(n):
            for k in range(offsets[i], offsets[i + 1]):
                for c in range(10):
                    there[i, c] += here[neighbour[k], c]
        here = there
    for i in range(n):
        for c in range(1, 10):
            here[i, c] /= here[i, 0]
        for a in range(3):
            for b in range(a + 1):
                here[i, 4 + a * (a + 1) // 2 + b] -= here[i, 1 + a] * here[i, 1 + b]
        for a in range(3):
            here[i, 1 + a] -= xyz[i, a]
    return here


@njit(cache=True, nogil=True, error_model="numpy")
def main_axes(moments: Floats) -> tuple[Floats, Floats]:
    """The longest axis (n, 3) of each covariance, and all three variances (n, 3), the largest first.

    Cyclic Jacobi rotations: four sweeps are exact to rounding for 3 x 3.
    """
    n = len(moments)
    axis, variance = np.empty((n, 3)), np.empty((n, 3))
    m, v = np.empty((3, 3)), np.empty((3, 3))
    for i in range(n):
        for a in range(3):
            for b in range(a + 1):
                m[a, b] = m[b, a] = moments[i, 4 + a * (a + 1) // 2 + b]
                v[a, b] = v[b, a] = 0.0
            v[a, a] = 1.0
        for _ in range(4):
            for p, q in ((0, 1), (0, 2), (1, 2)):
                if abs(m[p, q]) < 1e-12 * (abs(m[p, p]) + abs(m[q, q])) + 1e-30:
                    continue
                half = 0.5 * (m[q, q] - m[p, p]) / m[p, q]
                t = 1.0 / (abs(half) + np.sqrt(half * half + 1.0))
                t = t if half >= 0 else -t
                c = 1.0 / np.sqrt(t * t + 1.0)
                s = t * c
                for k in range(3):
                    m[k, p], m[k, q] = c * m[k, p] - s * m[k, q], s * m[k, p] + c * m[k, q]
                for k in range(3):
                    m[p, k], m[q, k] = c * m[p, k] - s * m[q, k], s * m[p, k] + c * m[q, k]
                    v[k, p], v[k, q] = c * v[k, p] - s * v[k, q], s * v[k, p] + c * v[k, q]
        best = 0
        for a in range(1, 3):
            if m[a, a] > m[best, best]:
                best = a
        rest = (best + 1) % 3, (best + 2) % 3
        variance[i, 0] = max(m[best, best], 0.0)
        variance[i, 1] = max(m[rest[0], rest[0]], m[rest[1], rest[1]], 0.0)
        variance[i, 2] = max(min(m[rest[0], rest[0]], m[rest[1], rest[1]]), 0.0)
        for a in range(3):
            axis[i, a] = v[a, best]
    return axis, variance
