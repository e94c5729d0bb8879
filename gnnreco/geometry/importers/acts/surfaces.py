"""The surfaces that both ACTS formats hold, as columns.

Kinds and values of bounds are those of ACTS 48 (``Acts::SurfaceBounds``); lengths in mm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gnnreco.columns import Floats, Ints


@dataclass(frozen=True)
class Surfaces:
    """Sensitive surfaces, one row each.

    Attributes
    ----------
    where : list of str
        The place in the file, for messages.
    code : int64 (n,)
        Geometry identifier, 64 bits.
    center : float64 (n, 3), rotation : float64 (n, 3, 3)
    bounds : list of (kind, values)
        Kind without the word Bounds.
    thickness, radiation_lengths, interaction_lengths : float64 (n,)
        NaN where the file does not tell.
    pitch : float64 (n, 2)
        NaN where the file does not tell.
    """

    where: list[str]
    code: Ints
    center: Floats
    rotation: Floats
    bounds: list[tuple[str, tuple[float, ...]]]
    thickness: Floats
    radiation_lengths: Floats
    interaction_lengths: Floats
    pitch: Floats

    @property
    def ids(self) -> Ints:
        """Volume, layer and sensitive number (n, 3)."""
        code = self.code.view(np.uint64)
        parts = [code >> np.uint64(56), code >> np.uint64(36) & np.uint64(0xFFF)]
        return np.stack([*parts, code >> np.uint64(8) & np.uint64(0xFFFFF)], axis=1).astype(np.int64)


def pack(volume: Any, layer: Any, sensitive: Any, extra: Any = 0) -> Any:
    """The 64-bit geometry identifier, as a signed number."""
    parts = [np.asarray(part, np.uint64) for part in (volume, layer, sensitive, extra)]
    shifts = [np.uint64(shift) for shift in (56, 36, 8, 0)]
    code = sum(part << shift for part, shift in zip(parts, shifts, strict=True))
    return np.asarray(code, np.uint64).view(np.int64)
