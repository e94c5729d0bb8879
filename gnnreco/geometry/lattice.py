"""Templates by rule: equal cells on a lattice, any number of them in no memory.

The rule covers the plane with equal cells; the sensor's convex outline cuts the cells at its rim. A number in the
rule's range that lies wholly outside the outline is no cell: `exists` says so.
"""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .plane import area_centroid, clip, inside_convex
from .templates import CSR, Cells, CellTemplate, Floats

# A cut cell smaller than this share of a whole one is a rounding error, not a cell.
SLIVER = 1e-9


class LatticeTemplate(CellTemplate):
    """What grids and hexagons share: equal cells on a lattice, numbered row by row, cut by the outline."""

    @property
    def n_cells(self) -> int:
        count_u, count_v = self.channels
        return count_u * count_v

    @property
    @abstractmethod
    def channels(self) -> tuple[int, int]:
        """How many channel numbers there are along u and v."""

    @abstractmethod
    def _lattice(self, u: Floats, v: Floats) -> tuple[Cells, Cells]:
        """Channel numbers of the lattice cell under each position, in range or not."""

    @abstractmethod
    def _centre(self, cell: Cells) -> Floats:
        """Centre (n, 2) of the whole lattice cell."""

    @cached_property
    @abstractmethod
    def _shape(self) -> Floats:
        """Corners (k, 2) of a whole cell around its centre."""

    @abstractmethod
    def _window(self, low: Floats, high: Floats) -> tuple[Cells, Cells, Cells, Cells]:
        """First channel numbers along u and v, and last ones, of the cells that may reach into each box."""

    @abstractmethod
    def _touching(self, iu: Cells, iv: Cells) -> tuple[Cells, Cells]:
        """Channel numbers (n, k) of the cells around each cell, in range or not."""

    @property
    def _uncut(self) -> bool:
        """Whether the outline holds the whole lattice, so that no cell need be looked at."""
        return False

    def _whole(self, cell: Cells) -> NDArray[np.bool_]:
        """Which cells the outline does not cut."""
        if self._uncut:
            return np.ones(len(cell), bool)
        corners = self._centre(cell)[:, None, :] + self._shape
        flat = corners.reshape(-1, 2)
        inside = inside_convex(
            np.ascontiguousarray(flat[:, 0]), np.ascontiguousarray(flat[:, 1]), self.outline
        )
        return np.asarray(inside.reshape(len(cell), len(self._shape)).all(axis=1))

    def _cut(self, cell: Cells) -> Floats:
        corners, _ = clip(self._centre(cell)[:, None, :] + self._shape, self.outline)
        return corners

    def cell_at(self, u: ArrayLike, v: ArrayLike) -> Cells:
        uu = np.atleast_1d(np.asarray(u, np.float64))
        vv = np.atleast_1d(np.asarray(v, np.float64))
        inside = inside_convex(uu, vv, self.outline)
        iu, iv = self._lattice(np.where(inside, uu, 0.0), np.where(inside, vv, 0.0))
        return np.where(inside, self.cell(iu, iv), np.int32(-1)).astype(np.int32)

    def corners(self, cell: ArrayLike) -> Floats:
        cells = np.atleast_1d(np.asarray(cell, np.int32))
        whole = self._whole(cells)
        plain = self._centre(cells)[:, None, :] + self._shape
        if whole.all():
            return plain
        wide = self._cut(cells[~whole])
        result = np.empty((len(cells), wide.shape[1], 2))
        result[whole, : plain.shape[1]] = plain[whole]
        result[whole, plain.shape[1] :] = plain[whole, -1:]
        result[~whole] = wide
        return result

    def position(self, cell: ArrayLike) -> Floats:
        cells = np.atleast_1d(np.asarray(cell, np.int32))
        centre = self._centre(cells)
        cut = ~self._whole(cells)
        if cut.any():
            area, middle = area_centroid(self._cut(cells[cut]))
            middle[area <= SLIVER * self._cell_area] = np.nan
            centre[cut] = middle
        return centre

    def exists(self, cell: ArrayLike) -> NDArray[np.bool_]:
        cells = np.atleast_1d(np.asarray(cell, np.int32))
        result = self._whole(cells)
        cut = ~result
        area, _ = area_centroid(self._cut(cells[cut]))
        result[cut] = area > SLIVER * self._cell_area
        return result & (cells >= 0) & (cells < self.n_cells)

    def size(self, cell: ArrayLike) -> Floats:
        cells = np.atleast_1d(np.asarray(cell, np.int32))
        result = np.broadcast_to(np.ptp(self._shape, axis=0), (len(cells), 2)).copy()
        cut = ~self._whole(cells)
        if cut.any():
            result[cut] = np.ptp(self._cut(cells[cut]), axis=1)
        return result

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
        return self._pack(table)

    def within(self, low: Floats, high: Floats) -> CSR:
        first_u, first_v, last_u, last_v = self._window(low, high)
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

    def _pack(self, table: Cells) -> CSR:
        """Rows of cell numbers, -1 for none, as CSR without the numbers that are no cells."""
        keep = table >= 0
        keep[keep] = self.exists(table[keep])
        offsets = np.concatenate([[0], np.cumsum(keep.sum(axis=1))])
        return offsets.astype(np.int64), table[keep]

    @cached_property
    def _cell_area(self) -> float:
        area, _ = area_centroid(self._shape[None])
        return float(area[0])
