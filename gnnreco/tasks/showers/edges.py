"""Cells, then pieces of showers, climb to louder ones of their own shower, as scores of pairs tell.

The climb is that of CLUE (arXiv 2001.09761), but to the neighbour that the network holds for most likely of one shower,
and nowhere if there is none. It is done twice: cells climb to denser cells, which gives pieces; pieces climb to pieces
of more energy, which gives showers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.graphs.order import by_key, falling
from gnnreco.graphs.showers.features import LoudNeighbours
from gnnreco.kernels import njit


@dataclass(frozen=True)
class EdgeConfig:
    """How scores of pairs become showers.

    Attributes
    ----------
    climb : float
        Score (log-odds) from which a cell follows a denser neighbour.
    join : float
        Score (log-odds) from which a piece of a shower is joined to another.
    lone : float
        The same for a lone cell, which may be noise, and a piece that it does not touch.
    share : float
        Smallest fraction of a cell's energy that goes to a shower beside its main one.
    min_hits : int
        Hits of the smallest shower; its largest piece has as many, so that noise here and there makes none.
    min_energy : float
        Of the smallest shower, in units of what a minimum-ionising particle leaves in each layer.
    """

    climb: float = 0.5
    join: float = 0.0
    lone: float = 2.0
    share: float = 0.15
    min_hits: int = 3
    min_energy: float = 6.0


@dataclass(frozen=True, slots=True)
class Shares:
    """Which cluster has how much of which cell, sorted by cluster.

    Attributes
    ----------
    cell, cluster : int64 (m,)
    weight : float64 (m,)
        Fraction of the cell's energy.
    n : int
        Clusters; each has a share.
    """

    cell: Ints
    cluster: Ints
    weight: Floats
    n: int


def whole_shares(cluster: Ints) -> Shares:
    """Every cell belongs to one cluster (n_cells,), or to none: -1."""
    cell = np.flatnonzero(cluster >= 0)
    n = int(cluster.max(initial=-1)) + 1
    cell = cell[by_key(cluster[cell], n)[0]]
    return Shares(cell, cluster[cell], np.ones(len(cell)), n)


def climbed(
    neighbour: NDArray[np.int32],
    real: NDArray[np.bool_],
    logit: NDArray[np.float32],
    height: Floats,
    least: float,
) -> Ints:
    """Number of the tree of each row (n,), trees numbered by their tops, the highest first.

    Parameters
    ----------
    neighbour, real, logit : (n, k)
        Pairs and their scores; a row follows its likeliest pair of more height, from the logit `least` on.
    height : float64 (n,)
    """
    order = falling(height)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    top = _climb(neighbour, real, logit, rank, order, least)
    is_top = np.zeros(len(rank), np.bool_)
    is_top[rank[top]] = True
    return (np.cumsum(is_top) - 1)[rank[top]]


@njit(cache=True)
def _climb(
    neighbour: NDArray[np.int32],
    real: NDArray[np.bool_],
    logit: NDArray[np.float32],
    rank: Ints,
    order: Ints,
    least: float,
) -> Ints:
    """The top of each row's tree."""
    top = np.empty(len(rank), np.int64)
    for i in order:  # the highest first, so that the neighbour it follows knows its top
        best, likely = i, least
        for m in range(neighbour.shape[1]):
            j = neighbour[i, m]
            if real[i, m] and rank[j] < rank[i] and logit[i, m] > likely:
                best, likely = j, logit[i, m]
        top[i] = i if best == i else top[best]
    return top


def showers_of(
    cluster: Ints,
    loud: LoudNeighbours,
    logit: NDArray[np.float32],
    energy: Floats,
    mip: Floats,
    config: EdgeConfig,
) -> Shares:
    """Clusters that are large enough, with cells between them shared.

    Parameters
    ----------
    cluster : int64 (n,)
        Of each cell; -1: none.
    loud : LoudNeighbours
    logit : float32 (n, k)
        Of each pair to be of one shower.
    energy, mip : float64 (n,)
        Of the cells, GeV.
    config : EdgeConfig
    """
    n = int(cluster.max(initial=-1)) + 1
    some = cluster >= 0
    height = np.bincount(cluster[some], (energy / np.maximum(mip, 1e-30))[some], n)
    real = (np.bincount(cluster[some], minlength=n) >= config.min_hits) & (height >= config.min_energy)
    number = np.append(np.where(real, np.cumsum(real) - 1, -1), -1)
    cluster = number[cluster]
    if not real.any() or config.share >= 1:
        return whole_shares(cluster)
    cell, owner, weight = _split(cluster, loud.neighbour, loud.real, logit, energy, config.share)
    order, _ = by_key(owner, int(real.sum()))  # cells stand in their order
    return Shares(cell[order], owner[order], weight[order], int(real.sum()))


@njit(cache=True)
def _split(
    cluster: Ints,
    neighbour: NDArray[np.int32],
    real: NDArray[np.bool_],
    logit: NDArray[np.float32],
    energy: Floats,
    least: float,
) -> tuple[Ints, Ints, Floats]:
    """Cell, cluster and weight of each share: by the energy of its neighbours there, times their chance to be its own."""
    n, k = neighbour.shape
    cell, owner, weight = (
        np.empty(n * (k + 1), np.int64),
        np.empty(n * (k + 1), np.int64),
        np.empty(n * (k + 1)),
    )
    names, voices, count = np.empty(k + 1, np.int64), np.empty(k + 1), 0
    for i in range(n):
        if cluster[i] < 0:
            continue
        names[0], voices[0], found = cluster[i], 0.0, 1
        for m in range(k):
            c = cluster[neighbour[i, m]]
            if not real[i, m] or c < 0:
                continue
            at = 0
            while at < found and names[at] != c:
                at += 1
            if at == found:
                names[at], voices[at] = c, 0.0
                found += 1
            voices[at] += energy[neighbour[i, m]] / (1 + np.exp(-logit[i, m]))
        if voices[0] <= 0.0:
            found, voices[0] = 1, 1.0
        total, kept = voices[:found].sum(), voices[0]
        for at in range(1, found):
            if voices[at] > least * total:
                kept += voices[at]
        for at in range(found):
            if at == 0 or voices[at] > least * total:
                cell[count], owner[count], weight[count] = i, names[at], voices[at] / kept
                count += 1
    return cell[:count].copy(), owner[:count].copy(), weight[:count].copy()
