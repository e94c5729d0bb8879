"""The particles that particle flow should find, and which of them and of the found ones are counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import PARTICLE_CLASSES, Event, Floats, Ints, ReconstructedParticles
from gnnreco.columns.arrays import eta_of
from gnnreco.errors import BadInput
from gnnreco.geometry import Detector
from gnnreco.particles import species_of

CHARGED, NEUTRAL = (PARTICLE_CLASSES.index(name) for name in ("charged_hadron", "neutral_hadron"))
#: Row of `PARTICLE_CLASSES` by `gnnreco.particles.Species.kind`: invisible, hadron, electron, photon, muon.
CLASS_OF_KIND = np.array(
    [-1, CHARGED, *(PARTICLE_CLASSES.index(name) for name in ("electron", "photon", "muon"))]
)


class Targets(Protocol):
    """What a list of targets tells of each (n,): class as a row of `PARTICLE_CLASSES`, e, GeV, row in the truth."""

    @property
    def pdg_class(self) -> NDArray[np.int32]: ...
    @property
    def charge(self) -> Floats: ...
    @property
    def px(self) -> Floats: ...
    @property
    def py(self) -> Floats: ...
    @property
    def pz(self) -> Floats: ...
    @property
    def energy(self) -> Floats: ...
    @property
    def particle(self) -> Ints: ...


TargetsOf = Callable[[Event, Detector], Targets]


@dataclass(frozen=True, slots=True)
class ParticleTarget:
    """The targets that should be found, and the found particles that are counted: the same range for both.

    Attributes
    ----------
    min_energy : float
        GeV.
    max_eta : float
        Absolute pseudorapidity.
    """

    min_energy: float = 1.0
    max_eta: float = np.inf

    def passed(self, four: Floats) -> NDArray[np.bool_]:
        """Which four-vectors (n, 4) are in the range."""
        with np.errstate(invalid="ignore"):
            inside = np.abs(eta_of(*four[:, :3].T)) < self.max_eta
        return (four[:, 3] > self.min_energy) & (inside | np.isinf(self.max_eta))

    def describe(self) -> str:
        """One clause for the `definitions`."""
        eta = f", |eta| < {self.max_eta:g}" if np.isfinite(self.max_eta) else ""
        return f"energy > {self.min_energy:g} GeV{eta}"


def four_vectors(particles: Targets | ReconstructedParticles) -> Floats:
    """px, py, pz, energy (n, 4), GeV."""
    return np.stack([particles.px, particles.py, particles.pz, particles.energy], axis=1)


@dataclass(frozen=True, slots=True)
class StableTargets:
    """Targets as arrays (n,): see `Targets`."""

    pdg_class: NDArray[np.int32]
    charge: Floats
    px: Floats
    py: Floats
    pz: Floats
    energy: Floats
    particle: Ints


def stable_targets(event: Event, detector: Detector) -> StableTargets:
    """Every particle that was made within 1 mm of the z axis and is no neutrino, for |eta| < 3: whatever became of it."""
    if event.truth is None:
        raise BadInput(event.source, f"event {event.number}", "no truth: give files with particles")
    p = event.truth.particles
    species = species_of(np.unique(p.pdg).tolist())
    kind = CLASS_OF_KIND[species.kind[species.rows(p.pdg)]]
    kind = np.where((kind == CHARGED) & (p.charge == 0), NEUTRAL, kind)
    with np.errstate(invalid="ignore"):
        keep = (kind >= 0) & (np.hypot(p.vx, p.vy) < 1.0) & (np.abs(p.eta) < 3.0)
    rows = np.flatnonzero(keep)
    energy = np.sqrt(p.px**2 + p.py**2 + p.pz**2 + species.mass[species.rows(p.pdg)] ** 2)
    four = (values[rows] for values in (p.charge, p.px, p.py, p.pz, energy))
    return StableTargets(kind[rows].astype(np.int32), *four, rows)
