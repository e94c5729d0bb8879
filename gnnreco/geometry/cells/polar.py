"""Cells in rings around a point: trapezoids with their corners on circles."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gnnreco.columns import Floats
from gnnreco.geometry.plane import TOUCH, area_centroid

from .rows import RowTemplate
from .templates import CSR, Cells

TURN = 2 * np.pi


@dataclass(frozen=True, eq=False)
class PolarTemplate(RowTemplate):
    """Rings cut into equal angles: scintillator tiles, cylindrical voxels, wedges. ``channel`` is (ring, angle).

    Attributes
    ----------
    radii : float64 (n_r + 1,)
        Of the circles, mm, rising from 0 or more.
    phi : (float, float)
        Where the first cell begins and the last one ends, rad; at most half a turn, or a whole one.
    n_phi : int
    """

    name: str
    thickness: float
    radii: Floats
    phi: tuple[float, float]
    n_phi: int
    focus: Floats | None = None

    def __post_init__(self) -> None:
        angle = self.phi[0] + self._step * np.arange(self.n_phi + (not self.closed))
        circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        corners = np.concatenate([circle * self.radii[0], circle * self.radii[-1]])
        from scipy.spatial import ConvexHull

        object.__setattr__(self, "outline", np.ascontiguousarray(corners[ConvexHull(corners).vertices]))
        if self.radii[0] > 0 and (self.closed or self.n_phi > 1):
            inner = circle * self.radii[0]
            # Of an open ring, the fan from the centre to the inner edge.
            object.__setattr__(self, "hole", inner if self.closed else np.concatenate([[[0.0, 0.0]], inner]))

    @property
    def _step(self) -> float:
        return (self.phi[1] - self.phi[0]) / self.n_phi

    @property
    def closed(self) -> bool:
        """Whether the rings go all the way round."""
        return abs(self.phi[1] - self.phi[0] - TURN) < 1e-9

    @property
    def pitch(self) -> tuple[float, float]:
        middle = (self.radii[1:] + self.radii[:-1]) / 2
        return float(np.median(np.diff(self.radii))), float(np.median(middle) * self._step)

    @property
    def channels(self) -> tuple[int, int]:
        return len(self.radii) - 1, self.n_phi

    @cached_property
    def _chords(self) -> Floats:
        """How far the straight inner and outer edges of the cells are from the centre."""
        return self.radii * np.cos(self._step / 2)

    def cell_at(self, u: ArrayLike, v: ArrayLike) -> Cells:
        uu, vv = np.atleast_1d(np.asarray(u, np.float64)), np.atleast_1d(np.asarray(v, np.float64))
        turned = (np.arctan2(vv, uu) - self.phi[0]) / self._step
        turned = turned - np.floor(turned / (TURN / self._step)) * (TURN / self._step)
        # Far in phi is near from the other side: a point on the first edge may come out a whole turn further.
        away = np.hypot(uu, vv)
        near = TOUCH / np.maximum(away * self._step, TOUCH)
        turned = np.where((turned > TURN / self._step - near) | (away <= TOUCH), 0.0, turned)
        iv = np.floor(turned)
        iv = np.where((iv >= self.n_phi) & (turned <= self.n_phi + near), self.n_phi - 1, iv)
        iv = np.where(np.isnan(iv), -1, iv).astype(np.int64)
        middle = self.phi[0] + (iv + 0.5) * self._step
        height = uu * np.cos(middle) + vv * np.sin(middle)
        chords = self._chords
        iu = np.searchsorted(chords, height, "right") - 1
        last = len(chords) - 2
        iu = np.where((iu == last + 1) & (height <= chords[-1] + TOUCH), last, iu)
        iu = np.where((iu == -1) & (height >= chords[0] - TOUCH), 0, iu)
        return self.cell(iu, iv)

    def corners(self, cell: ArrayLike) -> Floats:
        iu, iv = self.channel(cell)
        inner, outer = self.radii[iu], self.radii[iu + 1]
        # The last edge of a whole turn is the first, to the last digit.
        after = iv + 1 if not self.closed else (iv + 1) % self.n_phi
        low, high = self.phi[0] + iv * self._step, self.phi[0] + after * self._step
        r = np.stack([inner, outer, outer, inner], axis=1)
        angle = np.stack([low, low, high, high], axis=1)
        return np.stack([r * np.cos(angle), r * np.sin(angle)], axis=2)

    def position(self, cell: ArrayLike) -> Floats:
        return area_centroid(self.corners(cell))[1]

    def exists(self, cell: ArrayLike) -> NDArray[np.bool_]:
        cells = np.atleast_1d(cell)
        return (cells >= 0) & (cells < self.n_cells)

    def within(self, low: Floats, high: Floats) -> CSR:
        middle, reach = (low + high) / 2, np.linalg.norm(high - low, axis=1) / 2 + TOUCH
        away = np.hypot(middle[:, 0], middle[:, 1])
        first_u = np.searchsorted(self.radii, away - reach) - 1
        last_u = np.searchsorted(self._chords, away + reach, "right") - 1
        half = np.where(reach < away, np.arcsin(np.minimum(reach / np.maximum(away, TOUCH), 1)), np.pi)
        # Angles from the middle of an open sensor, which ends before a window could come round to it again.
        span = self.phi[1] - self.phi[0]
        angle = np.arctan2(middle[:, 1], middle[:, 0]) - self.phi[0] - span / 2
        angle -= TURN * np.round(angle / TURN)
        first_v = np.floor((angle - half + span / 2) / self._step).astype(np.int64)
        last_v = np.floor((angle + half + span / 2) / self._step).astype(np.int64)
        if not self.closed:
            return self._in_windows(first_u, first_v, last_u, last_v)
        first_u, last_u = np.maximum(first_u, 0), np.minimum(last_u, len(self.radii) - 2)
        wide = np.minimum(last_v - first_v + 1, self.n_phi)
        count = np.maximum(last_u - first_u + 1, 0) * wide
        box = np.repeat(np.arange(len(count)), count)
        step = np.arange(len(box)) - np.repeat(np.cumsum(count) - count, count)
        cells = self.cell(first_u[box] + step // wide[box], (first_v[box] + step % wide[box]) % self.n_phi)
        return np.concatenate([[0], np.cumsum(count)]).astype(np.int64), cells

    def _touching(self, iu: Cells, iv: Cells) -> tuple[Cells, Cells]:
        du = np.array([-1, -1, -1, 0, 0, 1, 1, 1], np.int32)
        dv = np.array([-1, 0, 1, -1, 1, -1, 0, 1], np.int32)
        around_u, around_v = iu[:, None] + du, iv[:, None] + dv
        if self.radii[0] == 0:
            # At the centre all cells of the innermost ring meet.
            others = np.arange(self.n_phi) + np.zeros_like(iv[:, None])
            apart = np.abs(others - iv[:, None])
            near = np.minimum(apart, self.n_phi - apart) if self.closed else apart
            others = np.where((iu[:, None] == 0) & (near > 1), others, -1)
            around_u = np.concatenate([around_u, np.where(others < 0, -1, 0)], axis=1)
            wrapped = around_v % self.n_phi if self.closed else around_v
            return around_u.astype(np.int32), np.concatenate([wrapped, others], axis=1).astype(np.int32)
        return around_u, around_v % self.n_phi if self.closed else around_v

    def content(self) -> tuple[str, Floats]:
        return "polar", np.array([self.thickness, *self.phi, self.n_phi, *self.radii])
