"""Sorting inside kernels: `numpy.sort` there has each process compile a whole quicksort, which takes more than a second."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .declare import njit


@njit(cache=True)
def sort(values: NDArray[Any]) -> None:
    """Put values (n,) without NaN in rising order where they are (Shell's sort)."""
    gap = 1
    while gap < len(values) // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(gap, len(values)):
            value, k = values[i], i
            while k >= gap and values[k - gap] > value:
                values[k] = values[k - gap]
                k -= gap
            values[k] = value
        gap //= 3


@njit(cache=True)
def rising(values: NDArray[Any]) -> NDArray[np.int64]:
    """The rows of values (n,) without NaN in rising order; those of the same value stay as they are (merge sort)."""
    n, width = len(values), 1
    order, merged = np.arange(n), np.empty(n, np.int64)
    while width < n:
        for low in range(0, n, 2 * width):
            middle, high = min(low + width, n), min(low + 2 * width, n)
            a, b = low, middle
            for k in range(low, high):
                if a < middle and (b >= high or not values[order[b]] < values[order[a]]):
                    merged[k] = order[a]
                    a += 1
                else:
                    merged[k] = order[b]
                    b += 1
        order, merged = merged, order
        width *= 2
    return order
