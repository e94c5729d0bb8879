"""Where particles come from: a gun, a beam, or collisions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats
from gnnreco.errors import BadConfig
from gnnreco.geometry import Detector
from gnnreco.geometry.source import Source
from gnnreco.particles import gun_codes, species_of
from gnnreco.simulate.options import SimulationOptions

from .generated import Generated, accepted
from .pool import HOW, Pool, own
from .processes import LEPTONS, LHC, SPREAD, acceptance, choices_of, energy_of, process_of
from .pythia import pythia_events
from .recorded import Recorded, is_recorded
from .spot import Spot

UPSTREAM = 50.0  # mm between the start of a beam and the first sensor


class Generator(Protocol):
    """Makes the particles of one event from a random stream; of the event of this number, where a file tells it."""

    def __call__(self, rng: np.random.Generator, event: int = 0) -> Generated: ...


class Collisions(Protocol):
    """Makes `n` collisions, each around the origin, from a random stream."""

    def __call__(self, rng: np.random.Generator, n: int) -> list[Generated]: ...


def generator(process: str, detector: Detector, options: SimulationOptions, pileup: int) -> Generator:
    """The source of a process: ``gun``, ``beam``, a HepMC file, or a collision, one of `processes.PROCESSES`.

    Raises
    ------
    BadConfig
        The process or the particle is unknown, cannot have pile-up or a collision energy, or there are no collisions of
        that energy.
    """
    shot = process in ("gun", "beam")
    if process == "beam" and pileup:
        raise BadConfig("process beam has no pile-up: set the number of particles with count")
    if shot and not pileup and (options.ecm is not None or options.pool is not None):
        raise BadConfig(f"process {process} has no ecm and no pool, which are of collisions: leave them out")
    if process == "beam":
        return Beam(detector, options)
    recorded = is_recorded(process)
    if recorded and (options.ecm is not None or options.extra is not None):
        raise BadConfig(f"process {process} is a file, which has neither ecm nor extra: leave them out")
    beams = LHC if shot or recorded else process_of(process).beams
    if beams == LEPTONS and pileup:
        raise BadConfig(
            f"process {process} is of e+e-, which has no pile-up of proton-proton collisions: leave it out"
        )
    if options.extra is not None and shot:
        raise BadConfig(
            f"process {process} has no extra, which is added to collisions: name several in particle"
        )
    if recorded:
        there = Recorded(Path(process), options)
        soft = minimum_bias(options) if pileup else None
        return Crossing(there, soft, pileup, collision_spread(detector.source, options))
    hard = Gun(detector, options) if shot else collisions(process, options)
    if options.extra is not None:
        hard = Overlay(hard, Gun(detector, replace(options, particle=options.extra)))
    spread = collision_spread(detector.source, options, beams)
    return Crossing(hard, minimum_bias(options) if pileup else None, pileup, spread)


def collision_spread(source: Source, options: SimulationOptions, beams: str = LHC) -> Floats:
    """Standard deviations of the collision point in x, y, z (mm) and time (ns): of the options, the source, the beams."""
    told = SPREAD[beams] if source.spread is None else (*source.spread, SPREAD[beams][3])
    given = (options.sigma_xy, options.sigma_xy, options.sigma_z, options.sigma_t)
    return np.array([t if g is None else g for g, t in zip(given, told, strict=True)])


def collisions(process: str, options: SimulationOptions) -> Collisions:
    """Collisions of a process, one of `gnnreco.simulate.generators.processes.PROCESSES`, from a pool or from Pythia 8."""
    kind, choices = process_of(process), choices_of(process, options)
    if choices and options.generator != "pythia":
        raise BadConfig(
            f"process {process}: {', '.join(choices)} cannot be chosen for collisions that were made before: set "
            f"generator=pythia (pip install 'gnnreco[pythia]'), or give the pool alone ({HOW})"
        )
    if options.pool is not None:
        if (path := own(process, options)) is None:
            raise BadConfig(f"pool {options.pool} holds no process {process}: {HOW}")
        return Pool(process, options, path)
    # What no pool of any energy ships for can only be meant for Pythia.
    if options.generator == "pythia" or not kind.pools:
        return Live(process, options)
    return Pool(process, options)


def minimum_bias(options: SimulationOptions) -> Collisions:
    """The collisions of pile-up; those that ship where the user's pool holds none."""
    if options.pool is not None and (path := own("minbias", options)) is not None:
        return Pool("minbias", options, path)
    return collisions("minbias", replace(options, pool=None, masses=None, ctau=None, least_pt_hat=None))


