"""Windows: which layers follow one another, and where on the next layer to look for the next hit."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.kernels import FIRST, SECOND, njit

from .frame import WIDTH_CLASSES, Frame, Points

OF_CELLS = ("phi_scale", "cells")
IMPACT_SCALE = 100.0  # mm
USUAL = 64  # pairs for each point, for which there is room at once


@dataclass(frozen=True)
class Windows:
    """The learned table, one row for each pair of layers.

    Attributes
    ----------
    first, second : int32 (n_pairs,)
        Layers.
    slope : float64 (n_pairs,)
        The window along `s` moves by `slope` mm for each mm of the first hit.
    s_low, s_high : float64 (n_pairs, bins, WIDTH_CLASSES)
        Window of ``s_second - slope * s_first``, mm, by bin of the first hit's `s` and class of its width along `s`.
    phi_low, phi_high : float64 (n_pairs, bins)
        Window of the difference in azimuth, rad.
    impact_low, impact_high : float64 (n_pairs,)
        Window of the straight line's z where r is zero, mm.
    phi_scale : float64 (n_pairs,), cells : uint8 (n_pairs, n, n)
        Which differences in azimuth go with which impacts, by `cell_of`: soft particles from the beam line turn far, those
        from elsewhere miss it, few do both. Without such a table n is 0.
    """

    first: NDArray[np.int32]
    second: NDArray[np.int32]
    slope: Floats
    s_low: Floats
    s_high: Floats
    phi_low: Floats
    phi_high: Floats
    impact_low: Floats
    impact_high: Floats
    phi_scale: Floats = field(default_factory=lambda: np.zeros(0))
    cells: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((0, 0, 0), np.uint8))

    def state(self) -> dict[str, NDArray[np.generic]]:
        """The table as named arrays, for a bundle."""
        return {
            f.name: getattr(self, f.name) for f in fields(self) if f.name not in OF_CELLS or self.cells.size
        }

    def pairs(self, points: Points, frame: Frame, budget: int) -> tuple[NDArray[np.int32], int]:
        """Pairs of points inside the windows.

        Returns
        -------
        pairs : int32 (n, 2)
            At most `budget` of them.
        needed : int
            How many there are; more than `budget` means that the caller must raise `OverBudget`.
        """
        phi_high = np.minimum(self.phi_high, self.phi_low + 2 * np.pi - 1e-9)  # a full turn is enough
        table = _Table(
            self.first,
            self.second,
            self.slope,
            self.s_low,
            self.s_high,
            self.phi_low,
            phi_high,
            self.impact_low,
            self.impact_high,
            self.phi_scale,
            self.cells,
            frame.s_low,
            np.maximum(frame.s_high - frame.s_low, 1e-9),
        )
        seen = _Seen(
            points.s,
            points.phi,
            points.r,
            points.z,
            points.layer_start,
            points.row_start,
            s_bin(points.s, points.layer, frame, self.phi_low.shape[1]),
            width_class(points, frame),
        )
        out = np.empty((min(budget, USUAL * len(points)), 2), np.int32)
        needed = int(_search(table, seen, out))
        if len(out) < needed <= budget:
            out = np.empty((needed, 2), np.int32)
            _search(table, seen, out)
        out.resize((min(needed, len(out)), 2), refcheck=False)  # the rest is free again
        return out, needed


def width_class(points: Points, frame: Frame) -> NDArray[np.int32]:
    """Cluster width along `s`, in classes 0 (unknown) to WIDTH_CLASSES - 1. Shape (n,)."""
    width = np.where(frame.s_is_v[points.sensor], points.width_v, points.width_u)
    return np.minimum(width, WIDTH_CLASSES - 1).astype(np.int32)


def s_bin(s: Floats, layer: NDArray[np.int32], frame: Frame, bins: int) -> NDArray[np.int64]:
    """Bin of `s` within its layer."""
    span = np.maximum(frame.s_high - frame.s_low, 1e-9)
    return np.clip(((s - frame.s_low[layer]) / span[layer] * bins).astype(np.int64), 0, bins - 1)


def pair_geometry(points: Points, a: NDArray[np.int64], b: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Difference in azimuth (rad) and impact along z (mm) of the line through two points."""
    dphi = (points.phi[b] - points.phi[a] + np.pi) % (2 * np.pi) - np.pi
    dr = points.r[b] - points.r[a]
    dr = np.where(np.abs(dr) < 1.0, 1.0, dr)
    return dphi, points.z[a] - points.r[a] * (points.z[b] - points.z[a]) / dr


