"""Errors of kernels keep a plain message where numba would have the compiler learn to write numbers.

Where an array is assigned to a slice of another, numba puts both shapes into the message of the error that a kernel of ours
never raises. The code that formats them costs the compiler four seconds in each process, and becomes part of every kernel
that assigns a slice. Numba leaves the message to a function that others may replace; this is numba's own plain one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from numba.extending import overload

NAME = "raise_with_shape_context"  # of that function; numba 0.61 has none


def shapes_differ(source: tuple[int, ...], target: tuple[int, ...]) -> None:
    """Raise in compiled code; see `plain_messages`."""
    raise NotImplementedError


@overload(shapes_differ)
def _shapes_differ(source: Any, target: Any) -> Callable[..., None]:
    def plain(source: Any, target: Any) -> None:
        raise ValueError("cannot assign slice from input of different size")

    return plain


@contextmanager
def plain_messages() -> Iterator[None]:
    """Compile with plain messages; under numba's lock, so that no other compilation sees it."""
    import numba.np.arrayobj as arrays  # only the compiler needs it

    before = getattr(arrays, NAME, None)
    if before is None:
        yield
        return
    setattr(arrays, NAME, shapes_differ)
    try:
        yield
    finally:
        setattr(arrays, NAME, before)
