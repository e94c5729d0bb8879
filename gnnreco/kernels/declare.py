"""How kernels are declared: `njit` is numba's, but for where it keeps what it compiled and under which names.

Numba numbers the files of its cache as they come, so two processes that fill it at once can write two kernels under one
name, and later calls run the wrong one. Here a file is named by all that decides its content (`gnnreco.kernels.content`),
so it serves every state of the sources in which that content is the same.

Inside a file, numba tells functions of one name and types apart (a rising and a falling sort, say) by a number that
starts at 1 in every process, so code that another process kept could be run in place of its namesake. Here each process
starts at a number of its own.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import secrets
from collections.abc import Callable, Iterator
from copy import copy
from pathlib import Path
from typing import Any

import numba
import numba.cpython.hashing
from numba import get_num_threads
from numba.core.bytecode import FunctionIdentity
from numba.core.caching import CompileResultCacheImpl, FunctionCache, IndexDataCacheFile, _CacheLocator
from numba.core.runtime import rtsys
from numba.core.sigutils import normalize_signature

from .bare import rebuilt
from .cache import forget_unused, in_use, installed, kernel_folder, shared_folder
from .content import Unknown, kernel_sum, types_text
from .environments import compile_memory_later, put_together, taken_apart
from .turns import Turns
from .wrappers import at_end, bare_where_inner, is_inner

__all__ = ["get_num_threads", "njit"]


def _number_apart() -> None:
    FunctionIdentity._unique_ids = itertools.count(secrets.randbits(62))


_number_apart()
compile_memory_later()
if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_number_apart)


turns = Turns()


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
        bare_where_inner(kernel)
        if kernel_folder() is not None:
            kernel._cache = _Cache(kernel.py_func)
            kernel._cache.kernel = kernel
        return kernel

    return declared if cache else declare


class _Place(_CacheLocator):
    """Where the kernels of a module lie; what a kernel is made from tells it apart, not where it stands."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._folder = f"{kernel_folder()}/{function.__module__}"

    @classmethod
    def from_function(cls, function: Callable[..., Any], file: str) -> _Place:
        return cls(function)

    def get_cache_path(self) -> str:
        return self._folder

    def get_source_stamp(self) -> str:
        return ""

    def get_disambiguator(self) -> str:
        return ""


class _Files(IndexDataCacheFile):
    """A file for each signature, without an index. What cannot be written or read is compiled again."""

    def save(self, key: str | None, data: Any) -> None:
        if key is None:
            return
        try:
            self._save_data(self.name(key, wrapped=not is_inner()), data)
            forget_unused(Path(self._cache_path).parent)
        except OSError:  # a full disk is no reason to stop
            return

    def load(self, key: str | None) -> Any:
        """What was kept; a kernel that another one calls is served by either kind of code."""
        for wrapped in (False, True) if is_inner() else (True,):
            if key is None:
                break
            name = self.name(key, wrapped)
            for files in self._places():
                try:
                    data = files._load_data(name)
                except Exception:  # a damaged file can raise anything
                    continue
                in_use(Path(files._data_path(name)))
                return data
        return None

    def _places(self) -> Iterator[_Files]:
        """The user's own files, and those of the installation."""
        yield self
        if shared := shared_folder():
            other = copy(self)
            other._cache_path = str(shared / Path(self._cache_path).name)
            yield other

    def _load_data(self, name: str) -> Any:
        own = Path(self._cache_path).parent != shared_folder()
        if own or installed(Path(self._data_path(name))):
            return super()._load_data(name)
        raise PermissionError(errno.EPERM, "others may write it", self._data_path(name))

    def name(self, key: str, wrapped: bool) -> str:
        return f"{self._index_name.removesuffix('.nbi')}.{_sum(key, wrapped)[:20]}.nbc"


def _sum(key: str, wrapped: bool) -> str:
    return hashlib.sha256(f"{wrapped} {key}".encode()).hexdigest()


class _Implementation(CompileResultCacheImpl):
    _locator_classes = [_Place]  # noqa: RUF012 (numba's own)

    def reduce(self, data: Any) -> Any:
        """What is kept of what was compiled."""
        return taken_apart(data)

    def rebuild(self, target_context: Any, payload: Any) -> Any:
        """What was compiled, from what was kept of it."""
        return rebuilt(target_context, put_together(payload))


class _Cache(FunctionCache):
    _impl_class = _Implementation
    kernel: Any

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._cache_file.__class__ = _Files

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The code from the folder; where it is not there yet, but another process compiles it, what that one wrote."""
        kept = self._kept(sig, target_context)
        if kept is not None or (key := self._index_key(sig, target_context.codegen())) is None:
            return kept
        taken = turns.take(Path(self.cache_path).parent, _sum(key, not is_inner()))
        if taken is None:
            return None
        at_end(taken)
        return self._kept(sig, target_context)

    def _kept(self, sig: Any, target_context: Any) -> Any:
        """The code from the folder, where it is there.

        Machine code calls numba's memory by name, and Python's secret for the hashes of words, which the import of
        `numba.cpython.hashing` tells. Numba's own way here gathers first all that it can compile, which takes as long as all
        else that a short process does.
        """
        rtsys.initialize(target_context)
        return self._load_overload(sig, target_context)

    def _index_key(self, sig: Any, codegen: Any) -> str | None:
        """What decides the code: the kernel and all that it uses, the types of the arguments, the processor."""
        args, returned = normalize_signature(sig)
        try:
            return f"{kernel_sum(self.kernel)} {types_text(args)} {returned} {codegen.magic_tuple()}"
        except Unknown:
            return None
