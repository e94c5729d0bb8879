"""Kernels that only kernels call are compiled without the code by which Python calls them, and once for each type.

Numba gives each function, for each of its signatures, two wrappers: one that unpacks Python's objects (twenty arrays in a
tuple of arrays, say), and one for callers in C, of which there are none. A kernel that is compiled because another kernel
calls it needs neither.
Should Python call it later with the same types, it is compiled once more, then with wrappers. The code of the kernel
itself is the same in both.

Numba also compiles a function that is called with a constant for that one number: ``f(x, 0)`` and ``f(x, 1)`` give two.
Here they give one, for a whole number; where it pays, LLVM sees the constant when it inlines the call. One code also serves
whole numbers of 32 bits (the row of a sensor, from an array) and of 64 (the same from a loop).
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import get_ident
from typing import Any

from numba import types
from numba.core import entrypoints
from numba.core.compiler import Compiler as Pipeline
from numba.core.compiler import CompileResult, Flags
from numba.core.compiler_lock import global_compiler_lock
from numba.core.dispatcher import _FunctionCompiler  # type: ignore[attr-defined]
from numba.core.errors import ForceLiteralArg, TypingError
from numba.core.registry import CPUDispatcher
from numba.core.sigutils import normalize_signature

from .bare import BareLibrary, fill_cells
from .messages import plain_messages

SELDOM = (50_000, 20, 100)  # new objects, and rounds over the young, before a round over older ones

_under_way: list[ExitStack] = []  # of kernels in compilation, the outermost first; under numba's lock
_called_by_kernels: list[CompileResult] = []  # their code has been linked into callers: it must not go


def is_inner() -> bool:
    """Whether the kernel that is being compiled, or loaded, is one that another kernel calls."""
    return len(_under_way) > 1


def at_end(call: Callable[[], None]) -> None:
    """Have something called as soon as the kernel that is being compiled is compiled and kept."""
    _under_way[-1].callback(call)


def has_wrapper(result: CompileResult) -> bool:
    """Whether Python can call this code."""
    return bool(result.library.get_pointer_to_function(result.fndesc.llvm_cpython_wrapper_name))


class InnerPipeline(Pipeline):  # type: ignore[misc]
    """Leaves inner kernels to their callers."""

    def compile_extra(self, function: Callable[..., Any]) -> CompileResult:
        if self.state.library is None and is_inner():
            self.state.library = BareLibrary(self.state.targetctx.codegen(), function.__qualname__)
        return super().compile_extra(function)


class Compiler(_FunctionCompiler):  # type: ignore[misc]
    """Leaves wrappers for C out, and those of inner kernels, and what costs time for nothing."""

    def compile(self, args: Any, return_type: Any) -> Any:
        """Compile what was kept nowhere."""
        with plain_messages(), _without_extensions(), _few_collections():
            return super().compile(args, return_type)

    def _customize_flags(self, flags: Flags) -> Flags:
        flags.no_cfunc_wrapper, flags.no_cpython_wrapper = True, is_inner()
        return flags


class Kernel(CPUDispatcher):  # type: ignore[misc]
    """Numba's dispatcher, which knows of code that Python cannot call, and asks no other package for types."""

    def _compilation_chain_init_hook(self) -> None:
        """No type that another package adds to numba is ever given to a kernel."""

    def compile(self, sig: Any) -> Any:
        """Compile or load the code for a signature, with wrappers where Python asks."""
        with global_compiler_lock:
            args = tuple(normalize_signature(sig)[0])
            if not _under_way and args in self.overloads and not has_wrapper(self.overloads[args]):
                _called_by_kernels.append(self.overloads.pop(args))
            with ExitStack() as ends:
                _under_way.append(ends)
                ends.callback(_under_way.pop)
                return super().compile(sig)

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """The code that a call from another kernel gets; a constant counts as what any number of its type is."""
        try:
            plain = {name: _plain(kind) for name, kind in dict(kws).items()}
            return super().get_call_template(tuple(map(_plain, args)), plain)
        except (TypingError, ForceLiteralArg):  # it may choose a type by the number, the item of a tuple say
            return super().get_call_template(args, kws)

    def add_overload(self, cres: CompileResult) -> None:
        """Python's table of codes gets what Python can call."""
        if has_wrapper(cres):
            fill_cells(cres)
            super().add_overload(cres)
        else:
            self.overloads[tuple(cres.signature.args)] = cres


@contextmanager
def _without_extensions() -> Iterator[None]:
    """Compile without the types that other packages add to numba: to import them takes a second, where vector is there.

    A function that is compiled later and is not ours gets them as ever; so does one that another thread is about to compile.
    """
    all_of_them, thread = entrypoints.init_all, get_ident()

    def none_of_them() -> None:
        if get_ident() != thread:
            all_of_them()

    entrypoints.init_all = none_of_them
    try:
        yield
    finally:
        entrypoints.init_all = all_of_them


@contextmanager
def _few_collections() -> Iterator[None]:
    """Look for garbage seldom: the compiler makes millions of objects, and an eighth of its time went into looking."""
    before = gc.get_threshold()
    gc.set_threshold(*SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _plain(kind: types.Type) -> types.Type:
    if isinstance(kind, types.IntegerLiteral | types.BooleanLiteral):
        kind = types.unliteral(kind)
    narrow = isinstance(kind, types.Integer) and kind.signed and kind.bitwidth < types.int64.bitwidth
    return types.int64 if narrow else kind


def bare_where_inner(kernel: CPUDispatcher) -> None:
    """Make a dispatcher of numba's a `Kernel`."""
    kernel.__class__ = Kernel
    kernel._compiler.__class__ = Compiler
    kernel._compiler.pipeline_class = InnerPipeline
