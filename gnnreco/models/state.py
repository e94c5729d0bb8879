"""What a model has learned, by name, and what each array must be: kernels index and divide by these numbers unchecked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gnnreco.files.limits import LEARNED, NUMBER

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Numbers:
    """What one array must be.

    Attributes
    ----------
    shape : tuple of int or str
        A length with a name is free, and the same wherever that name stands.
    dtype : numpy type
        Numbers of the same kind, whole or not, are turned into it; an abstract one (``np.integer``) takes all of its kind.
    low, high : float
        Between them every number lies.
    infinite : bool
        Infinities are allowed too, as open ends.
    optional : bool
        It need not be there.
    old_shape : tuple of int, optional
        What an earlier version wrote.
    """

    shape: tuple[int | str, ...]
    dtype: Any = np.float32
    low: float = -LEARNED
    high: float = LEARNED
    infinite: bool = False
    optional: bool = False
    old_shape: tuple[int, ...] | None = None


def checked(state: Mapping[str, NDArray[Any]], expected: Mapping[str, Numbers]) -> dict[str, NDArray[Any]]:
    """The arrays of `state`, if they are those `expected`.

    Raises
    ------
    ValueError
        Names the first that is absent, unknown, or of another shape, kind or range, and what is expected.
    """
    for name in state:
        if name not in expected:
            raise ValueError(
                f"knows no weight '{name}'; a bundle of another version of gnnreco has to be trained again"
            )
    lengths: dict[str, int] = {}
    found = {}
    for name, numbers in expected.items():
        if name in state:
            found[name] = _fitting(f"weight '{name}'", np.asarray(state[name]), numbers, lengths)
        elif not numbers.optional:
            raise ValueError(f"lacks the weight '{name}'")
    return found


def _fitting(
    what: str, given: NDArray[Any], numbers: Numbers, lengths: dict[str, int]
) -> NDArray[np.generic]:
    shape = numbers.shape
    if len(shape) == given.ndim:
        for length, named in zip(given.shape, shape, strict=True):
            if isinstance(named, str):
                lengths.setdefault(named, length)
    due = tuple(lengths.get(n, -1) if isinstance(n, str) else n for n in shape)
    if given.shape not in (due, numbers.old_shape):
        known = ", ".join(str(lengths.get(n, n)) if isinstance(n, str) else str(n) for n in shape)
        raise ValueError(f"{what} has shape {given.shape}, not ({known}{',' if len(shape) == 1 else ''})")
    kind = np.integer if np.issubdtype(numbers.dtype, np.integer) else np.floating
    if not np.issubdtype(given.dtype, kind):
        raise ValueError(f"{what} holds {given.dtype}, not {np.dtype(numbers.dtype).name}")
    low, high = numbers.low, numbers.high
    array = (
        given if kind is np.integer else given.astype(np.float64)
    )  # half precision does not hold the limits
    inside = (array >= low) & (array <= high)
    if numbers.infinite:
        inside |= np.isinf(array)
    if not inside.all():
        wrong = array[~inside][0]
        ends = ", or be infinite" if numbers.infinite else ""
        raise ValueError(f"{what} holds {wrong}; its numbers must lie between {low:g} and {high:g}{ends}")
    return given if np.issubdtype(given.dtype, numbers.dtype) else given.astype(numbers.dtype)


def named(prefix: str, expected: Mapping[str, Numbers]) -> dict[str, Numbers]:
    """The same arrays as part of something larger: ``prefix.name``."""
    return {f"{prefix}.{name}": numbers for name, numbers in expected.items()}


def of_network(network: nn.Module) -> dict[str, Numbers]:
    """What the arrays of a network of torch must be; sums in double precision may be large."""
    expected = {}
    for name, tensor in network.state_dict().items():
        shape = tuple(tensor.shape)
        wide = str(tensor.dtype) == "torch.float64"
        expected[name] = Numbers(shape, np.float64, -NUMBER, NUMBER) if wide else Numbers(shape)
    return expected
