"""Tables beside a ``detector.yaml``: Parquet or CSV, numbers or words, errors with row and column."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ..errors import BadGeometry
from .description import Section

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# A file that compresses well can hold more rows than memory does.
MAX_ROWS = 20_000_000


def open_table(file: Path, needed: tuple[str, ...]) -> pa.Table:
    """The table in a file; it has rows, the needed columns, and no empty value."""
    try:
        if file.suffix == ".parquet":
            _afford(file, pq.read_metadata(file).num_rows)
            table = pq.read_table(file, page_checksum_verification=True)
        else:
            # NaN stays a number for `check` to find; only nothing at all is empty.
            options = pa.csv.ConvertOptions(null_values=[""])
            table = pa.csv.read_csv(file, convert_options=options)
    except FileNotFoundError:
        raise BadGeometry(file, "", "no such table; the path is relative to detector.yaml") from None
    except (pa.ArrowException, OSError) as error:
        raise BadGeometry(file, "", f"not readable: {str(error).splitlines()[0]}") from None
    for column in needed:
        if column not in table.column_names:
            raise BadGeometry(file, f"column {column}", f"missing; the table needs {', '.join(needed)}")
    if table.num_rows == 0:
        raise BadGeometry(file, "", "the table has no rows")
    for column in table.column_names:
        if table[column].null_count:
            raise BadGeometry(file, f"column {column}", f"{table[column].null_count} empty values; fill them")
    return table


def _afford(file: Path, rows: int) -> None:
    if rows > MAX_ROWS:
        raise BadGeometry(file, "", f"{rows:,} rows, more than {MAX_ROWS:,}; place sensors and cells by rule")


def read_table(
    entry: Section, key: str, columns: tuple[str, ...], optional: tuple[str, ...] = ()
) -> dict[str, Floats]:
    """The columns of numbers in the table that a key of ``detector.yaml`` names, and the optional ones it has."""
    file = entry.file.parent / entry.text(key)
    table = open_table(file, columns)
    wanted = [*columns, *(column for column in optional if column in table.column_names)]
    return {column: floats(table, file, column) for column in wanted}


def floats(table: pa.Table, file: Path, column: str) -> Floats:
    """A column of numbers; NaN is let through for `check` to report with its rows."""
    try:
        return np.asarray(table[column].cast(pa.float64()).to_numpy(), np.float64)
    except pa.ArrowException:
        raise BadGeometry(file, f"column {column}", "expected numbers") from None


def ints(table: pa.Table, file: Path, column: str) -> Ints:
    """A column of whole numbers."""
    try:
        return np.asarray(table[column].cast(pa.int64()).to_numpy(), np.int64)
    except pa.ArrowException:
        raise BadGeometry(file, f"column {column}", "expected whole numbers") from None


def choices(table: pa.Table, file: Path, column: str, known: tuple[str, ...]) -> NDArray[np.int32]:
    """A column of words as rows of `known`."""
    try:
        index = pc.index_in(table[column].cast(pa.string()), value_set=pa.array(known))
    except pa.ArrowException:
        raise BadGeometry(file, f"column {column}", "expected words") from None
    if index.null_count:
        row = int(np.flatnonzero(index.is_null().to_numpy(zero_copy_only=False))[0])
        name = table[column][row].as_py()
        raise BadGeometry(
            file, f"row {row}, column {column}", f"{name!r} is not in detector.yaml: {', '.join(known)}"
        )
    return np.asarray(index.to_numpy(), np.int32)
