"""The shape of the charge around each sample: which way it runs, how long it is, and where its middle lies.

Moments of the charge travel over the graph of samples: after k rounds a sample knows the charge that is k edges away,
weighted by the number of ways to it. Nothing assumes rows or a point of origin.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.kernels import njit

# Columns of the moments of charge: its weight, then from here on its first and its second moments.
WEIGHT, MEAN, SPREAD = 0, 1, 4
LONG, WIDE, THIN = range(3)  # columns of the variances along the main axes


def spread_moments(
    xyz: Floats, weight: Floats, offsets: Ints, neighbour: NDArray[np.int32], *rounds: int
) -> list[Floats]:
    """Weight, its first and its second moments (n, 10) after each of these numbers of rounds, about each sample itself.

    The first three columns after the weight are the mean offset (mm), the last six the lower triangle of the covariance.
    """
    here, done = _moments(xyz, weight), 0
    found: dict[int, Floats] = {}
    for count in sorted(set(rounds)):
        here = _travelled(here, offsets, neighbour, count - done)
        found[count], done = _about_samples(here, xyz), count
    return [found[count] for count in rounds]


@njit(cache=True, nogil=True)
def _moments(xyz: Floats, weight: Floats) -> Floats:
    """Of each sample alone, about the origin."""
    n = len(weight)
    here = np.empty((n, 10))
    for i in range(n):
        here[i, WEIGHT] = weight[i]
        for a in range(3):
            here[i, MEAN + a] = weight[i] * xyz[i, a]
            for b in range(a + 1):
                here[i, SPREAD + a * (a + 1) // 2 + b] = weight[i] * xyz[i, a] * xyz[i, b]
    return here


@njit(cache=True, nogil=True)
def _travelled(here: Floats, offsets: Ints, neighbour: NDArray[np.int32], rounds: int) -> Floats:
    """The same after some rounds, in each of which a sample adds those of its neighbours."""
    for _ in range(rounds):
        there = here.copy()
        for i in range(len(here)):
            for k in range(offsets[i], offsets[i + 1]):
                for c in range(10):
                    there[i, c] += here[neighbour[k], c]
        here = there
    return here


@njit(cache=True, nogil=True)
def _about_samples(moments: Floats, xyz: Floats) -> Floats:
    here = moments.copy()
    for i in range(len(here)):
        for c in range(1, 10):
            here[i, c] /= here[i, WEIGHT]
        for a in range(3):
            for b in range(a + 1):
                here[i, SPREAD + a * (a + 1) // 2 + b] -= here[i, MEAN + a] * here[i, MEAN + b]
        for a in range(3):
            here[i, MEAN + a] -= xyz[i, a]
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
                m[a, b] = m[b, a] = moments[i, SPREAD + a * (a + 1) // 2 + b]
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
        one, two = (best + 1) % 3, (best + 2) % 3
        variance[i, LONG] = max(m[best, best], 0.0)
        variance[i, WIDE] = max(m[one, one], m[two, two], 0.0)
        variance[i, THIN] = max(min(m[one, one], m[two, two]), 0.0)
        for a in range(3):
            axis[i, a] = v[a, best]
    return axis, variance
