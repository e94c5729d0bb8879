"""How many threads compute, for a while."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Numba and torch, as far as they are loaded, on `number` threads; what was set before comes back.

    Both, since a parallel kernel of numba sets OpenMP's number for torch too, and layers as small as ours wait for the other
    threads longer than they compute, on a busy machine tenfold.
    """
    numba, torch = sys.modules.get("numba"), sys.modules.get("torch")
    before = numba and numba.get_num_threads(), torch and torch.get_num_threads()
    if numba:
        numba.set_num_threads(min(number, numba.config.NUMBA_NUM_THREADS))
    if torch:
        torch.set_num_threads(number)
    try:
        yield
    finally:
        if numba:
            numba.set_num_threads(before[0])
        if torch:
            torch.set_num_threads(before[1])
