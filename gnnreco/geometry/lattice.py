"""Templates by rule: grids and hexagons, any number of cells in no memory.

The rule covers the plane with equal cells; the sensor's convex outline cuts the cells at its rim. A number in the
rule's range that lies wholly outside the outline is no cell: `exists` says so.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
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


@dataclass(frozen=True, eq=False)
class GridTemplate(LatticeTemplate):
    """Rectangular cells: pixels, strips, pads.

    Attributes
    ----------
    pitch_u, pitch_v : float
        Cell widths, mm.
    n_u, n_v : int
        Cells along u and v; the grid is centred on the origin.
    outline : float64 (k, 2)
        Where the sensor ends, if it does not fill the grid (a trapezoid, say); mm.
    """

    name: str
    thickness: float
    pitch_u: float
    pitch_v: float
    n_u: int
    n_v: int
    outline: Floats = field(default_factory=lambda: np.zeros((0, 2)))

    def __post_init__(self) -> None:
        if len(self.outline) == 0:
            u, v = self.n_u * self.pitch_u / 2, self.n_v * self.pitch_v / 2
            object.__setattr__(self, "outline", np.array([[-u, -v], [u, -v], [u, v], [-u, v]]))

    @property
    def pitch(self) -> tuple[float, float]:
        return self.pitch_u, self.pitch_v

    @property
    def channels(self) -> tuple[int, int]:
        return self.n_u, self.n_v

    def _lattice(self, u: Floats, v: Floats) -> tuple[Cells, Cells]:
        half_u, half_v = self.n_u * self.pitch_u / 2, self.n_v * self.pitch_v / 2
        iu = np.floor((u + half_u) / self.pitch_u).astype(np.int32)
        iv = np.floor((v + half_v) / self.pitch_v).astype(np.int32)
        # The far edge belongs to the last cell.
        iu = np.where((iu == self.n_u) & (u <= half_u + 1e-9), self.n_u - 1, iu)
        iv = np.where((iv == self.n_v) & (v <= half_v + 1e-9), self.n_v - 1, iv)
        iu = np.where((iu == -1) & (u >= -half_u - 1e-9), 0, iu)
        iv = np.where((iv == -1) & (v >= -half_v - 1e-9), 0, iv)
        return iu.astype(np.int32), iv.astype(np.int32)

    def _window(self, low: Floats, high: Floats) -> tuple[Cells, Cells, Cells, Cells]:
        # Cells that touch the box from outside belong to it.
        near = 1e-9
        first = self._lattice(low[:, 0] - near, low[:, 1] - near)
        return *first, *self._lattice(high[:, 0] + near, high[:, 1] + near)

    @cached_property
    def _uncut(self) -> bool:
        u, v = self.n_u * self.pitch_u / 2, self.n_v * self.pitch_v / 2
        corners = np.array([[-u, -v], [u, -v], [u, v], [-u, v]])
        return bool(inside_convex(corners[:, 0].copy(), corners[:, 1].copy(), self.outline).all())

    def _centre(self, cell: Cells) -> Floats:
        iu, iv = self.channel(cell)
        u = (iu - (self.n_u - 1) / 2) * self.pitch_u
        v = (iv - (self.n_v - 1) / 2) * self.pitch_v
        return np.stack([u, v], axis=1)

    @cached_property
    def _shape(self) -> Floats:
        u, v = self.pitch_u / 2, self.pitch_v / 2
        return np.array([[-u, -v], [u, -v], [u, v], [-u, v]])

    def _touching(self, iu: Cells, iv: Cells) -> tuple[Cells, Cells]:
        du = np.array([-1, -1, -1, 0, 0, 1, 1, 1], np.int32)
        dv = np.array([-1, 0, 1, -1, 1, -1, 0, 1], np.int32)
        return iu[:, None] + du, iv[:, None] + dv

    def content(self) -> tuple[str, Floats]:
        numbers = [self.thickness, self.pitch_u, self.pitch_v, self.n_u, self.n_v, *self.outline.ravel()]
        return "grid", np.array(numbers, np.float64)


@dataclass(frozen=True, eq=False)
class HexTemplate(LatticeTemplate):
    """Hexagonal cells with a corner up: silicon pads, hexagonal pixels.

    Rows of cells run along u, every odd row shifted by half a cell; ``channel`` is (column, row).

    Attributes
    ----------
    flat_to_flat : float
        Cell width along u, mm; the height along v is 2 / sqrt(3) of it.
    outline : float64 (k, 2)
        Convex edge of the sensor, mm; the cells at the rim are cut by it.
    """

    name: str
    thickness: float
    flat_to_flat: float
    outline: Floats

    @property
    def pitch(self) -> tuple[float, float]:
        return self.flat_to_flat, self.flat_to_flat

    @property
    def _row(self) -> float:
        return self.flat_to_flat * np.sqrt(0.75)

    @cached_property
    def _half_rows(self) -> tuple[int, int]:
        half_u, half_v = self.half_size
        return int(np.ceil(half_u / self.flat_to_flat)) + 1, int(np.ceil(half_v / self._row)) + 1

    @property
    def channels(self) -> tuple[int, int]:
        return 2 * self._half_rows[0] + 1, 2 * self._half_rows[1] + 1

    def _lattice(self, u: Floats, v: Floats) -> tuple[Cells, Cells]:
        # The nearest of the candidates in the two rows around v: a hexagon is the Voronoi cell of its centre.
        below = np.floor(v / self._row)
        best_u, best_row = np.zeros_like(u), below
        best = np.full(u.shape, np.inf)
        for row in (below, below + 1):
            shift = 0.5 * (row % 2)
            column = np.floor(u / self.flat_to_flat - shift + 0.5)
            distance = ((column + shift) * self.flat_to_flat - u) ** 2 + (row * self._row - v) ** 2
            nearer = distance < best
            best_u, best_row = np.where(nearer, column, best_u), np.where(nearer, row, best_row)
            best = np.minimum(best, distance)
        half_u, half_v = self._half_rows
        return (best_u + half_u).astype(np.int32), (best_row + half_v).astype(np.int32)

    def _window(self, low: Floats, high: Floats) -> tuple[Cells, Cells, Cells, Cells]:
        # A row's cells reach half a row's corner over it, and every second row is half a cell further.
        half_u, half_v = self._half_rows
        reach = self.flat_to_flat / np.sqrt(3)
        first_u, last_u = (
            np.ceil(low[:, 0] / self.flat_to_flat - 1),
            np.floor(high[:, 0] / self.flat_to_flat + 0.5),
        )
        first_v, last_v = np.ceil((low[:, 1] - reach) / self._row), np.floor((high[:, 1] + reach) / self._row)
        edges = (first_u + half_u, first_v + half_v, last_u + half_u, last_v + half_v)
        first_u, first_v, last_u, last_v = (edge.astype(np.int32) for edge in edges)
        return first_u, first_v, last_u, last_v

    def _centre(self, cell: Cells) -> Floats:
        iu, iv = self.channel(cell)
        row = iv - self._half_rows[1]
        u = (iu - self._half_rows[0] + 0.5 * (row % 2)) * self.flat_to_flat
        return np.stack([u, row * self._row], axis=1)

    @cached_property
    def _shape(self) -> Floats:
        angle = np.pi / 6 + np.arange(6) * np.pi / 3
        radius = self.flat_to_flat / np.sqrt(3)
        return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)

    def _touching(self, iu: Cells, iv: Cells) -> tuple[Cells, Cells]:
        odd = ((iv - self._half_rows[1]) % 2)[:, None]
        du = np.array([-1, 1, -1, 0, -1, 0], np.int32) + odd * np.array([0, 0, 1, 1, 1, 1], np.int32)
        return iu[:, None] + du, iv[:, None] + np.array([0, 0, -1, -1, 1, 1], np.int32)

    def content(self) -> tuple[str, Floats]:
        return "hex", np.array([self.thickness, self.flat_to_flat, *self.outline.ravel()])
