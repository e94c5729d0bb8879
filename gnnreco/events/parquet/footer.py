"""How many values a Parquet file says it holds, from its footer alone: asked before a library makes room for them.

pyarrow shows these numbers too, but ends the process where a damaged footer lacks them. The footer is Thrift's compact
protocol (github.com/apache/parquet-format, parquet.thrift); field numbers below are those of that file.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from gnnreco.files.limits import DEPTH

Struct = dict[int, Any]
ROW_GROUPS, COLUMNS, COLUMN_META_DATA = 4, 1, 3
PATH, NUM_VALUES, UNCOMPRESSED = 3, 5, 6


def declared_values(path: Path, group: int) -> dict[str, int]:
    """Values of each column of one row group, those of columns inside one added up.

    At least one value for each 8 bytes that the pages unpack to.

    Raises
    ------
    ValueError
        The footer is damaged.
    """
    about = path.stat()
    try:
        groups = _row_groups(path, about.st_mtime_ns, about.st_size)
        counts: dict[str, int] = {}
        for column in groups[group][COLUMNS]:
            chunk = column[COLUMN_META_DATA]
            name = chunk[PATH][0].decode()
            values = max(chunk[NUM_VALUES], chunk[UNCOMPRESSED] // 8)
            if not 0 <= values < 2**63:
                raise ValueError(f"column {name} says it holds {values} values")
            counts[name] = counts.get(name, 0) + values
    except (KeyError, IndexError, TypeError, AttributeError):
        raise ValueError("its footer is damaged") from None
    return counts


@lru_cache(maxsize=8)
def _row_groups(path: Path, changed: int, size: int) -> list[Struct]:
    with path.open("rb") as stream:
        stream.seek(max(0, size - 8))
        length = int.from_bytes(stream.read(4), "little")
        if not 0 < length <= size - 12:
            raise ValueError("its footer is damaged")
        stream.seek(size - 8 - length)
        groups: list[Struct] = _Reader(stream.read(length)).struct(0).get(ROW_GROUPS, [])
    return groups


class _Reader:
    """Thrift's compact protocol: structs as dicts by field number."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def struct(self, depth: int) -> Struct:
        if depth > DEPTH:
            raise ValueError("its footer is nested too deep")
        fields: Struct = {}
        field = 0
        while kind := self.byte():
            field = field + (kind >> 4) if kind >> 4 else self.signed()
            fields[field] = kind & 15 == 1 if kind & 15 in (1, 2) else self.value(kind & 15, depth)
        return fields

    def value(self, kind: int, depth: int) -> Any:
        if kind in (1, 2, 3):
            return self.byte()
        if kind in (4, 5, 6):
            return self.signed()
        if kind in (7, 8):
            return self.take(8 if kind == 7 else self.varint())
        if kind in (9, 10):
            head = self.byte()
            count = self.varint() if head >> 4 == 15 else head >> 4
            return [self.value(head & 15, depth + 1) for _ in range(self.room(count))]
        if kind == 11:
            count = self.room(self.varint())
            head = self.byte() if count else 0
            return [
                (self.value(head >> 4, depth + 1), self.value(head & 15, depth + 1)) for _ in range(count)
            ]
        if kind == 12:
            return self.struct(depth + 1)
        raise ValueError("its footer is damaged")

    def room(self, count: int) -> int:
        """A count of things that each take a byte at least."""
        if count > len(self.data) - self.at:
            raise ValueError("its footer is damaged")
        return count

    def take(self, count: int) -> bytes:
        self.at += self.room(count)
        return self.data[self.at - count : self.at]

    def byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def varint(self) -> int:
        number = shift = 0
        while True:
            byte = self.byte()
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return number
            if shift > 63:
                raise ValueError("its footer is damaged")

    def signed(self) -> int:
        number = self.varint()
        return number >> 1 ^ -(number & 1)
