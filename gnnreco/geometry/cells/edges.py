"""Rectangular cells of unequal widths, between given edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gnnreco.columns import Floats
from gnnreco.geometry.plane import TOUCH

from .rows import RowTemplate
from .templates import CSR, Cells


@dataclass(frozen=True, eq=False)
class EdgesTemplate(RowTemplate):
    """A rectilinear grid: pads that grow along a side, towers of unequal width.

    Attributes
    ----------
    edges_u, edges_v : float64 (n_u + 1,), (n_v + 1,)
        Where cells end, mm, rising.
    """

    name: str
    thickness: float
    edges_u: Floats
    edges_v: Floats
    focus: Floats | None = None

    def __post_init__(self) -> None:
        (low_u, high_u), (low_v, high_v) = self.edges_u[[0, -1]], self.edges_v[[0, -1]]
        corners = np.array([[low_u, low_v], [high_u, low_v], [high_u, high_v], [low_u, high_v]])
        object.__setattr__(self, "outline", corners)

    @property
    def pitch(self) -> tuple[float, float]:
        return float(np.median(np.diff(self.edges_u))), float(np.median(np.diff(self.edges_v)))

    @property
    def channels(self) -> tuple[int, int]:
        return len(self.edges_u) - 1, len(self.edges_v) - 1

    def cell_at(self, u: ArrayLike, v: ArrayLike) -> Cells:
        return self.cell(_interval(self.edges_u, u), _interval(self.edges_v, v))

    def corners(self, cell: ArrayLike) -> Floats:
        iu, iv = self.channel(cell)
        u0, u1, v0, v1 = self.edges_u[iu], self.edges_u[iu + 1], self.edges_v[iv], self.edges_v[iv + 1]
        return np.stack([np.stack([u0, u1, u1, u0], axis=1), np.stack([v0, v0, v1, v1], axis=1)], axis=2)

    def position(self, cell: ArrayLike) -> Floats:
        iu, iv = self.channel(cell)
        u, v = (self.edges_u[1:] + self.edges_u[:-1]) / 2, (self.edges_v[1:] + self.edges_v[:-1]) / 2
        return np.stack([u[iu], v[iv]], axis=1)

    def size(self, cell: ArrayLike) -> Floats:
        iu, iv = self.channel(cell)
        return np.stack([np.diff(self.edges_u)[iu], np.diff(self.edges_v)[iv]], axis=1)

    def variance(self, cell: ArrayLike) -> Floats:
        return self.size(cell) ** 2 / 12

    def exists(self, cell: ArrayLike) -> NDArray[np.bool_]:
        cells = np.atleast_1d(cell)
        return (cells >= 0) & (cells < self.n_cells)

    def within(self, low: Floats, high: Floats) -> CSR:
        # A box that only touches a cell reaches into it.
        edges = (self.edges_u, self.edges_v)
        first = [np.searchsorted(edges[i], low[:, i] - TOUCH) - 1 for i in range(2)]
        last = [np.searchsorted(edges[i], high[:, i] + TOUCH, "right") - 1 for i in range(2)]
        return self._in_windows(*first, *last)

    def _touching(self, iu: Cells, iv: Cells) -> tuple[Cells, Cells]:
        du = np.array([-1, -1, -1, 0, 0, 1, 1, 1], np.int32)
        dv = np.array([-1, 0, 1, -1, 1, -1, 0, 1], np.int32)
        return iu[:, None] + du, iv[:, None] + dv

    def content(self) -> tuple[str, Floats]:
        return "edges", np.array([self.thickness, len(self.edges_u), *self.edges_u, *self.edges_v])


def _interval(edges: Floats, values: ArrayLike) -> Cells:
    """The interval that holds each value, an edge belonging to the one above it; -1 or more than there are outside."""
    x = np.atleast_1d(np.asarray(values, np.float64))
    found = np.searchsorted(edges, x, "right") - 1
    last = len(edges) - 2
    found = np.where((found == last + 1) & (x <= edges[-1] + TOUCH), last, found)
    return np.where((found == -1) & (x >= edges[0] - TOUCH), 0, found).astype(np.int32)
