"""Events of one photon, of two, and of a pi0 in stacks of plates: by Geant4, and by an engine from the same particles.

Geant4's are single showers of a file, turned, mirrored and moved, what several leave in a cell summed. The engine gets the same
particles at the same places, as `gnnreco simulate` would. Cells, thresholds and noise are the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from geant4_events import Placed, Showers, embedded_event, geant4_event, primaries
from geant4_plates import FRONT

from gnnreco.columns import Event, Floats, Ints
from gnnreco.geometry import Detector
from gnnreco.simulate import Engines, SimulationOptions
from gnnreco.simulate.transport import Transport
from gnnreco.tasks.showers.targets import PI0_MASS

PI0_ENERGY = (20.0, 80.0)  # GeV
PAIR_ENERGY = (10.0, 40.0)
RADIUS = 30.0  # mm around the axis, in which an event lies
#: Places of photons that do not touch each other, mm: one, and six around it.
APART = 250.0 * np.array([[0, 0], *([np.cos(a), np.sin(a)] for a in np.pi / 3 * np.arange(6))])


@dataclass(frozen=True)
class Shots:
    """Photons of events.

    Attributes
    ----------
    rows : list of int64 (k,)
        Showers of the file in each event.
    places : list of float64 (k, 2)
        mm, before the event is turned.
    decays : bool
        Each event is a pi0.
    """

    rows: list[Ints]
    places: list[Floats]
    decays: bool = False

    def first(self, most: int) -> Shots:
        """So many of the events, evenly from all of them."""
        some = np.unique(np.linspace(0, len(self.rows) - 1, min(most, len(self.rows))).astype(np.int64))
        return Shots([self.rows[i] for i in some], [self.places[i] for i in some], self.decays)


def far_apart(rows: Ints) -> Shots:
    """Photons that do not touch each other, seven in an event."""
    parts = np.array_split(rows, -(-len(rows) // len(APART)))
    return Shots(parts, [APART[: len(part)] for part in parts])


def alone(rows: Ints) -> Shots:
    """One photon in an event."""
    return Shots(list(rows[:, None]), [np.zeros((1, 2))] * len(rows))


def close(rows: Ints, distance: Floats, decays: bool = False) -> Shots:
    """Two photons (n, 2) at distances (n,) in mm."""
    return Shots(list(rows), list(distance[:, None, None] * np.array([[0.5, 0], [-0.5, 0]])), decays)


def nearest(energy: Floats, wanted: Floats) -> Ints:
    """For each wanted energy the row whose own is nearest in ratio, each row once."""
    found, left = np.zeros(len(wanted), np.int64), np.log(energy)
    for k, e in enumerate(np.log(wanted)):
        found[k] = np.nanargmin(np.abs(left - e))
        left[found[k]] = np.nan
    return found


def pions(energy: Floats, count: int) -> Shots:
    """Neutral pions whose photons are showers of a file, each once.

    Energies are alike in the logarithm, and any sharing is as likely as another (but for a photon softer than all of the
    file). They decay at the origin, 3.2 m before the plates; photons fly along the normal, which is off by 2 degrees at most.
    """
    rng = np.random.default_rng(5)
    whole, share = np.exp(rng.uniform(*np.log(PI0_ENERGY), count)), rng.uniform(0.5, 1.0, count)
    wanted = np.stack([whole * share, np.maximum(whole * (1 - share), energy.min())], axis=1)
    rows = nearest(energy, wanted.ravel()).reshape(-1, 2)
    return close(rows, FRONT * np.tan(opening(*energy[rows].T)), decays=True)


def opening(one: Floats, other: Floats) -> Floats:
    """Angle (rad) between the photons of a pi0 that have these energies (GeV)."""
    return 2 * np.arcsin(np.minimum(PI0_MASS / (2 * np.sqrt(one * other)), 1.0))


def pairs(energy: Floats, distance: float) -> Shots:
    """Photons of nearly the same energy at a distance, each shower of that range once."""
    rows = np.flatnonzero((energy > PAIR_ENERGY[0]) & (energy < PAIR_ENERGY[1]))
    rows = rows[np.argsort(energy[rows], kind="stable")][: len(rows) // 2 * 2].reshape(-1, 2)
    return close(rows, np.full(len(rows), distance))


def laid(shots: Shots, number: int) -> Placed:
    """Where the photons of an event are: anywhere near the axis, turned by any angle."""
    rng, rows = np.random.default_rng([9, number]), shots.rows[number]
    r, phi, way = RADIUS * np.sqrt(rng.random()), *rng.uniform(0, 2 * np.pi, 2)
    turn = np.array([[np.cos(way), np.sin(way)], [-np.sin(way), np.cos(way)]])
    x, y = (shots.places[number] @ turn).T
    angle, mirror = rng.uniform(0, 2 * np.pi, len(rows)), rng.choice([-1.0, 1.0], len(rows))
    return Placed(rows, x + r * np.cos(phi), y + r * np.sin(phi), angle, mirror)


def decayed(event: Event, at: Placed) -> Event:
    """The same hits; the truth's photons have the directions of the decay, which tell that they are of one pi0."""
    assert event.truth is not None
    particles = event.truth.particles
    energy, away = particles.pz, np.array([at.x[0] - at.x[1], at.y[0] - at.y[1]])
    angle = float(opening(*energy))
    # Momenta across the pi0 are opposite: E1 sin(t1) = E2 sin(t2), t1 + t2 = angle.
    one = np.arctan2(energy[1] * np.sin(angle), energy[0] + energy[1] * np.cos(angle))
    tilt = np.array([one, one - angle])
    px, py = energy * np.sin(tilt) * (away / max(np.hypot(*away), 1e-9))[:, None]
    tilted = replace(particles, px=px, py=py, pz=energy * np.cos(tilt))
    return replace(event, truth=replace(event.truth, particles=tilted))


@dataclass(frozen=True)
class Maker:
    """Makes events of photons of a file: ``geant4`` from its showers, another one by an engine (None: the parametrisation)."""

    name: str
    showers: Showers
    detector: Detector
    engine: Engines | None = None

    def __call__(self, shots: Shots) -> Iterator[Event]:
        """Events of some photons."""
        options = SimulationOptions()
        transport = Transport(self.detector, options)
        for number in range(len(shots.rows)):
            at, rng = laid(shots, number), np.random.default_rng([3, number])
            if self.name == "geant4":
                made = geant4_event(self.showers, at, self.detector, options, rng)
            else:
                shot = primaries(self.showers, at)
                made = embedded_event(shot, transport, self.detector, options, rng, self.engine)
            event = Event(number, self.name, *made)
            yield decayed(event, at) if shots.decays else event
