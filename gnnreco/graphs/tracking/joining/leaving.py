"""The doublets that leave a point, by slope, and how those that one which arrives may meet fill lanes, a group at a time."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats
from gnnreco.kernels import FIRST, SECOND, X, Y, Z, njit

from ..features import COS, SHORTEST, SIN

ROOM = 512  # a number that the compiler knows, so that it sees the rows of a table apart
GROUP = 8  # doublets that the processor takes together: what lies beyond the window is left out later
# no infinities may be assumed away here: limits are infinite where nothing is cut
LAWS = {"contract", "arcp", "nsz", "reassoc"}
vectorised_inlined = njit(  # for callees: see `gnnreco.graphs.dense.inlined`
    cache=True, boundscheck=False, error_model="numpy", fastmath=LAWS, forceinline=True
)


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
def room_for() -> Leaving:
    """Room for `ROOM` doublets, filled with numbers that harm no arithmetic."""
    return Leaving(
        np.zeros(ROOM, np.int32),
        np.zeros(ROOM, np.float32),
        np.ones(3 * ROOM),
        np.ones(9 * ROOM, np.float32),
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
    _by_slope(begin, end, slope, row)
    for n in range(end - begin):
        b, c = pairs[row[n], FIRST], pairs[row[n], SECOND]
        x, y, z = at[c, X] - at[b, X], at[c, Y] - at[b, Y], at[c, Z] - at[b, Z]
        length = max(math.sqrt(x * x + y * y), SHORTEST)
        slopes[n] = slope[row[n]]
        wide[n], wide[ROOM + n], wide[2 * ROOM + n] = x, y, z / length
        near[n] = length
        near[ROOM + n] = at[b, COS] * at[c, SIN] - at[b, SIN] * at[c, COS]
        near[2 * ROOM + n] = at[b, COS] * at[c, COS] + at[b, SIN] * at[c, SIN]
        for k in range(6):
            near[(3 + k) * ROOM + n] = errors[c, k]


@vectorised_inlined
def between(low: np.float32, high: np.float32, slope: NDArray[np.float32], n: int) -> tuple[int, int]:
    """The first `n` slopes rise: where those from `low` to `high` begin and end. A bound that is NaN leaves none out."""
    below, above = 0, 0
    for k in range(n):
        below += slope[k] < low
        above += slope[k] > high
    return below, n - above
