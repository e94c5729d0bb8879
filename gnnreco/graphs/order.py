"""Sorting by a small integer in linear time: rows by their point, edges by their node."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnnreco.kernels import njit


def by_key(key: NDArray[np.integer], n_keys: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Stable order of the rows by key, and where each key's rows begin.

    Parameters
    ----------
    key : int (n,)
        From 0 to `n_keys` - 1.

    Returns
    -------
    order : int32 (n,), start : int32 (n_keys + 1,)
    """
    key = np.asarray(key)
    order, start = np.empty(len(key), np.int32), np.zeros(n_keys + 2, np.int32)
    _count(key, n_keys, order, start)
    return order, start[:-1]


def by_key_and_value(
    key: NDArray[np.integer], value: NDArray[np.number[Any]], n_keys: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The same, the rows of each key by rising value (n,) without NaN, then by row."""
    order, start = by_key(key, n_keys)
    _rise(value, order, start)
    return order, start


def falling(value: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
    """The rows of values (n,), the largest first; those of the same value stay as they are."""
    order = np.argsort(-value)  # numpy's fast sort; its stable one takes several times as long
    same = np.diff(value[order]) == 0
    return np.argsort(-value, kind="stable") if same.any() else order


@njit(cache=True, boundscheck=False)
def _count(
    key: NDArray[np.integer[Any]], n_keys: int, order: NDArray[np.int32], start: NDArray[np.int32]
) -> None:
    """Fill `order` and all but the last of `start`; on the way, the rows of a key begin where the next key's should."""
    for k in key:
        start[k + 2] += 1
    for k in range(1, n_keys + 1):
        start[k + 1] += start[k]
    for i in range(len(key)):
        order[start[key[i] + 1]] = i
        start[key[i] + 1] += 1


@njit(cache=True, boundscheck=False)
def _rise(value: NDArray[np.number[Any]], order: NDArray[np.int32], start: NDArray[np.int32]) -> None:
    """Sort the rows of each key by value. Shell's sort serves few rows well; numba's own takes seconds to compile."""
    for key in range(len(start) - 1):
        begin, end = start[key], start[key + 1]
        gap = 1
        while 3 * gap < end - begin:
            gap = 3 * gap + 1
        while gap > 0:
            for k in range(begin + gap, end):
                row, i = order[k], k
                while i >= begin + gap:
                    before = order[i - gap]
                    if value[before] < value[row] or (value[before] == value[row] and before < row):
                        break
                    order[i] = before
                    i -= gap
                order[i] = row
            gap //= 3
