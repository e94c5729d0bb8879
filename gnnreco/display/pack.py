"""Arrays as text: many typed arrays in one deflated, base64-coded block that a page can read back."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnnreco.files.json_types import JsonDict

KINDS = {"uint8": 1, "int16": 2, "int32": 4, "int64": 8, "float32": 4}
LEVEL = 5  # deflate; higher levels double the time for 2 % of the size


class Pack:
    """Named arrays, in the order they were added.

    Integers of 32 bits are stored as differences, byte plane by byte plane: sorted ids and neighbouring
    positions then shrink to a quarter. Everything else is stored as it is.
    """

    def __init__(self) -> None:
        self.index: list[JsonDict] = []
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, name: str, values: NDArray[np.generic], dtype: str) -> None:
        """Store `values` as `dtype`, one of `KINDS`; arrays of two dimensions row by row."""
        flat = np.ascontiguousarray(values, dtype=np.dtype(dtype).newbyteorder("<")).reshape(-1)
        data = _differences(flat) if dtype == "int32" else flat.tobytes()
        self.index.append({"name": name, "dtype": dtype, "at": self._size, "n": len(flat)})
        pad = -len(data) % 8
        self._parts.append(data + bytes(pad))
        self._size += len(data) + pad

    def add_points(self, name: str, xyz: NDArray[np.floating[Any]]) -> None:
        """Store points (n, 3) in fixed point, column by column, to 1/256 mm (coarser beyond 4 km)."""
        finite = np.where(np.isfinite(xyz), xyz, 0.0)
        largest = float(np.abs(finite).max(initial=1.0))
        unit = 2.0 ** max(-8, np.ceil(np.log2(largest)) - 30)
        self.add(name, np.rint(finite / unit).T, "int32")
        self.index[-1]["unit"] = unit

    def text(self) -> str:
        """The block: zlib, then base64."""
        return base64.b64encode(zlib.compress(b"".join(self._parts), LEVEL)).decode("ascii")


def _differences(values: NDArray[np.int32]) -> bytes:
    """Differences modulo 2^32, as four planes of bytes."""
    wrapped = values.view(np.uint32)
    step = np.diff(wrapped, prepend=np.uint32(0)).astype("<u4")
    return step.view(np.uint8).reshape(-1, 4).T.tobytes()
