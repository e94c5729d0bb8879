"""The graph that the network sees: doublets are its nodes, triplets (two doublets that share a point) its edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.graphs.order import by_key

from .features import TRIPLET_FEATURES
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

    Returns
    -------
    triplets : int32 (m, 2), features : float32 (m, 8)
        At most `budget` of them, sorted by the inner and then the outer doublet.
    needed : int
        How many lie within the limits.
    """
    start = np.searchsorted(doublets[:, 0], np.arange(len(points) + 1))
    arriving, arriving_start = by_key(doublets[:, 1], len(points))
    out, features = np.empty((budget, 2), np.int32), np.empty((budget, len(TRIPLET_FEATURES)), np.float32)
    gate = gate or Gate.open(len(TRIPLET_FEATURES) + 2)
    logits = np.zeros(len(doublets), np.float32) if logits is None else logits
    low, high = raw_limits(limits)
    needed, kept = join(
        join_arguments(points, frame),
        Doublets(doublets, start, arriving, arriving_start, logits),
        Cuts(low, high, gate.weights(), gate.threshold[0]),
        out,
        features,
    )
    order, _ = by_key(out[:kept, 0], len(doublets))
    return out[order], features[order], int(needed)
