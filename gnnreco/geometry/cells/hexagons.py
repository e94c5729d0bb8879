"""Hexagonal cells in rows, every second row half a cell further."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from gnnreco.columns import Floats

from .lattice import LatticeTemplate
from .templates import Cells


@dataclass(frozen=True, eq=False)
class HexTemplate(LatticeTemplate):
    """Hexagonal cells: silicon pads, hexagonal pixels.

    Rows of cells run along u (`corner` v) or along v (`corner` u), every odd row shifted by half a cell; ``channel``
    is (column, row) in the first case and (row, column) in the second.

    Attributes
    ----------
    flat_to_flat : float
        Cell width between its flat sides, mm; from corner to corner it is 2 / sqrt(3) of it.
    outline : float64 (k, 2)
        Convex edge of the sensor, mm; the cells at the rim are cut by it.
    origin : (float, float)
        Where the centre of one cell lies, mm.
    corner : str
        Axis along which the cells have a corner, ``v`` or ``u``.
    """

    name: str
    thickness: float
    flat_to_flat: float
    outline: Floats
    origin: tuple[float, float] = (0.0, 0.0)
    corner: str = "v"
    focus: Floats | None = None

    @property
    def pitch(self) -> tuple[float, float]:
        return self.flat_to_flat, self.flat_to_flat

    @property
    def _row(self) -> float:
        return self.flat_to_flat * np.sqrt(0.75)

    def _swap(self, one: Any, two: Any) -> tuple[Any, Any]:
        """Along the rows and across them, from u and v or back."""
        return (one, two) if self.corner == "v" else (two, one)

    @cached_property
    def _half_rows(self) -> tuple[int, int]:
        half_u, half_v = np.array(self.half_size) + np.abs(self.origin)
        along, across = self._swap(half_u, half_v)
        return int(np.ceil(along / self.flat_to_flat)) + 1, int(np.ceil(across / self._row)) + 1

    @property
    def channels(self) -> tuple[int, int]:
        return self._swap(2 * self._half_rows[0] + 1, 2 * self._half_rows[1] + 1)

    def _lattice(self, u: Floats, v: Floats) -> tuple[Cells, Cells]:
        u, v = self._swap(u - self.origin[0], v - self.origin[1])
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
        return self._swap((best_u + half_u).astype(np.int32), (best_row + half_v).astype(np.int32))

    def _window(self, low: Floats, high: Floats) -> tuple[Cells, Cells, Cells, Cells]:
        # A row's cells reach half a row's corner over it, and every second row is half a cell further.
        half_u, half_v = self._half_rows
        reach = self.flat_to_flat / np.sqrt(3)
        order = [0, 1] if self.corner == "v" else [1, 0]
        low, high = (low - self.origin)[:, order], (high - self.origin)[:, order]
        first_u, last_u = (
            np.ceil(low[:, 0] / self.flat_to_flat - 1),
            np.floor(high[:, 0] / self.flat_to_flat + 0.5),
        )
        first_v, last_v = np.ceil((low[:, 1] - reach) / self._row), np.floor((high[:, 1] + reach) / self._row)
        edges = (first_u + half_u, first_v + half_v, last_u + half_u, last_v + half_v)
        first_u, first_v, last_u, last_v = (edge.astype(np.int32) for edge in edges)
        return *self._swap(first_u, first_v), *self._swap(last_u, last_v)

    def _center(self, cell: Cells) -> Floats:
        column, line = self._swap(*self.channel(cell))
        row = line - self._half_rows[1]
        along = (column - self._half_rows[0] + 0.5 * (row % 2)) * self.flat_to_flat
        u, v = self._swap(along, row * self._row)
        return np.stack([u + self.origin[0], v + self.origin[1]], axis=1)

    @cached_property
    def _shape(self) -> Floats:
        angle = (np.pi / 6 if self.corner == "v" else 0) + np.arange(6) * np.pi / 3
        radius = self.flat_to_flat / np.sqrt(3)
        return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)

    def _touching(self, iu: Cells, iv: Cells) -> tuple[Cells, Cells]:
        column, row = self._swap(iu, iv)
        odd = ((row - self._half_rows[1]) % 2)[:, None]
        step = np.array([-1, 1, -1, 0, -1, 0], np.int32) + odd * np.array([0, 0, 1, 1, 1, 1], np.int32)
        return self._swap(column[:, None] + step, row[:, None] + np.array([0, 0, -1, -1, 1, 1], np.int32))

    def content(self) -> tuple[str, Floats]:
        # What came later enters only where it is told: an older sensor keeps its hash.
        more = [*self.origin, float(self.corner == "u")] if any(self.origin) or self.corner == "u" else []
        return "hex", np.array([self.thickness, self.flat_to_flat, *self.outline.ravel(), *more])
