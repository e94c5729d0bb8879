"""Showers as peaks of the energy density on a graph of cells, with nothing learned.

The idea of CLUE (arXiv 2001.09761): each cell follows its nearest neighbour of higher density up to a peak. Here the
neighbours are those of a graph in physics-scaled units, and two peaks whose saddle is nearly as high as the lower
of them become one (persistence, as in ToMATo: Chazal et al., J. ACM 60, 2013), which joins the clumps of a muon's
path or a hadron's shower. In drift chambers, charge that hangs together is one piece.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from gnnreco.columns import Floats, Ints
from gnnreco.graphs.showers.cells import CellGraph
from gnnreco.kernels import njit


@dataclass(frozen=True)
class DensityConfig:
    """How density becomes showers.

    Attributes
    ----------
    radius : float
        Radius of the density, in units of the graph: cells count less the farther they are, and not beyond it.
    seed : float
        Lowest density of a peak, in units of what a minimum-ionising particle leaves in the layer.
    saddle : float
        Peaks join where the density between them stays over this fraction of the lower one.
    min_hits : int
        Hits of the smallest shower.
    min_charge_hits : int
        Hits of the smallest piece of charge in a drift chamber.
    """

    radius: float = 1.5
    seed: float = 3.0
    saddle: float = 0.3
    min_hits: int = 3
    min_charge_hits: int = 3


@dataclass(frozen=True, slots=True)
class Labels:
    """Which cell belongs to which cluster.

    Attributes
    ----------
    cluster : int64 (n_cells,)
        -1: to none.
    score : float64 (n_clusters,)
        Between 0 and 1: how far the peak stands over the lowest that would do.
    """

    cluster: Ints
    score: Floats


def density_clusters(graph: CellGraph, charge: NDArray[np.bool_], config: DensityConfig) -> Labels:
    """Clusters of one event.

    Parameters
    ----------
    graph : CellGraph
    charge : bool (n_cells,)
        Cells of drift chambers; they have no edges to others.
    config : DensityConfig
    """
    density = local_density(graph.offsets, graph.neighbour, graph.distance, graph.energy, config.radius)
    order = np.argsort(-density, kind="stable")
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    tree = _climb(graph.offsets, graph.neighbour, graph.distance, rank, order)
    peaks = (
        order[np.unique(rank[tree])] if len(tree) else order
    )  # cells that are the top of their tree, highest first
    tree = np.searchsorted(rank[peaks], rank[tree])
    one, two, saddle = _saddles(graph.offsets, graph.neighbour, density, tree)
    by_height = np.argsort(-saddle, kind="stable")
    top = _join(one[by_height], two[by_height], saddle[by_height], density[peaks], config.saddle)
    cluster = top[tree] if len(tree) else tree
    height = density[peaks] / np.maximum(graph.mip[peaks], 1e-30)
    if charge.any():
        cluster, height = _pieces(graph, charge, cluster, height)
    size = np.bincount(cluster, minlength=len(height))
    real = (height >= config.seed) & (size >= config.min_hits)
    if charge.any():
        drifted = np.isin(np.arange(len(height)), cluster[charge])
        real = np.where(drifted, size >= config.min_charge_hits, real)
    number = np.where(real, np.cumsum(real) - 1, -1)
    kept = height[real]
    return Labels(number[cluster], np.where(np.isfinite(kept), 1 - config.seed / (kept + config.seed), 1.0))


def _pieces(
    graph: CellGraph, charge: NDArray[np.bool_], cluster: Ints, height: Floats
) -> tuple[Ints, Floats]:
    """The same with pieces of charge that hang together after the showers; their height is infinite."""
    n = len(graph)
    links = csr_array((np.ones(len(graph.neighbour), np.int8), graph.neighbour, graph.offsets), shape=(n, n))
    _, piece = connected_components(links, directed=False)
    _, piece = np.unique(piece[charge], return_inverse=True)
    cluster = cluster.copy()
    cluster[charge] = len(height) + piece.ravel()
    return cluster, np.append(height, np.full(piece.max() + 1, np.inf))


@njit(cache=True)
def local_density(
    offsets: Ints, neighbour: NDArray[np.int32], distance: NDArray[np.float32], energy: Floats, radius: float
) -> Floats:
    """Energy of each cell and of those around it, which count by 1 - (distance / radius)^2; float64 (n,), GeV."""
    density = energy.copy()
    for i in range(len(energy)):
        for k in range(offsets[i], offsets[i + 1]):
            near = 1 - (distance[k] / radius) ** 2
            if near > 0:
                density[i] += near * energy[neighbour[k]]
    return density


@njit(cache=True)
def _climb(
    offsets: Ints, neighbour: NDArray[np.int32], distance: NDArray[np.float32], rank: Ints, order: Ints
) -> Ints:
    """The peak of each cell: follow the nearest neighbour of higher density. A rank is a density without ties."""
    peak = np.empty(len(rank), np.int64)
    for i in order:  # the highest first, so that the neighbour it follows knows its peak
        nearest, best = np.inf, i
        for k in range(offsets[i], offsets[i + 1]):
            j = neighbour[k]
            if rank[j] < rank[i] and (
                distance[k] < nearest or (distance[k] == nearest and rank[j] < rank[best])
            ):
                nearest, best = distance[k], j
        peak[i] = i if best == i else peak[best]
    return peak


@njit(cache=True)
def _saddles(
    offsets: Ints, neighbour: NDArray[np.int32], density: Floats, tree: Ints
) -> tuple[Ints, Ints, Floats]:
    """Edges between two trees: the trees, and the lower of the densities at the ends."""
    count = 0
    for i in range(len(tree)):
        for k in range(offsets[i], offsets[i + 1]):
            count += neighbour[k] < i and tree[neighbour[k]] != tree[i]
    one, two = np.empty(count, np.int64), np.empty(count, np.int64)
    saddle = np.empty(count)
    count = 0
    for i in range(len(tree)):
        for k in range(offsets[i], offsets[i + 1]):
            j = neighbour[k]
            if j < i and tree[j] != tree[i]:
                one[count], two[count], saddle[count] = tree[i], tree[j], min(density[i], density[j])
                count += 1
    return one, two, saddle


@njit(cache=True)
def _join(one: Ints, two: Ints, saddle: Floats, height: Floats, fraction: float) -> Ints:
    """The tree that each tree ends in, joined over saddles from the highest down; trees are sorted by height."""
    root = np.arange(len(height))
    for k in range(len(one)):
        a, b = one[k], two[k]
        while root[a] != a:
            root[a] = root[root[a]]
            a = root[a]
        while root[b] != b:
            root[b] = root[root[b]]
            b = root[b]
        if a != b and saddle[k] >= fraction * min(height[a], height[b]):
            root[max(a, b)] = min(a, b)
    for a in range(len(root)):
        root[a] = root[root[a]]  # smaller numbers are settled before larger ones
    return root