def kinematics(codes: NDArray[np.int32], energy: Floats) -> Floats:
    """Momenta (GeV) of particles with these PDG codes and total energies."""
    species = species_of(np.unique(codes))
    mass = species.mass[species.rows(codes)]
    if (energy < mass).any():
        low, heaviest = energy[energy < mass][0], mass[energy < mass][0]
        raise BadConfig(
            f"energy {low:.4g} GeV is less than the particle's mass, {heaviest:.4g} GeV: raise the range"
        )
    return np.sqrt(energy**2 - mass**2)


class Shot:
    """Kinds and momenta of the particles of a gun or a beam."""

    def __init__(self, options: SimulationOptions) -> None:
        self.options = options
        self.kinds = [np.array(gun_codes(name.strip()), np.int32) for name in options.particle.split(",")]
        for codes in self.kinds:
            kinematics(codes, np.full(len(codes), options.energy[0]))

    def __call__(self, rng: np.random.Generator) -> tuple[NDArray[np.int32], Floats]:
        """PDG codes and momenta, GeV, of one event."""
        o, n = self.options, self.options.count
        if len(self.kinds) == 1:
            codes = rng.choice(self.kinds[0], n)
        else:
            kind = rng.integers(len(self.kinds), size=n)
            codes = np.array([rng.choice(self.kinds[k]) for k in kind], np.int32)
        if o.spectrum == "flat":
            energy = rng.uniform(*o.energy, n)
        else:
            low, high = (float(np.log(limit)) for limit in o.energy)
            energy = np.exp(rng.uniform(low, high, n))
        return codes, kinematics(codes, energy)


class Gun:
    """`count` particles from one point, flat in pseudorapidity and azimuth, all over the detector or in a cone."""

    def __init__(self, detector: Detector, options: SimulationOptions) -> None:
        self.eta = coverage(detector) if options.eta is None else np.array([options.eta])
        self.options, self.shot = options, Shot(options)

    def __call__(self, rng: np.random.Generator, n: int) -> list[Generated]:
        return [self._shoot(rng) for _ in range(n)]

    def _shoot(self, rng: np.random.Generator) -> Generated:
        n = self.options.count
        codes, p = self.shot(rng)
        low, high = self.eta[rng.integers(len(self.eta), size=n)].T
        eta, phi, zero = rng.uniform(low, high), rng.uniform(-np.pi, np.pi, n), np.zeros(n)
        if self.options.cone is not None and n:
            away, angle = self.options.cone * np.sqrt(rng.uniform(0, 1, n)), rng.uniform(-np.pi, np.pi, n)
            away[0] = 0.0
            eta, phi = eta[0] + away * np.cos(angle), phi[0] + away * np.sin(angle)
        pt = p / np.cosh(eta)
        return Generated(
            codes,
            pt * np.cos(phi),
            pt * np.sin(phi),
            p * np.tanh(eta),
            zero,
            zero,
            zero,
            zero,
            np.zeros(n, np.int32),
        )


def coverage(detector: Detector) -> Floats:
    """Bins (n, 2) of pseudorapidity, 0.1 wide, that half as many layers reach into as the best bin has, from the origin."""
    edges = np.arange(-60, 61) / 10
    corners = detector.outline_corners()[detector.template]
    flat = np.concatenate(
        [corners, np.zeros((detector.n_sensors, 1, 2))], axis=1
    )  # the middle: a plane across the beam
    points = detector.center[:, None] + np.einsum("nij,nkj->nki", detector.rotation[:, :, :2], flat)
    eta = np.arcsinh(points[..., 2] / np.maximum(np.hypot(points[..., 0], points[..., 1]), 1e-9))
    low, high = np.full(detector.n_layers, np.inf), np.full(detector.n_layers, -np.inf)
    np.minimum.at(low, detector.layer, eta.min(axis=1))
    np.maximum.at(high, detector.layer, eta.max(axis=1))
    count = ((low[:, None] < edges[1:]) & (high[:, None] > edges[:-1])).sum(axis=0)
    best = count >= max(count.max() / 2, 1)
    return np.stack([edges[:-1], edges[1:]], axis=1)[best] if best.any() else np.array([[-3.0, 3.0]])


