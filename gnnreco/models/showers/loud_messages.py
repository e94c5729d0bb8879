"""What `Pairs` of the network does when nothing is learned: one pass over the cells, without a table of all pairs.

PyTorch writes and reads several tables (cells, neighbours, width) in each round, which takes longer than the arithmetic.
Every row is worked out by itself, so neither the order of rows nor the number of threads changes a bit of it.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gnnreco.kernels import get_num_threads, njit

Reals = NDArray[np.float32]
#: Cells that one thread takes at a time.
STRETCH = 4096


def listened(
    me: Tensor, other: Tensor, pairs: Tensor, weight: Tensor, neighbour: Tensor, real: Tensor
) -> Tensor:
    """Mean and largest message, ``relu(me[i] + other[j] + pairs[i, m] weight^T) * real``, of each cell (n, 2 h).

    Parameters
    ----------
    me, other : float32 (n, h)
    pairs : float32 (n, k, g)
    weight : float32 (h, g)
    neighbour : int32 (n, k)
    real : float32 (n, k)
        1, or 0 where a place is not taken.
    """
    n, h = me.shape
    out = np.zeros((n, 2 * h), np.float32)
    columns = (*_arrays(me, other, pairs, weight.T, neighbour, real), out)
    _spread(lambda start, stop: _listen(*columns, start, stop), n)
    return torch.from_numpy(out)


def scored(
    me: Tensor, other: Tensor, pairs: Tensor, weight: Tensor, neighbour: Tensor, out: torch.nn.Linear
) -> Tensor:
    """``out(relu(me[i] + other[j] + pairs[i, m] weight^T))`` of each pair (n, k, numbers); see `listened`."""
    n, k = neighbour.shape
    numbers = np.empty((n, k, out.out_features), np.float32)
    columns = (*_arrays(me, other, pairs, weight.T, neighbour, out.weight, out.bias), numbers)
    _spread(lambda start, stop: _score(*columns, start, stop), n)
    return torch.from_numpy(numbers)


def _arrays(*tensors: Tensor) -> list[NDArray[np.generic]]:
    return [tensor.detach().contiguous().numpy() for tensor in tensors]


def _spread(work: Callable[[int, int], None], n: int) -> None:
    """Stretches of rows on as many threads as numba may use."""
    starts = range(0, n, STRETCH)
    threads = min(get_num_threads(), len(starts))
    if threads > 1:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda start: work(start, min(start + STRETCH, n)), starts))
        return
    for start in starts:
        work(start, min(start + STRETCH, n))


@njit(cache=True, nogil=True)
def _listen(
    me: Reals,
    other: Reals,
    pairs: Reals,
    weight: Reals,
    neighbour: NDArray[np.int32],
    real: Reals,
    out: Reals,
    start: int,
    stop: int,
) -> None:
    h, k, g = me.shape[1], neighbour.shape[1], pairs.shape[2]
    message, part = np.empty(h, np.float32), np.float32(1 / k)
    for i in range(start, stop):
        for m in range(k):
            if real[i, m] == 0:
                continue
            j = neighbour[i, m]
            for c in range(h):
                message[c] = me[i, c] + other[j, c]
            for p in range(g):
                for c in range(h):
                    message[c] += pairs[i, m, p] * weight[p, c]
            for c in range(h):
                heard = max(message[c], np.float32(0))
                out[i, c] += heard
                out[i, h + c] = max(out[i, h + c], heard)
        for c in range(h):
            out[i, c] *= part


@njit(cache=True, nogil=True, fastmath={"reassoc"})  # a sum over the width in lanes
def _score(
    me: Reals,
    other: Reals,
    pairs: Reals,
    weight: Reals,
    neighbour: NDArray[np.int32],
    last: Reals,
    bias: Reals,
    out: Reals,
    start: int,
    stop: int,
) -> None:
    h, k, g = me.shape[1], neighbour.shape[1], pairs.shape[2]
    message = np.empty(h, np.float32)
    for i in range(start, stop):
        for m in range(k):
            j = neighbour[i, m]
            for c in range(h):
                message[c] = me[i, c] + other[j, c]
            for p in range(g):
                for c in range(h):
                    message[c] += pairs[i, m, p] * weight[p, c]
            for q in range(len(bias)):
                total = np.float32(0)
                for c in range(h):
                    total += max(message[c], np.float32(0)) * last[q, c]
                out[i, m, q] = total + bias[q]
