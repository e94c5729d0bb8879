"""Kept code names numba's own functions that are in it without their modules.

Numba keeps for each function in a kernel the name of the module that it stands in, and imports it when the kernel is loaded:
for `numpy.dot` all of scipy's linear algebra, half a second. Compiled code takes constants from there, and nothing else.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

from numba.core.compiler import CompileResult
from numba.core.environment import Environment, lookup_environment


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
