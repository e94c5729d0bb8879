"""Groups of things that touch, directly or through others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gnnreco.kernels import FIRST, SECOND, njit


@njit(cache=True, boundscheck=False)
def connected_parts(pairs: NDArray[np.integer], n: int) -> tuple[NDArray[np.int32], int]:
    """Group of each of n things, where `pairs` (m, 2) touch, by the order of their first ones; and how many there are."""
    parent = np.arange(n, dtype=np.int32)
    for row in range(len(pairs)):
        one, two = pairs[row, FIRST], pairs[row, SECOND]
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        while parent[two] != two:
            parent[two] = parent[parent[two]]
            two = parent[two]
        parent[max(one, two)] = min(one, two)
    count = 0
    for i in range(n):  # a parent has a smaller number: its group is known
        if parent[i] == i:
            parent[i] = count
            count += 1
        else:
            parent[i] = parent[parent[i]]
    return parent, count
