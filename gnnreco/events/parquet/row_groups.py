"""Parquet by row groups: a checksum on every page that is written, and whatever is wrong with a file comes out as
`BadInput`, before memory goes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from gnnreco.errors import BadInput
from gnnreco.files.arrow import as_type, numbers_of
from gnnreco.files.limits import GROUP_VALUES

from .footer import declared_values

#: How the columns begin in which pandas keeps its index.
PANDAS = "__index_level_"


class Footer(NamedTuple):
    """What stands at the end of a Parquet file."""

    metadata: pq.FileMetaData
    schema: pa.Schema


@contextmanager
def opened(path: Path, remedy: str = "write or fetch the file again") -> Iterator[pq.ParquetFile]:
    """A Parquet file, its pages checked by their sums where it has some; closed in the end.

    Raises
    ------
    BadInput
        For any fault of the file, also one that is met while it is read.
    """
    try:
        # Opened here: pyarrow takes no path that is not UTF-8.
        with path.open("rb") as stream, pq.ParquetFile(stream, page_checksum_verification=True) as file:
            yield file
    except FileNotFoundError:
        raise BadInput(path, "", "does not exist; check the path") from None
    except (
        pa.ArrowException,
        OSError,
        ValueError,
        KeyError,
        IndexError,
        OverflowError,
        MemoryError,
    ) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise BadInput(path, "", f"damaged or cut off ({reason}); {remedy}") from None


@contextmanager
def created(
    path: Path, schema: pa.Schema, dictionaries: Sequence[str], encodings: Mapping[str, str]
) -> Iterator[pq.ParquetWriter]:
    """A new Parquet file: packed, with a checksum on every page, and the same bytes for the same columns.

    Parameters
    ----------
    path : Path
        Replaced where it exists.
    schema : Schema
    dictionaries : sequence of str
        Columns of few different values, by their path in the file (``pt.list.element`` for a list).
    encodings : mapping of str to str
        How Parquet encodes other columns, by their path in the file.
    """
    with (
        path.open("wb") as stream,
        pq.ParquetWriter(
            stream,
            schema,
            compression="zstd",
            compression_level=9,
            use_dictionary=list(dictionaries),
            column_encoding=dict(encodings),
            write_statistics=False,
            write_page_checksum=True,
            store_schema=False,
        ) as writer,
    ):
        yield writer


def footer_of(path: Path) -> Footer | None:
    """The columns of a Parquet file and what it says of itself; None where it cannot be read."""
    try:
        with path.open("rb") as stream:
            footer = pq.read_metadata(stream)
            return Footer(footer, footer.schema.to_arrow_schema())
    except (pa.ArrowException, OSError, ValueError):  # of text that is damaged as well
        return None


def read_group(path: Path, file: pq.ParquetFile, group: int, names: Sequence[str]) -> pa.Table:
    """Those of the named columns that the file has, of one row group; dictionaries are written out.

    Raises
    ------
    BadInput
        More values than `gnnreco.files.limits.GROUP_VALUES`.
    """
    wanted = set(names)
    counts = declared_values(path, group)
    values = sum(count for name, count in counts.items() if name in wanted)
    if values > GROUP_VALUES:
        why = f"says it holds {values:,} values, more than {GROUP_VALUES:,}; write smaller row groups"
        raise BadInput(path, f"row group {group}", why)
    table = file.read_row_group(group, [n for n in file.schema_arrow.names if n in wanted], use_threads=False)
    for i, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(i, field.name, table.column(i).cast(field.type.value_type))
    return table


def event_numbers(path: Path, file: pq.ParquetFile, group: int, name: str) -> NDArray[np.int64]:
    """The column with the numbers of events, of one row group.

    Raises
    ------
    BadInput
        Gaps, or values that are no whole numbers of 64 bits.
    """
    column = read_group(path, file, group, [name]).column(name)
    try:
        numbers = as_type(column, pa.int64()).combine_chunks()
    except pa.ArrowException:
        raise BadInput(
            path, f"column {name}", f"holds {column.type}, not whole numbers; correct it"
        ) from None
    if numbers.null_count:
        raise BadInput(path, f"column {name}", f"{numbers.null_count} gaps; write the file again")
    return numbers_of(numbers)
