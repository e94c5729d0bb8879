"""Which true showers are one: products of one particle that enter a calorimeter within the width of a shower.

A photon that converts in front of a calorimeter, an electron that radiates, a pion that meets a nucleus come in as several
particles of the truth. Those whose middles lie within a Moliere radius of each other, seen from the source, leave one
shower, with the energy that they carried together: no calorimeter can tell them apart. Where a field or a long way has
parted them further, each leaves a shower of its own. Products of decays stay apart, however close: both photons of a pi0
are two showers, which `gnnreco.tasks.showers.targets` knows how to count.

It is what the targets of particle flow are where there are no tracks: see `gnnreco.tasks.particleflow.targets`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Event, Floats, Ints, Truth
from gnnreco.columns.fates import Fates
from gnnreco.geometry import Detector
from gnnreco.particles import species_of

from .cells import visible_fraction

APART = 1.0  # Moliere radii


def one_shower_each(event: Event, detector: Detector) -> Event:
    """The event with one particle for each shower; the event itself where its truth does not tell what particles became.

    Parameters
    ----------
    event : Event
        In the frame of the source.
    detector : Detector
        In the same frame: see `Detector.at_source`.

    Returns
    -------
    Event
        The same hits. A shower has the row of the particle that made all of it, else of the one that left most; its
        momentum is what its particles carried, less what they passed on.
    """
    truth = event.truth
    if truth is None or truth.fates is None or not len(truth.hit):
        return event
    parent = _parents(truth.fates)
    if not (parent >= 0).any():
        return event
    momentum = _momenta(truth)
    for row in np.flatnonzero(parent >= 0):
        momentum[parent[row]] -= momentum[row]
    host = _hosts(event, truth, detector, parent)
    summed = np.zeros_like(momentum)
    np.add.at(summed, host, np.where(momentum[:, 3:] > 0, momentum, 0.0))
    changed = np.zeros(len(host), bool)
    changed[parent[parent >= 0]] = changed[host[host != np.arange(len(host))]] = True
    return replace(event, truth=_with(truth, host, summed, changed))


def _parents(fates: Fates) -> Ints:
    """The particle from which matter made each (n,); -1 where none did."""
    decayed = np.append(fates.became("decayed"), True)
    return np.where(decayed[fates.parent], -1, fates.parent)


def _momenta(truth: Truth) -> Floats:
    """Four-momenta at production (n, 4), GeV."""
    p = truth.particles
    square = p.px**2 + p.py**2 + p.pz**2
    return np.stack([p.px, p.py, p.pz, np.sqrt(square + _masses(truth) ** 2)], axis=1)


def _masses(truth: Truth) -> Floats:
    species = species_of(np.unique(truth.particles.pdg).tolist())
    return species.mass[species.rows(truth.particles.pdg)]


def _hosts(event: Event, truth: Truth, detector: Detector, parent: Ints) -> Ints:
    """The particle to whose shower each one's belongs (n,)."""
    n = len(truth.particles)
    energy, middle, width = _showers(event, truth, detector)
    root = np.arange(n)
    for row in np.flatnonzero(parent >= 0):  # parents stand before their children
        root[row] = root[parent[row]]
    host, lit = np.arange(n), np.flatnonzero(energy > 0)
    order = lit[np.lexsort((lit, -energy[lit], root[lit]))]
    for family in np.split(order, np.flatnonzero(np.diff(root[order])) + 1):
        if len(family) < 2:
            continue
        leads: dict[int, list[int]] = {}
        for row in family.tolist():
            near = (k for k in leads if _apart(middle[k], middle[row]) < APART * (width[k] + width[row]) / 2)
            leads.setdefault(next(near, row), []).append(row)
        for lead, rows in leads.items():
            host[rows] = _maker(lead, rows, family.tolist(), parent)
    return host


def _showers(event: Event, truth: Truth, detector: Detector) -> tuple[Floats, Floats, Floats]:
    """Of what each particle left: its energy (n,), GeV; its middle (n, 3) and the Moliere radius there (n,), mm."""
    n, hits = len(truth.particles), event.hits
    sensor = hits.sensor[truth.hit]
    energy = truth.energy
    if energy is None:
        whole = np.zeros(len(hits)) if hits.energy is None else hits.energy
        energy = (whole / np.maximum(np.bincount(truth.hit, minlength=len(hits)), 1))[truth.hit]
    energy = np.maximum(energy, 0.0) / visible_fraction(detector, sensor)
    radius = np.nan_to_num(np.append(detector.moliere_radius, 0.0))[sensor]
    energy = np.where(radius > 0, energy, 0.0)
    total = np.bincount(truth.particle, energy, n).astype(np.float64)
    columns = (*hits.xyz[truth.hit].T, radius)
    means = [np.bincount(truth.particle, energy * c, n) / np.maximum(total, 1e-30) for c in columns]
    return total, np.stack(means[:3], axis=1), means[3]


def _apart(a: Floats, b: Floats) -> float:
    """Distance of b from the line through the source and a, mm."""
    return float(np.linalg.norm(np.cross(a, b))) / max(float(np.linalg.norm(a)), 1e-9)


def _maker(lead: int, rows: list[int], family: list[int], parent: Ints) -> int:
    """The nearest particle from which all of these come, if no others of the family do, else the one that left most."""
    lines = {row: _line(row, parent) for row in family}
    common = next(k for k in lines[lead] if all(k in lines[row] for row in rows))
    return lead if any(common in lines[row] for row in family if row not in rows) else common


def _line(row: int, parent: Ints) -> list[int]:
    """A particle, the one that made it, and so on."""
    line = [row]
    while parent[line[-1]] >= 0:
        line.append(int(parent[line[-1]]))
    return line


def _with(truth: Truth, host: Ints, momentum: Floats, changed: NDArray[np.bool_]) -> Truth:
    """The truth with links to hosts, of the given momenta (n, 4) where they changed; energies lie on the mass shell."""
    p, mass, n = truth.particles, _masses(truth), len(host)
    size = np.linalg.norm(momentum[:, :3], axis=1)
    scale = np.sqrt(np.maximum(momentum[:, 3] ** 2 - mass**2, 0.0)) / np.maximum(size, 1e-30)
    px, py, pz = (np.where(changed, momentum[:, k] * scale, old) for k, old in enumerate((p.px, p.py, p.pz)))
    pairs, back = np.unique(truth.hit * n + host[truth.particle], return_inverse=True)
    energy = truth.energy
    if energy is not None:
        energy = np.bincount(back.ravel(), energy, len(pairs)).astype(np.float64)
    particles = replace(p, px=px, py=py, pz=pz)
    return replace(truth, particles=particles, hit=pairs // n, particle=pairs % n, energy=energy, fates=None)
