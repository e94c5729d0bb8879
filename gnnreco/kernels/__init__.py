"""Compiled kernels: how they are declared, where they are kept, and the columns they share."""

from .axes import FIRST, SECOND, U, V, W, X, Y, Z
from .declare import get_num_threads, njit
from .threads import threads

__all__ = ["FIRST", "SECOND", "U", "V", "W", "X", "Y", "Z", "get_num_threads", "njit", "threads"]
