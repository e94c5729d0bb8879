"""The graph that the network sees: doublets are its nodes, triplets (two doublets that share a point) its edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.graphs.order import by_key, by_value

from .features import SHORTEST, TRIPLET_FEATURES
from .frame import Frame, Points
from .gate import Gate
from .join import Cuts, Doublets, join, join_arguments, raw_limits


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
    window: float = np.inf,
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
    window : float
        The slopes of two doublets (rise over way across the axis) differ by no more than this times one plus the first.

    Returns
    -------
    triplets : int32 (m, 2), features : float32 (m, 8)
        At most `budget` of them, sorted by the inner and then the outer doublet.
    needed : int
        How many lie within the limits.
    """
    slope = slopes(points, doublets)
    by_slope = by_value(slope)
    leaving = by_slope[by_key(doublets[by_slope, 0], len(points))[0]]
    turned = np.empty(len(leaving), np.int64)
    turned[leaving] = np.arange(len(leaving))
    arriving, arriving_start = by_key(doublets[by_slope, 1], len(points))
    sorted_ = doublets[leaving]
    start = np.searchsorted(sorted_[:, 0], np.arange(len(points) + 1))
    out, features = np.empty((budget, 2), np.int32), np.empty((budget, len(TRIPLET_FEATURES)), np.float32)
    gate = gate or Gate.open(len(TRIPLET_FEATURES) + 2)
    logits = np.zeros(len(doublets), np.float32) if logits is None else logits[leaving]
    low, high = raw_limits(limits)
    needed, kept = join(
        join_arguments(points, frame),
        Doublets(sorted_, start, turned[by_slope[arriving]], arriving_start, logits, slope[leaving]),
        Cuts(low, high, np.float32(window), gate.weights(), gate.threshold[0]),
        out,
        features,
    )
    triplets = leaving[out[:kept]].astype(np.int32)
    order = by_key(triplets[:, 1], len(doublets))[0]
    order = order[by_key(triplets[order, 0], len(doublets))[0]]
    return triplets[order], features[order], int(needed)


def slopes(points: Points, doublets: NDArray[np.int32]) -> NDArray[np.float32]:
    """Rise over way across the axis of each doublet, by the numbers that the join itself compares."""
    a, b = doublets[:, 0], doublets[:, 1]
    across = np.hypot(points.x[b] - points.x[a], points.y[b] - points.y[a])
    return ((points.z[b] - points.z[a]) / np.maximum(across, SHORTEST)).astype(np.float32)
