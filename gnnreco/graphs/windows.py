"""Learned windows: which layers follow one another, and where on the next layer to look for the next hit.

Nothing here is set by hand: the pairs of layers, the interval along `s` (by position and cluster width of the first hit),
the interval in azimuth and that of the impact along z are quantiles of true segments, chosen so that together they keep
a stated fraction of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

import numba
import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats
from gnnreco.graphs.frame import WIDTH_CLASSES, Frame, Points

SHARE_PAIRS = (
    0.25  # of the loss allowed, what the choice of layer pairs may take; the three windows share the rest
)
FEW = 300  # segments under which a bin borrows from its neighbours


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

    def state(self) -> dict[str, NDArray[np.generic]]:
        """The table as named arrays, for a bundle."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def pairs(self, points: Points, frame: Frame, budget: int) -> tuple[NDArray[np.int32], int]:
        """Pairs of points inside the windows.

        Returns
        -------
        pairs : int32 (n, 2)
            At most `budget` of them.
        needed : int
            How many there are; more than `budget` means that the caller must raise `OverBudget`.
        """
        out = np.empty((budget, 2), np.int32)
        needed = _search(
            points.s, points.phi, points.r, points.z, points.layer_start, points.row_start,
            s_bin(points.s, points.layer, frame, self.phi_low.shape[1]), width_class(points, frame),
            self.first, self.second, self.slope, self.s_low, self.s_high, self.phi_low, self.phi_high,
            self.impact_low, self.impact_high, frame.s_low, np.maximum(frame.s_high - frame.s_low, 1e-9), out,
        )  # fmt: skip
        return out[: min(needed, budget)].copy(), int(needed)


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


