"""The graph that the network sees: doublets are its nodes, triplets (two doublets that share a point) its edges."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from gnnreco.graphs.features import TRIPLET_FEATURES, triplet, triplet_arguments
from gnnreco.graphs.frame import Frame, Points


@dataclass(frozen=True)
class SegmentGraph:
    """Doublets and the triplets between them, sorted once for every later sum.

    Attributes
    ----------
    pairs : int32 (k, 2)
        Every pair of points that the windows let through: where a track may be followed beyond its doublets.
    doublets : int32 (n, 2)
        Points, inner first; sorted by the inner one.
    doublet_features : float32 (n, 16)
    triplets : int32 (m, 2)
        Inner and outer doublet; sorted by the inner one.
    triplet_features : float32 (m, 8)
    """

    pairs: NDArray[np.int32]
    doublets: NDArray[np.int32]
    doublet_features: NDArray[np.float32]
    triplets: NDArray[np.int32]
    triplet_features: NDArray[np.float32]


@numba.njit(cache=True, boundscheck=False, error_model="numpy")
def _join(given, doublets, start, low, high, out, features):  # type: ignore[no-untyped-def]
    n, n_limits = 0, len(low)
    f = np.empty(n_limits)
    for i in range(len(doublets)):
        a, b = doublets[i, 0], doublets[i, 1]
        for j in range(start[b], start[b + 1]):
            triplet(given, a, b, doublets[j, 1], f)
            inside = True
            for k in range(n_limits):
                inside &= low[k] <= f[k] <= high[k]
            if not inside:
                continue
            if n < len(out):
                out[n, 0], out[n, 1] = i, j
                for k in range(n_limits):
                    features[n, k] = f[k]
            n += 1
    return n


def join_doublets(
    points: Points,
    frame: Frame,
    doublets: NDArray[np.int32],
    limits: NDArray[np.float64],
    budget: int,
) -> tuple[NDArray[np.int32], NDArray[np.float32], int]:
    """All triplets whose features lie within `limits` (8, 2).

    Parameters
    ----------
    doublets : int32 (n, 2)
        Sorted by their first point.

    Returns
    -------
    triplets : int32 (m, 2), features : float32 (m, 8)
        At most `budget` of them.
    needed : int
        How many there are.
    """
    start = np.searchsorted(doublets[:, 0], np.arange(len(points) + 1))
    out, features = np.empty((budget, 2), np.int32), np.empty((budget, len(TRIPLET_FEATURES)), np.float32)
    needed = _join(
        triplet_arguments(points, frame), doublets, start, limits[:, 0], limits[:, 1], out, features
    )
    kept = min(int(needed), budget)
    return out[:kept].copy(), features[:kept].copy(), int(needed)
