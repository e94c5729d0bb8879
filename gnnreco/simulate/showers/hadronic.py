"""Hadronic showers: ionisation up to the first interaction, electromagnetic parts, and a hadronic rest; compiled."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gnnreco.columns import Floats
from gnnreco.kernels import njit
from gnnreco.simulate.matter.material import ionisation
from gnnreco.simulate.matter.medium import MEAN_SILICON

from .electromagnetic import mixture, photon
from .learned.cascade import cascade
from .learned.weights import Engine
from .ray import Ray, land
from .spots import Passage, put, room

# Mean electromagnetic fraction 1 - (E / E0)^(k - 1): Gabriel, Groom et al., NIM A338 (1994) 336.
FRACTION_POWER, FRACTION_SCALE = 0.82, 1.0
PION = (
    0.13957  # GeV: where even that is not there to give, no neutral pion is made; also tells what is a pion
)
NUCLEAR_SPREAD = 0.35  # of the hadronic part of one GeV: binding energy and what else goes unseen
# Interaction lengths: median radius of the hadronic part at the first interaction, and its growth with depth.
SPREAD_START, SPREAD_GROWTH = 0.06, 0.12
NEUTRON_DELAY, NEUTRON_PART = 3.0, 0.2  # ns, mean delay of the slow part of the hadronic energy
WIDEST_HADRON = 1.5  # interaction lengths


class Hadron(NamedTuple):
    """A hadron that comes upon a calorimeter; GeV and units of e.

    Attributes
    ----------
    kinetic, gain : float
        Kinetic energy, and what an interaction releases beyond it: the mass of a meson, two of an antibaryon's.
    mass, charge : float
    """

    kinetic: float
    gain: float
    mass: float
    charge: float


@njit(cache=True, error_model="numpy")
def electromagnetic_fraction(rng: np.random.Generator, energy: float) -> float:
    """Part of a hadron's energy (GeV) that goes to neutral pions, with its fluctuation.

    A beta distribution around the mean; its spread falls from 0.25 at a few GeV to 0.1 at hundreds, as calorimeters with
    two readouts measured it (Wigmans, Calorimetry, 4.7).
    """
    # Little energy makes one neutral pion or none.
    if energy < 4 * PION:
        return 0.0
    mean = 1 - (1 + energy / FRACTION_SCALE) ** (FRACTION_POWER - 1)
    weight = 2.5 + 1.6 * max(np.log(energy), 0.0)
    one, two = rng.standard_gamma(mean * weight), rng.standard_gamma((1 - mean) * weight)
    return one / max(one + two, 1e-12)


@njit(cache=True, error_model="numpy")
def approach(
    rng: np.random.Generator,
    passage: Passage,
    spots: Floats,
    used: int,
    kinetic: float,
    mass: float,
    charge: float,
) -> tuple[Floats, int, float, float]:
    """Fly to the first interaction, ionising; returns also its depth (interaction lengths) and the kinetic energy there.

    The depth is infinite where the hadron leaves, or stops, before it interacts.
    """
    stack, ray = passage.stack, passage.ray
    free = rng.standard_exponential()
    spots = room(spots, used, len(ray.row))
    for i in range(len(ray.row)):
        if free < ray.interaction[i + 1] and charge == 0.0:
            return spots, used, free, kinetic
        row, inclined = ray.row[i], 1 / abs(ray.cosine[i])
        momentum = np.sqrt(kinetic * (kinetic + 2 * mass))
        lost = ionisation(
            rng, momentum, mass, charge, stack.critical[row] / MEAN_SILICON * stack.radiation[row] * inclined
        )
        if free < ray.interaction[i + 1]:
            thick = ray.interaction[i + 1] - ray.interaction[i]
            return spots, used, free, max(kinetic - lost * (free - ray.interaction[i]) / thick, 0.0)
        if charge != 0.0:
            landed = land(stack, ray, i, 0.5, 0.0, 0.0)
            at = landed[0]
            if at >= 0:
                visible = ionisation(rng, momentum, mass, charge, stack.mip[at] / MEAN_SILICON * inclined)
                used = put(spots, used, passage, i, landed, visible, 0.0)
            kinetic -= lost
            if kinetic <= 0:
                break
    return spots, used, np.inf, kinetic


@njit(cache=True, error_model="numpy")
def radiation_depth(ray: Ray, depth: float) -> float:
    """Radiation lengths at a depth in interaction lengths; infinite behind the last layer."""
    if depth >= ray.interaction[-1]:
        return np.inf
    i = np.searchsorted(ray.interaction, depth, side="right") - 1
    part = (depth - ray.interaction[i]) / (ray.interaction[i + 1] - ray.interaction[i])
    return ray.radiation[i] + part * (ray.radiation[i + 1] - ray.radiation[i])


@njit(cache=True, error_model="numpy")
def hadronic(
    rng: np.random.Generator,
    passage: Passage,
    spots: Floats,
    used: int,
    energy: float,
    total: float,
    start: float,
    response: float,
) -> tuple[Floats, int]:
    """Add the spots of the part (`energy`, GeV) of a hadron of `total` GeV that no neutral pion carries.

    Depth: the hadronic gamma distribution of Bock, Hansl-Kozanecka and Shah, NIM 186 (1981) 533. Each spot is what a
    minimum-ionising particle would leave, with exponential fluctuations.
    """
    stack, ray = passage.stack, passage.ray
    m = mixture(stack, ray, radiation_depth(ray, start), 30.0)
    log_energy = np.log(max(total, 1.0))
    shape, beta = 0.6165 + 0.3193 * log_energy, 0.9099 - 0.0237 * log_energy
    seen = energy * response * max(1 + NUCLEAR_SPREAD / np.sqrt(energy) * rng.standard_normal(), 0.1)
    place = np.searchsorted(ray.interaction, start, side="right") - 1
    ionised = stack.critical[ray.row[place]] * max(stack.radiation[ray.row[place]], 0.3)
    number = max(int(seen * m.e_mip / ionised), 8)
    spots = room(spots, used, number)
    for _ in range(number):
        t = rng.standard_gamma(shape) / beta
        depth = start + t
        if depth >= ray.interaction[-1]:
            continue
        place = np.searchsorted(ray.interaction, depth, side="right") - 1
        chance, turn = rng.random(), 2 * np.pi * rng.random()
        radius = (SPREAD_START + SPREAD_GROWTH * t) * np.sqrt(chance / (1 - chance))
        visible, late = seen / number * rng.standard_exponential(), rng.random() < NEUTRON_PART
        delay = NEUTRON_DELAY * rng.standard_exponential() if late else 0.0
        if radius > WIDEST_HADRON:
            continue
        radius *= stack.interaction_mm[ray.row[place]]
        part = (depth - ray.interaction[place]) / (ray.interaction[place + 1] - ray.interaction[place])
        landed = land(stack, ray, place, part, radius * np.cos(turn), radius * np.sin(turn))
        row = landed[0]
        if row >= 0:
            used = put(spots, used, passage, place, landed, visible * stack.fraction[row], delay)
    return spots, used


@njit(cache=True, error_model="numpy")
def trained(pions: Engine | None, momentum: float) -> bool:
    """Whether there is a network that makes showers of pions of this momentum (GeV)."""
    if pions is None:
        return False
    return pions.lowest <= momentum <= pions.highest


@njit(cache=True, error_model="numpy")
def hadron(
    rng: np.random.Generator,
    passage: Passage,
    engine: Engine | None,
    pions: Engine | None,
    spots: Floats,
    used: int,
    particle: Hadron,
    response: float,
) -> tuple[Floats, int]:
    """Add the spots of a hadron.

    Parameters
    ----------
    engine : Engine or None
        Makes the showers of neutral pions,
    pions : Engine or None
        and this one those of charged pions as a whole.
    response : float
        Visible energy of the hadronic part over that of an electromagnetic shower of its energy (h / e).
    """
    stack, ray = passage.stack, passage.ray
    momentum = np.sqrt(particle.kinetic * (particle.kinetic + 2 * particle.mass))
    if particle.charge != 0.0 and abs(particle.mass - PION) < 1e-3 and trained(pions, momentum):
        return cascade(rng, passage, pions, spots, used, momentum, False, 0.0, (0.0, 0.0))
    spots, used, start, kinetic = approach(
        rng, passage, spots, used, particle.kinetic, particle.mass, particle.charge
    )
    total = kinetic + particle.gain
    if start == np.inf or total < 0.05:
        return spots, used
    fraction = electromagnetic_fraction(rng, total)
    left, depth, first = fraction * total, start, True
    while left > PION:
        # Most neutral pions leave the first interaction; later ones come from what it threw out.
        share = left if left < 1.0 else left * (0.35 + 0.65 * rng.random())
        a = b = 0.0
        place = min(np.searchsorted(ray.interaction, depth, side="right") - 1, len(ray.row) - 1)
        width = stack.interaction_mm[ray.row[place]] * (0.01 + 0.15 * (depth - start))
        if not first:
            a, b = width * rng.standard_normal(), width * rng.standard_normal()
        into = radiation_depth(ray, depth)
        for _ in range(2):
            spots, used = photon(rng, passage, engine, spots, used, share / 2, into, a, b)
        left, first = left - share, False
        depth = start + rng.standard_exponential() * 0.7
    rest = (1 - fraction) * total + max(left, 0.0)
    if rest > 0.0:
        spots, used = hadronic(rng, passage, spots, used, rest, total, start, response)
    return spots, used
