"""One CSV table read as typed NumPy columns; whatever is wrong with the file comes out as `BadInput`."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
from numpy.typing import NDArray

from gnnreco.errors import BadInput
from gnnreco.files.arrow import numbers_of, texts_of
from gnnreco.files.remote import located

from .bounded import first_bytes, read_text
from .whole import ID64, whole_numbers

#: Column types a reader may ask for. `TEXT` columns come back as object arrays of bytes, `ID64` as int64, bit by bit.
INT, INT32, UINT = pa.int64(), pa.int32(), pa.uint64()
FLOAT, FLOAT32, TEXT = pa.float64(), pa.float32(), pa.dictionary(pa.int32(), pa.binary())

Columns = dict[str, NDArray]

EMPTY = "the file is empty; an event without hits still has a header line"
#: The column that ACTS writes as one raw byte, which may be a quote.
RAW = "local_key"
MAGIC = {
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"PK\x03\x04": "zip",
    b"\x1f\x8b": "gzip",
}


def header_of(file: Path) -> list[str]:
    """Column names in the first line of a CSV file."""
    line = first_bytes(file, 65536).partition(b"\n")[0]
    if not line.strip():
        raise BadInput(file, "", EMPTY)
    return _names(file, line)


def read_table(
    file: Path,
    needed: Mapping[str, pa.DataType],
    wanted: Mapping[str, pa.DataType] | None = None,
    known: Collection[str] = (),
    aside: Counter[str] | None = None,
) -> Columns:
    """Read some columns of a CSV file (RFC 4180), plain or gzip (told by content, not by name).

    Parameters
    ----------
    file : path
    needed : mapping of name to Arrow type
        Columns without which the file is of no use. Whole numbers may be written as ``1.0``.
    wanted : mapping of name to Arrow type, optional
        Columns that may be absent.
    known : collection of str
        Further columns of the format, which hold nothing that is needed here.
    aside : Counter, optional
        Gets the columns that none of these name.

    Returns
    -------
    dict of name to array (n_rows,)
        Only the columns that the file has; a header alone gives arrays of length 0.

    Raises
    ------
    BadInput
        Missing, empty, truncated, damaged or huge file, missing column, wrong number of fields, a value of the
        wrong type, NaN or infinity; with the line and column.
    """
    data = read_text(located(file))
    if not data.strip():
        raise BadInput(file, "", EMPTY)
    names = _names(file, data[: 1 << 16].partition(b"\n")[0])
    missing = [name for name in needed if name not in names]
    if missing:
        found = ", ".join(names[:20])
        raise BadInput(
            file, "line 1", f"no column {', '.join(missing)} (found: {found}); is this the right file?"
        )
    types = {name: kind for name, kind in {**(wanted or {}), **needed}.items() if name in names}
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise BadInput(file, "line 1", f"column {', '.join(repeated)} occurs twice; keep one of them")
    if not data.endswith(b"\n"):
        last = data.count(b"\n") + 1
        raise BadInput(
            file,
            f"line {last}",
            "the last line has no end, so the file was cut off; copy it again (or end the line)",
        )
    if aside is not None:
        kind = file.name.partition(".csv")[0].rpartition("-")[2]
        aside.update(f"column {name} of {kind}" for name in names if name not in {*types, *known})
    return {name: _plain(file, name, column) for name, column in _parse(file, data, names, types).items()}


def _names(file: Path, line: bytes) -> list[str]:
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if not text.translate({9: " ", 13: " "}).isprintable():
        packed = next(
            (f" but {name}: unpack it" for magic, name in MAGIC.items() if line.startswith(magic)), ""
        )
        why = f"not text{packed}, so not a CSV file; check that this is the right file"
        raise BadInput(file, "line 1", why)
    try:
        fields = next(csv.reader([text.strip("\r")], skipinitialspace=True), [])
    except csv.Error as error:
        raise BadInput(
            file, "line 1", f"no names of columns ({error}); check that this is the right file"
        ) from None
    names = [name.strip() for name in fields]
    other = next((c for c in ";\t|" if c in text), None)
    if len(names) == 1 and other is not None:
        raise BadInput(
            file,
            "line 1",
            f"fields are separated by {other!r}; write them with commas, and numbers with points",
        )
    return names


def _parse(
    file: Path, data: bytes, names: list[str], types: Mapping[str, pa.DataType]
) -> dict[str, pa.ChunkedArray | NDArray]:
    """The columns; where whole numbers are not written as such, they are read as text and made so."""
    whole = {name for name, kind in types.items() if pa.types.is_integer(kind) or kind == ID64}
    plain = {name: INT if kind == ID64 else kind for name, kind in types.items()}
    try:
        return _read(file, data, names, plain)
    except pa.ArrowInvalid:
        columns = _read_text_of(file, data, names, {n: TEXT if n in whole else k for n, k in plain.items()})
        return {
            name: whole_numbers(file, name, column, types[name]) if name in whole else column
            for name, column in columns.items()
        }


def _read_text_of(
    file: Path, data: bytes, names: list[str], types: Mapping[str, pa.DataType]
) -> dict[str, pa.ChunkedArray]:
    try:
        return _read(file, data, names, types)
    except pa.ArrowInvalid as error:
        raise BadInput(file, *_explain(str(error), names)) from None


def _read(
    file: Path, data: bytes, names: list[str], types: Mapping[str, pa.DataType]
) -> dict[str, pa.ChunkedArray]:
    head = data[: 1 << 16].partition(b"\n")[0]
    quoted = b'"' in head if RAW in names else b'"' in data
    # No null words: an empty field is an error.
    try:
        table = pacsv.read_csv(
            pa.BufferReader(data),
            pacsv.ReadOptions(use_threads=False, block_size=1 << 22, column_names=names, skip_rows=1),
            pacsv.ParseOptions(
                quote_char='"' if quoted else False, double_quote=quoted, newlines_in_values=quoted
            ),
            pacsv.ConvertOptions(
                column_types=types, include_columns=list(types), null_values=[], check_utf8=False
            ),
        )
    except pa.ArrowInvalid:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise BadInput(file, *_explain(str(error), names)) from None
    return {name: table.column(name) for name in types}


def _explain(message: str, names: list[str]) -> tuple[str, str]:
    """Turn Arrow's message into a place and a reason; `names` are the columns of the file."""
    row = re.search(r"[Rr]ow #(\d+)", message)
    where = f"line {row.group(1)}" if row else ""
    fields = re.search(r"Expected (\d+) columns, got (\d+)", message)
    if fields:
        why = f"{fields[2]} fields where the header has {fields[1]}; the line is damaged or cut off"
        return where, why
    value = re.search(r"conversion error to (\w+): invalid value '(.*?)'", message, re.S)
    if value:
        column = re.search(r"CSV column #(\d+)", message)
        place = f"column {names[int(column[1])]}" if column else ""
        kind = "number" if value[1] == "double" else value[1]
        return ", ".join(
            filter(None, (where, place))
        ), f"'{value[2][:40]}' is not a {kind}; the line is damaged"
    return where, message.splitlines()[0][:200]


def _plain(file: Path, name: str, column: pa.ChunkedArray | NDArray) -> NDArray:
    if isinstance(column, np.ndarray):
        return column
    if pa.types.is_dictionary(column.type):
        return texts_of(column)
    values = numbers_of(column)
    if values.dtype.kind == "f" and not bool(np.isfinite(values).all()):
        row = int(np.flatnonzero(~np.isfinite(values))[0])
        why = f"{values[row]} is no number; remove or mend that row"
        raise BadInput(file, f"line {row + 2}, column {name}", why)
    return values
