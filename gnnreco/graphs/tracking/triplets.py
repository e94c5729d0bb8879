"""The graph that the network sees: doublets are its nodes, triplets (two doublets that share a point) its edges."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats
from gnnreco.graphs.order import by_key, by_key_and_value
from gnnreco.kernels import FIRST, SECOND, njit

from .features import SHORTEST, TRIPLET_FEATURES, DoubletArguments
from .frame import Frame, Points
from .gate import Gate
from .joining import Cuts, Doublets, join, join_arguments, raw_limits


@dataclass(frozen=True)
class SegmentGraph:
    """Doublets and the triplets between them, sorted once for every later sum.

    Attributes
    ----------
    doublets : int32 (n, 2)
        Points, inner first; sorted by the inner one.
    doublet_features : float32 (n, 16)
    triplets : int32 (m, 2)
        Inner and outer doublet; sorted by the inner one.
    triplet_features : float32 (m, 8)
    """

    doublets: NDArray[np.int32]
    doublet_features: NDArray[np.float32]
    triplets: NDArray[np.int32]
    triplet_features: NDArray[np.float32]


def join_doublets(
    points: Points,
    frame: Frame,
    doublets: NDArray[np.int32],
    limits: NDArray[np.float64],
    budget: int,
    logits: NDArray[np.float32] | None = None,
    gate: Gate | None = None,
    window: Floats | float = np.inf,
) -> tuple[NDArray[np.int32], NDArray[np.float32], int]:
    """All triplets whose features lie within `limits` (8, 2) and that the gate lets through.

    Parameters
    ----------
    doublets : int32 (n, 2)
        Sorted by their first point.
    budget : int
        Triplets within the limits, whatever the gate says of them.
    logits, gate : float32 (n,), Gate, optional
        What the gate on pairs said of each doublet, and the gate on triplets, which reads it beside the features.
    window : float64 (n_layers,), or one number
        The slopes of two doublets (rise over way across the axis) differ by no more than this times one plus the first; of
        the layer of the point between them.

    Returns
    -------
    triplets : int32 (m, 2), features : float32 (m, 8)
        At most `budget` of them, sorted by the inner and then the outer doublet.
    needed : int
        How many lie within the limits.
    """
    start = np.searchsorted(doublets[:, 0], np.arange(len(points) + 1))
    arriving, arriving_start = by_key(doublets[:, 1], len(points))
    gate = gate or Gate.open(len(TRIPLET_FEATURES) + 2)
    logits = np.zeros(len(doublets), np.float32) if logits is None else logits
    low, high = raw_limits(limits)
    windows = np.asarray(window, np.float32)
    windows = windows[points.layer] if windows.ndim else np.full(len(points), windows)
    given = join_arguments(points, frame)
    known = Doublets(doublets, start, arriving, arriving_start, logits, slopes(points, doublets))
    cuts = Cuts(low, high, windows, gate.weights(), gate.threshold[0])
    triplets, features, needed, kept = _joined(given, known, cuts, min(budget, len(doublets)))
    if kept > len(triplets) and needed <= budget:  # rare: there are more than doublets
        triplets, features, needed, kept = _joined(given, known, cuts, kept)
    order, _ = by_key_and_value(triplets[:kept, 0], triplets[:kept, 1], len(doublets))
    return triplets[order], features[order], needed


def _joined(
    given: DoubletArguments, doublets: Doublets, cuts: Cuts, room: int
) -> tuple[NDArray[np.int32], NDArray[np.float32], int, int]:
    """What `join` writes into room for so many triplets, how many fit the limits, and how many the gate lets through."""
    out, features = np.empty((room, 2), np.int32), np.empty((room, len(TRIPLET_FEATURES)), np.float32)
    needed, kept = join(given, doublets, cuts, out, features)
    return out, features, int(needed), int(kept)


def slopes(points: Points, doublets: NDArray[np.int32]) -> NDArray[np.float32]:
    """Rise over way across the axis of each doublet, by the numbers that the join itself compares."""
    return _slopes(points.x, points.y, points.z, doublets)  # type: ignore[no-any-return]


@njit(cache=True, boundscheck=False, error_model="numpy")
def _slopes(x: Floats, y: Floats, z: Floats, doublets: NDArray[np.int32]) -> NDArray[np.float32]:
    out = np.empty(len(doublets), np.float32)
    for k in range(len(doublets)):
        a, b = doublets[k, FIRST], doublets[k, SECOND]
        dx, dy = x[b] - x[a], y[b] - y[a]
        out[k] = (z[b] - z[a]) / max(math.sqrt(dx * dx + dy * dy), SHORTEST)
    return out
