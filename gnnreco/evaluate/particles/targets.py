"""The particles that particle flow should find, and which of them and of the found ones are counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Event, Floats, Ints, ReconstructedParticles
from gnnreco.columns.arrays import eta_of
from gnnreco.geometry import Detector


class Targets(Protocol):
    """What a list of targets tells of each: `gnnreco.tasks.particleflow.targets.Targets`, or those of another truth."""

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
