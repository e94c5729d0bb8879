"""Where particles come from: a gun, a beam, or proton-proton collisions."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from gnnreco.columns import Floats
from gnnreco.errors import BadConfig
from gnnreco.geometry import Detector
from gnnreco.geometry.source import Source
from gnnreco.particles import gun_codes, species_of
from gnnreco.simulate.options import SimulationOptions

from .generated import Generated
from .pythia import PROCESSES, pythia_events
from .spot import Spot

POOLS = ("minbias", "ttbar")
UPSTREAM = 50.0  # mm between the start of a beam and the first sensor
LHC_SPREAD = (0.0125, 0.0125, 55.5)  # mm


class Generator(Protocol):
    """Makes the particles of one event from a random stream."""

    def __call__(self, rng: np.random.Generator) -> Generated: ...


class Collisions(Protocol):
    """Makes `n` collisions, each around the origin, from a random stream."""

    def __call__(self, rng: np.random.Generator, n: int) -> list[Generated]: ...


def generator(process: str, detector: Detector, options: SimulationOptions, pileup: int) -> Generator:
    """The source of a process: ``gun``, ``beam``, or a collision (``minbias``, ``ttbar``, and with Pythia 8 more).

    Raises
    ------
    BadConfig
        The process or the particle is unknown, or cannot have pile-up.
    """
    if process == "beam":
        if pileup:
            raise BadConfig("process beam has no pile-up: set the number of particles with count")
        return Beam(detector, options)
    hard = Gun(detector, options) if process == "gun" else collisions(process, options)
    spread = collision_spread(detector.source, options)
    return Crossing(hard, collisions("minbias", options) if pileup else None, pileup, spread)


def collision_spread(source: Source, options: SimulationOptions) -> Floats:
    """Standard deviations of the collision point in x, y, z (mm) and time (ns)."""
    told = LHC_SPREAD if source.spread is None else source.spread
    given = (options.sigma_xy, options.sigma_xy, options.sigma_z)
    return np.array([*(t if g is None else g for g, t in zip(given, told, strict=True)), options.sigma_t])


def collisions(process: str, options: SimulationOptions) -> Collisions:
    """Proton-proton collisions at 14 TeV, from the pool or from Pythia 8."""
    if process in POOLS and options.generator == "pool":
        return Pool(process, options)
    if process in PROCESSES:
        return Live(process, options)
    raise BadConfig(f"process {process!r} is not known: use one of gun, beam, {', '.join(PROCESSES)}")


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

    def __call__(self, rng: np.random.Generator) -> Generated:
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


class Pool:
    """Shipped collisions, each turned about the beam and mirrored in z at random."""

    def __init__(self, process: str, options: SimulationOptions) -> None:
        self.particles, event = read_pool(process)
        keep = accepted(self.particles, options)
        kept = np.concatenate([[0], np.cumsum(keep)])
        self.particles, self.offsets = self.particles.select(keep), kept[event]

    def __call__(self, rng: np.random.Generator, n: int) -> list[Generated]:
        numbers = rng.integers(len(self.offsets) - 1, size=n)
        angles, mirrors = rng.uniform(-np.pi, np.pi, n), rng.choice([-1.0, 1.0], n)
        return [self._take(*row) for row in zip(numbers, angles, mirrors, strict=True)]

    def _take(self, number: int, angle: float, mirror: float) -> Generated:
        one = self.particles.select(slice(self.offsets[number], self.offsets[number + 1]))
        return replace(turned(one, angle), pz=one.pz * mirror, vz=one.vz * mirror)


class Live:
    """Pythia 8 itself, started for each event from a seed drawn from the event's stream."""

    def __init__(self, process: str, options: SimulationOptions) -> None:
        self.process, self.options = process, options
        next(pythia_events(process, 1, 1))  # a missing Pythia is an error now, not at the first event

    def __call__(self, rng: np.random.Generator, n: int) -> list[Generated]:
        made = pythia_events(self.process, n, int(rng.integers(1, 900_000_000)))
        return [one.select(accepted(one, self.options)) for one in made]


class Crossing:
    """A collision (or gun) and `pileup` others, each at its own point of the beam spot."""

    def __init__(self, hard: Collisions, soft: Collisions | None, pileup: int, spread: Floats) -> None:
        self.hard, self.soft, self.pileup, self.spread = hard, soft, pileup, spread

    def __call__(self, rng: np.random.Generator) -> Generated:
        parts = self.hard(rng, 1) + (self.soft(rng, self.pileup) if self.soft else [])
        point = rng.normal(0.0, 1.0, (len(parts), 4)) * self.spread
        vertex = np.repeat(np.arange(len(parts), dtype=np.int32), [len(one) for one in parts])
        x, y, z, t = point[vertex].T
        all_of = Generated.join(parts)
        return replace(
            all_of, vx=all_of.vx + x, vy=all_of.vy + y, vz=all_of.vz + z, time=all_of.time + t, vertex=vertex
        )


def accepted(particles: Generated, options: SimulationOptions) -> NDArray[np.bool_]:
    """Which particles lie in the acceptance."""
    pt = np.hypot(particles.px, particles.py)
    keep = (pt > options.min_pt) & (np.abs(particles.pz) < np.sinh(options.max_eta) * pt)
    return keep if options.neutrals else keep & charged(particles.pdg)


def charged(pdg: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which PDG codes carry a charge."""
    codes, row = np.unique(pdg, return_inverse=True)
    species = species_of(codes)
    return species.charge[species.rows(codes)][row] != 0


def turned(particles: Generated, angle: float) -> Generated:
    """Particles turned by an angle (rad) about the z axis."""
    cos, sin = np.cos(angle), np.sin(angle)
    return replace(
        particles,
        px=cos * particles.px - sin * particles.py,
        py=sin * particles.px + cos * particles.py,
        vx=cos * particles.vx - sin * particles.vy,
        vy=sin * particles.vx + cos * particles.vy,
    )


@cache
def read_pool(process: str) -> tuple[Generated, NDArray[np.int64]]:
    """The shipped collisions of a process, one after the other, and the offsets of the events."""
    table = pq.read_table(Path(__file__).parent / f"{process}.parquet", page_checksum_verification=True)
    column = {name: table[name].to_numpy() for name in table.column_names}
    event = column["event"]
    offsets = np.searchsorted(event, np.arange(event[-1] + 2)).astype(np.int64)
    px, py, pz, vx, vy, vz = (
        column[name].astype(np.float64) for name in ("px", "py", "pz", "vx", "vy", "vz")
    )
    n = len(event)
    return Generated(column["pdg"], px, py, pz, vx, vy, vz, np.zeros(n), np.zeros(n, np.int32)), offsets
