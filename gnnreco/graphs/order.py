"""Sorting by a small integer in linear time: rows by their point, edges by their node."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnnreco.kernels import njit


def by_key(key: NDArray[np.integer], n_keys: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Stable order of the rows by key, and where each key's rows begin.

    Parameters
    ----------
    key : int (n,)
        From 0 to `n_keys` - 1.

    Returns
    -------
    order : int64 (n,), start : int64 (n_keys + 1,)
    """
    return _count(np.asarray(key), n_keys)  # type: ignore[no-any-return]


def by_value(value: NDArray[np.float32]) -> NDArray[np.int64]:
    """Stable rising order of float32 values (n,) without NaN, in linear time: by half of the bits, then by the others."""
    bits = (np.asarray(value, np.float32) + np.float32(0)).view(np.int32).astype(np.int64)  # -0 is 0
    rising = np.where(bits < 0, -1 - bits - (1 << 31), bits) + (1 << 31)
    order = by_key(rising & 0xFFFF, 1 << 16)[0]
    return order[by_key(rising[order] >> 16, 1 << 16)[0]]


@njit(cache=True, boundscheck=False)
def _count(key: NDArray[np.integer[Any]], n_keys: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    start, order = np.zeros(n_keys + 1, np.int64), np.empty(len(key), np.int64)
    for k in key:
        start[k + 1] += 1
    for k in range(n_keys):
        start[k + 1] += start[k]
    place = start.copy()
    for i in range(len(key)):
        order[place[key[i]]] = i
        place[key[i]] += 1
    return order, start
