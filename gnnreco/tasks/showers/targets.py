"""The truth of showers for training: which pairs of cells belong together, and what each found cluster ought to be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Event, Floats, Ints, Particles
from gnnreco.kernels import njit
from gnnreco.particles import species_of

from .edges import Shares

#: What a network is trained to tell apart; users see `CLUSTER_CLASSES`, which are fewer.
KINDS = ("photon", "electron", "charged_hadron", "neutral_hadron", "muon", "noise")
PHOTON, ELECTRON, CHARGED, NEUTRAL, MUON, NOISE = range(len(KINDS))
PI0_MASS, PI0_WINDOW = 0.13498, 2e-4  # GeV
UNKNOWN = -1
WHOLE = 0.7  # of a merged pi0's cluster comes from its two photons
OVERLAP = 0.02  # of the weaker photon's energy lies in cells, equal parts of both, where a pi0 could pass for a photon


@dataclass(frozen=True, slots=True)
class CellTruth:
    """Who left what in the cells of a graph.

    Attributes
    ----------
    cell, particle : int64 (m,)
        Rows of the graph and of the particles that left something, sorted by cell.
    part : float64 (m,)
        Energy over the sampling fraction, GeV.
    energy : float64 (p,)
        Of the particles, GeV.
    kind : int64 (p,)
        Row of `KINDS`.
    partner : int64 (p,)
        The other photon of a pi0; -1: none.
    """

    cell: Ints
    particle: Ints
    part: Floats
    energy: Floats
    kind: Ints
    partner: Ints


def cell_truth(event: Event, index: Ints, fraction: Floats) -> CellTruth:
    """Truth of an event for some of its cells; particles that left nothing there are left out.

    Parameters
    ----------
    event : Event
        With truth; without link energies the particles of a hit share it equally.
    index : int64 (n,)
        Rows of hits: the cells.
    fraction : float64 (n_hits,)
        Sampling fraction.
    """
    truth, hits = event.truth, event.hits
    assert truth is not None
    row = np.full(len(hits), -1, np.int64)
    row[index] = np.arange(len(index))
    cell, part = row[truth.hit], truth.energy
    if part is None:
        energy = np.ones(len(hits)) if hits.energy is None else hits.energy
        part = (energy / np.maximum(np.bincount(truth.hit, minlength=len(hits)), 1))[truth.hit]
    part = part / fraction[truth.hit]
    keep = (cell >= 0) & (part > 0)
    order = np.argsort(cell[keep], kind="stable")
    cell, part = cell[keep][order], part[keep][order]
    rows, particle = np.unique(truth.particle[keep][order], return_inverse=True)
    p = truth.particles
    mass = species_of(np.unique(p.pdg).tolist())
    momentum = np.stack([p.px, p.py, p.pz], axis=1)[rows]
    energy = np.sqrt((momentum**2).sum(axis=1) + mass.mass[mass.rows(p.pdg[rows])] ** 2)
    kind = particle_classes(p)[rows]
    return CellTruth(
        cell, particle.ravel().astype(np.int64), part, energy, kind, partners(momentum, energy, kind)
    )


def particle_classes(particles: Particles) -> Ints:
    """Row of `KINDS` for each particle (n,)."""
    pdg = np.abs(particles.pdg)
    kind = np.where(particles.charge != 0, CHARGED, NEUTRAL)
    for code, what in ((22, PHOTON), (11, ELECTRON), (13, MUON)):
        kind[pdg == code] = what
    return kind.astype(np.int64)


def partners(momentum: Floats, energy: Floats, kind: Ints) -> Ints:
    """Photons that make a pi0 of each other, by their mass, which is exact in a simulation.

    Parameters
    ----------
    momentum : float64 (n, 3)
    energy : float64 (n,)
        GeV.
    kind : int64 (n,)
        Row of `KINDS`.

    Returns
    -------
    int64 (n,)
        Row of the other photon; -1: none.
    """
    partner = np.full(len(energy), -1, np.int64)
    photons = np.flatnonzero(kind == PHOTON)
    if 1 < len(photons) < 2000:
        e, p = energy[photons], momentum[photons]
        square = 2 * (e[:, None] * e - p @ p.T)
        off = np.abs(np.sqrt(np.maximum(square, 0.0)) - PI0_MASS)
        np.fill_diagonal(off, np.inf)
        best = off.argmin(axis=1)
        good = off[np.arange(len(off)), best] < PI0_WINDOW
        partner[photons[good]] = photons[best[good]]
    return partner


def pair_targets(truth: CellTruth, neighbour: NDArray[np.int32], n_particles: int) -> NDArray[np.float32]:
    """For each pair the chance that a GeV of either comes from the same particle: sum of products of shares (n, k)."""
    n = len(neighbour)
    start = np.searchsorted(truth.cell, np.arange(n + 1))
    total = np.maximum(np.bincount(truth.cell, truth.part, n), 1e-30)
    return _pair_targets(start, truth.particle, truth.part / total[truth.cell], neighbour, n_particles)


@njit(cache=True)
def _pair_targets(
    start: Ints, particle: Ints, part: Floats, neighbour: NDArray[np.int32], n_particles: int
) -> NDArray[np.float32]:
    n, k = neighbour.shape
    out, mine = np.zeros((n, k), np.float32), np.zeros(n_particles)
    for i in range(n):
        for a in range(start[i], start[i + 1]):
            mine[particle[a]] = part[a]
        for m in range(k):
            j = neighbour[i, m]
            for b in range(start[j], start[j + 1]):
                out[i, m] += part[b] * mine[particle[b]]
        for a in range(start[i], start[i + 1]):
            mine[particle[a]] = 0.0
    return out


def piece_targets(truth: CellTruth, shares: Shares, neighbour: NDArray[np.int32]) -> NDArray[np.float32]:
    """The same for pairs of pieces (p, k): their shares of each particle's energy."""
    n_cells, n = int(shares.cell.max(initial=-1)) + 1, len(truth.energy)
    piece = np.full(max(n_cells, int(truth.cell.max(initial=-1)) + 1), -1, np.int64)
    piece[shares.cell] = shares.cluster
    row = piece[truth.cell]
    some = row >= 0  # cells in no piece have no say
    keys, back = np.unique(row[some] * n + truth.particle[some], return_inverse=True)
    part = np.bincount(back.ravel(), truth.part[some], len(keys)).astype(np.float64)
    whole = CellTruth(keys // max(n, 1), keys % max(n, 1), part, truth.energy, truth.kind, truth.partner)
    return pair_targets(whole, neighbour, n)


@dataclass(frozen=True, slots=True)
class ClusterTargets:
    """What found clusters ought to be.

    Attributes
    ----------
    energy : float64 (n,)
        GeV; NaN where no particle is matched.
    kind : int64 (n,)
        Row of `KINDS`; `UNKNOWN` where it is neither a shower of one particle nor noise.
    """

    energy: Floats
    kind: Ints


def cluster_targets(truth: CellTruth, shares: Shares, energy: Floats) -> ClusterTargets:
    """Match clusters to particles, as `gnnreco.evaluate` does: half of the energy of both.

    A cluster that holds both photons of a pi0 is a neutral hadron, of the energy of both. One that holds either of two whose
    showers overlap is a neutral hadron too, of its own energy: the class does not depend on whether they were told apart.

    Parameters
    ----------
    truth : CellTruth
    shares : Shares
    energy : float64 (n_cells,)
    """
    n, n_particles = shares.n, len(truth.energy)
    table = _overlap(
        np.searchsorted(truth.cell, np.arange(len(energy) + 1)),
        truth.particle,
        truth.part,
        shares.cell,
        shares.cluster,
        shares.weight,
        n,
        n_particles,
    )
    total = np.bincount(shares.cluster, shares.weight * energy[shares.cell], n)
    if n_particles == 0 or n == 0:
        return ClusterTargets(np.full(n, np.nan), np.full(n, NOISE if n_particles == 0 else UNKNOWN))
    rows, whole = np.arange(n), np.bincount(truth.particle, truth.part, n_particles)
    main = table.argmax(axis=1)
    held = table[rows, main]
    matched = (held >= 0.5 * total) & (held >= 0.5 * whole[main])
    kind = np.where(matched, truth.kind[main], UNKNOWN)
    wanted = np.where(matched, truth.energy[main], np.nan)
    other = truth.partner[main]
    pair = (other >= 0) & (held >= 0.5 * whole[main])
    second = np.where(pair, table[rows, other], 0.0)
    pair &= (second >= 0.5 * whole[other]) & (held + second >= WHOLE * total)
    kind = np.where(pair | (matched & (overlaps(truth)[main] > OVERLAP)), NEUTRAL, kind)
    wanted = np.where(pair, truth.energy[main] + truth.energy[other], wanted)
    kind = np.where(table.sum(axis=1) < 0.5 * total, NOISE, kind)
    return ClusterTargets(wanted, kind)


def overlaps(truth: CellTruth) -> Floats:
    """How much of a photon's and its partner's showers lies in each other, over the energy of the weaker (p,); 0: alone."""
    n, mine = len(truth.energy), truth.partner[truth.particle] >= 0
    particle, part = truth.particle[mine], truth.part[mine]
    pair = np.minimum(particle, truth.partner[particle])
    keys, row, count = np.unique(truth.cell[mine] * n + pair, return_inverse=True, return_counts=True)
    less = np.full(len(keys), np.inf)
    np.minimum.at(less, row.ravel(), part)
    shared = np.bincount(keys % max(n, 1), np.where(count > 1, less, 0.0), n)
    whole = np.bincount(truth.particle, truth.part, n)
    other = np.where(truth.partner >= 0, truth.partner, np.arange(n))
    weaker = np.maximum(np.minimum(whole, whole[other]), 1e-30)
    return shared[np.minimum(np.arange(n), other)] / weaker


@njit(cache=True)
def _overlap(
    start: Ints,
    particle: Ints,
    part: Floats,
    cell: Ints,
    cluster: Ints,
    weight: Floats,
    n: int,
    n_particles: int,
) -> Floats:
    """Energy that each cluster (row) shares with each particle."""
    table = np.zeros((n, n_particles))
    for s in range(len(cell)):
        for a in range(start[cell[s]], start[cell[s] + 1]):
            table[cluster[s], particle[a]] += weight[s] * part[a]
    return table
