"""What every cell template answers: the cells of one kind of sensor in its own plane (u, v), mm."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gnnreco.columns import Floats
from gnnreco.geometry.plane import mean_squares

Cells = NDArray[np.int32]
CSR = tuple[NDArray[np.int64], NDArray[np.int32]]


class CellTemplate(ABC):
    """The cells of one kind of sensor.

    Attributes
    ----------
    name : str
    thickness : float
        Active thickness, mm.
    outline : float64 (k, 2)
        Convex edge of the sensor in (u, v), mm, counter-clockwise.
    hole : float64 (m, 2)
        Convex piece of the outline without cells, as inside a ring; empty for most.
    n_cells : int
        Cell numbers run from 0 to ``n_cells - 1``.
    pitch : (float, float)
        Typical full cell width along u and v, mm.
    focus : float64 (3,) or None
        The point (u, v, w), mm, to which the side walls of the cells point; None: they stand upright.
    """

    name: str
    thickness: float
    outline: Floats
    hole: Floats = np.zeros((0, 2))
    focus: Floats | None = None

    @property
    @abstractmethod
    def n_cells(self) -> int: ...

    @property
    @abstractmethod
    def pitch(self) -> tuple[float, float]: ...

    @abstractmethod
    def cell_at(self, u: ArrayLike, v: ArrayLike) -> Cells:
        """Cell under each position (mm), int32 (n,); -1 outside the sensor. On an edge: exactly one of the two."""

    @abstractmethod
    def corners(self, cell: ArrayLike) -> Floats:
        """Corners (n, k, 2) of each cell, mm, counter-clockwise, padded with the last corner."""

    @abstractmethod
    def position(self, cell: ArrayLike) -> Floats:
        """Centre (n, 2) of each cell, mm; inside the cell, NaN where there is no cell."""

    @abstractmethod
    def exists(self, cell: ArrayLike) -> NDArray[np.bool_]:
        """Which numbers are cells."""

    @abstractmethod
    def neighbours_of(self, cell: ArrayLike) -> CSR:
        """Cells that touch each given cell, by edge or corner: offsets (n + 1,) and cells."""

    @abstractmethod
    def within(self, low: Floats, high: Floats) -> CSR:
        """Cells that may reach into each box (n, 2) to (n, 2), mm: offsets (n + 1,) and cells."""

    @abstractmethod
    def channel(self, cell: ArrayLike) -> tuple[Cells, Cells]:
        """Channel numbers along u and v of each cell, as the deposits of a hit carry them."""

    @abstractmethod
    def cell(self, channel_u: ArrayLike, channel_v: ArrayLike) -> Cells:
        """Cell of each pair of channel numbers; -1 where there is none."""

    @abstractmethod
    def content(self) -> tuple[str, Floats]:
        """What the template is, as a kind and numbers, for the detector's hash."""

    def size(self, cell: ArrayLike) -> Floats:
        """Full widths (n, 2) of each cell along u and v, mm."""
        corners = self.corners(cell)
        return np.ptp(corners, axis=1)

    def variance(self, cell: ArrayLike) -> Floats:
        """Mean square distance (n, 2) along u and v of the points of each cell from its position, mm^2."""
        return mean_squares(self.corners(cell), self.position(cell))

    def neighbours(self) -> CSR:
        """`neighbours_of` every cell number."""
        return self.neighbours_of(np.arange(self.n_cells, dtype=np.int32))

    @property
    def half_size(self) -> tuple[float, float]:
        """Half widths (u, v) of the smallest box around the origin that holds the sensor, mm."""
        half = np.abs(self.outline).max(axis=0)
        return float(half[0]), float(half[1])
