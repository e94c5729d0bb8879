"""Memory that a process keeps between events."""

from __future__ import annotations

import ctypes

#: Names of glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
NEVER = -1


def keep_memory() -> None:
    """Let this process keep what it frees, for the next event; where the C library is another one, nothing changes.

    Large arrays are otherwise given back to the system at once, which clears every page of the next one: up to a third of
    the time of a large event. The most that a process takes stays about the same.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, NEVER)
