"""One CSV table read as typed NumPy columns; whatever is wrong with the file comes out as `BadInput`."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
from numpy.typing import NDArray

from gnnreco.errors import BadInput

GZIP_MAGIC = b"\x1f\x8b"

#: Column types a reader may ask for. `TEXT` columns come back as object arrays of bytes.
INT, INT32, UINT = pa.int64(), pa.int32(), pa.uint64()
FLOAT, FLOAT32, TEXT = pa.float64(), pa.float32(), pa.dictionary(pa.int32(), pa.binary())

Columns = dict[str, NDArray]

EMPTY = "the file is empty; an event without hits still has a header line"


def first_bytes(file: Path, count: int = 4096) -> bytes:
    """The first bytes of a file, uncompressed where it is gzip; tells formats apart by content."""
    try:
        with file.open("rb") as stream:
            head = stream.read(count)
    except OSError as error:
        raise BadInput(file, "", f"cannot be read: {error.strerror or error}") from None
    if not head.startswith(GZIP_MAGIC):
        return head
    try:
        return zlib.decompressobj(wbits=31).decompress(head, count)
    except zlib.error as error:
        raise BadInput(file, "byte 0", f"damaged gzip data ({error}); fetch the file again") from None


def header_of(file: Path) -> list[str]:
    """Column names in the first line of a CSV file."""
    line = first_bytes(file, 65536).partition(b"\n")[0]
    if not line.strip():
        raise BadInput(file, "", EMPTY)
    return _names(file, line)


def read_table(
    file: Path, needed: Mapping[str, pa.DataType], wanted: Mapping[str, pa.DataType] | None = None
) -> Columns:
    """Read some columns of a CSV file, plain or gzip (told by content, not by name).

    Parameters
    ----------
    file : path
    needed : mapping of name to Arrow type
        Columns without which the file is of no use.
    wanted : mapping of name to Arrow type, optional
        Columns that may be absent.

    Returns
    -------
    dict of name to array (n_rows,)
        Only the columns that the file has; a header alone gives arrays of length 0.

    Raises
    ------
    BadInput
        Missing, empty, truncated or damaged file, missing column, wrong number of fields, a value of the
        wrong type, NaN or infinity; with the line and column.
    """
    data = _content(file)
    names = _names(file, data[: 1 << 16].partition(b"\n")[0])
    missing = [name for name in needed if name not in names]
    if missing:
        raise BadInput(
            file,
            "line 1",
            f"no column {', '.join(missing)} (found: {', '.join(names[:20])}); is this the right file?",
        )
    types = {name: kind for name, kind in {**(wanted or {}), **needed}.items() if name in names}
    repeated = [name for name in types if names.count(name) > 1]
    if repeated:
        raise BadInput(file, "line 1", f"column {', '.join(repeated)} occurs twice; keep one of them")
    if not data.endswith(b"\n"):
        last = data.count(b"\n") + 1
        raise BadInput(
            file,
            f"line {last}",
            "the last line has no end, so the file was cut off; copy it again (or end the line)",
        )
    return {name: _plain(file, name, column) for name, column in _parse(file, data, types).items()}


def _content(file: Path) -> bytes:
    try:
        data = Path(file).read_bytes()
        if data.startswith(GZIP_MAGIC):
            data = gzip.decompress(data)
    except FileNotFoundError:
        raise BadInput(file, "", "does not exist; check the path") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadInput(file, "", f"gzip data damaged or cut off ({error}); fetch the file again") from None
    except OSError as error:
        raise BadInput(file, "", f"cannot be read: {error.strerror or error}") from None
    if not data.strip():
        raise BadInput(file, "", EMPTY)
    return data


def _names(file: Path, line: bytes) -> list[str]:
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if not text.translate({9: " ", 13: " "}).isprintable():
        raise BadInput(file, "line 1", "not text, so not a CSV file; check that this is the right file")
    return [name.strip() for name in text.strip("\r").split(",")]


def _parse(file: Path, data: bytes, types: Mapping[str, pa.DataType]) -> dict[str, pa.ChunkedArray]:
    names = _names(file, data[: 1 << 16].partition(b"\n")[0])
    # No quoting: ACTS writes one column as raw bytes, in which a quote may occur.
    # No null words: an empty field is an error.
    try:
        table = pacsv.read_csv(
            pa.BufferReader(data),
            pacsv.ReadOptions(use_threads=False, block_size=1 << 22, column_names=names, skip_rows=1),
            pacsv.ParseOptions(quote_char=False, double_quote=False),
            pacsv.ConvertOptions(
                column_types=types, include_columns=list(types), null_values=[], check_utf8=False
            ),
        )
    except (pa.ArrowException, OSError, ValueError) as error:
        raise BadInput(file, *_explain(str(error))) from None
    return {name: table.column(name) for name in types}


def _explain(message: str) -> tuple[str, str]:
    """Turn Arrow's message into a place and a reason."""
    row = re.search(r"[Rr]ow #(\d+)", message)
    where = f"line {row.group(1)}" if row else ""
    fields = re.search(r"Expected (\d+) columns, got (\d+)", message)
    if fields:
        why = f"{fields[2]} fields where the header has {fields[1]}; the line is damaged or cut off"
        return where, why
    value = re.search(r"conversion error to (\w+): invalid value '(.*?)'", message, re.S)
    if value:
        return where, f"'{value[2][:40]}' is not a {value[1]}; the line is damaged"
    return where, message.splitlines()[0][:200]


def _plain(file: Path, name: str, column: pa.ChunkedArray) -> NDArray:
    if pa.types.is_dictionary(column.type):
        column = column.cast(pa.binary())
    values: NDArray = column.to_numpy()
    if values.dtype.kind == "f" and not bool(np.isfinite(values).all()):
        row = int(np.flatnonzero(~np.isfinite(values))[0])
        why = f"{values[row]} is no number; remove or mend that row"
        raise BadInput(file, f"line {row + 2}, column {name}", why)
    return values
