"""The doublets that leave a point, by slope, and how those that one which arrives may meet fill lanes, a group at a time."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats
from gnnreco.kernels import FIRST, SECOND, X, Y, Z

from ..features import COS, SHORTEST, SIN
from .meetings import BLOCK, vectorised_inlined

GROUP = 8  # doublets copied together: what lies beyond the window is left out later


class Leaving(NamedTuple):
    """The doublets that leave a point, by slope. Tables are flat, for a compiler that must see their rows apart.

    Attributes
    ----------
    row : int32 (n,)
        Which doublets these are.
    slope : float32 (n,)
    wide : float64 (3 * n,)
        Their x, y and slope.
    near : float32 (9 * n,)
        Their length across the axis, sine and cosine of their azimuth; the errors of their outer point along u and v.
    """

    row: NDArray[np.int32]
    slope: NDArray[np.float32]
    wide: Floats
    near: NDArray[np.float32]


@vectorised_inlined
def room_for(n: int) -> Leaving:
    """Room for `n` doublets, filled with numbers that harm no arithmetic."""
    size = n + GROUP
    return Leaving(
        np.zeros(size, np.int32),
        np.zeros(size, np.float32),
        np.ones(3 * size),
        np.ones(9 * size, np.float32),
    )


@vectorised_inlined
def _by_slope(begin: int, end: int, slope: NDArray[np.float32], row: NDArray[np.int32]) -> None:
    """Fill `row` with the doublets from `begin` to `end` by rising slope: by Shell's sort, for there are few."""
    n, gap = end - begin, 1
    for k in range(n):
        row[k] = begin + k
    while 3 * gap < n:
        gap = 3 * gap + 1
    while gap > 0:
        for k in range(gap, n):
            new, i = row[k], k
            while i >= gap and slope[row[i - gap]] > slope[new]:
                row[i] = row[i - gap]
                i -= gap
            row[i] = new
        gap //= 3


@vectorised_inlined
def leave(
    begin: int,
    end: int,
    at: Floats,
    errors: NDArray[np.float32],
    pairs: NDArray[np.int32],
    slope: NDArray[np.float32],
    out: Leaving,
) -> None:
    """Fill `out` with the doublets from `begin` to `end`, which leave one point.

    `at` is as `positions` gives it; a row of `errors` holds a point's errors along u and v, its normal, its scattering.
    """
    row, slopes, wide, near = out
    size = len(row)
    _by_slope(begin, end, slope, row)
    for n in range(end - begin):
        b, c = pairs[row[n], FIRST], pairs[row[n], SECOND]
        x, y, z = at[c, X] - at[b, X], at[c, Y] - at[b, Y], at[c, Z] - at[b, Z]
        length = max(math.sqrt(x * x + y * y), SHORTEST)
        slopes[n] = slope[row[n]]
        wide[n], wide[size + n], wide[2 * size + n] = x, y, z / length
        near[n] = length
        near[size + n] = at[b, COS] * at[c, SIN] - at[b, SIN] * at[c, COS]
        near[2 * size + n] = at[b, COS] * at[c, COS] + at[b, SIN] * at[c, SIN]
        for k in range(6):
            near[(3 + k) * size + n] = errors[c, k]


@vectorised_inlined
def between(low: np.float32, high: np.float32, slope: NDArray[np.float32], n: int) -> tuple[int, int]:
    """The first `n` slopes rise: where those from `low` to `high` begin and end. A bound that is NaN leaves none out."""
    below, above = 0, 0
    for k in range(n):
        below += slope[k] < low
        above += slope[k] > high
    return below, n - above


@vectorised_inlined
def fill(
    n: int,
    at: Floats,
    errors: NDArray[np.float32],
    a: int,
    b: int,
    leaving: Leaving,
    k: int,
    wide: Floats,
    g: NDArray[np.float32],
) -> None:
    """Fill a group of lanes from `n` on: the doublet from a to b with those that leave b from row `k` on; see `meet`."""
    x, y, z = at[b, X] - at[a, X], at[b, Y] - at[a, Y], at[b, Z] - at[a, Z]
    length = max(math.sqrt(x * x + y * y), SHORTEST)
    first = (
        np.float32(length),
        np.float32(at[a, COS] * at[b, SIN] - at[a, SIN] * at[b, COS]),
        np.float32(at[a, COS] * at[b, COS] + at[a, SIN] * at[b, SIN]),
        np.float32((x * at[b, Y] - y * at[b, X]) / length),
        np.float32(at[a, X] * at[b, X] + at[a, Y] * at[b, Y]),
    )
    # unsigned numbers are places that cannot be counted from the end: the compiler need not ask
    to, begin, size = np.uint32(n), np.uint32(k), np.uint32(len(leaving.row))
    for row, number in enumerate((x, y, z / length)):
        _same(number, wide, row * BLOCK + to)
    for row in range(5):
        _same(first[row], g, row * BLOCK + to)
    for row in range(6):
        _same(errors[a, row], g, (8 + row) * BLOCK + to)
        _same(errors[b, row], g, (14 + row) * BLOCK + to)
    for row in range(6, 10):
        _same(errors[b, row], g, (20 + row) * BLOCK + to)
    for row in range(3):
        _copy(leaving.wide, row * size + begin, wide, (3 + row) * BLOCK + to)
        _copy(leaving.near, row * size + begin, g, (5 + row) * BLOCK + to)
    for row in range(6):
        _copy(leaving.near, (3 + row) * size + begin, g, (20 + row) * BLOCK + to)


@vectorised_inlined
def _same(number: np.float32, to: NDArray[np.float32], n: int) -> None:
    for lane in range(GROUP):
        to[n + lane] = number


@vectorised_inlined
def _copy(given: NDArray[np.float32], k: int, to: NDArray[np.float32], n: int) -> None:
    a0, a1, a2, a3 = given[k], given[k + 1], given[k + 2], given[k + 3]
    a4, a5, a6, a7 = given[k + 4], given[k + 5], given[k + 6], given[k + 7]
    to[n], to[n + 1], to[n + 2], to[n + 3] = a0, a1, a2, a3
    to[n + 4], to[n + 5], to[n + 6], to[n + 7] = a4, a5, a6, a7
