"""What a kernel's machine code is made from, as a sum: its own code, and all that it takes from elsewhere.

Numba by itself looks only at the file that a kernel stands in, not at the kernels that it calls: after an update it would
run old code without a word. The sum here holds the code and the options of a kernel, the values of the constants that it
uses, the fields of the tuples it is given, and the same of every kernel that it calls. So an edit has those kernels
compiled again that it changes, and no others; where a kernel stands and what its docstring says is left out.
"""

from __future__ import annotations

import dis
import enum
import hashlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any, cast

import numba
import numpy as np
from numba import types
from numba.core.dispatcher import Dispatcher

VERSIONS = f"{sys.version_info[:3]} {np.__version__} {numba.__version__}"
RULES = [path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))]  # how kernels are declared
PLAIN = (bool, int, float, complex, str, bytes, type(None), type(...), np.generic, np.dtype)


class Unknown(Exception):
    """A kernel uses something whose content cannot be told: what it compiles to must not be kept."""


@cache
def kernel_sum(kernel: Dispatcher) -> str:
    """The sum of a kernel, for any types of its arguments.

    Raises
    ------
    Unknown
        Where it uses a value of a kind that is not known here.
    """
    digest = hashlib.sha256(VERSIONS.encode() + b"".join(RULES))
    for part in _kernel(kernel, set()):
        digest.update(f"{len(part)} {part}".encode())
    return digest.hexdigest()


def types_text(given: Iterable[Any]) -> str:
    """The types of the arguments of a call, with the names of the fields of tuples."""
    return " ".join(map(_type, given))


def _type(kind: Any) -> str:
    if isinstance(kind, types.Dispatcher):
        return f"kernel {kernel_sum(kind.dispatcher)}"
    if isinstance(kind, types.BaseTuple):
        return f"{type(kind).__name__} {getattr(kind, 'fields', ())} ({types_text(kind)})"
    parts = (getattr(kind, name, None) for name in ("type", "dtype", "key_type", "value_type"))
    held = [part for part in parts if isinstance(part, types.BaseTuple)]
    return f"{kind} {types_text(held)}" if held else str(kind)


def _kernel(kernel: Dispatcher, seen: set[int]) -> Iterator[str]:
    if id(kernel) in seen:
        return
    seen.add(id(kernel))
    yield repr([(name, _ordered(value)) for name, value in sorted(kernel.targetoptions.items())])
    function = cast("FunctionType", kernel.py_func)
    if not _foreign(function.__module__):
        yield from _function(function, seen)
        return
    yield f"{function.__module__}.{function.__qualname__}"
    for cell in function.__closure__ or ():
        yield from _value(cell.cell_contents, (), seen)


def _ordered(value: Any) -> Any:
    return sorted(value) if isinstance(value, set | frozenset) else value


def _function(function: FunctionType, seen: set[int]) -> Iterator[str]:
    yield f"{function.__qualname__} {function.__defaults__} {function.__kwdefaults__}"
    for code in _codes(function.__code__):
        consts = [
            _ordered(c) for c in code.co_consts if not isinstance(c, CodeType) and c != function.__doc__
        ]
        yield repr((code.co_code, consts, code.co_names, code.co_varnames, code.co_exceptiontable))
        yield repr(
            (code.co_freevars, code.co_cellvars, code.co_argcount, code.co_kwonlyargcount, code.co_flags)
        )
        loaded = [step.argval for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL"]
        for name in sorted(set(loaded) & set(function.__globals__)):
            yield name
            yield from _value(function.__globals__[name], code.co_names, seen)
    for cell in function.__closure__ or ():
        yield from _value(cell.cell_contents, (), seen)


def _codes(code: CodeType) -> Iterator[CodeType]:
    """A code and those inside it: comprehensions, functions."""
    yield code
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from _codes(const)


def _value(value: Any, names: Sequence[str], seen: set[int]) -> Iterator[str]:
    """A constant, a kernel, a function or a module that a kernel names; of a module, what the names pick from it."""
    if isinstance(value, Dispatcher):
        yield from _kernel(value, seen)
    elif isinstance(value, PLAIN):
        yield f"{type(value).__name__} {value!r}"
    elif isinstance(value, np.ndarray) and not value.dtype.hasobject:
        yield f"array {value.dtype} {value.shape} {value.flags.c_contiguous} {value.tobytes()!r}"
    elif isinstance(value, tuple):
        yield f"{type(value).__qualname__} {getattr(value, '_fields', '')} {len(value)}"
        for item in value:
            yield from _value(item, (), seen)
    elif isinstance(value, ModuleType):
        yield value.__name__
        if not _foreign(value.__name__):
            for name in names:
                if hasattr(value, name):
                    yield from _value(getattr(value, name), names, seen)
    elif isinstance(value, type):
        yield f"{value.__module__}.{value.__qualname__} {getattr(value, '_fields', '')}"
        if issubclass(value, enum.Enum):
            yield repr([(member.name, member.value) for member in value])
    elif isinstance(value, types.Type):
        yield _type(value)
    elif isinstance(value, (np.ufunc, BuiltinFunctionType)) or _foreign(getattr(value, "__module__", None)):
        yield f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', value.__name__)}"
    else:
        raise Unknown(f"{value!r}")


def _foreign(module: str | None) -> bool:
    """Whether a module is Python's, numpy's or numba's: the versions stand for what is in it."""
    root = (module or "").partition(".")[0]
    return root in ("numpy", "numba") or root in sys.stdlib_module_names
