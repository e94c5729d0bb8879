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
LANES = 32  # covariances that are turned at a time
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
        there = np.empty_like(here)
        for i in range(len(here)):
            row = here[i]  # one by one, so that sums stay in registers
            a, b, c, d, e = row[0], row[1], row[2], row[3], row[4]
            f, g, h, p, q = row[5], row[6], row[7], row[8], row[9]
            for k in range(offsets[i], offsets[i + 1]):
                row = here[neighbour[k]]
                a, b, c, d, e = a + row[0], b + row[1], c + row[2], d + row[3], e + row[4]
                f, g, h, p, q = f + row[5], g + row[6], h + row[7], p + row[8], q + row[9]
            row = there[i]
            row[0], row[1], row[2], row[3], row[4] = a, b, c, d, e
            row[5], row[6], row[7], row[8], row[9] = f, g, h, p, q
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
    lanes = np.empty(18 * LANES)  # the matrix, row after row, then its axes
    for first in range(0, n, LANES):
        size = min(LANES, n - first)
        for i in range(size):
            for a in range(3):
                for b in range(a + 1):
                    lanes[(3 * a + b) * LANES + i] = moments[first + i, SPREAD + a * (a + 1) // 2 + b]
                    lanes[(3 * b + a) * LANES + i] = lanes[(3 * a + b) * LANES + i]
                for b in range(3):
                    lanes[(9 + 3 * a + b) * LANES + i] = 1.0 if a == b else 0.0
        for _ in range(4):
            turned = _turned(lanes, size, 0, 1, 2)
            turned += _turned(lanes, size, 0, 2, 1) + _turned(lanes, size, 1, 2, 0)
            if turned == 0:
                break
        for i in range(size):
            one, two, three = lanes[i], lanes[4 * LANES + i], lanes[8 * LANES + i]
            best = 0
            if two > one:
                best, one, two = 1, two, one
            if three > one:
                best, one, three = 2, three, one
            variance[first + i, LONG] = max(one, 0.0)
            variance[first + i, WIDE] = max(two, three, 0.0)
            variance[first + i, THIN] = max(min(two, three), 0.0)
            for a in range(3):
                axis[first + i, a] = lanes[(9 + 3 * a + best) * LANES + i]
    return axis, variance


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _turned(lanes: Floats, size: int, p: int, q: int, r: int) -> int:
    """Turn axes p and q of each lane until it has nothing off the diagonal between them; how many were not so yet.

    Without a branch, so that the processor turns eight at once.
    """
    turned = 0
    pp, pq, pr = (3 * p + p) * LANES, (3 * p + q) * LANES, (3 * p + r) * LANES
    qp, qq, qr = (3 * q + p) * LANES, (3 * q + q) * LANES, (3 * q + r) * LANES
    rp, rq = (3 * r + p) * LANES, (3 * r + q) * LANES
    for i in range(size):
        a, b, c, d = lanes[pp + i], lanes[pq + i], lanes[qp + i], lanes[qq + i]
        straight = abs(b) < 1e-12 * (abs(a) + abs(d)) + 1e-30
        half = 0.5 * (d - a) / b
        tangent = 1.0 / (abs(half) + np.sqrt(half * half + 1.0))
        tangent = tangent if half >= 0 else -tangent
        cosine = 1.0 / np.sqrt(tangent * tangent + 1.0)
        sine = tangent * cosine
        cosine, sine = (1.0, 0.0) if straight else (cosine, sine)
        turned += 0 if straight else 1
        a, b = cosine * a - sine * b, sine * a + cosine * b
        c, d = cosine * c - sine * d, sine * c + cosine * d
        lanes[pp + i], lanes[qp + i] = cosine * a - sine * c, sine * a + cosine * c
        lanes[pq + i], lanes[qq + i] = cosine * b - sine * d, sine * b + cosine * d
        a, b = lanes[rp + i], lanes[rq + i]
        lanes[rp + i], lanes[rq + i] = cosine * a - sine * b, sine * a + cosine * b
        a, b = lanes[pr + i], lanes[qr + i]
        lanes[pr + i], lanes[qr + i] = cosine * a - sine * b, sine * a + cosine * b
        for k in range(3):
            one, two = (9 + 3 * k + p) * LANES + i, (9 + 3 * k + q) * LANES + i
            a, b = lanes[one], lanes[two]
            lanes[one], lanes[two] = cosine * a - sine * b, sine * a + cosine * b
    return turned
