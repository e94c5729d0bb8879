"""How kernels are declared: `njit` is numba's, but for where it keeps what it compiled and under which names.

Numba numbers the files of its cache as they come, so two processes that fill it at once can write two kernels under one
name, and later calls run the wrong one. Here a file is named by all that decides its content.

Inside a file, numba tells functions of one name and types apart (a rising and a falling sort, say) by a number that
starts at 1 in every process, so code that another process kept could be run in place of its namesake. Here each process
starts at a number of its own.
"""

from __future__ import annotations

import glob
import hashlib
import itertools
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba import get_num_threads
from numba.core.bytecode import FunctionIdentity
from numba.core.caching import CompileResultCacheImpl, FunctionCache, IndexDataCacheFile, _CacheLocator

from .cache import kernel_folder

__all__ = ["get_num_threads", "is_kept", "njit"]


def _number_apart() -> None:
    FunctionIdentity._unique_ids = itertools.count(secrets.randbits(62))


_number_apart()
if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_number_apart)


def njit(*signature: Any, cache: bool = False, **options: Any) -> Any:
    """`numba.njit`; with `cache`, the kernel is kept in `gnnreco.kernels.cache.kernel_folder`.

    Examples
    --------
    >>> @njit(cache=True)
    ... def twice(x):
    ...     return 2 * x
    """
    declare: Callable[..., Any] = numba.njit(*signature, **options)

    def declared(function: Callable[..., Any]) -> Any:
        kernel = declare(function)
        if kernel_folder() is not None:
            kernel._cache = _Cache(kernel.py_func)
        return kernel

    return declared if cache else declare


def is_kept(kernel: Any) -> bool | None:
    """Whether compiled code of a kernel lies in `kernel_folder`; None for what is not kept there."""
    cache = getattr(kernel, "_cache", None)
    return cache.holds_code() if isinstance(cache, _Cache) else None


class _Place(_CacheLocator):
    """Where the kernels of a module lie. The folder is of one state of the sources, so nothing else tells them apart."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._folder, self._line = (
            f"{kernel_folder()}/{function.__module__}",
            function.__code__.co_firstlineno,
        )

    @classmethod
    def from_function(cls, function: Callable[..., Any], file: str) -> _Place:
        return cls(function)

    def get_cache_path(self) -> str:
        return self._folder

    def get_source_stamp(self) -> str:
        return ""

    def get_disambiguator(self) -> str:
        return str(self._line)


class _Files(IndexDataCacheFile):
    """A file for each signature, without an index. What cannot be written or read is compiled again."""

    def save(self, key: object, data: Any) -> None:
        try:
            self._save_data(self._name(key), data)
        except OSError:  # a full disk is no reason to stop
            return

    def load(self, key: object) -> Any:
        try:
            return self._load_data(self._name(key))
        except Exception:  # a damaged file can raise anything
            return None

    def any(self) -> bool:
        """Whether there is a file for any signature."""
        return next(Path(self._cache_path).glob(f"{glob.escape(self._stem)}.*.nbc"), None) is not None

    @property
    def _stem(self) -> str:
        return str(self._index_name.removesuffix(".nbi"))

    def _name(self, key: object) -> str:
        what = hashlib.sha256(f"{numba.__version__} {key}".encode()).hexdigest()
        return f"{self._stem}.{what[:20]}.nbc"


class _Implementation(CompileResultCacheImpl):
    _locator_classes = [_Place]  # noqa: RUF012 (numba's own)


class _Cache(FunctionCache):
    _impl_class = _Implementation

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._cache_file.__class__ = _Files

    def holds_code(self) -> bool:
        return bool(self._cache_file.any())
