"""The first look at unknown data: clusters without training or detector, what each part holds, and what is odd."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import CLUSTER_CLASSES, Clusters, Event, Floats, Ints
from gnnreco.geometry import Detector
from gnnreco.graphs.showers.cells import CellGraph
from gnnreco.graphs.showers.free_cells import (
    FreeGraphConfig,
    build_free_graph,
    cell_edges,
    collection_of,
    with_energy,
)
from gnnreco.tasks.showers.config import ClusteringConfig
from gnnreco.tasks.showers.density import DensityConfig, density_clusters, local_density
from gnnreco.tasks.showers.task import ClusteringTask


@dataclass(frozen=True)
class ExploreConfig:
    """How unknown hits are looked at; a cluster may be one hit, since cells may be larger than showers.

    Attributes
    ----------
    graph : FreeGraphConfig
    density : DensityConfig
        `seed` in typical hits of the collection.
    edge : float
        A cluster ends where the density is below this part of its peak's, and below twice what a peak needs: what
        lies beyond may be noise.
    """

    graph: FreeGraphConfig = field(default_factory=FreeGraphConfig)
    density: DensityConfig = field(
        default_factory=lambda: DensityConfig(radius=1.3, seed=4.0, saddle=0.4, min_hits=1)
    )
    edge: float = 0.02


@dataclass(frozen=True, slots=True)
class Exploration:
    """What a first look at an event found.

    Attributes
    ----------
    event : Event
    parts : tuple of str
        Collections of the file, or subsystems of the detector.
    part : int32 (n_hits,)
        Row in `parts`; -1: the hit lies in none.
    with_energy : bool (n_hits,)
    edges : float64 (n_hits, 3, 3)
        Of the cells; see `Collections`. Of a given detector they are not told.
    clusters : Clusters
        Sorted by energy, the highest first. `energy_sigma` is NaN without a detector.
    extent : float64 (n_clusters,)
        Energy-weighted distance of the hits from the line from the source to the cluster's middle: root mean square, mm.
    odd : dict of str to int
        Counts of what a careful reader would ask about.
    """

    event: Event
    parts: tuple[str, ...]
    part: NDArray[np.int32]
    with_energy: NDArray[np.bool_]
    edges: Floats
    clusters: Clusters
    extent: Floats
    odd: dict[str, int]


def explore(
    event: Event, detector: Detector | None = None, config: ExploreConfig | None = None
) -> Exploration:
    """Look at one event.

    Parameters
    ----------
    event : Event
    detector : Detector, optional
        With one, clusters are those of the task `clustering` in its units; without, cells are the unit.
    config : ExploreConfig, optional

    Raises
    ------
    OverBudget
        More pairs of close cells than the detector's graph may have.
    """
    config = config or ExploreConfig()
    if detector is None:
        names = ("hits",) if event.collections is None else event.collections.names
        part, energetic = collection_of(event), with_energy(event)
        edges = cell_edges(event, config.graph)
        clusters = free_clusters(build_free_graph(config.graph, event, edges), config)
    else:
        names = tuple(subsystem.name for subsystem in detector.subsystems)
        part = np.append(detector.subsystem, -1)[event.hits.sensor].astype(np.int32)
        measures = [not {"energy", "charge"}.isdisjoint(s.measures) for s in detector.subsystems]
        energetic = np.append(measures, False)[part].astype(bool)
        edges = np.full((len(part), 3, 3), np.nan)
        clusters = ClusteringTask(ClusteringConfig(), detector).reconstruct(event)
    odd = _odd(event, part, energetic, clusters)
    origin = np.zeros(3) if detector is None else detector.source.position
    return Exploration(event, names, part, energetic, edges, clusters, _extent(event, clusters, origin), odd)


def free_clusters(graph: CellGraph, config: ExploreConfig) -> Clusters:
    """Clusters of a graph without a detector: energies as they stand in the file, no error, no class."""
    labels = density_clusters(graph, np.zeros(len(graph), bool), config.density)
    n = len(labels.score)
    radius = config.density.radius
    density = local_density(graph.offsets, graph.neighbour, graph.distance, graph.energy, radius)
    peak = np.zeros(n + 1)  # the last is of cells in no cluster
    np.maximum.at(peak, labels.cluster, density)
    least = np.minimum(config.edge * peak[labels.cluster], 2 * config.density.seed * graph.mip)
    cell = np.flatnonzero((labels.cluster >= 0) & (density >= least))
    rank = np.empty(n, np.int64)
    rank[np.argsort(-np.bincount(labels.cluster[cell], graph.energy[cell], n), kind="stable")] = np.arange(n)
    score = np.empty(n)
    score[rank] = labels.score
    owner = rank[labels.cluster[cell]]
    order = np.argsort(owner, kind="stable")
    cell, owner = cell[order], owner[order]
    energy = np.bincount(owner, graph.energy[cell], n).astype(np.float64, copy=False)
    x, y, z = (np.bincount(owner, graph.energy[cell] * graph.xyz[cell, k], n) / energy for k in range(3))
    outward = np.stack([x, y, z], axis=1)
    outward = outward / np.maximum(np.linalg.norm(outward, axis=1), 1e-9)[:, None]
    return Clusters(
        np.append(0, np.cumsum(np.bincount(owner, minlength=n))).astype(np.int64),
        graph.index[cell],
        np.ones(len(cell)),
        energy,
        np.full(n, np.nan),
        x,
        y,
        z,
        outward,
        np.full((n, len(CLUSTER_CLASSES)), np.nan),
        score,
    )


def members(clusters: Clusters) -> Ints:
    """The cluster of each of `Clusters.hit_index`."""
    return np.repeat(np.arange(len(clusters)), np.diff(clusters.offsets))


def _extent(event: Event, clusters: Clusters, origin: Floats) -> Floats:
    owner = members(clusters)
    middle = np.stack([clusters.x, clusters.y, clusters.z], axis=1)
    way = middle - origin
    way = way / np.maximum(np.linalg.norm(way, axis=1), 1e-9)[:, None]
    step = event.hits.xyz[clusters.hit_index] - middle[owner]
    aside = step - np.einsum("na,na->n", step, way[owner])[:, None] * way[owner]
    energy = np.zeros(len(event.hits)) if event.hits.energy is None else event.hits.energy
    weight = clusters.hit_weight * energy[clusters.hit_index]
    total = np.bincount(owner, weight, len(clusters))
    square = np.bincount(owner, weight * (aside**2).sum(axis=1), len(clusters))
    return np.asarray(np.sqrt(square / np.where(total > 0, total, 1.0)))


def _odd(
    event: Event, part: NDArray[np.int32], energetic: NDArray[np.bool_], clusters: Clusters
) -> dict[str, int]:
    hits = event.hits
    energy = np.full(len(hits), np.nan) if hits.energy is None else hits.energy
    placed = np.isfinite(hits.xyz).all(axis=1)
    where = np.column_stack([part[placed], hits.xyz[placed]])
    size = np.diff(clusters.offsets)
    loose = energetic & (energy > 0)
    loose[clusters.hit_index] = False
    return {
        "hits without a finite position": int((~placed).sum()),
        "hits in no part of the detector": int((part < 0).sum()),
        "hits at the place of another of their part": len(where) - len(np.unique(where, axis=0)),
        "energies that are no number": int((energetic & ~np.isfinite(energy)).sum()),
        "energies below zero": int((energetic & (energy < 0)).sum()),
        "energies of exactly zero": int((energetic & (energy == 0)).sum()),
        "times that are no number": 0
        if hits.time is None
        else int((energetic & ~np.isfinite(hits.time)).sum()),
        "clusters of one hit": int((size == 1).sum()),
        "hits above zero in no cluster": int(loose.sum()),
    }
