"""Memory that a process keeps between events."""

from __future__ import annotations

import ctypes

#: Names of glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
NEVER = -1
#: Rows of an event from which on time matters less than memory.
LARGE = 200_000


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


def give_back(rows: int) -> None:
    """Give the system what is free now, between the stages of an event of more than `LARGE` rows.

    Each stage leaves holes that the next one does not fill: together they are a fifth of what such an event takes.
    """
    if rows <= LARGE:
        return
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError):
        return
