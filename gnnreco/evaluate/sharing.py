"""Which cluster shares how much energy with which particle, and how alike two groupings of hits are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from gnnreco.columns import Clusters, Event, Floats, Ints, Truth

from .matching import Mask


@dataclass(frozen=True, slots=True)
class Sharing:
    """The energies that clusters and particles of one event share, over the sampling fraction, GeV.

    Attributes
    ----------
    table : sparse float64 (n_clusters, n_particles)
    cluster_energy : float64 (n_clusters,)
        Of their hits, noise included.
    particle_energy : float64 (n_particles,)
        What the particle left in all hits.
    particle_hits : int64 (n_particles,)
    main : int64 (n_clusters,)
        Particle with most of the cluster's energy; -1: none.
    main_share : float64 (n_clusters,)
        Energy shared with it.
    holder : int64 (n_particles,)
        Cluster with most of the particle's energy; -1: none.
    held : float64 (n_particles,)
        Energy shared with it.
    """

    table: sparse.csr_array
    cluster_energy: Floats
    particle_energy: Floats
    particle_hits: Ints
    main: Ints
    main_share: Floats
    holder: Ints
    held: Floats

    @property
    def matched(self) -> Mask:
        """Clusters that hold at least half of their main particle's energy and got at least half of theirs from it."""
        whole = np.append(self.particle_energy, np.inf)[self.main]
        return (
            (self.main_share >= 0.5 * self.cluster_energy)
            & (self.main_share >= 0.5 * whole)
            & (self.main >= 0)
        )


def link_energies(truth: Truth, energy: Floats) -> Floats:
    """Energy that each link of the truth stands for: its own, else equal shares of the hit's ``energy`` (n_hits,)."""
    if truth.energy is not None:
        return truth.energy
    return (energy / np.maximum(np.bincount(truth.hit, minlength=len(energy)), 1))[truth.hit]


def share(event: Event, clusters: Clusters, fraction: Floats) -> Sharing:
    """Compare the clusters of an event with its truth.

    Parameters
    ----------
    event : Event
        With truth; hits without energy count as 1.
    clusters : Clusters
    fraction : float64 (n_hits,)
        Sampling fraction at each hit.
    """
    truth, n_hits = event.truth, len(event.hits)
    assert truth is not None
    n_clusters, n_particles = len(clusters), len(truth.particles)
    energy = np.ones(n_hits) if event.hits.energy is None else event.hits.energy
    given = link_energies(truth, energy) / fraction[truth.hit]
    made = sparse.coo_array((given, (truth.hit, truth.particle)), shape=(n_hits, n_particles)).tocsr()
    weights = sparse.csr_array(
        (clusters.hit_weight, clusters.hit_index, clusters.offsets), shape=(n_clusters, n_hits)
    )
    table = sparse.csr_array(weights @ made)
    main, main_share = _largest(table)
    holder, held = _largest(sparse.csr_array(table.T))
    left = np.bincount(truth.particle, given, n_particles).astype(np.float64)
    hits = np.bincount(truth.particle, minlength=n_particles).astype(np.int64)
    total = np.asarray(weights @ (energy / fraction), np.float64)
    return Sharing(table, total, left, hits, main, main_share, holder, held)


def _largest(table: sparse.csr_array) -> tuple[Ints, Floats]:
    """Column of the largest value of each row and that value; -1 and 0 where the row is empty."""
    cells = sparse.coo_array(table)
    row, column = cells.coords
    order = np.lexsort((column, -cells.data, row))
    first = np.ones(len(order), bool)
    first[1:] = np.diff(row[order]) != 0
    top = order[first]
    best, value = np.full(table.shape[0], -1, np.int64), np.zeros(table.shape[0])
    real = cells.data[top] > 0
    best[row[top[real]]], value[row[top[real]]] = column[top[real]], cells.data[top[real]]
    return best, value


def hit_labels(event: Event, clusters: Clusters, fraction: Floats) -> tuple[Ints, Ints]:
    """Main particle and main cluster of each hit with a true particle; a hit in no cluster is one of its own."""
    truth, n_hits = event.truth, len(event.hits)
    assert truth is not None
    energy = np.ones(n_hits) if event.hits.energy is None else event.hits.energy
    given = link_energies(truth, energy) / fraction[truth.hit]
    shape = (n_hits, len(truth.particles))
    true, _ = _largest(sparse.coo_array((given + 1e-30, (truth.hit, truth.particle)), shape=shape).tocsr())
    owner = np.repeat(np.arange(len(clusters)), np.diff(clusters.offsets))
    shape = (n_hits, len(clusters))
    found, _ = _largest(
        sparse.coo_array((clusters.hit_weight, (clusters.hit_index, owner)), shape=shape).tocsr()
    )
    found = np.where(found < 0, len(clusters) + np.arange(n_hits), found)
    return true[true >= 0], found[true >= 0]


def adjusted_rand(one: Ints, two: Ints) -> float | None:
    """Adjusted Rand index of two labellings (n,) of the same hits (Hubert, Arabie 1985); None for fewer than two."""
    if len(one) < 2:
        return None
    cells, rows, columns = _contingency(one, two)

    def pairs(count: Floats) -> float:
        return float((count * (count - 1)).sum() / 2)

    total = len(one) * (len(one) - 1) / 2
    expected = pairs(rows) * pairs(columns) / total
    most = (pairs(rows) + pairs(columns)) / 2
    return 1.0 if most == expected else (pairs(cells) - expected) / (most - expected)


def v_measure(true: Ints, found: Ints) -> float | None:
    """Harmonic mean of homogeneity and completeness (Rosenberg, Hirschberg 2007); None without hits."""
    if not len(true):
        return None
    cells, rows, columns = _contingency(true, found)

    def entropy(count: Floats) -> float:
        p = count / count.sum()
        return float(-(p * np.log(p)).sum())

    joint, of_true, of_found = entropy(cells), entropy(rows), entropy(columns)
    homogeneity = 1.0 if of_true == 0 else 1 - (joint - of_found) / of_true
    completeness = 1.0 if of_found == 0 else 1 - (joint - of_true) / of_found
    total = homogeneity + completeness
    return 0.0 if total <= 0 else 2 * homogeneity * completeness / total


def _contingency(one: Ints, two: Ints) -> tuple[Floats, Floats, Floats]:
    """How often each pair of labels, each label of the first, and each of the second occurs."""
    _, pairs = np.unique(np.stack([one, two]), axis=1, return_counts=True)
    return tuple(  # type: ignore[return-value]
        count.astype(np.float64)
        for count in (pairs, *(np.unique(x, return_counts=True)[1] for x in (one, two)))
    )
