"""Whole numbers as tables hold them: as text or as floating point, where a tool turned ``1`` into ``1.0``."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gnnreco.errors import BadInput
from gnnreco.files.arrow import numbers_of

#: Ids of particles: 64 bits, with a sign or (barcodes of ACTS) without one; they are kept as int64, bit by bit.
ID64 = pa.decimal128(20)
#: Whole numbers beyond it do not all exist as floating point: one that was written so has lost its last digits.
EXACT = 2**53
#: A whole number in digits, then what floating point adds to them.
_WHOLE = re.compile(rb"\s*([-+]?\d{1,20})(\.0*)?\s*")
_FLOAT = re.compile(rb"\s*[-+]?\d{1,17}\.?\d{0,17}[eE][-+]?\d{1,3}\s*")


def whole_numbers(file: Path, name: str, column: pa.ChunkedArray, kind: pa.DataType) -> NDArray:
    """A column of text as whole numbers of the type `kind`.

    Parameters
    ----------
    file, name
        What a complaint names.
    column : pyarrow.ChunkedArray of dictionary<int32, binary>
        The text of each row.
    kind : pyarrow.DataType
        An integer type, or `ID64`.

    Raises
    ------
    BadInput
        With the line of the first value that is none, or outside the range of the type.
    """
    low, high = limits(kind)
    rows: list[NDArray] = []
    values: list[int | None] = []
    for chunk in column.chunks:
        known = [_number(text) for text in chunk.dictionary.to_pylist()]
        rows.append(numbers_of(chunk.indices) + len(values))
        values += known
    row = np.concatenate([np.zeros(0, np.int64), *rows]).astype(np.int64)
    wrong = np.array([v is None or not low <= v <= high for v in values], bool)[row]
    if wrong.any():
        line = int(np.flatnonzero(wrong)[0])
        text = column[line].as_py().decode("utf-8", "replace")[:40]
        bits = "64 bits" if kind == ID64 else kind
        why = f"'{text}' is not a whole number of {bits} ({low} to {high}); correct that line"
        raise BadInput(file, f"line {line + 2}, column {name}", why)
    dtype = np.int64 if kind == ID64 else kind.to_pandas_dtype()
    signed = [v - (1 << 64) if kind == ID64 and v is not None and v >= 1 << 63 else v for v in values]
    return np.array([0 if v is None else v for v in signed], dtype)[row] if values else np.zeros(0, dtype)


def limits(kind: pa.DataType) -> tuple[int, int]:
    """The smallest and the largest number of a type."""
    if kind == ID64:
        return -(1 << 63), (1 << 64) - 1
    about = np.iinfo(kind.to_pandas_dtype())
    return int(about.min), int(about.max)


def _number(text: bytes) -> int | None:
    """The whole number that a text is; None where it is none, or has lost digits as floating point."""
    match = _WHOLE.fullmatch(text)
    if match:
        number = int(match[1])
        return number if match[2] is None or abs(number) <= EXACT else None
    if _FLOAT.fullmatch(text):
        real = float(text)
        return int(real) if real.is_integer() and abs(real) <= EXACT else None
    return None
