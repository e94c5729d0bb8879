"""Compiled kernels: how they are declared and where they are kept."""

from .declare import get_num_threads, njit

__all__ = ["get_num_threads", "njit"]
