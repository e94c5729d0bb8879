"""Particles through the sensors of any detector, generation after generation, and what the sensors see."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Fates, Floats, Ints
from gnnreco.geometry import Detector
from gnnreco.particles import species_of
from gnnreco.simulate.generators.generated import Generated
from gnnreco.simulate.matter.material import SILICON_X0
from gnnreco.simulate.matter.medium import media

from .flight import Matter, Physics, follow
from .options import SimulationOptions
from .sensor_tree import SensorTree, sensor_tree

GENERATIONS = 4


@dataclass(frozen=True, slots=True)
class Crossings:
    """Where particles crossed active sensors and were seen.

    Attributes
    ----------
    particle : int64 (n,)
        Row of the particle.
    sensor : int32 (n,)
    u, v : float64 (n,)
        In the sensor's middle plane, mm.
    slope_u, slope_v : float64 (n,)
        du/dw and dv/dw.
    energy : float64 (n,)
        Left in the active thickness, GeV.
    time : float64 (n,)
        ns.
    """

    particle: Ints
    sensor: NDArray[np.int32]
    u: Floats
    v: Floats
    slope_u: Floats
    slope_v: Floats
    energy: Floats
    time: Floats

    def select(self, keep: NDArray[np.bool_]) -> Crossings:
        """The crossings where `keep` is true."""
        return Crossings(
            self.particle[keep],
            self.sensor[keep],
            self.u[keep],
            self.v[keep],
            self.slope_u[keep],
            self.slope_v[keep],
            self.energy[keep],
            self.time[keep],
        )


@dataclass(frozen=True, slots=True)
class Entries:
    """Where particles (all but muons and neutrinos) came upon a sensor that measures energy: there they shower.

    Attributes
    ----------
    particle : int64 (n,)
        Row of the particle.
    pdg : int32 (n,)
    sensor : int32 (n,)
        The first that measures energy.
    x, y, z : float64 (n,)
        At the front face of that sensor (a thin one: its plane), mm.
    px, py, pz : float64 (n,)
        GeV.
    time : float64 (n,)
        ns.
    """

    particle: Ints
    pdg: NDArray[np.int32]
    sensor: NDArray[np.int32]
    x: Floats
    y: Floats
    z: Floats
    px: Floats
    py: Floats
    pz: Floats
    time: Floats

    def __len__(self) -> int:
        return len(self.particle)


@dataclass(frozen=True, slots=True)
class Paths:
    """Steps of charged particles, each with one momentum in one field; recorded where a drift chamber wants them.

    Attributes
    ----------
    particle : int64 (n,)
        Row of the particle.
    x, y, z : float64 (n,)
        Where the step begins, mm.
    px, py, pz : float64 (n,)
        There, GeV.
    charge, mass : float64 (n,)
        e, GeV.
    time : float64 (n,)
        Where the step begins, ns.
    length : float64 (n,)
        Along the helix, mm.
    """

    particle: Ints
    x: Floats
    y: Floats
    z: Floats
    px: Floats
    py: Floats
    pz: Floats
    charge: Floats
    mass: Floats
    time: Floats
    length: Floats

    def __len__(self) -> int:
        return len(self.particle)


@dataclass(frozen=True, slots=True)
class Transported:
    """What became of the particles of one event.

    Attributes
    ----------
    particles : Generated
        Those given, then the secondaries.
    crossings : Crossings
        Of trackers, and of muons in calorimeters.
    generation : int64 (n,)
        0 for the particles given, 1 for their secondaries, and so on.
    entries : Entries
    paths : Paths
    fates : Fates
    """

    particles: Generated
    crossings: Crossings
    generation: Ints
    entries: Entries
    paths: Paths
    fates: Fates


class Transport:
    """A detector prepared for transport; call it with the particles of one event.

    Parameters
    ----------
    detector : Detector
    options : SimulationOptions
    """

    def __init__(self, detector: Detector, options: SimulationOptions) -> None:
        showers = np.array(["energy" in s.measures for s in detector.subsystems], np.bool_)
        drifts = np.array([s.drift is not None for s in detector.subsystems], np.bool_)
        self.planes = np.flatnonzero(~drifts[detector.subsystem]).astype(np.int32)
        self.tree = plane_tree(detector, ~drifts[detector.subsystem])
        self.field = detector.field.grid
        step = min(options.field_spacing / 2, self.field.longest) if self.field.tesla.size > 3 else np.inf
        self.matter = matter(detector, showers[detector.subsystem], self.planes)
        self.physics = Physics(
            options.scattering,
            options.energy_loss,
            options.radiation,
            options.nuclear,
            options.decays,
            options.efficiency,
            2 * np.pi * options.max_turns,
            options.min_momentum,
            bool(showers.any()),
            step,
            bool(drifts.any()),
        )

    def __call__(self, particles: Generated, rng: np.random.Generator) -> Transported:
        """Follow particles, and what they make, to the end."""
        species = species_of(np.unique(particles.pdg))
        parts, generations = [particles], [np.zeros(len(particles), np.int64)]
        crossed, ended, flown = [np.zeros((0, 8))], [np.zeros((0, 9))], [np.zeros((0, 11))]
        parents, fated = [np.full(len(particles), -1, np.int64)], []
        first, current = 0, particles
        for generation in range(1, GENERATIONS + 1):
            start = np.stack(
                [current.vx, current.vy, current.vz, current.px, current.py, current.pz, current.time], axis=1
            )
            seen, made, ends, arcs, fates = follow(
                rng,
                start,
                species.rows(current.pdg),
                species,
                self.tree,
                self.field,
                self.matter,
                self.physics,
            )
            for table, rows in ((crossed, seen), (ended, ends), (flown, arcs)):
                rows[:, 0] += first
                table.append(rows)
            fated.append(fates)
            if len(made) == 0 or generation == GENERATIONS:
                break
            parent, kind = made[:, 0].astype(np.int64), made[:, 1].astype(np.int64)
            parents.append(first + parent)
            first += len(current)
            x, y, z, px, py, pz, time = made[:, 2:].T
            current = Generated(species.pdg[kind], px, py, pz, x, y, z, time, current.vertex[parent])
            parts.append(current)
            generations.append(np.full(len(current), generation, np.int64))
        everything = Generated.join(parts)
        seen, ends, arcs = np.concatenate(crossed), np.concatenate(ended), np.concatenate(flown)
        fate = np.concatenate(fated)
        stopped = ends[:, 0].astype(np.int64)
        return Transported(
            everything,
            Crossings(seen[:, 0].astype(np.int64), self.planes[seen[:, 1].astype(np.int64)], *seen[:, 2:].T),
            np.concatenate(generations),
            Entries(
                stopped, everything.pdg[stopped], self.planes[ends[:, 1].astype(np.int64)], *ends[:, 2:].T
            ),
            Paths(arcs[:, 0].astype(np.int64), *arcs[:, 1:].T),
            Fates(np.concatenate(parents), fate[:, 0].astype(np.int8), *fate[:, 1:].T),
        )


def plane_tree(detector: Detector, plane: NDArray[np.bool_]) -> SensorTree:
    """The tree of the sensors that are planes to cross; its outer box holds the drift chambers too."""
    if plane.all():
        return sensor_tree(detector)
    tree = sensor_tree(detector.select(plane))
    low, high = detector.bounds
    rims = np.maximum(np.abs(low), np.abs(high))[:, :2]
    tree.low[0], tree.high[0] = low.min(axis=0), high.max(axis=0)
    return tree._replace(r_max=float(np.hypot(rims[:, 0], rims[:, 1]).max()))


def matter(detector: Detector, showers: NDArray[np.bool_], planes: NDArray[np.int32]) -> Matter:
    """What each plane is made of, and which of them end a flight."""
    active, silicon = detector.thickness.copy(), np.full(detector.n_sensors, SILICON_X0)
    depth = np.full(detector.n_sensors, np.nan)
    if showers.any():
        medium = media(detector)
        active[showers], silicon[showers] = medium.active[showers], medium.silicon[showers]
        depth[showers] = detector.thickness[showers] / 2
    return Matter(
        detector.shared_radiation_lengths[planes],
        detector.interaction_lengths[planes],
        active[planes],
        detector.layer[planes],
        silicon[planes],
        depth[planes],
        np.array(
            [
                [c.radius, c.half_length, c.radiation_lengths, c.interaction_lengths, c.middle]
                for c in detector.passive
            ],
            np.float64,
        ).reshape(-1, 5),
    )