class Beam:
    """`count` particles along z from upstream of all sensors, over a spot."""

    def __init__(self, detector: Detector, options: SimulationOptions) -> None:
        self.options, self.shot = options, Shot(options)
        self.start = (detector.bounds[0][:, 2].min() if detector.n_sensors else 0.0) - UPSTREAM
        self.spot = Spot.covered_by(detector)
        self.spread = detector.source.spread

    def __call__(self, rng: np.random.Generator, event: int = 0) -> Generated:
        o, n = self.options, self.options.count
        codes, p = self.shot(rng)
        if o.beam_width:
            spot = self.spot.middle + rng.uniform(-1, 1, (n, 2)) * o.beam_width
        elif self.spread is not None:
            spot = rng.normal(0.0, 1.0, (n, 2)) * self.spread[:2]
        else:
            spot = self.spot(rng, n)
        slope = rng.normal(0.0, 1.0, (n, 2)) * o.beam_divergence
        pz = p / np.sqrt(1 + (slope**2).sum(axis=1))
        return Generated(
            codes,
            pz * slope[:, 0],
            pz * slope[:, 1],
            pz,
            spot[:, 0],
            spot[:, 1],
            np.full(n, self.start),
            np.zeros(n),
            np.zeros(n, np.int32),
        )


class Live:
    """Pythia 8 itself, started for each event from a seed drawn from the event's stream."""

    def __init__(self, process: str, options: SimulationOptions) -> None:
        self.process, self.ecm = process, energy_of(process, options)
        self.choices = choices_of(process, options)
        self.limits, self.neutrals = acceptance(process_of(process).beams, options), options.neutrals
        # A missing Pythia is an error now, not at the first event.
        next(pythia_events(process, 1, 1, self.ecm, self.choices))

    def __call__(self, rng: np.random.Generator, n: int) -> list[Generated]:
        made = pythia_events(self.process, n, int(rng.integers(1, 900_000_000)), self.ecm, self.choices)
        return [one.select(accepted(one, *self.limits, neutrals=self.neutrals)) for one in made]


class Overlay:
    """Collisions, each with the particles of a gun from the same point."""

    def __init__(self, collisions: Collisions, gun: Gun) -> None:
        self.collisions, self.gun = collisions, gun

    def __call__(self, rng: np.random.Generator, n: int) -> list[Generated]:
        made = self.collisions(rng, n)
        return [Generated.join(pair) for pair in zip(made, self.gun(rng, n), strict=True)]


class Crossing:
    """A collision (or gun) and `pileup` others, each at its own point of the beam spot; a recorded one stays where it is."""

    def __init__(
        self, hard: Collisions | Recorded, soft: Collisions | None, pileup: int, spread: Floats
    ) -> None:
        self.hard, self.soft, self.pileup, self.spread = hard, soft, pileup, spread

    def __call__(self, rng: np.random.Generator, event: int = 0) -> Generated:
        recorded = isinstance(self.hard, Recorded)
        first = [self.hard.collision(event)] if isinstance(self.hard, Recorded) else self.hard(rng, 1)
        parts = first + (self.soft(rng, self.pileup) if self.soft else [])
        point = rng.normal(0.0, 1.0, (len(parts), 4)) * self.spread
        if recorded:
            point[0] = 0.0
        vertex = np.repeat(np.arange(len(parts), dtype=np.int32), [len(one) for one in parts])
        x, y, z, t = point[vertex].T
        all_of = Generated.join(parts)
        return replace(
            all_of, vx=all_of.vx + x, vy=all_of.vy + y, vz=all_of.vz + z, time=all_of.time + t, vertex=vertex
        )
