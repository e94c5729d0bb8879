"""Hexagonal cells in rows, every second row half a cell further."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .lattice import LatticeTemplate
from .templates import Cells, Floats


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
