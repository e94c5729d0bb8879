"""What particle flow ought to find in a simulated event: one target for each particle that something could see by itself.

The rules, in their order:

1. *Replaced.* A particle that left too few hits for a track (`min_hits` layers that measure position) and decayed,
   converted or interacted before the calorimeters is replaced by those of its products that did leave a track; these
   are followed by the same rules. It keeps the rest of its four-momentum: a photon whose positron alone left a track is
   what the electron took.
2. *Folded.* All other products belong to the particle they come from: what an electron radiates, the muon of a kink,
   the fragments of a charged particle that showered in the tracker, both halves of a conversion that left no track.
3. *Looks.* A charged particle without the hits of a track is what it looks like: an electron is a photon, any other one
   but a muon a neutral hadron, without charge.
4. *Seen.* A target has the hits of a track, or leaves `least_seen` of its energy in at least `least_cells` cells of the
   calorimeters. What no element can see is no target.
5. *Overlap.* Of two neutral targets one of which holds most of the energy in the cells where the other left more than
   half of its own, the other belongs to the first, from the softest up: photons of a pi0 too close to be told apart,
   neutrals that lie on top of each other. A neutral that lies so in the shower of a charged particle stays a target:
   its energy is to be found there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Event, Floats, Ints, Truth
from gnnreco.errors import BadInput
from gnnreco.geometry import Detector
from gnnreco.graphs.showers.cells import visible_fraction
from gnnreco.particles import species_of

CHARGED, NEUTRAL, PHOTON, ELECTRON, MUON = range(5)  # rows of `PARTICLE_CLASSES`


@dataclass(frozen=True)
class TargetConfig:
    """See the head of this file.

    Attributes
    ----------
    min_hits : int
        Layers with hits from which a charged particle has a track.
    least_seen : float
        Fraction of its energy that a particle without a track must leave.
    least_cells : int
        Cells in which a particle without a track must leave energy.
    """

    min_hits: int = 5
    least_seen: float = 0.1
    least_cells: int = 3


@dataclass(frozen=True, slots=True)
class Targets:
    """The targets of an event.

    Attributes
    ----------
    particle : int64 (n,)
        Row in the truth of the particle that each stands for.
    pdg_class : int32 (n,)
        Row of `PARTICLE_CLASSES`.
    charge, px, py, pz, energy : float64 (n,)
        e, GeV.
    tracked : bool (n,)
        Whether it left the hits of a track.
    of : int64 (n_particles,)
        The target that each particle of the truth belongs to; -1: none.
    """

    particle: Ints
    pdg_class: NDArray[np.int32]
    charge: Floats
    px: Floats
    py: Floats
    pz: Floats
    energy: Floats
    tracked: NDArray[np.bool_]
    of: Ints

    def __len__(self) -> int:
        return len(self.particle)


def targets_of(event: Event, detector: Detector, config: TargetConfig | None = None) -> Targets:
    """The targets of a simulated event.

    Parameters
    ----------
    event : Event
        With truth that tells what became of its particles (`Truth.fates`).
    detector : Detector
        Of the event's frame.
    config : TargetConfig, optional

    Raises
    ------
    BadInput
        The event has no truth, or one without fates.
    """
    chosen = config or TargetConfig()
    truth = event.truth
    if truth is None or truth.fates is None:
        what = "truth" if truth is None else "record of what became of its particles"
        why = f"has no {what}; simulate it with gnnreco, and keep it as Parquet"
        raise BadInput(event.source, f"event {event.number}", why)
    tracked = _layers_hit(event, detector) >= chosen.min_hits
    host, momentum = _hosts(truth, tracked)
    cell, particle, energy = _deposits(event, detector)
    seen = np.bincount(host[particle], energy, len(host))
    cells = np.bincount(np.unique(np.stack([host[particle], cell]), axis=1)[0], minlength=len(host))
    full = momentum[:, 3]
    good = (host == np.arange(len(host))) & (full > 0)
    good &= tracked | ((seen >= chosen.least_seen * full) & (cells >= chosen.least_cells))
    host = np.where(good[host], host, -1)
    kind = _classes(truth, tracked)
    _fold_overlaps(host, kind, momentum, cell, particle, energy)
    rows = np.flatnonzero(host == np.arange(len(host)))
    number = np.full(len(host) + 1, -1, np.int64)
    number[rows] = np.arange(len(rows))
    px, py, pz, e = momentum[rows].T
    charge = np.where(tracked[rows] | (kind[rows] == MUON), truth.particles.charge[rows], 0.0)
    return Targets(rows, kind[rows].astype(np.int32), charge, px, py, pz, e, tracked[rows], number[host])


def _layers_hit(event: Event, detector: Detector) -> Ints:
    """On how many layers that measure position each particle left hits."""
    truth, sensor = event.truth, event.hits.sensor
    assert truth is not None
    position = np.array(["position" in s.measures for s in detector.subsystems], bool)[detector.subsystem]
    mine = np.append(position, False)[sensor[truth.hit]]
    pairs = np.stack([truth.particle[mine], detector.layer[sensor[truth.hit[mine]]]])
    return np.bincount(np.unique(pairs, axis=1)[0], minlength=len(truth.particles))


def _hosts(truth: Truth, tracked: NDArray[np.bool_]) -> tuple[Ints, Floats]:
    """The particle that each belongs to by rules 1 and 2, and the four-momentum that each has left (n, 4)."""
    fates, p = truth.fates, truth.particles
    assert fates is not None
    codes, back = np.unique(p.pdg, return_inverse=True)
    species = species_of(codes)
    mass = species.mass[species.rows(codes)][back.ravel()]
    momentum = np.stack([p.px, p.py, p.pz, np.sqrt(p.px**2 + p.py**2 + p.pz**2 + mass**2)], axis=1)
    host = np.arange(len(p))
    for row in np.flatnonzero(fates.parent >= 0):  # parents stand before their children
        above = host[fates.parent[row]]
        if tracked[row] and not tracked[above]:
            momentum[above] -= momentum[row]
        else:
            host[row] = above
    return host, momentum


def _classes(truth: Truth, tracked: NDArray[np.bool_]) -> Ints:
    """Class of each particle by rule 3."""
    pdg, charged = np.abs(truth.particles.pdg), truth.particles.charge != 0
    kind = np.where(charged & tracked, CHARGED, NEUTRAL)
    kind[(pdg == 22) | ((pdg == 11) & ~tracked)] = PHOTON
    kind[(pdg == 11) & tracked] = ELECTRON
    kind[pdg == 13] = MUON
    return kind


def _deposits(event: Event, detector: Detector) -> tuple[Ints, Ints, Floats]:
    """Hit, particle and energy over the sampling fraction (GeV) of all links of calorimeter hits."""
    truth, sensor = event.truth, event.hits.sensor
    assert truth is not None
    measures = np.array(["energy" in s.measures for s in detector.subsystems], bool)[detector.subsystem]
    mine = np.append(measures, False)[sensor[truth.hit]]
    hit, particle = truth.hit[mine], truth.particle[mine]
    energy = truth.energy
    if energy is None:
        whole = np.zeros(len(event.hits)) if event.hits.energy is None else event.hits.energy
        energy = (whole / np.maximum(np.bincount(truth.hit, minlength=len(whole)), 1))[truth.hit]
    return hit, particle, energy[mine] / visible_fraction(detector, sensor[hit])


def _fold_overlaps(
    host: Ints, kind: Ints, momentum: Floats, cell: Ints, particle: Ints, energy: Floats
) -> None:
    """Rule 5, in place."""
    n = len(host)
    owner = host[particle]
    some = owner >= 0
    pairs, back = np.unique(cell[some] * n + owner[some], return_inverse=True)
    part = np.bincount(back.ravel(), energy[some], len(pairs))
    cell, owner = pairs // n, pairs % n
    first = np.searchsorted(cell, np.unique(cell))
    if not len(first):
        return
    best = np.maximum.reduceat(part, first)
    size = np.diff(np.append(first, len(cell)))
    strongest = np.repeat(best, size) == part
    leader = np.repeat(owner[strongest][np.searchsorted(cell[strongest], cell[first])], size)
    total, lost = np.bincount(owner, part, n), np.bincount(owner, part * (leader != owner), n)
    neutral = (kind == PHOTON) | (kind == NEUTRAL)
    hidden = np.flatnonzero(neutral & (host == np.arange(n)) & (lost > 0.5 * total) & (total > 0))
    for row in hidden[np.argsort(momentum[hidden, 3], kind="stable")]:
        mine = (owner == row) & (leader != row)
        over = int(np.bincount(leader[mine], part[mine], n).argmax())
        over = int(host[over])
        if over >= 0 and over != row and neutral[over]:
            momentum[over] += momentum[row]
            host[host == row] = over
