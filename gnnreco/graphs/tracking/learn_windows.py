"""Learning windows from true segments, at a stated efficiency.

Nothing here is set by hand: the pairs of layers, the interval along `s` (by position and cluster width of the first hit),
the interval in azimuth and that of the impact along z are quantiles of true segments, chosen so that together they keep
a stated fraction of them. Few segments underestimate their own tails, so every fourth event is also held back once, to tell
by how much windows learned from the others must widen.

What costs most candidates for each segment is closed first, and with it the rare steps across a gap or a missed layer: all
tracks through that gap would be lost. So nothing more is closed where events have few candidates anyway.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats
from gnnreco.errors import BadConfig
from gnnreco.kernels import njit

from .frame import WIDTH_CLASSES, Frame, Points
from .windows import OF_CELLS, Windows, cell_of, pair_geometry, s_bin, width_class

SHARE_CELLS = 0.5  # of the loss allowed, what closing the dearest cells may take; the windows share the rest
FEW = 300  # segments under which a bin borrows from those beside it
NEAR = 0.25  # of the layer: how far away the bins are that it borrows from
FEW_WIDE = 30  # segments under which a class of widths takes the window of all
HELD = 4  # one event in so many is held back
WIDEST = 3.0  # more cannot be had by widening: too few segments to learn from

TABLE_PAIRS = 2_000_000  # candidates of an event that the table of cells looks at
SPARSE = 20.0  # candidates that a cell is taken to have had besides those seen


def learn_windows(
    samples: Iterable[tuple[Points, NDArray[np.int64]]],
    frame: Frame,
    efficiency: float = 0.995,
    bins: int = 24,
    cheap: float = 0.0,
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
    cheap : float
        Candidates of a mean event below which no window is closed.

    Raises
    ------
    BadConfig
        If the samples hold no segment at all.
    """
    events = [_Event.of(points, segments, frame, bins) for points, segments in samples]
    if not any(event.segments.size for event in events):
        raise BadConfig(
            "no true segment to learn from: lower graph.min_pt or graph.min_hits, or give events with more particles "
            "that cross the detector"
        )
    windows = _quantile_windows(events, frame, efficiency, bins, cheap)
    held = [event.segments for event in events[::HELD]]
    others = [event for i, event in enumerate(events) if i % HELD]
    if not any(part.size for part in held) or not any(event.segments.size for event in others):
        return windows
    draft = _quantile_windows(others, frame, efficiency, bins, cheap)
    return _stretched(windows, _stretch(draft, np.concatenate(held, axis=1), len(frame.s_low), efficiency))


