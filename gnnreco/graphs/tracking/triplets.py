"""The graph that the network sees: doublets are its nodes, triplets (two doublets that share a point) its edges."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats
from gnnreco.graphs.order import by_key, by_key_and_value
from gnnreco.kernels import FIRST, SECOND, njit

from .features import SHORTEST, TRIPLET_FEATURES
from .frame import Frame, Points
from .gate import Gate
from .joining import Cuts, Doublets, join, join_arguments, raw_limits

AT_ONCE = 1 << 17  # doublets whose triplets are written down before they are moved together


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

    def bare(self) -> SegmentGraph:
        """The same without features, which are most of its memory and which no one needs once the network has read them."""
        return replace(
            self,
            doublet_features=self.doublet_features[:0].copy(),
            triplet_features=self.triplet_features[:0].copy(),
        )


#: Some triplets, int32 (m, 2), and their features, float32 (m, 8).
Part = tuple[NDArray[np.int32], NDArray[np.float32]]


def join_doublets(
    points: Points,
    frame: Frame,
    doublets: NDArray[np.int32],
    limits: NDArray[np.float64],
    budget: int,
    logits: NDArray[np.float32] | None = None,
    gate: Gate | None = None,
    window: Floats | float = np.inf,
) -> tuple[list[Part], int]:
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
    parts : list
        Triplets and their features, at most `budget` of them: around some points after the others, see `in_order`.
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
    given, n = join_arguments(points, frame), len(doublets)
    known = Doublets(doublets, start, arriving, arriving_start, logits, slopes(points, doublets))
    cuts = Cuts(low, high, windows, gate.weights(), gate.threshold[0])
    out, features = _room_for(min(budget, n, AT_ONCE))
    parts, needed, left = [], 0, budget
    edges = np.searchsorted(start, np.minimum(np.arange(0, n + AT_ONCE, AT_ONCE), n))
    for first, last in itertools.pairwise(edges.tolist()):
        mine = known.around(first, last)
        fit, kept = join(given, mine, cuts, out, features)
        if kept > len(out) and needed + fit <= budget:  # rare: there are more than doublets
            out, features = _room_for(kept)
            join(given, mine, cuts, out, features)
        needed, kept = needed + int(fit), min(kept, len(out), left)
        left -= kept
        parts.append((out[:kept].copy(), features[:kept].copy()))
    return parts, needed


def in_order(parts: list[Part], n_doublets: int) -> Part:
    """Parts as one, sorted by the inner and then the outer doublet; the list is empty afterwards, to save memory."""
    triplets = np.concatenate([np.zeros((0, 2), np.int32), *(part for part, _ in parts)])
    order, _ = by_key_and_value(triplets[:, 0], triplets[:, 1], n_doublets)
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    features, last = np.empty((len(order), len(TRIPLET_FEATURES)), np.float32), len(order)
    while parts:
        part, values = parts.pop()
        features[place[last - len(part) : last]] = values
        last -= len(part)
    return triplets[order], features


def _room_for(triplets: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    return np.empty((triplets, 2), np.int32), np.empty((triplets, len(TRIPLET_FEATURES)), np.float32)


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
