"""What all templates by rule share: cells numbered row by row, ``channel_u * count_v + channel_v``."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .templates import CSR, Cells, CellTemplate

Whole = NDArray[Any]


class RowTemplate(CellTemplate):
    """Cells in rows and columns of any shape, any number of them in no memory."""

    @property
    def n_cells(self) -> int:
        count_u, count_v = self.channels
        return count_u * count_v

    @property
    @abstractmethod
    def channels(self) -> tuple[int, int]:
        """How many channel numbers there are along u and v."""

    @abstractmethod
    def _touching(self, iu: Cells, iv: Cells) -> tuple[Cells, Cells]:
        """Channel numbers (n, k) of the cells around each cell, in range or not."""

    def channel(self, cell: ArrayLike) -> tuple[Cells, Cells]:
        cells = np.atleast_1d(np.asarray(cell, np.int32))
        return (cells // np.int32(self.channels[1])), (cells % np.int32(self.channels[1]))

    def cell(self, channel_u: ArrayLike, channel_v: ArrayLike) -> Cells:
        iu, iv = np.asarray(channel_u, np.int64), np.asarray(channel_v, np.int64)
        count_u, count_v = self.channels
        inside = (iu >= 0) & (iu < count_u) & (iv >= 0) & (iv < count_v)
        return np.where(inside, iu * count_v + iv, -1).astype(np.int32)

    def neighbours_of(self, cell: ArrayLike) -> CSR:
        table = self.cell(*self._touching(*self.channel(cell)))
        table[~self.exists(cell)] = -1
        keep = table >= 0
        keep[keep] = self.exists(table[keep])
        offsets = np.concatenate([[0], np.cumsum(keep.sum(axis=1))])
        return offsets.astype(np.int64), table[keep]

    def _in_windows(self, first_u: Whole, first_v: Whole, last_u: Whole, last_v: Whole) -> CSR:
        """The cells of each window of channel numbers, the ends included and cut to what there is."""
        count_u, count_v = self.channels
        first_u, last_u = np.clip(first_u, 0, count_u), np.clip(last_u, -1, count_u - 1)
        first_v, last_v = np.clip(first_v, 0, count_v), np.clip(last_v, -1, count_v - 1)
        wide = np.maximum(last_v - first_v + 1, 0)
        count = np.maximum(last_u - first_u + 1, 0) * wide
        box = np.repeat(np.arange(len(count)), count)
        step = np.arange(len(box)) - np.repeat(np.cumsum(count) - count, count)
        cells = self.cell(first_u[box] + step // wide[box], first_v[box] + step % wide[box])
        kept = self.exists(cells)
        offsets = np.concatenate([[0], np.cumsum(np.bincount(box[kept], minlength=len(count)))])
        return offsets.astype(np.int64), cells[kept]
