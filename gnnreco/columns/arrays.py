"""What columns compute with plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def eta_of(x: Floats, y: Floats, z: Floats) -> Floats:
    """Pseudorapidity of vectors (n,); infinite along the z axis, NaN where there is no direction."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.arcsinh(z / np.hypot(x, y))


def phi_of(x: Floats, y: Floats) -> Floats:
    """Azimuth of vectors (n,), rad, from -pi to pi."""
    return np.arctan2(y, x)


def cut(offsets: Ints, rows: Ints) -> tuple[Ints, Ints]:
    """The offsets of some rows of a ragged column in the order given, and where their entries lie in it."""
    size = np.diff(offsets)[rows]
    ends = np.concatenate([[0], np.cumsum(size)]).astype(np.int64)
    inside = np.repeat(offsets[:-1][rows] - ends[:-1], size) + np.arange(ends[-1])
    return ends, inside


def same(one: object, other: object) -> bool:
    """Whether two members hold the same; NaN equals NaN."""
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return np.array_equal(one, other, equal_nan=one.dtype.kind == "f" and other.dtype.kind == "f")
    return type(one) is type(other) and bool(one == other)


def agreed(name: str, values: Sequence[Any]) -> Any:
    """The one value that all parts give; `ValueError` where they differ."""
    if not all(same(values[0], value) for value in values):
        raise ValueError(f"{name}: these parts differ in it, so they cannot be one table")
    return values[0]


def span(values: NDArray, unit: str) -> str:
    """The least and the greatest number of a column as text; empty where there is none."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return ""
    return f"{finite.min():.3g} to {finite.max():.3g} {unit}".rstrip()
