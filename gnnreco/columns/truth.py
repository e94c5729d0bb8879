"""Particles, and what a simulation knows of the hits they made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns.arrays import Floats, Ints, agreed, cut, eta_of, phi_of, span
from gnnreco.columns.fates import Fates
from gnnreco.columns.table import Columns, concatenate
from gnnreco.summary import counted


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Particles(Columns):
    """Particles, true or found: one row each.

    Attributes
    ----------
    particle_id : int64 (n,)
        Unique within the event.
    pdg : int32 (n,)
        Particle Data Group code; 0 where unknown.
    charge : float64 (n,)
        In units of e.
    vx, vy, vz : float64 (n,)
        Production point, mm.
    px, py, pz : float64 (n,)
        Momentum at the production point, GeV.

    Examples
    --------
    >>> import numpy as np
    >>> zero, charge = np.zeros(2), np.array([1.0, -1.0])
    >>> px, py = np.array([3.0, 0.0]), np.array([4.0, 1.0])
    >>> pions = Particles(np.array([7, 8]), np.array([211, -211]), charge, zero, zero, zero, px, py, zero)
    >>> pions.pt
    array([5., 1.])
    >>> pions[pions.charge > 0].particle_id
    array([7])
    """

    particle_id: Ints
    pdg: NDArray[np.int32]
    charge: Floats
    vx: Floats
    vy: Floats
    vz: Floats
    px: Floats
    py: Floats
    pz: Floats

    DERIVED = ("pt", "eta", "phi")
    NOUN = ("particle", "particles")

    @property
    def pt(self) -> Floats:
        """Transverse momentum (n,), GeV."""
        return np.hypot(self.px, self.py)

    @property
    def eta(self) -> Floats:
        """Pseudorapidity of the momentum (n,)."""
        return eta_of(self.px, self.py, self.pz)

    @property
    def phi(self) -> Floats:
        """Azimuth of the momentum (n,), rad."""
        return phi_of(self.px, self.py)

    def _facts(self) -> list[str]:
        pt = span(self.pt, "GeV")
        return [f"pt {pt}"] if pt else []


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Truth(Columns):
    """What a simulation knows: particles, and which of them made which hit.

    A hit may have no particle (noise) or several (shared); the link table is sorted by hit, then particle.

    Attributes
    ----------
    particles : Particles
    hit, particle : int64 (m,)
        Row of the hit in `Hits` and of the particle in `particles`.
    weight : float64 (n_hits,), optional
        TrackML weight of each hit, where the file gives it.
    energy : float64 (m,), optional
        What the particle left in the hit, GeV, for each row of the link table.
    fates : Fates, optional
        What became of each particle; the embedded simulation and its files tell.

    Examples
    --------
    >>> import gnnreco
    >>> event = next(gnnreco.simulate("telescope", "beam", particle="muon", energy=(1, 2), seed=3))
    >>> event.truth.particles.pdg
    array([-13], dtype=int32)
    >>> event.truth.hit[event.truth.particle == 0]
    array([0, 1, 2, 3, 4, 5])
    """

    particles: Particles
    hit: Ints
    particle: Ints
    weight: Floats | None = None
    energy: Floats | None = None
    fates: Fates | None = None

    NOUN = ("particle", "particles")

    def __len__(self) -> int:
        return len(self.particles)

    def _facts(self) -> list[str]:
        return [f"{counted(len(self.hit), 'link')} to hits"]

    def _columns(self) -> dict[str, Any]:
        return self.particles._columns()

    def _content(self) -> dict[str, Any]:
        return self.particles._content()

    def _ragged(self) -> dict[str, tuple[Ints, NDArray]]:
        """The hits of each particle, and what it left in them."""
        order, offsets = self._by_particle()
        held = {"hit": self.hit, "energy": self.energy}
        return {name: (offsets, value[order]) for name, value in held.items() if value is not None}

    def _by_particle(self) -> tuple[Ints, Ints]:
        """The links in the order of their particles, and the offsets of each particle's."""
        count = np.bincount(self.particle, minlength=len(self))
        offsets = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
        return np.argsort(self.particle, kind="stable"), offsets

    def _taken(self, rows: Ints) -> Self:
        order, offsets = self._by_particle()
        ends, inside = cut(offsets, rows)
        links, particle = order[inside], np.repeat(np.arange(len(rows)), np.diff(ends))
        energy = None if self.energy is None else self.energy[links]
        return replace(
            self,
            particles=self.particles[rows],
            hit=self.hit[links],
            particle=particle,
            energy=energy,
            fates=None if self.fates is None else self.fates[rows],
        )._sorted()

    def _sorted(self) -> Self:
        order = np.lexsort((self.particle, self.hit))
        energy = None if self.energy is None else self.energy[order]
        return replace(self, hit=self.hit[order], particle=self.particle[order], energy=energy)

    @classmethod
    def _joined(cls, parts: Sequence[Self]) -> Self:
        first = np.cumsum([0, *map(len, parts)])
        particle = np.concatenate(
            [part.particle + start for part, start in zip(parts, first[:-1], strict=True)]
        )
        energy = _of_all("energy", [part.energy for part in parts if len(part.hit)] or [parts[0].energy])
        fates = _of_all("fates", [part.fates for part in parts if len(part)] or [parts[0].fates])
        return cls(
            concatenate([part.particles for part in parts]),
            np.concatenate([part.hit for part in parts]),
            particle,
            agreed("weight", [part.weight for part in parts]),
            np.concatenate(energy) if energy else None,
            concatenate(fates) if fates else None,
        )._sorted()


def _of_all(name: str, values: Sequence[Any]) -> list[Any]:
    """A member that may be absent, of all parts or of none."""
    there = [value for value in values if value is not None]
    if there and len(there) < len(values):
        raise ValueError(f"{name}: some of these truths have it, others do not; leave it out of all")
    return there
