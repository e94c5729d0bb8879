"""Tables of numbers and words, Parquet or CSV: read in one place, with errors by row and column."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.errors import BadGeometry, BadInput
from gnnreco.files import limits
from gnnreco.files.arrow import numbers_of, texts_of

from .reading import Section

Error = type[BadGeometry] | type[BadInput]

GZIP = b"\x1f\x8b"


def read_arrow(
    file: Path,
    needed: tuple[str, ...] = (),
    error: Error = BadInput,
    types: Mapping[str, pa.DataType] | None = None,
    of: str = "",
) -> pa.Table:
    """The table in a Parquet file (by its ending) or a CSV file (also gzip), which has rows and the needed columns.

    Parameters
    ----------
    file : Path
    needed : tuple of str
    error : type
        What is raised: `BadInput` for foreign files, `BadGeometry` for our own.
    types : mapping, optional
        Types of columns of a CSV file that are not to be guessed.
    of : str
        What the file should be, for the error of a missing column.
    """
    try:
        # Opened here, since Arrow opens no path that is not UTF-8.
        with file.open("rb") as stream:
            if file.suffix == ".parquet":
                table = _parquet(file, stream, error)
            else:
                # NaN stays a number for `check` to find; only nothing at all is empty.
                options = pa.csv.ConvertOptions(null_values=[""], column_types=dict(types or {}))
                table = pa.csv.read_csv(_plain(file, stream, error), convert_options=options)
        names = table.column_names
    except FileNotFoundError:
        remedy = (
            "no such table; the path is relative to detector.yaml" if error is BadGeometry else "no such file"
        )
        raise error(file, "", remedy) from None
    except UnicodeDecodeError:
        raise error(
            file, "line 1", "the names of the columns are not UTF-8; save the file as UTF-8"
        ) from None
    except (pa.ArrowException, OSError, ValueError) as reason:
        first = (str(reason) or type(reason).__name__).splitlines()[0]
        raise error(file, "", f"not a readable table: {first}") from None
    for name, times in Counter(names).items():
        if times > 1:
            raise error(file, f"column {name}", f"appears {times} times; keep one")
    for name in needed:
        if name not in names:
            wanted = f"is this {of}?" if of else f"the table needs {', '.join(needed)}"
            raise error(file, f"column {name}", f"missing; {wanted}")
    if table.num_rows == 0:
        raise error(file, "", "the table has no rows")
    for name in names if file.suffix != ".parquet" else ():
        if pa.types.is_binary(table[name].type):
            row = next(i for i, value in enumerate(table[name].to_pylist()) if not _is_text(value))
            raise error(file, f"line {row + 2}, column {name}", "not UTF-8; save the file as UTF-8")
    return table


def _parquet(file: Path, stream: Any, error: Error) -> pa.Table:
    """A Parquet file, opened if what it declares can be afforded."""
    source = pq.ParquetFile(stream, page_checksum_verification=True)
    meta = source.metadata
    groups = [meta.row_group(i) for i in range(meta.num_row_groups)]
    columns = [group.column(i) for group in groups for i in range(group.num_columns)]
    values = max([meta.num_rows, *(column.num_values for column in columns)])
    if values > limits.ROWS or meta.num_rows < 0:
        why = f"{values:,} rows, more than {limits.ROWS:,}; place sensors and cells by rule"
        raise error(file, "", why)
    if sum(column.total_uncompressed_size for column in columns) > limits.UNPACKED_BYTES:
        raise error(file, "", f"unpacks to more than {limits.UNPACKED_BYTES >> 30} GB; split the table")
    return source.read()


def _plain(file: Path, stream: Any, error: Error) -> Any:
    """The text of a CSV file, unpacked where it is gzip, and never more of it than a table needs."""
    start = stream.read(len(GZIP))
    stream.seek(0)
    if start != GZIP:
        return stream
    data = stream.read()
    most = min(limits.UNPACKED_BYTES, max(limits.TEXT_BYTES, limits.UNPACKED_RATIO * len(data)))
    pieces, size = [], 0
    while data:
        unpacker = zlib.decompressobj(wbits=31)
        try:
            pieces.append(unpacker.decompress(data, most + 1 - size))
        except zlib.error as reason:
            raise error(file, "", f"gzip data damaged ({reason}); fetch the file again") from None
        size += len(pieces[-1])
        if size > most:
            raise error(file, "", f"unpacks to more than {most >> 20} MB; unpack it, or split the table")
        if not unpacker.eof:
            raise error(file, "", "gzip data cut off; fetch the file again")
        data = unpacker.unused_data
    return pa.BufferReader(b"".join(pieces))


def _is_text(value: bytes | None) -> bool:
    try:
        return value is None or bool(value.decode("utf-8") or True)
    except UnicodeDecodeError:
        return False


def place_of(file: Path, row: int, column: str) -> str:
    """Where a value stands, for errors: the first line of a CSV file names the columns."""
    return f"row {row}, column {column}" if file.suffix == ".parquet" else f"line {row + 2}, column {column}"


def refuse(file: Path, column: str, wrong: NDArray[np.bool_], why: str, error: Error = BadInput) -> None:
    """Raise for the first row (n,) that is wrong."""
    for row in np.flatnonzero(wrong)[:1]:
        raise error(file, place_of(file, int(row), column), why)


def number_column(
    table: pa.Table, file: Path, name: str, kind: pa.DataType, error: Error = BadInput
) -> NDArray[Any]:
    """A column cast to a type of numbers; what is empty or no such number is an error."""
    wanted = "numbers" if pa.types.is_floating(kind) else "whole numbers"
    if table[name].null_count:
        refuse(file, name, table[name].is_null().to_numpy(), f"empty; expected {wanted}", error)
    try:
        return _as_kind(table[name], kind)
    except pa.ArrowException:
        row = _first_that_is_none(table[name], kind)
        where = f"column {name}" if row is None else place_of(file, row, name)
        found = "" if row is None else f", found {str(table[name][row].as_py())[:40]!r}"
        raise error(file, where, f"expected {wanted}{found}") from None


def _as_kind(column: pa.ChunkedArray, kind: pa.DataType) -> NDArray[Any]:
    """Numbers as a type of numbers. Where none can be lost numpy does it: Arrow imports a tenth of a second for that."""
    types = column.type, kind
    if all(pa.types.is_integer(t) or pa.types.is_floating(t) for t in types):
        found, wanted = (np.dtype(t.to_pandas_dtype()) for t in types)
        if found == wanted or (found.itemsize < 8 and np.can_cast(found, wanted)):
            return numbers_of(column).astype(wanted, copy=False)
    return numbers_of(column.cast(kind))


def _first_that_is_none(column: pa.ChunkedArray, kind: pa.DataType) -> int | None:
    """Row of the first value that the type does not hold, by halves."""
    low, high = 0, len(column)
    if high == 0 or pa.types.is_nested(column.type):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        try:
            column.slice(low, middle - low).cast(kind)
            low = middle
        except pa.ArrowException:
            high = middle
    return low


def open_table(file: Path, needed: tuple[str, ...]) -> pa.Table:
    """The table beside a ``detector.yaml``; it has rows, the needed columns, and no empty value."""
    table = read_arrow(file, needed, BadGeometry)
    for column in table.column_names:
        if table[column].null_count:
            raise BadGeometry(file, f"column {column}", f"{table[column].null_count} empty values; fill them")
    return table


def read_table(
    entry: Section, key: str, columns: tuple[str, ...], optional: tuple[str, ...] = ()
) -> dict[str, Floats]:
    """The columns of numbers in the table that a key of ``detector.yaml`` names, and the optional ones it has."""
    file = entry.file.parent / entry.text(key)
    table = open_table(file, columns)
    wanted = [*columns, *(column for column in optional if column in table.column_names)]
    return {column: floats(table, file, column) for column in wanted}


def floats(table: pa.Table, file: Path, column: str) -> Floats:
    """A column of numbers; NaN and infinity are let through for `check` to report with their rows."""
    values = np.asarray(number_column(table, file, column, pa.float64(), BadGeometry), np.float64)
    large = np.isfinite(values) & (np.abs(values) > limits.NUMBER)
    refuse(file, column, large, f"larger than {limits.NUMBER:g}; check the unit", BadGeometry)
    return values


def ints(table: pa.Table, file: Path, column: str, most: int | None = None) -> Ints:
    """A column of whole numbers, of `most` at most where that is given."""
    values = np.asarray(number_column(table, file, column, pa.int64(), BadGeometry), np.int64)
    if most is not None:
        refuse(file, column, np.abs(values) > most, f"larger than {most:,}", BadGeometry)
    return values


def choices(table: pa.Table, file: Path, column: str, known: tuple[str, ...]) -> NDArray[np.int32]:
    """A column of words as rows of `known`."""
    try:
        words = texts_of(_as_words(table[column]))
    except (pa.ArrowException, UnicodeDecodeError):
        raise BadGeometry(file, f"column {column}", "expected words") from None
    row_of = {word: row for row, word in enumerate(known)}
    rows = np.array([row_of.get(word, -1) for word in words], np.int32)
    for row in np.flatnonzero(rows < 0)[:1].tolist():
        name = table[column][row].as_py()
        raise BadGeometry(
            file, f"row {row}, column {column}", f"{name!r} is not in detector.yaml: {', '.join(known)}"
        )
    return rows


def _as_words(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    return column if pa.types.is_string(kind) else column.cast(pa.string())