class _Table(NamedTuple):
    """The windows as `_search` takes them, then where each layer begins along `s` and how far it goes."""

    first: NDArray[np.int32]
    second: NDArray[np.int32]
    slope: Floats
    s_low: Floats
    s_high: Floats
    phi_low: Floats
    phi_high: Floats
    impact_low: Floats
    impact_high: Floats
    phi_scale: Floats
    cells: NDArray[np.uint8]
    layer_low: Floats
    layer_span: Floats


class _Seen(NamedTuple):
    """The points as `_search` takes them: sorted by layer, row of `s` and azimuth."""

    s: Floats
    phi: Floats
    r: Floats
    z: Floats
    layer_start: Ints
    row_start: Ints
    bin: Ints
    width: NDArray[np.int32]


@njit(inline="always")
def cell_of(dphi: float, impact: float, scale: float, n: int) -> tuple[int, int]:
    """Cell of a difference in azimuth, linear up to its `scale`, and an impact, linear up to `IMPACT_SCALE`."""
    u, v = dphi / (scale + abs(dphi)), impact / (IMPACT_SCALE + abs(impact))
    return min(int((u + 1.0) * 0.5 * n), n - 1), min(int((v + 1.0) * 0.5 * n), n - 1)


@njit(cache=True, boundscheck=False)
def _search(table: _Table, points: _Seen, out: NDArray[np.int32]) -> int:
    """Fill `out` (budget, 2) with every pair of points inside the windows; return how many there are, kept or not."""
    first, second, slope, s_low, s_high, phi_low, phi_high, impact_low, impact_high = table[:9]
    phi_scale, cells, layer_low, layer_span = table[9:]
    s, phi, r, z, layer_start, row_start, bins_of, width = points
    n = 0
    rows = row_start.shape[1] - 1
    for p in range(len(first)):
        layer_a, layer_b = first[p], second[p]
        per_row = rows / layer_span[layer_b]
        for a in range(layer_start[layer_a], layer_start[layer_a + 1]):
            lo = s_low[p, bins_of[a], width[a]] + slope[p] * s[a]
            hi = s_high[p, bins_of[a], width[a]] + slope[p] * s[a]
            if not hi >= lo:
                continue
            row0 = min(max(int((lo - layer_low[layer_b]) * per_row), 0), rows - 1)
            row1 = min(max(int((hi - layer_low[layer_b]) * per_row), 0), rows - 1)
            for turn in range(-1, 2):
                phi0 = phi[a] + phi_low[p, bins_of[a]] + turn * 2 * np.pi
                phi1 = phi[a] + phi_high[p, bins_of[a]] + turn * 2 * np.pi
                if phi1 < -np.pi or phi0 > np.pi:
                    continue
                for row in range(row0, row1 + 1):
                    b, end = row_start[layer_b, row], row_start[layer_b, row + 1]
                    stop = end
                    while b < stop:
                        middle = (b + stop) // 2
                        if phi[middle] < phi0:
                            b = middle + 1
                        else:
                            stop = middle
                    while b < end and phi[b] <= phi1:
                        if lo <= s[b] <= hi:
                            dr = r[b] - r[a]
                            if abs(dr) < 1.0:
                                dr = 1.0
                            impact = z[a] - r[a] * (z[b] - z[a]) / dr
                            keep = impact_low[p] <= impact <= impact_high[p]
                            if keep and cells.shape[1]:
                                dphi = phi[b] - phi[a] - turn * 2 * np.pi
                                i, j = cell_of(dphi, impact, phi_scale[p], cells.shape[1])
                                keep = cells[p, i, j] != 0
                            if keep:
                                if n < len(out):
                                    out[n, FIRST], out[n, SECOND] = a, b
                                n += 1
                        b += 1
    return n
