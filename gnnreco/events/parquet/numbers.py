"""The numbers of the events of a file, as its footer tells them: thousands of files are planned without reading a row.

Runs of consecutive numbers, ``[[first, count], ...]`` in JSON. Whoever reads an event compares its number with its row.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

#: Of the metadata of a file.
KEY = b"gnnreco.numbers"
#: Bytes beyond which the footer does not tell: the rows are read instead.
MOST = 64 << 10


def told(numbers: Sequence[int]) -> dict[bytes, bytes]:
    """What the metadata says of these numbers; nothing where they are in too many runs."""
    values = np.asarray(numbers, np.int64)
    starts = np.flatnonzero(np.diff(values, prepend=values[:1] - 2) != 1)
    counts = np.diff(starts, append=len(values))
    runs = [[int(values[at]), int(count)] for at, count in zip(starts, counts)]
    text = json.dumps(runs, separators=(",", ":")).encode()
    return {KEY: text} if len(text) <= MOST else {}


def numbers_by_footer(metadata: dict[bytes, bytes], rows: int) -> list[int] | None:
    """The numbers of all rows, if the metadata tells them; a file of other rows, or damage, tells nothing."""
    text = metadata.get(KEY, b"")
    if not 0 < len(text) <= MOST:
        return None
    try:
        runs = json.loads(text)
        if sum(count for _, count in runs) != rows or any(count < 1 for _, count in runs):
            return None
        # Not by pyarrow, which imports pandas to look at a list.
        if not all(_is_number(edge) for first, count in runs for edge in (first, first + count - 1)):
            return None
        return [number for first, count in runs for number in range(first, first + count)]
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None


def _is_number(value: object) -> bool:
    """Whether it is a whole number of 64 bits."""
    return type(value) is int and -(2**63) <= value < 2**63
