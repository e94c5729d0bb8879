"""Showers in the calorimeters of any detector: what each particle leaves in each cell."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.geometry import Detector
from gnnreco.kernels import X, Y, Z, njit
from gnnreco.particles import ELECTRON, HADRON, PHOTON, species_of
from gnnreco.simulate.generators.generated import Generated
from gnnreco.simulate.options import SimulationOptions
from gnnreco.simulate.transport import Entries

from .electromagnetic import electron, photon
from .hadronic import Hadron, hadron
from .learned import Engine, Engines
from .ray import Stack, cast, stack_of
from .spots import Entry, Passage

PX, PY, PZ, START_TIME, FLOWN = range(3, 8)  # columns of an entry, after its place

REACH = 6.0  # Moliere radii: sensors as near to the axis of an electromagnetic shower take part
REACH_HADRON = 16.0
TO_PHOTONS = (111, 221)  # pi0, eta: decay at once


class Shares(NamedTuple):
    """Visible energy of single particles in single cells.

    Attributes
    ----------
    particle : int64 (n,)
        Row of the particle; -1 for noise.
    cell : int64 (n,)
        ``sensor << 32 | cell``; sorted, then by particle.
    energy : float64 (n,)
        GeV.
    time : float64 (n,)
        Of the first of the energy, ns.
    """

    particle: Ints
    cell: Ints
    energy: Floats
    time: Floats


def shower(
    detector: Detector,
    entries: Entries,
    particles: Generated,
    options: SimulationOptions,
    rng: np.random.Generator,
    engine: Engines | None = None,
) -> Shares:
    """Let all particles that came upon a calorimeter shower.

    Parameters
    ----------
    detector : Detector
    entries : Entries
    particles : Generated
        All particles of the event, for the rows that `entries` names.
    options : SimulationOptions
    rng : numpy.random.Generator
    engine : Engines, optional
        Make the showers of the particles and energies they were trained on; without them the parametrisation makes all.

    Returns
    -------
    Shares
        One row for each particle and cell; energy outside all cells is lost.
    """
    if len(entries) == 0:
        return empty()
    stack = stack_of(detector)
    codes, kind = np.unique(entries.pdg, return_inverse=True)
    species = species_of(codes)
    row = species.rows(codes)
    nature = np.where(np.isin(codes, TO_PHOTONS), PHOTON, species.kind[row])
    baryon = (np.abs(codes) // 1000 % 10 != 0) & (species.kind[row] == HADRON)
    gain = np.where(baryon, np.where(codes < 0, 2 * species.mass[row], 0.0), species.mass[row])
    made, e = entries.particle, entries
    flown = np.sqrt(
        (e.x - particles.vx[made]) ** 2 + (e.y - particles.vy[made]) ** 2 + (e.z - particles.vz[made]) ** 2
    )
    start = np.stack([e.x, e.y, e.z, e.px, e.py, e.pz, e.time, flown], axis=1)
    spots = _showers(
        rng,
        stack,
        start,
        nature[kind].astype(np.int64),
        species.mass[row][kind],
        species.charge[row][kind],
        gain[kind],
        options.hadron_response,
        *(engine or Engines()).filled(),
    )
    sensor = stack.sensor[spots[:, 1].astype(np.int64)]
    cell = detector.cell_at(sensor, spots[:, 2], spots[:, 3]).astype(np.int64)
    real = cell >= 0
    particle = entries.particle[spots[real, 0].astype(np.int64)]
    return gathered(Shares(particle, sensor[real] << 32 | cell[real], spots[real, 4], spots[real, 5]))


def empty() -> Shares:
    """No shares at all."""
    return Shares(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), np.zeros(0))


def gathered(*parts: Shares) -> Shares:
    """One row for each cell and particle, sorted: energies add up, the first time stays."""
    shares = Shares(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    order = np.lexsort((shares.particle, shares.cell))
    particle, cell = shares.particle[order], shares.cell[order]
    first = np.flatnonzero((np.diff(cell, prepend=-1) != 0) | (np.diff(particle, prepend=-2) != 0))
    if len(first) == 0:
        return empty()
    return Shares(
        particle[first],
        cell[first],
        np.add.reduceat(shares.energy[order], first),
        np.minimum.reduceat(shares.time[order], first),
    )


@njit(cache=True, error_model="numpy")
def _showers(
    rng: np.random.Generator,
    stack: Stack,
    start: Floats,
    nature: Ints,
    mass: Floats,
    charge: Floats,
    gain: Floats,
    response: float,
    engine: Engine | None,
    pions: Engine | None,
) -> Floats:
    """Shower particles one by one, in order; the spots (n, 6): entry, sensor of the stack, u, v, GeV, ns."""
    spots, used = np.empty((4096, 6)), 0
    for i in range(len(start)):
        p = np.sqrt(start[i, PX] ** 2 + start[i, PY] ** 2 + start[i, PZ] ** 2)
        x = (start[i, X], start[i, Y], start[i, Z])
        t = (start[i, PX] / p, start[i, PY] / p, start[i, PZ] / p)
        reach = REACH_HADRON if nature[i] == HADRON else REACH
        ray = cast(stack, x, t, reach, start[i, FLOWN])
        if len(ray.row) == 0:
            continue
        passage = Passage(stack, ray, Entry(i, start[i, START_TIME]))
        if nature[i] == PHOTON:
            spots, used = photon(rng, passage, engine, spots, used, p, 0.0, 0.0, 0.0)
        elif nature[i] == ELECTRON:
            spots, used = electron(rng, passage, engine, spots, used, p)
        elif nature[i] == HADRON:
            kinetic = np.sqrt(p * p + mass[i] * mass[i]) - mass[i]
            one = Hadron(kinetic, gain[i], mass[i], charge[i])
            spots, used = hadron(rng, passage, engine, pions, spots, used, one, response)
    return spots[:used]


@lru_cache(maxsize=8)
def showering(detector: Detector) -> NDArray[np.bool_]:
    """Which sensors (n,) measure energy."""
    return np.array(["energy" in s.measures for s in detector.subsystems], np.bool_)[detector.subsystem]
