"""Numbers of cells, packed into 64 bits, as the fields that the file's own description of them names."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Ints

#: ``name:width`` or ``name:first:width``; a width below 0 has a sign.
_FIELD = re.compile(r"\s*(\w+):(?:(\d{1,2}):)?(-?\d{1,2})\s*")
BITS = 64


def fields_of(encoding: str) -> dict[str, tuple[int, int]]:
    """First bit and width of each field, a width below 0 for one with a sign; nothing where it is no such text.

    >>> fields_of("system:0:5,side:5:-2,layer:6")
    {'system': (0, 5), 'side': (5, -2), 'layer': (7, 6)}
    """
    found: dict[str, tuple[int, int]] = {}
    next_bit = 0
    for part in encoding.split(","):
        match = _FIELD.fullmatch(part)
        if not match:
            return {}
        first, width = int(match[2]) if match[2] else next_bit, int(match[3])
        next_bit = first + abs(width)
        if not width or next_bit > BITS or match[1] in found:
            return {}
        found[match[1]] = first, width
    return found


def unpacked(cell: NDArray[np.uint64], encoding: str) -> dict[str, Ints]:
    """Each field of each cell, int64 (n,).

    >>> cells = np.array([0b10_11_00101], np.uint64)
    >>> {name: int(column[0]) for name, column in unpacked(cells, "system:5,side:-2,layer:2").items()}
    {'system': 5, 'side': -1, 'layer': 2}
    """
    found = {}
    for name, (first, width) in fields_of(encoding).items():
        size = abs(width)
        value = cell.astype(np.uint64) << np.uint64(BITS - first - size)
        signed = value.view(np.int64) if width < 0 else value
        found[name] = (signed >> signed.dtype.type(BITS - size)).astype(np.int64)
    return found
