"""Messages between cells and numbers of their pairs in one pass over the cells, without a table of all pairs.

Every row is worked out by itself, so neither the order of rows nor the number of threads changes a bit of it.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from gnnreco.kernels import get_num_threads, njit

Reals = NDArray[np.float32]
#: Cells that one thread takes at a time.
STRETCH = 4096


def in_stretches(work: Callable[[slice], None], n: int) -> None:
    """Do the work for all stretches of rows, on as many threads as numba may use."""
    stretches = [slice(start, min(start + STRETCH, n)) for start in range(0, n, STRETCH)]
    threads = min(get_num_threads(), len(stretches))
    if threads > 1:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, stretches))
        return
    for stretch in stretches:
        work(stretch)


@njit(cache=True, nogil=True, forceinline=True)
def _say(me: Reals, other: Reals, pair: Reals, weight: Reals, message: Reals) -> None:
    """Write ``me + other + pair weight`` into `message` (h,), adding in order: eight rows of `weight` at once, then more."""
    h, g = len(message), len(pair)
    for c in range(h):
        message[c] = me[c] + other[c]
    eights = g - g % 8
    for p in range(0, eights, 8):
        a0, a1, a2, a3 = pair[p], pair[p + 1], pair[p + 2], pair[p + 3]
        a4, a5, a6, a7 = pair[p + 4], pair[p + 5], pair[p + 6], pair[p + 7]
        for c in range(h):
            message[c] = (
                message[c]
                + a0 * weight[p, c] + a1 * weight[p + 1, c] + a2 * weight[p + 2, c] + a3 * weight[p + 3, c]
                + a4 * weight[p + 4, c] + a5 * weight[p + 5, c] + a6 * weight[p + 6, c] + a7 * weight[p + 7, c]
            )  # fmt: skip
    for p in range(eights, g):
        for c in range(h):
            message[c] += pair[p] * weight[p, c]


@njit(cache=True, nogil=True)
def listen(
    me: Reals,
    other: Reals,
    pairs: Reals,
    weight: Reals,
    neighbour: NDArray[np.int32],
    real: NDArray[np.bool_],
) -> Reals:
    """Mean and largest message, ``relu(me[i] + other[j] + pairs[i, m] weight) * real``, of each row (n, 2 h).

    Parameters
    ----------
    me : float32 (n, h)
    other : float32 (all rows, h)
    pairs : float32 (n, k, g)
    weight : float32 (g, h)
    neighbour : int32 (n, k)
        Rows of `other`.
    real : bool (n, k)
        False where a place is not taken.
    """
    h, k = me.shape[1], neighbour.shape[1]
    out = np.zeros((len(me), 2 * h), np.float32)
    message, part = np.empty(h, np.float32), np.float32(1 / k)
    for i in range(len(me)):
        for m in range(k):
            if not real[i, m]:
                continue
            _say(me[i], other[neighbour[i, m]], pairs[i, m], weight, message)
            for c in range(h):
                heard = max(message[c], np.float32(0))
                out[i, c] += heard
                out[i, h + c] = max(out[i, h + c], heard)
        for c in range(h):
            out[i, c] *= part
    return out


@njit(cache=True, nogil=True, fastmath={"reassoc"})  # a sum over the width in lanes
def score(
    me: Reals,
    other: Reals,
    pairs: Reals,
    weight: Reals,
    neighbour: NDArray[np.int32],
    last: Reals,
    bias: float,
) -> Reals:
    """``bias + last . relu(me[i] + other[j] + pairs[i, m] weight)`` of each pair (n, k); `last` is (h,); see `listen`."""
    h, k = me.shape[1], neighbour.shape[1]
    out, message = np.empty((len(me), k), np.float32), np.empty(h, np.float32)
    for i in range(len(me)):
        for m in range(k):
            _say(me[i], other[neighbour[i, m]], pairs[i, m], weight, message)
            total = np.float32(0)
            for c in range(h):
                total += max(message[c], np.float32(0)) * last[c]
            out[i, m] = total + bias
    return out
