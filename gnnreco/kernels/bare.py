"""The code of kernels in LLVM's form, in which other kernels take it in.

That of a kernel that only kernels call has no other form, and waits for its callers.

Numba makes machine code of each function, and again of all that it calls with it. That of an inner kernel is never run: a
sixth of the time in which kernels were compiled went there. It is optimised all the same: where that was left to the callers
too, a shower took 1.4 ms in place of 0.6, since what counts references to arrays is best pruned before anything is taken in.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm
from numba.core.codegen import JITCodeLibrary, RuntimeLinker
from numba.core.compiler import CompileResult
from numba.core.environment import lookup_environment

KIND = "bare"  # what stands in a kept file in place of numba's "object"
#: How the names begin of the cells by which compiled code finds Python's objects.
ENVIRONMENT = "_ZN08NumbaEnv"


class _NoCells:
    """In place of the owner of machine code, who fills its cells when a function is compiled or loaded."""

    def set_env(self, name: str, environment: Any) -> None:
        """There are no cells without machine code; those of the caller are filled by `fill_cells`."""


class BareLibrary(JITCodeLibrary):  # type: ignore[misc]
    """A library of numba's that makes no machine code."""

    @property
    def codegen(self) -> Any:
        return _NoCells()

    def _finalize_final_module(self) -> None:
        if any(g.name.startswith(RuntimeLinker.PREFIX) for g in self._final_module.global_variables):
            # Functions that call each other in a circle look for their addresses.
            self.__class__ = JITCodeLibrary
            self._finalize_final_module()
            return
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """None of its functions has an address."""
        return 0

    def serialize_using_object_code(self) -> tuple[str, str, bytes]:
        """What is kept: LLVM's form alone."""
        return self.name, KIND, self._get_module_for_linking().as_bitcode()


def fill_cells(result: CompileResult) -> None:
    """Tell machine code that was just made the objects of all kernels that are in it."""
    library = result.library
    for cell in library._final_module.global_variables:
        if cell.name.startswith(ENVIRONMENT):
            environment = lookup_environment(cell.name)
            if environment is not None:
                library.codegen.set_env(cell.name, environment)


class KeptLibrary(JITCodeLibrary):  # type: ignore[misc]
    """Machine code from a file. Its LLVM form is read when a kernel that calls it is compiled.

    Numba reads it at once: of the kernels that find tracks, 20 MB and 0.08 s.
    """

    _shared_module: Any
    _machine_code: bytes
    _for_callers: bytes

    @classmethod
    def read(cls, codegen: Any, name: str, machine_code: bytes, for_callers: bytes) -> KeptLibrary:
        """The library of this name."""
        library = cls(codegen, name)
        library._machine_code, library._for_callers = machine_code, for_callers
        library.enable_object_caching()
        library._set_compiled_object(machine_code)
        library._finalize_final_module()
        return library

    def _get_module_for_linking(self) -> Any:
        if self._shared_module is None:
            self._shared_module = llvm.parse_bitcode(self._for_callers)
        return self._shared_module

    def get_pointer_to_function(self, name: str) -> int:
        """The address of a function; 0 where there is none, of which LLVM must not be asked."""
        if name.encode() not in self._machine_code:
            return 0
        return int(self._codegen._engine.get_function_address(name))


class _Reader:
    """A target of numba's that reads the libraries of this module."""

    def __init__(self, target: Any) -> None:
        self._target = target

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)

    def codegen(self) -> _Reader:
        return self

    def unserialize_library(self, kept: tuple[str, str, Any]) -> BareLibrary | KeptLibrary:
        name, kind, code = kept
        if kind != KIND:
            return KeptLibrary.read(self._target.codegen(), name, *code)
        library = BareLibrary(self._target.codegen(), name)
        library._final_module = llvm.parse_bitcode(code)
        library._finalize_final_module()
        return library


def rebuilt(target: Any, kept: tuple[Any, ...]) -> CompileResult:
    """What was compiled, from what was kept of it."""
    return CompileResult._rebuild(_Reader(target), *kept)._replace(target_context=target)
