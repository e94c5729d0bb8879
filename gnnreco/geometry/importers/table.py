"""Columns of foreign tables: numbers that are all there, finite and of a sensible size, and words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gnnreco.errors import BadInput
from gnnreco.files import limits
from gnnreco.geometry.description.tables import number_column, read_arrow, refuse


def read_columns(file: Path, wanted: Mapping[str, pa.DataType], of: str) -> dict[str, NDArray[Any]]:
    """The `wanted` columns (name to type, of numbers or words) of a table; `of` says what file it should be.

    Raises
    ------
    BadInput
        A missing file or column, no rows, or a value that is empty, no number, not finite or larger than any length.
    """
    # Only these are not guessed right: 64-bit identifiers without sign, and words that look like numbers.
    types = {name: kind for name, kind in wanted.items() if kind in (pa.uint64(), pa.string())}
    table = read_arrow(file, tuple(wanted), types=types, of=of)
    return {
        name: words(table, file, name) if kind == pa.string() else numbers_of(table, file, name, kind)
        for name, kind in wanted.items()
    }


def numbers_of(table: pa.Table, file: Path, name: str, kind: pa.DataType | None = None) -> NDArray[Any]:
    """A column of numbers, float64 unless another type is given."""
    values = number_column(table, file, name, kind or pa.float64())
    if np.issubdtype(values.dtype, np.floating):
        refuse(file, name, ~np.isfinite(values), "empty or not finite")
        refuse(file, name, np.abs(values) > limits.NUMBER, f"larger than {limits.NUMBER:g}; check the unit")
    return values


def whole(table: pa.Table, file: Path, name: str, low: int = 0, high: int = 2**31 - 1) -> NDArray[np.int64]:
    """A column of whole numbers between two."""
    values = numbers_of(table, file, name)
    wrong = (values != np.round(values)) | (values < low) | (values > high)
    refuse(file, name, wrong, f"expected a whole number from {low:,} to {high:,}")
    return np.asarray(values, np.int64)


def words(table: pa.Table, file: Path, name: str) -> NDArray[Any]:
    """A column of words."""
    try:
        column = table[name].cast(pa.string())
    except pa.ArrowException:
        raise BadInput(file, f"column {name}", "expected words") from None
    refuse(file, name, column.is_null().to_numpy(), "empty; expected a word")
    return np.asarray(column.to_numpy(zero_copy_only=False))
