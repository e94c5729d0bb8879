"""Between numpy and Arrow without pandas: Arrow's own ways import it, which takes a third of a second and 50 MB.

Nor with `pyarrow.compute` where nothing is computed: it takes a tenth of a second and 10 MB.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def numbers_of(column: pa.Array | pa.ChunkedArray) -> NDArray[Any]:
    """The values (n,) of a column of numbers that has no gaps; they are Arrow's own, and must not be written to."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if array.null_count:
        raise ValueError(f"{array.null_count} gaps among {len(array)} numbers")
    values: NDArray[Any] = np.from_dlpack(array)
    return values


def texts_of(column: pa.ChunkedArray) -> NDArray[np.object_]:
    """The words or bytes (n,) of a column without gaps, written as such or by their rows in a dictionary."""
    parts: list[NDArray[np.object_]] = [np.zeros(0, object)]
    for chunk in column.chunks:
        if pa.types.is_dictionary(chunk.type):
            parts.append(np.array(chunk.dictionary.to_pylist(), object)[numbers_of(chunk.indices)])
        else:
            parts.append(np.array(chunk.to_pylist(), object))
    return np.concatenate(parts)


def as_type(column: pa.Array | pa.ChunkedArray, kind: pa.DataType) -> pa.Array | pa.ChunkedArray:
    """A column cast to a type, or itself if it is of that type."""
    return column if column.type == kind else column.cast(kind)


def array_of(values: NDArray[Any]) -> pa.Array:
    """A column of the numbers (n,), which are not copied."""
    if values.dtype.kind not in "iuf":  # Arrow packs eight booleans in a byte
        raise TypeError(f"{values.dtype}, not a type of numbers")
    values = np.ascontiguousarray(values)
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [None, pa.py_buffer(values)])


def words_of(words: Sequence[str]) -> pa.Array:
    """A column of words."""
    held = [word.encode() for word in words]
    ends = np.cumsum([0, *map(len, held)]).astype(np.int32)
    return pa.StringArray.from_buffers(len(held), pa.py_buffer(ends), pa.py_buffer(b"".join(held)))
