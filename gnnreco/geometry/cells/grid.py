"""Rectangular cells in rows and columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from gnnreco.columns import Floats
from gnnreco.geometry.plane import inside_convex

from .lattice import LatticeTemplate
from .templates import Cells


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
    focus: Floats | None = None

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

    def _center(self, cell: Cells) -> Floats:
        iu, iv = self.channel(cell)
        u = (iu - (self.n_u - 1) / 2) * self.pitch_u
        v = (iv - (self.n_v - 1) / 2) * self.pitch_v
        return np.stack([u, v], axis=1)

    @cached_property
    def _shape(self) -> Floats:
        u, v = self.pitch_u / 2, self.pitch_v / 2
        return np.array([[-u, -v], [u, -v], [u, v], [-u, v]])

    @cached_property
    def whole_variance(self) -> Floats:
        return np.array([self.pitch_u**2 / 12, self.pitch_v**2 / 12])

    def _touching(self, iu: Cells, iv: Cells) -> tuple[Cells, Cells]:
        du = np.array([-1, -1, -1, 0, 0, 1, 1, 1], np.int32)
        dv = np.array([-1, 0, 1, -1, 1, -1, 0, 1], np.int32)
        return iu[:, None] + du, iv[:, None] + dv

    def content(self) -> tuple[str, Floats]:
        numbers = [self.thickness, self.pitch_u, self.pitch_v, self.n_u, self.n_v, *self.outline.ravel()]
        return "grid", np.array(numbers, np.float64)