def with_cells(
    windows: Windows,
    samples: Sequence[tuple[Points, NDArray[np.int64]]],
    frame: Frame,
    efficiency: float,
    n: int,
    cheap: float = 0.0,
) -> Windows:
    """Windows that also close the cells of azimuth and impact in which a true segment costs most candidates.

    Parameters
    ----------
    efficiency : float
        Fraction of the segments within the windows that the cells keep.
    n : int
        Cells along each of the two.
    cheap : float
        Candidates of a mean event that are left at least.
    """
    size = len(windows.first)
    layers = len(frame.s_low)
    row_of = np.full(layers * layers, -1, np.int64)
    row_of[windows.first.astype(np.int64) * layers + windows.second] = np.arange(size)
    told = [_pair_columns(points, segments, row_of, layers) for points, segments in samples]
    row, dphi, _ = (np.concatenate(column) for column in zip(*told, strict=True))
    scale = np.array([2 * np.median(np.abs(d)) if len(d) else 1.0 for d in _split(dphi, row, size)]) + 1e-4
    true, seen = np.zeros((size, n, n)), np.zeros((size, n, n))
    for (points, _), columns in zip(samples, told, strict=True):
        _count(*columns, scale, 1.0, true)
        pairs, needed = windows.pairs(points, frame, TABLE_PAIRS)
        every = max(1, len(pairs) // (TABLE_PAIRS // 4))
        _count(
            *_pair_columns(points, pairs[::every], row_of, layers), scale, every * needed / len(pairs), seen
        )
    few = np.bincount(row, minlength=size) < FEW  # segments that tell nothing of where the others lie
    true, seen = _blurred(true), _blurred(seen)
    true[few] = true[few].mean(axis=(1, 2), keepdims=True)
    price = ((seen + SPARSE) / np.maximum(true, 1e-9)).ravel()
    order = np.argsort(price, kind="stable")
    kept = np.cumsum(true.ravel()[order])
    open_ = np.zeros(true.size, np.uint8)
    asked = np.searchsorted(kept, efficiency * kept[-1]) + 1
    left = np.cumsum(seen.ravel()[order])
    open_[order[: max(asked, np.searchsorted(left, cheap * len(samples), side="right"))]] = 1
    return replace(windows, phi_scale=scale, cells=open_.reshape(true.shape))


def _pair_columns(
    points: Points, pairs: NDArray[np.integer], row_of: NDArray[np.int64], layers: int
) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Row of the windows, azimuth and impact of pairs of points, where there is such a row."""
    a, b = pairs[:, 0].astype(np.int64), pairs[:, 1].astype(np.int64)
    row = row_of[points.layer[a].astype(np.int64) * layers + points.layer[b]]
    dphi, impact = pair_geometry(points, a, b)
    return row[row >= 0], dphi[row >= 0], impact[row >= 0]


def _split(value: Floats, row: NDArray[np.int64], n: int) -> list[Floats]:
    order = np.argsort(row, kind="stable")
    return np.split(value[order], np.searchsorted(row[order], np.arange(1, n)))


@njit(cache=True)
def _count(
    row: NDArray[np.int64], dphi: Floats, impact: Floats, scale: Floats, weight: float, out: Floats
) -> None:
    for k in range(len(row)):
        i, j = cell_of(dphi[k], impact[k], scale[row[k]], out.shape[1])
        out[row[k], i, j] += weight


def _blurred(count: Floats) -> Floats:
    """Each cell with a quarter of what the eight around it hold: a cell that few segments met is not closed for that."""
    wide = np.pad(count, ((0, 0), (1, 1), (1, 1)))
    n = count.shape[1]
    around = sum(wide[:, i : i + n, j : j + n] for i in range(3) for j in range(3))
    return 0.75 * count + 0.25 * around  # type: ignore[no-any-return]


@dataclass(frozen=True)
class _Event:
    """What windows are learned from.

    Attributes
    ----------
    segments : float64 (8, n)
        Layers, `s` of both hits, bin and width class of the first, azimuth and impact.
    hits : int64 (layers, bins)
    """

    segments: Floats
    hits: NDArray[np.int64]

    @classmethod
    def of(cls, points: Points, segments: NDArray[np.int64], frame: Frame, bins: int) -> _Event:
        a, b = segments[:, 0], segments[:, 1]
        dphi, impact = pair_geometry(points, a, b)
        where, width = s_bin(points.s, points.layer, frame, bins), width_class(points, frame)[a]
        ends = points.layer[a], points.layer[b], points.s[a], points.s[b]
        layers = len(frame.s_low)
        hits = np.bincount(points.layer * np.int64(bins) + where, minlength=layers * bins)
        return cls(np.stack([*ends, where[a], width, dphi, impact]), hits.reshape(layers, bins))


def _stretch(windows: Windows, table: Floats, n_layers: int, efficiency: float) -> float:
    """By how much all windows must widen about their middles to keep the stated fraction of segments they never saw."""
    code = windows.first.astype(np.int64) * n_layers + windows.second
    asked = (table[0] * n_layers + table[1]).astype(np.int64)
    pair = np.minimum(np.searchsorted(code, asked), len(code) - 1)
    known = code[pair] == asked
    where, width = table[4].astype(np.int64), table[5].astype(np.int64)
    out = np.zeros(table.shape[1])
    for low, high, value in (
        (
            windows.s_low[pair, where, width],
            windows.s_high[pair, where, width],
            table[3] - windows.slope[pair] * table[2],
        ),
        (windows.phi_low[pair, where], windows.phi_high[pair, where], table[6]),
        (windows.impact_low[pair], windows.impact_high[pair], table[7]),
    ):
        known &= low <= high
        with np.errstate(invalid="ignore"):
            out = np.maximum(out, np.abs(value - (high + low) / 2) / ((high - low) / 2))
    kept = known.mean()
    if kept == 0:
        return 1.0
    # widening does not bring back a segment whose cell is closed
    share = 1 - (1 - SHARE_CELLS) * (1 - efficiency)
    needed = np.quantile(out[known], share, method="higher")
    return float(np.clip(needed, 1.0, WIDEST))


def _stretched(windows: Windows, factor: float) -> Windows:
    parts: dict[str, Floats] = {}
    for name in ("s", "phi", "impact"):
        low, high = getattr(windows, f"{name}_low"), getattr(windows, f"{name}_high")
        half = np.where(low <= high, high, 0.0) / 2 - np.where(low <= high, low, 0.0) / 2
        more = half * (factor - 1)  # a closed window stays closed
        parts |= {f"{name}_low": low - more, f"{name}_high": high + more}
    return replace(windows, **parts)  # type: ignore[arg-type]


def _quantile_windows(
    events: Sequence[_Event], frame: Frame, efficiency: float, bins: int, cheap: float
) -> Windows:
    """The table of windows from the true segments of events."""
    table, n_layers = np.concatenate([event.segments for event in events], axis=1), len(frame.s_low)
    loss = 1.0 - efficiency
    code, pair = np.unique((table[0] * n_layers + table[1]).astype(np.int64), return_inverse=True)
    first, second = (code // n_layers).astype(np.int32), (code % n_layers).astype(np.int32)
    tail = (1 - SHARE_CELLS) * loss / 6  # three windows with two ends each
    n = len(first)
    slope = _slopes(pair, table[2], table[3], n)
    ds, where = table[3] - slope[pair] * table[2], table[4].astype(np.int64)
    s_low, s_high = _window_s(pair, where, table[5].astype(np.int64), ds, n, bins, tail)
    phi_low, phi_high = _window(pair, where, table[6], n, bins, tail)
    impact_low, impact_high = _quantiles(pair, table[7], n, tail)
    count = np.bincount(pair * bins + where, minlength=n * bins).reshape(n, bins)
    span = np.maximum(frame.s_high - frame.s_low, 1e-9)[second]
    along = np.clip((s_high[:, :, 0] - s_low[:, :, 0]) / span[:, None], 0, 1)
    share = along * np.clip((phi_high - phi_low) / (2 * np.pi), 0, 1)
    hits = np.sum([event.hits for event in events], axis=0)
    # Hits of the first layer in the bin times those of the second in the window, both of a mean event.
    candidates = hits[first] * hits.sum(axis=1)[second][:, None] * share / len(events)
    dear = _dear(count, candidates, SHARE_CELLS * loss, cheap * len(events))
    s_low[dear], s_high[dear] = np.inf, -np.inf
    open_ = ~dear.all(axis=1)
    windows = Windows(first, second, slope, s_low, s_high, phi_low, phi_high, impact_low, impact_high)
    return replace(
        windows,
        **{f.name: getattr(windows, f.name)[open_] for f in fields(windows) if f.name not in OF_CELLS},
    )


def _dear(count: NDArray[np.int64], candidates: Floats, loss: float, cheap: float) -> NDArray[np.bool_]:
    """Cells (pair of layers, bin) to close: where a true segment costs most candidates, while more than `cheap` are left."""
    price = np.where(count > 0, candidates / np.maximum(count, 1), np.inf).ravel()
    order = np.lexsort((-candidates.ravel(), -price))
    lost = np.cumsum(count.ravel()[order])
    left = candidates.sum() - np.cumsum(candidates.ravel()[order]) + candidates.ravel()[order]
    dear = np.zeros(count.size, bool)
    dear[order[(lost <= loss * count.sum()) & (left > cheap)]] = True
    return dear.reshape(count.shape)


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
    """Quantiles by pair and bin; a bin with few segments also counts those of the nearest bins beside it."""
    within = np.bincount(pair * bins + where, minlength=n * bins).reshape(n, bins)
    each, cells, values = within.copy(), [pair * bins + where], [value]
    for step in range(1, max(1, round(NEAR * bins)) + 1):
        for beside in (where - step, where + step):
            cell = np.clip(beside, 0, bins - 1)
            lend = (beside == cell) & (within[pair, cell] < FEW)
            cells.append((pair * bins + cell)[lend])
            values.append(value[lend])
        within[:, step:] += each[:, :-step]
        within[:, :-step] += each[:, step:]
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
    few = np.bincount(known[0], minlength=n * bins * WIDTH_CLASSES) < FEW_WIDE
    low, high = _quantiles(*known, n * bins * WIDTH_CLASSES, tail)
    any_low, any_high = _window(pair, where, value, n, bins, tail)
    low, high = low.reshape(n, bins, WIDTH_CLASSES), high.reshape(n, bins, WIDTH_CLASSES)
    low[:, :, 0], high[:, :, 0] = any_low, any_high
    few = few.reshape(n, bins, WIDTH_CLASSES)
    low[few], high[few] = (np.broadcast_to(w[:, :, None], low.shape)[few] for w in (any_low, any_high))
    return low, high
