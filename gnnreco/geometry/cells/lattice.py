"""Templates by rule: equal cells on a lattice, any number of them in no memory.

The rule covers the plane with equal cells; the sensor's convex outline cuts the cells at its rim. A number in the
rule's range that lies wholly outside the outline is no cell: `exists` says so.
"""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gnnreco.columns import Floats
from gnnreco.geometry.plane import area_centroid, clip, inside_convex, mean_squares

from .rows import RowTemplate
from .templates import CSR, Cells

# A cut cell smaller than this share of a whole one is a rounding error, not a cell.
SLIVER = 1e-9


class LatticeTemplate(RowTemplate):
    """What grids and hexagons share: equal cells on a lattice, numbered row by row, cut by the outline."""

    @abstractmethod
    def _lattice(self, u: Floats, v: Floats) -> tuple[Cells, Cells]:
        """Channel numbers of the lattice cell under each position, in range or not."""

    @abstractmethod
    def _center(self, cell: Cells) -> Floats:
        """Centre (n, 2) of the whole lattice cell."""

    @cached_property
    @abstractmethod
    def _shape(self) -> Floats:
        """Corners (k, 2) of a whole cell around its centre."""

    @abstractmethod
    def _window(self, low: Floats, high: Floats) -> tuple[Cells, Cells, Cells, Cells]:
        """First channel numbers along u and v, and last ones, of the cells that may reach into each box."""

    @property
    def _uncut(self) -> bool:
        """Whether the outline holds the whole lattice, so that no cell need be looked at."""
        return False

    def _whole(self, cell: Cells) -> NDArray[np.bool_]:
        """Which cells the outline does not cut."""
        if self._uncut:
            return np.ones(len(cell), bool)
        corners = self._center(cell)[:, None, :] + self._shape
        flat = corners.reshape(-1, 2)
        inside = inside_convex(
            np.ascontiguousarray(flat[:, 0]), np.ascontiguousarray(flat[:, 1]), self.outline
        )
        return np.asarray(inside.reshape(len(cell), len(self._shape)).all(axis=1))

    def _cut(self, cell: Cells) -> Floats:
        corners, _ = clip(self._center(cell)[:, None, :] + self._shape, self.outline)
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
        plain = self._center(cells)[:, None, :] + self._shape
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
        center = self._center(cells)
        cut = ~self._whole(cells)
        if cut.any():
            area, middle = area_centroid(self._cut(cells[cut]))
            middle[area <= SLIVER * self._cell_area] = np.nan
            center[cut] = middle
        return center

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

    def variance(self, cell: ArrayLike) -> Floats:
        cells = np.atleast_1d(np.asarray(cell, np.int32))
        result = np.broadcast_to(self.whole_variance, (len(cells), 2)).copy()
        cut = ~self._whole(cells)
        if cut.any():
            corners = self._cut(cells[cut])
            result[cut] = mean_squares(corners, area_centroid(corners)[1])
        return result

    @cached_property
    def whole_variance(self) -> Floats:
        """`variance` (2,) of a cell that the outline does not cut."""
        return mean_squares(self._shape[None], np.zeros((1, 2)))[0]

    def within(self, low: Floats, high: Floats) -> CSR:
        return self._in_windows(*self._window(low, high))

    @cached_property
    def _cell_area(self) -> float:
        area, _ = area_centroid(self._shape[None])
        return float(area[0])
