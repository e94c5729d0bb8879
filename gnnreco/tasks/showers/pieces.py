"""Pieces of showers and the pairs of them that may be one: near in direction and in depth, or side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gnnreco.columns import Floats, Ints
from gnnreco.graphs.showers.axes import AXIS_FEATURES, axis_features
from gnnreco.graphs.showers.cells import CellGraph
from gnnreco.graphs.showers.features import LoudNeighbours
from gnnreco.kernels import njit

from .edges import Shares

PIECE_FEATURES = (
    "lateral",
    "depth",
    "nuclear_depth",
    "energy_ratio",
    "mean_score",
    "best_score",
    "border",
    "touching",
    "saddle",
)
NUCLEAR_UNIT = 0.25  # interaction lengths that count as one lateral unit
WORST = -20.0  # score of a border, before any pair of its cells
SCORE, WEIGHT, BEST, SADDLE = range(
    4
)  # columns of borders: score times weight, weight, best score, highest saddle
LOOKED_AT = 24  # nearest pieces among which the loudest are chosen


def piece_features(axes: bool) -> tuple[str, ...]:
    """Names of the columns of `Pieces.pairs`."""
    return PIECE_FEATURES + AXIS_FEATURES if axes else PIECE_FEATURES


@dataclass(frozen=True, slots=True)
class Pieces:
    """Pieces of one event, and for each the others that speak loudest.

    Attributes
    ----------
    energy : float64 (p,)
    neighbour : int32 (p, k)
    real : bool (p, k)
    pairs : float32 (p, k, 9 or 18)
        By `PIECE_FEATURES`, and where axes are wanted by `AXIS_FEATURES`.
    """

    energy: Floats
    neighbour: NDArray[np.int32]
    real: NDArray[np.bool_]
    pairs: NDArray[np.float32]


def pieces_of(
    graph: CellGraph,
    loud: LoudNeighbours,
    logit: NDArray[np.float32],
    shares: Shares,
    k: int,
    axes: bool = False,
) -> Pieces:
    """Describe the pieces that cells climbed to.

    Parameters
    ----------
    graph, loud
        Of the event's cells.
    logit : float32 (n, k)
        Of each pair of cells to be of one shower.
    shares : Shares
        Pieces, each of whole cells.
    k : int
        Neighbours of a piece.
    axes : bool
        Also how pieces lie to the axes of each other.
    """
    n, cell, piece = shares.n, shares.cell, shares.cluster
    e = graph.energy[cell]
    total = np.maximum(np.bincount(piece, e, n), 1e-30)

    def mean(values: Floats) -> Floats:
        return np.bincount(piece, e * values, n) / total

    xyz = np.stack([mean(graph.xyz[cell, c]) for c in range(3)], axis=1)
    distance = np.maximum(np.linalg.norm(xyz, axis=1), 1e-9)
    unit, depth = mean(graph.unit[cell]), mean(graph.depth[cell])
    nuclear = mean(graph.nuclear[cell])
    scale = float(np.median(distance / unit)) if n else 1.0
    place = np.column_stack([xyz / distance[:, None] * scale, nuclear / NUCLEAR_UNIT])
    neighbour, real = _loudest(place, total, k)
    off = place[neighbour] - place[:, None]
    features = np.zeros((n, k, len(PIECE_FEATURES)), np.float32)
    features[:, :, 0] = np.log1p(np.linalg.norm(off[:, :, :3], axis=2)) - 1
    features[:, :, 1] = (depth[neighbour] - depth[:, None]) / 20
    features[:, :, 2] = nuclear[neighbour] - nuclear[:, None]
    features[:, :, 3] = np.log(total[neighbour] / total[:, None]) / 3
    features[:, :, 4:] = _borders(graph, loud, logit, shares, neighbour, total)
    if axes:
        features = np.concatenate([features, axis_features(graph, cell, piece, neighbour)], axis=2)
    return Pieces(total, neighbour, real, features * real[:, :, None])


def _loudest(place: Floats, energy: Floats, k: int) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """The k others with the most energy over 1 + distance^2 among the nearest."""
    n = len(place)
    neighbour = np.repeat(np.arange(n, dtype=np.int32)[:, None], k, axis=1)
    real = np.zeros((n, k), np.bool_)
    looked = min(LOOKED_AT, n)
    if looked < 2:
        return neighbour, real
    distance, near = cKDTree(place, balanced_tree=False).query(place, looked)
    voice = energy[near] / (1 + distance**2)
    voice[near == np.arange(n)[:, None]] = -1.0
    best = np.argsort(-voice, axis=1, kind="stable")[:, :k]
    rows, width = np.arange(n)[:, None], best.shape[1]
    real[:, :width] = voice[rows, best] > 0
    neighbour[:, :width] = np.where(real[:, :width], near[rows, best], np.arange(n)[:, None])
    return neighbour, real


def _borders(
    graph: CellGraph,
    loud: LoudNeighbours,
    logit: NDArray[np.float32],
    shares: Shares,
    neighbour: NDArray[np.int32],
    total: Floats,
) -> NDArray[np.float32]:
    """What the cells on either side of the border between two pieces say: the last five of `PIECE_FEATURES`."""
    piece = np.empty(len(graph), np.int64)
    piece[shares.cell] = shares.cluster
    n, k = neighbour.shape
    peak = np.zeros(n)
    np.maximum.at(peak, piece, loud.density)
    border = _crossing(piece, loud.neighbour, loud.real, logit, graph.energy, loud.density, neighbour)
    touching = border[:, :, WEIGHT] > 0
    weight = np.where(touching, border[:, :, WEIGHT], 1.0)
    smaller, lower = (np.minimum(x[:, None], x[neighbour]) for x in (total, peak))
    columns: tuple[Callable[[], Floats], ...] = (  # made one after the other: they may be large
        lambda: border[:, :, SCORE] / weight / 4,
        lambda: border[:, :, BEST] / 4,
        lambda: np.log1p(weight / smaller),
        lambda: np.ones((n, k)),
        lambda: border[:, :, SADDLE] / np.maximum(lower, 1e-30),
    )
    out = np.empty((n, k, len(columns)), np.float32)
    for c, column in enumerate(columns):
        out[:, :, c] = column() * touching
    return out


@njit(cache=True)
def _crossing(
    piece: Ints,
    neighbour: NDArray[np.int32],
    real: NDArray[np.bool_],
    logit: NDArray[np.float32],
    energy: Floats,
    density: Floats,
    beside: NDArray[np.int32],
) -> Floats:
    """What pairs of cells of two pieces say of each piece and those `beside` it (n, k), by `SCORE` to `SADDLE`.

    Weights are the lower energies of pairs, GeV; 0 where none crosses.
    """
    n, k = beside.shape
    out = np.zeros((n, k, 4))
    out[:, :, BEST] = WORST
    for i in range(len(piece)):
        for m in range(neighbour.shape[1]):
            j = neighbour[i, m]
            if not real[i, m] or piece[j] == piece[i]:
                continue
            weight = min(energy[i], energy[j])
            one, two = piece[i], piece[j]
            for _ in range(2):
                for at in range(k):
                    if beside[one, at] == two:
                        row = out[one, at]
                        row[SCORE] += weight * logit[i, m]
                        row[WEIGHT] += weight
                        row[BEST] = max(row[BEST], logit[i, m])
                        row[SADDLE] = max(row[SADDLE], min(density[i], density[j]))
                one, two = two, one
    return out
