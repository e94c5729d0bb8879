"""From cells and their shares to the columns of clusters: energies, errors, middles and axes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import CLUSTER_CLASSES, Clusters, Floats, Ints
from gnnreco.geometry import Detector
from gnnreco.graphs.order import by_key_and_value
from gnnreco.graphs.showers.cells import CellGraph
from gnnreco.graphs.showers.frame import CellFrame

from .targets import NOISE

#: Row of `CLUSTER_CLASSES` for each of `KINDS`; -1: noise, which `score` tells.
CLASS_OF_KIND = (0, 0, 1, 2, 3, -1)


@dataclass(frozen=True)
class ErrorConfig:
    """The expected error of an energy, where nothing is learned.

    Attributes
    ----------
    sampling : float
        Stochastic term, sqrt(GeV), of a calorimeter with 1 mm of active material and a sampling fraction of one;
        it grows as the square root of thickness over fraction: R. Wigmans, Calorimetry, 2nd ed., eq. 4.10.
    constant : float
        Fraction of the energy: leakage, calibration.
    """

    sampling: float = 0.027
    constant: float = 0.05


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a network says of clusters; without it their hits do.

    Attributes
    ----------
    energy, sigma : float64 (n,)
        GeV.
    probability : float64 (n, 4)
        By `CLUSTER_CLASSES`.
    """

    energy: Floats
    sigma: Floats
    probability: Floats


def loudest(clusters: Clusters, energy: Floats) -> Ints:
    """Row (n,) of the hit that gives most energy to each cluster; of hits of energies (n_hits,)."""
    owner = np.repeat(np.arange(len(clusters)), np.diff(clusters.offsets))
    order = np.lexsort((clusters.hit_weight * energy[clusters.hit_index], owner))
    return clusters.hit_index[order[clusters.offsets[1:] - 1]]


def class_probability(said: Floats) -> Floats:
    """Probabilities by `CLUSTER_CLASSES` from those of `KINDS` (n, 6), given that there is a shower; float64 (n, 4)."""
    out = np.zeros((len(said), len(CLUSTER_CLASSES)))
    for column, row in zip(said.T[:NOISE], CLASS_OF_KIND, strict=False):
        out[:, row] += column
    return out / np.maximum(out.sum(axis=1, keepdims=True), 1e-30)


def clusters_of(
    graph: CellGraph,
    cell: Ints,
    cluster: Ints,
    weight: Floats,
    score: Floats,
    detector: Detector,
    frame: CellFrame,
    config: ErrorConfig,
    judgement: Judgement | None = None,
) -> Clusters:
    """Clusters from shares of cells.

    Parameters
    ----------
    graph : CellGraph
    cell, cluster : int64 (m,)
        Row of the cell in the graph and number of the cluster, for each share.
    weight : float64 (m,)
        Fraction of the cell's energy that is the cluster's.
    score : float64 (n_clusters,)
        Every cluster has a share.
    detector, frame : Detector, CellFrame
    config : ErrorConfig
        Of energies that nobody judged.
    judgement : Judgement, optional

    Returns
    -------
    Clusters
        Sorted by energy, the highest first; hits by their row.
    """
    n = len(score)
    visible = np.bincount(cluster, weight * graph.energy[cell], n).astype(np.float64, copy=False)
    first = np.argsort(-(visible if judgement is None else judgement.energy), kind="stable")
    rank = np.empty(n, np.int64)
    rank[first] = np.arange(n)
    order, _ = by_key_and_value(rank[cluster], graph.index[cell], n)
    cell, cluster, weight = cell[order], rank[cluster[order]], weight[order]
    share, visible = weight * graph.energy[cell], visible[first]

    def total(values: Floats) -> Floats:
        return np.bincount(cluster, values, n).astype(np.float64, copy=False)

    middle = np.stack([total(share * graph.xyz[cell, k]) for k in range(3)], axis=1) / visible[:, None]
    if judgement is None:
        variance = total(weight * share * _stochastic(graph, detector, frame, config)[cell])
        energy, sigma = visible, np.sqrt(variance + (config.constant * visible) ** 2)
        probability = np.full((n, len(CLUSTER_CLASSES)), np.nan)
    else:
        energy, sigma = judgement.energy[first], judgement.sigma[first]
        probability = judgement.probability[first]
    offsets = np.concatenate([[0], np.cumsum(np.bincount(cluster, minlength=n))]).astype(np.int64)
    x, y, z = middle.T
    return Clusters(
        offsets,
        graph.index[cell],
        weight,
        energy,
        sigma,
        x,
        y,
        z,
        _axes(graph, cell, cluster, share, middle, frame.charge[graph.sensor[cell]]),
        probability,
        score[first],
    )


def _stochastic(graph: CellGraph, detector: Detector, frame: CellFrame, config: ErrorConfig) -> Floats:
    """Variance of the energy of each cell over that energy, GeV."""
    fraction = frame.fraction[graph.sensor]
    sampled = config.sampling**2 * detector.thickness[graph.sensor] / fraction * (1 - fraction)
    drifts = [
        2 * s.drift.pair_energy if s.drift else 0.0 for s in detector.subsystems
    ]  # pairs, and their gain
    return sampled + np.array(drifts)[detector.subsystem[graph.sensor]]


def _axes(
    graph: CellGraph, cell: Ints, cluster: Ints, share: Floats, middle: Floats, drifts: NDArray[np.bool_]
) -> Floats:
    """Energy-weighted principal direction, away from the origin; for a cluster on few layers the way from there."""
    n = len(middle)
    off = graph.xyz[cell] - middle[cluster]
    spread = np.zeros((n, 3, 3))
    for a in range(3):
        for b in range(a + 1):
            spread[:, a, b] = spread[:, b, a] = np.bincount(cluster, share * off[:, a] * off[:, b], n)
    axis: Floats = np.linalg.eigh(spread)[1][:, :, 2]
    size = np.linalg.norm(middle, axis=1)[:, None]
    outward = np.where(size > 0, middle / np.where(size > 0, size, 1.0), [0.0, 0.0, 1.0])
    flat = (_layers(cluster, graph.group[cell], n) < 3) & ~np.isin(np.arange(n), cluster[drifts])
    along = np.einsum("ij,ij->i", axis, outward)
    axis = np.where(along < 0, -1.0, 1.0)[:, None] * axis
    return np.where(flat[:, None], outward, axis)


def _layers(cluster: Ints, group: Ints, n: int) -> NDArray[np.int64]:
    """On how many layers each cluster has cells."""
    return np.bincount(np.unique(cluster << 32 | group) >> 32, minlength=n)
