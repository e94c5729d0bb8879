"""Scored pairs of charge samples to pieces of tracks: the surest pair joins first, unless the path would bend there.

A pair that scores well may still join two tracks that cross. Before two long pieces become one, a parabola through
both, in the frame of their own main axis, must describe them as well as one through each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.graphs.drift.shape import LONG, MEAN, SPREAD, main_axes
from gnnreco.kernels import FIRST, SECOND, X, Y, Z, njit

WEIGHT = 3  # column of a point, after its place
T0, T1, T2, T3, T4 = range(5)  # sums over points times this power of the way along the axis
SQUARE = 3  # the sum of squares, after those of `T0` to `T2`

POINTS = 96  # of each piece that a test looks at


@dataclass(frozen=True)
class PiecesConfig:
    """How pairs become pieces.

    Attributes
    ----------
    probability : float
        Pairs below it join nothing.
    sure : float
        Pairs above it are equally sure.
    window : float
        How far around the pair a test looks, mm.
    long : int
        Samples within the window from which on a piece is tested.
    bend : float
        How much farther from one common parabola the charge may lie than from two, root of the mean square, mm.
    min_samples : int
        Samples of the smallest piece.
    """

    probability: float = 0.3
    sure: float = 0.95
    window: float = 120.0
    long: int = 24
    bend: float = 1.2
    min_samples: int = 8


def grow_pieces(
    xyz: Floats,
    charge: Floats,
    pairs: NDArray[np.int32],
    logit: NDArray[np.float32],
    config: PiecesConfig,
) -> Ints:
    """Piece of each sample (n,), numbered from 0; -1: in none.

    Parameters
    ----------
    xyz : float64 (n, 3)
        mm.
    charge : float64 (n,)
    pairs : int32 (m, 2)
    logit : float32 (m,)
    """
    least, clear = (np.log(p / (1 - p)) for p in (config.probability, config.sure))
    sure = surest_first(charge, pairs, logit, least, clear)
    root = _grow(xyz, charge, sure, config.window, config.long, config.bend**2)
    large = np.bincount(root, minlength=len(root)) >= config.min_samples
    return np.where(large, np.cumsum(large) - 1, -1)[root]


def surest_first(
    charge: Floats, pairs: NDArray[np.int32], logit: NDArray[np.float32], least: float, clear: float
) -> NDArray[np.int32]:
    """Pairs (k, 2) above `least`: by logit, then the one on the ridge of the charge, then as they stand.

    Pairs above `clear` are equally sure. Halves of one track must not grow side by side, so among them that with most
    charge at its poorer end goes first. Most pairs are such: they are counted by the rank of that charge, not sorted.
    """
    levels, rank = np.unique(-np.asarray(charge, np.float32), return_inverse=True)
    rank = rank.astype(np.int32)
    first, rest = _by_charge(rank, len(levels), pairs, logit, least, clear)
    poorer = rank[pairs[rest]].max(axis=1, initial=0)
    return np.concatenate([first, pairs[rest[np.lexsort((poorer, -logit[rest]))]]])


@njit(cache=True, nogil=True)
def _by_charge(
    rank: NDArray[np.int32],
    n_ranks: int,
    pairs: NDArray[np.int32],
    logit: NDArray[np.float32],
    least: float,
    clear: float,
) -> tuple[NDArray[np.int32], Ints]:
    """Pairs from `clear` on by the higher rank of their ends, then as they stand; rows of the others above `least`."""
    start, others = np.zeros(n_ranks + 1, np.int64), 0
    for m in range(len(pairs)):
        if logit[m] >= clear:
            start[max(rank[pairs[m, FIRST]], rank[pairs[m, SECOND]]) + 1] += 1
        elif logit[m] > least:
            others += 1
    place = np.cumsum(start)
    ordered, rest, others = np.empty((place[-1], 2), np.int32), np.empty(others, np.int64), 0
    for m in range(len(pairs)):
        if logit[m] >= clear:
            a, b = pairs[m]
            k = max(rank[a], rank[b])
            ordered[place[k], FIRST], ordered[place[k], SECOND] = a, b
            place[k] += 1
        elif logit[m] > least:
            rest[others] = m
            others += 1
    return ordered, rest


@njit(cache=True, nogil=True)
def _root(parent: NDArray[np.int32], i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@njit(cache=True, nogil=True)
def _grow(
    xyz: Floats, charge: Floats, pairs: NDArray[np.int32], window: float, long: int, bend2: float
) -> Ints:
    n = len(xyz)
    parent, tail = np.arange(n, dtype=np.int32), np.arange(n, dtype=np.int32)
    size, following = np.ones(n, np.int32), np.full(n, -1, np.int32)
    refused, table = np.zeros(1, np.int64), 1 << 16
    refused = np.full(table, -1, np.int64)
    one, two = np.empty((POINTS, 4)), np.empty((POINTS, 4))
    for m in range(len(pairs)):
        a, b = _root(parent, pairs[m, FIRST]), _root(parent, pairs[m, SECOND])
        if a == b:
            continue
        if size[a] < size[b]:
            a, b = b, a
        if size[b] >= long:
            # Two pieces that were kept apart are not tested again until one has grown by an eighth.
            grown = int(8 * np.log2(size[a])) * 1000 + int(8 * np.log2(size[b]))
            key = (min(a, b) * 1000003 + max(a, b)) * 1000003 + grown
            slot = (key ^ (key >> 29)) & (table - 1)
            if refused[slot] == key:
                continue
            i, j = pairs[m]
            middle = 0.5 * (xyz[i] + xyz[j])
            k = _collect(xyz, charge, a, following, size[a], middle, window, one)
            n_two = _collect(xyz, charge, b, following, size[b], middle, window, two)
            if k >= long // 2 and n_two >= long // 2 and _bent(one[:k], two[:n_two], bend2):
                refused[slot] = key
                continue
        parent[b] = a
        following[tail[a]] = b
        tail[a] = tail[b]
        size[a] += size[b]
    out = np.empty(n, np.int64)
    for i in range(n):
        out[i] = _root(parent, i)
    return out


@njit(cache=True, nogil=True)
def _collect(
    xyz: Floats,
    charge: Floats,
    first: int,
    following: NDArray[np.int32],
    size: int,
    middle: Floats,
    window: float,
    out: Floats,
) -> int:
    """Samples of a piece around a point, evenly thinned to `POINTS`: offset from the point and charge."""
    inside = 0
    i = first
    while i >= 0:
        d2 = (xyz[i, X] - middle[X]) ** 2 + (xyz[i, Y] - middle[Y]) ** 2 + (xyz[i, Z] - middle[Z]) ** 2
        inside += d2 < window * window
        i = following[i]
    stride, seen, k = (inside + POINTS - 1) // POINTS, 0, 0
    i = first
    while i >= 0:
        d2 = (xyz[i, X] - middle[X]) ** 2 + (xyz[i, Y] - middle[Y]) ** 2 + (xyz[i, Z] - middle[Z]) ** 2
        if d2 < window * window:
            if seen % stride == 0 and k < POINTS:
                for c in range(3):
                    out[k, c] = xyz[i, c] - middle[c]
                out[k, WEIGHT] = charge[i]
                k += 1
            seen += 1
        i = following[i]
    return k


@njit(cache=True, nogil=True)
def _bent(one: Floats, two: Floats, bend2: float) -> bool:
    """Whether two sets of points lie farther from one parabola than from one each."""
    both = np.concatenate((one, two))
    total = np.sum(both[:, WEIGHT])
    return misfit(both) - misfit(one) - misfit(two) > bend2 * total


@njit(cache=True, nogil=True, error_model="numpy")
def misfit(points: Floats) -> float:
    """Weighted squares of the distances of points (n, 4: place, weight) from the parabola along their main axis."""
    moments = np.zeros((1, 10))
    total = 0.0
    for i in range(len(points)):
        w = points[i, WEIGHT]
        total += w
        for a in range(3):
            moments[0, MEAN + a] += w * points[i, a]
            for b in range(a + 1):
                moments[0, SPREAD + a * (a + 1) // 2 + b] += w * points[i, a] * points[i, b]
    moments /= total
    for a in range(3):
        for b in range(a + 1):
            moments[0, SPREAD + a * (a + 1) // 2 + b] -= moments[0, MEAN + a] * moments[0, MEAN + b]
    axes, variance = main_axes(moments)
    axis, spread = axes[0], np.sqrt(variance[0, LONG]) + 1e-9
    # Any two directions square to the axis do: the sum of squares over both is what counts.
    flat = 0
    for c in range(1, 3):
        if abs(axis[c]) < abs(axis[flat]):
            flat = c
    u, v = np.zeros(3), np.zeros(3)
    u[flat] = 1.0
    u -= axis * axis[flat]
    u /= np.sqrt(np.sum(u * u))
    v[X] = axis[Y] * u[Z] - axis[Z] * u[Y]
    v[Y] = axis[Z] * u[X] - axis[X] * u[Z]
    v[Z] = axis[X] * u[Y] - axis[Y] * u[X]
    s = np.zeros(5)
    r = np.zeros((2, 4))
    for i in range(len(points)):
        w = points[i, WEIGHT]
        t, p, q = 0.0, 0.0, 0.0
        for a in range(3):
            d = points[i, a] - moments[0, MEAN + a]
            t += d * axis[a]
            p += d * u[a]
            q += d * v[a]
        t /= spread
        power = w
        for k in range(5):
            s[k] += power
            if k < 3:
                r[0, k] += power * p
                r[1, k] += power * q
            power *= t
        r[0, SQUARE] += w * p * p
        r[1, SQUARE] += w * q * q
    # Normal equations of 1, t, t^2, with a whisper of a ridge for points without extent.
    s[T4] += 1e-9 * s[T0]
    s[T2] += 1e-9 * s[T0]
    a00, a01, a02, a11, a12, a22 = s[T0], s[T1], s[T2], s[T2], s[T3], s[T4]
    c00, c01, c02 = a11 * a22 - a12 * a12, a02 * a12 - a01 * a22, a01 * a12 - a02 * a11
    c11, c12, c22 = a00 * a22 - a02 * a02, a01 * a02 - a00 * a12, a00 * a11 - a01 * a01
    det = a00 * c00 + a01 * c01 + a02 * c02
    left = 0.0
    for k in range(2):
        b0, b1, b2 = r[k, T0], r[k, T1], r[k, T2]
        explained = (
            b0 * (c00 * b0 + c01 * b1 + c02 * b2)
            + b1 * (c01 * b0 + c11 * b1 + c12 * b2)
            + b2 * (c02 * b0 + c12 * b1 + c22 * b2)
        ) / det
        left += max(r[k, SQUARE] - explained, 0.0)
    return left
