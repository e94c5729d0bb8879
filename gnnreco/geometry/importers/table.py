"""Tables of numbers in foreign CSV files, with errors by line and column."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

from ...errors import BadInput


def read_columns(file: Path, wanted: Mapping[str, pa.DataType], of: str) -> dict[str, NDArray[Any]]:
    """The `wanted` columns (name to type) of a CSV file, also ``.gz``; `of` says what file it should be.

    Raises
    ------
    BadInput
        A missing file or column, no rows, or a value that is empty, no number, or not finite.
    """
    try:
        big = pa.csv.ConvertOptions(
            column_types={name: kind for name, kind in wanted.items() if kind == pa.uint64()}
        )
        table = pa.csv.read_csv(file, convert_options=big)
    except FileNotFoundError:
        raise BadInput(file, "", "no such file") from None
    except (pa.ArrowException, OSError) as error:
        raise BadInput(file, "", f"not a readable CSV file: {str(error).splitlines()[0]}") from None
    columns: dict[str, NDArray[Any]] = {}
    for name, kind in wanted.items():
        if name not in table.column_names:
            raise BadInput(file, f"column {name}", f"missing; is this {of}?")
        try:
            column = table[name].cast(kind)
        except pa.ArrowException:
            raise BadInput(file, f"column {name}", "expected numbers") from None
        empty = column.is_null().to_numpy()
        values = column.fill_null(0).to_numpy()
        bad = np.flatnonzero(empty | ~np.isfinite(values))
        if len(bad):
            raise BadInput(file, f"line {bad[0] + 2}, column {name}", "empty or not finite")
        columns[name] = np.asarray(values)
    if table.num_rows == 0:
        raise BadInput(file, "", "the table has no rows")
    return columns


def read_words(file: Path, column: str) -> NDArray[Any]:
    """A column of words (n,) of a CSV file that `read_columns` could read."""
    names = pa.csv.read_csv(file).column_names
    if column not in names:
        raise BadInput(file, f"column {column}", "missing; add it")
    options = pa.csv.ConvertOptions(column_types={column: pa.string()}, include_columns=[column])
    return np.asarray(pa.csv.read_csv(file, convert_options=options)[column].to_numpy(zero_copy_only=False))