def learn_windows(
    samples: Iterable[tuple[Points, NDArray[np.int64]]],
    frame: Frame,
    efficiency: float = 0.995,
    bins: int = 24,
) -> Windows:
    """Learn the table from true segments.

    Parameters
    ----------
    samples : (points, segments) of each event
    frame : Frame
    efficiency : float
        Fraction of the segments that all windows together should keep.
    bins : int
        Bins of `s` in each layer.

    Raises
    ------
    ValueError
        If the samples hold no segment at all.
    """
    columns = []
    for points, segments in samples:
        a, b = segments[:, 0], segments[:, 1]
        dphi, impact = pair_geometry(points, a, b)
        columns.append(
            np.stack(
                [
                    points.layer[a],
                    points.layer[b],
                    points.s[a],
                    points.s[b],
                    s_bin(points.s[a], points.layer[a], frame, bins),
                    width_class(points, frame)[a],
                    dphi,
                    impact,
                ]
            )
        )
    table = np.concatenate(columns, axis=1) if columns else np.zeros((8, 0))
    if table.shape[1] == 0:
        raise ValueError(
            "no true segment to learn from: are there particles above the target's pt and number of hits?"
        )
    loss = 1.0 - efficiency
    n_layers = len(frame.s_low)
    code, inverse, count = np.unique(
        (table[0] * n_layers + table[1]).astype(np.int64), return_inverse=True, return_counts=True
    )
    order = np.argsort(-count, kind="stable")
    enough = int(np.searchsorted(np.cumsum(count[order]), (1 - SHARE_PAIRS * loss) * count.sum())) + 1
    chosen = np.sort(order[:enough])
    rank = np.full(len(code), -1)
    rank[chosen] = np.arange(len(chosen))
    pair = rank[inverse]
    table, pair = table[:, pair >= 0], pair[pair >= 0]
    first, second = (code[chosen] // n_layers).astype(np.int32), (code[chosen] % n_layers).astype(np.int32)
    tail = (1 - SHARE_PAIRS) * loss / 6  # three windows with two ends each
    n = len(first)
    slope = _slopes(pair, table[2], table[3], n)
    ds, where = table[3] - slope[pair] * table[2], table[4].astype(np.int64)
    s_low, s_high = _window_s(pair, where, table[5].astype(np.int64), ds, n, bins, tail)
    phi_low, phi_high = _window(pair, where, table[6], n, bins, tail)
    impact_low, impact_high = _quantiles(pair, table[7], n, tail)
    return Windows(first, second, slope, s_low, s_high, phi_low, phi_high, impact_low, impact_high)


def _slopes(pair: NDArray[np.int64], x: Floats, y: Floats, n: int) -> Floats:
    count = np.maximum(np.bincount(pair, minlength=n), 1)
    mean_x, mean_y = (np.bincount(pair, v, n) / count for v in (x, y))
    dx, dy = x - mean_x[pair], y - mean_y[pair]
    return np.bincount(pair, dx * dy, n) / np.maximum(np.bincount(pair, dx * dx, n), 1e-9)


def _quantiles(cell: NDArray[np.int64], value: Floats, n_cells: int, tail: float) -> tuple[Floats, Floats]:
    """Low and high quantile of each cell, widened where few values fix them; an empty cell is closed (low > high)."""
    order = np.lexsort((value, cell))
    value = value[order]
    start = np.searchsorted(cell[order], np.arange(n_cells + 1))
    size = np.diff(start)
    low, high = np.full(n_cells, np.inf), np.full(n_cells, -np.inf)
    k = np.flatnonzero(size)
    last = start[k + 1] - 1
    cut = np.floor(tail * size[k]).astype(np.int64)
    lower, upper = value[start[k] + cut], value[last - cut]
    margin = (upper - lower) / np.sqrt(size[k]) * 0.5 + 1e-6
    low[k], high[k] = lower - margin, upper + margin
    return low, high


def _window(
    pair: NDArray[np.int64], where: NDArray[np.int64], value: Floats, n: int, bins: int, tail: float
) -> tuple[Floats, Floats]:
    """Quantiles by pair and bin; a bin with few segments also counts those of the bins beside it."""
    size = np.bincount(pair * bins + where, minlength=n * bins)
    cells, values = [pair * bins + where], [value]
    for step in (-1, 1):
        beside = where + step
        cell = pair * bins + np.clip(beside, 0, bins - 1)
        lend = (beside >= 0) & (beside < bins) & (size[cell] < FEW)
        cells.append(cell[lend])
        values.append(value[lend])
    low, high = _quantiles(np.concatenate(cells), np.concatenate(values), n * bins, tail)
    return low.reshape(n, bins), high.reshape(n, bins)


def _window_s(
    pair: NDArray[np.int64],
    where: NDArray[np.int64],
    width: NDArray[np.int64],
    value: Floats,
    n: int,
    bins: int,
    tail: float,
) -> tuple[Floats, Floats]:
    """Windows along `s` for each width class; class 0, an unknown width, keeps every class's segments."""
    size = np.bincount((pair * bins + where) * WIDTH_CLASSES + width, minlength=n * bins * WIDTH_CLASSES)
    cells, values = [], []
    for step in (0, -1, 1):
        beside = where + step
        for wider in (0, -1, 1):
            other = width + wider
            cell = (pair * bins + np.clip(beside, 0, bins - 1)) * WIDTH_CLASSES + np.clip(
                other, 0, WIDTH_CLASSES - 1
            )
            fits = (beside >= 0) & (beside < bins) & (other >= 1) & (other < WIDTH_CLASSES) & (width >= 1)
            lend = fits & ((size[cell] < FEW) if (step or wider) else True)
            cells.append(cell[lend])
            values.append(value[lend])
    known = np.concatenate(cells), np.concatenate(values)
    low, high = _quantiles(*known, n * bins * WIDTH_CLASSES, tail)
    any_low, any_high = _window(pair, where, value, n, bins, tail)
    low, high = low.reshape(n, bins, WIDTH_CLASSES), high.reshape(n, bins, WIDTH_CLASSES)
    low[:, :, 0], high[:, :, 0] = any_low, any_high
    few = size.reshape(n, bins, WIDTH_CLASSES) == 0
    empty = few & (low > high)
    low[empty], high[empty] = (np.broadcast_to(w[:, :, None], low.shape)[empty] for w in (any_low, any_high))
    return low, high


@numba.njit(cache=True, boundscheck=False)
def _search(  # type: ignore[no-untyped-def]
    s, phi, r, z, layer_start, row_start, bins_of, width, first, second, slope, s_low, s_high,
    phi_low, phi_high, impact_low, impact_high, layer_low, layer_span, out,
):  # fmt: skip
    """Fill `out` (budget, 2) with every pair of points inside the windows; return how many there are, kept or not."""
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
                            if impact_low[p] <= impact <= impact_high[p]:
                                if n < len(out):
                                    out[n, 0], out[n, 1] = a, b
                                n += 1
                        b += 1
    return n
