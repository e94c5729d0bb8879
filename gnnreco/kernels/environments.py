"""What kept code needs of numba: little.

It names numba's own functions that are in it without their modules.

Numba keeps for each function in a kernel the name of the module that it stands in, and imports it when the kernel is loaded:
for `numpy.dot` all of scipy's linear algebra, half a second. Compiled code takes constants from there, and nothing else.

Machine code calls numba's memory by name. The few functions that numba adds in LLVM's form are compiled when a kernel is:
that alone brings most of LLVM's code into memory, 29 MB.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from functools import cache, partial
from typing import Any

from numba.core.compiler import CompileResult
from numba.core.environment import Environment, lookup_environment
from numba.core.runtime import nrtdynmod


def taken_apart(result: CompileResult) -> tuple[Any, ...]:
    """What is kept of a compiled kernel."""
    *parts, environments = result._reduce()
    return *parts, tuple((e.globals["__name__"], tuple(e.consts), e.env_name) for e in environments)


def put_together(kept: tuple[Any, ...]) -> tuple[Any, ...]:
    """The same in numba's own form."""
    *parts, environments = kept
    return *parts, tuple(_environment(*plain) for plain in environments)


def _environment(module: str, consts: tuple[Any, ...], name: str) -> Environment:
    known = lookup_environment(name)
    if known is not None:
        return known
    if module.partition(".")[0] == "numba" and module not in sys.modules:
        values = {"__name__": module}
    else:
        values = importlib.import_module(module).__dict__
    new = Environment(values)
    new.consts[:] = consts
    new.env_name = name
    Environment._memo[name] = new
    return new


class _Later:
    """A library of numba's that is compiled when anything is asked of it."""

    def __init__(self, compiled: Callable[[], Any]) -> None:
        self._compiled = cache(compiled)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._compiled(), name)


def compile_memory_later() -> None:
    """Have the functions that numba adds to kernels wait for the first kernel that is compiled."""
    compiled = nrtdynmod.compile_nrt_functions
    nrtdynmod.compile_nrt_functions = lambda target: _Later(partial(compiled, target))
