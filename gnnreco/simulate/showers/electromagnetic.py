"""Electromagnetic showers after Grindhammer and Peters, hep-ex/0001020: compiled, spot by spot.

All numbers are the published ones for homogeneous and for sampling media; lengths are radiation lengths and Moliere radii.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gnnreco.columns import Floats
from gnnreco.kernels import njit

from .learned.split import split
from .learned.weights import Engine
from .ray import Ray, Stack, land
from .spots import Passage, put, room

WIDEST = 6.0  # Moliere radii from the axis at which a spot is not followed further
LOWEST = 1e-3  # GeV under which a photon or an electron is dropped
FINEST = 2.0  # spots for each GeV over the square of the sampling fluctuation: their energies are exponential


class Mixture(NamedTuple):
    """The medium a shower sees over its length.

    Attributes
    ----------
    z, critical : float
        Atomic number; critical energy, GeV.
    frequency : float
        Thickness of a layer in radiation lengths (the inverse of the sampling frequency); 0 in a homogeneous medium.
    e_mip, spread : float
        See `gnnreco.simulate.matter.medium.Media`.
    """

    z: float
    critical: float
    frequency: float
    e_mip: float
    spread: float


@njit(cache=True, error_model="numpy")
def mixture(stack: Stack, ray: Ray, start: float, length: float) -> Mixture:
    """Mean of the layers over `length` radiation lengths behind the depth `start`."""
    total, z, critical, frequency, e_mip, spread = 1e-300, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(len(ray.row)):
        part = min(ray.radiation[i + 1], start + length) - max(ray.radiation[i], start)
        if part <= 0:
            continue
        row = ray.row[i]
        total += part
        z, critical = z + part * stack.z[row], critical + part * stack.critical[row]
        e_mip, spread = (
            e_mip + part * stack.e_mip[row],
            spread + part * stack.spread[row] ** 2 / abs(ray.cosine[i]),
        )
        frequency += part * min(stack.sample[row] / abs(ray.cosine[i]), 1.5)
    return Mixture(z / total, critical / total, frequency / total, e_mip / total, np.sqrt(spread / total))


@njit(cache=True, error_model="numpy")
def longitudinal(rng: np.random.Generator, energy: float, m: Mixture) -> tuple[float, float]:
    """Depth of the maximum T and shape alpha of one shower's gamma distribution; the two fluctuate together."""
    log_y = max(np.log(energy / m.critical), 0.3)
    top = log_y - 0.812 - 0.55 * m.frequency - 0.69 * (1 - m.e_mip) * (m.frequency > 0)
    shape = 0.81 + (0.458 + 2.26 / m.z) * log_y - 0.476 * m.frequency
    if m.frequency > 0:
        spread_top, spread_shape = 1 / max(-2.5 + 1.25 * log_y, 2.0), 1 / max(-0.82 + 0.79 * log_y, 2.0)
        together = 0.784 - 0.023 * log_y
    else:
        spread_top, spread_shape = 1 / max(-1.4 + 1.26 * log_y, 2.0), 1 / max(-0.58 + 0.86 * log_y, 2.0)
        together = 0.705 - 0.023 * log_y
    one, two = rng.standard_normal(), rng.standard_normal()
    plus, minus = np.sqrt((1 + together) / 2), np.sqrt((1 - together) / 2)
    top = np.exp(np.log(max(top, 0.5)) + spread_top * (plus * one + minus * two))
    shape = np.exp(np.log(max(shape, 1.2)) + spread_shape * (plus * one - minus * two))
    return top, max(shape, 1.1)


@njit(cache=True, error_model="numpy")
def radial(log_energy: float, tau: float, m: Mixture) -> tuple[float, float, float]:
    """Core and tail radius (Moliere radii) and weight of the core, at the depth `tau` in units of the maximum's."""
    z = m.z
    core = 0.0251 + 0.00319 * log_energy + (0.1162 - 0.000381 * z) * tau
    tail = (0.659 - 0.00309 * z) * (
        np.exp(-2.59 * (tau - 0.645)) + np.exp((0.3585 + 0.0412 * log_energy) * (tau - 0.645))
    )
    bend = (0.401 + 0.00187 * z - tau) / max(1.313 - 0.0686 * log_energy, 0.3)
    weight = (2.632 - 0.00094 * z) * np.exp(bend - np.exp(bend))
    if m.frequency > 0:
        young = m.frequency * np.exp(-tau)
        core += -0.0203 * (1 - m.e_mip) + 0.0397 * young
        tail += -0.14 * (1 - m.e_mip) - 0.495 * young
        weight += (1 - m.e_mip) * (0.348 - 0.642 * m.frequency * np.exp(-((tau - 1) ** 2)))
    return max(core, 0.005), max(tail, 0.05), min(max(weight, 0.0), 1.0)


@njit(cache=True, error_model="numpy")
def count_spots(rng: np.random.Generator, energy: float, m: Mixture) -> tuple[int, float, bool]:
    """How many spots, the energy of each before sampling, and whether their energies are exponential.

    In a sampling medium a spot is a bunch of tracks through one active part: a Poisson number of spots of exponential
    energy gives just the sampling fluctuation, in the whole shower and in each layer. Where that would take too many,
    the number is the published one and the sum fluctuates instead.
    """
    published = 93 * np.log(max(m.z, 2.0)) * energy**0.876
    if m.spread > 0 and FINEST * energy / m.spread**2 < published:
        mean = FINEST * energy / m.spread**2
        return rng.poisson(mean), energy / mean, True
    number = max(int(published), 1)
    return number, energy / number * max(1 + m.spread / np.sqrt(energy) * rng.standard_normal(), 0.0), False


@njit(cache=True, error_model="numpy")
def electromagnetic(
    rng: np.random.Generator,
    passage: Passage,
    spots: Floats,
    used: int,
    energy: float,
    start: float,
    a: float,
    b: float,
) -> tuple[Floats, int]:
    """Add the spots of an electron of this energy (GeV) at the depth `start` (radiation lengths), (a, b) mm off the axis.

    Each spot is a row of `spots`: entry, sensor of the stack, u, v (mm), visible energy (GeV), time (ns).
    """
    stack, ray = passage.stack, passage.ray
    if energy < LOWEST or start >= ray.radiation[-1]:
        return spots, used
    m = mixture(stack, ray, start, 15.0)
    top, shape = longitudinal(rng, energy, m)
    beta, log_energy = (shape - 1) / top, np.log(energy)
    number, each, exponential = count_spots(rng, energy, m)
    spots = room(spots, used, number)
    for _ in range(number):
        t = rng.standard_gamma(shape) / beta
        depth = start + t
        if depth >= ray.radiation[-1]:
            continue
        place = np.searchsorted(ray.radiation, depth, side="right") - 1
        first = ray.row[place]
        core, tail, weight = radial(log_energy, t / top, m)
        chance = rng.random()
        radius = (core if rng.random() < weight else tail) * np.sqrt(chance / (1 - chance))
        turn = 2 * np.pi * rng.random()
        visible = each * (rng.standard_exponential() if exponential else 1.0)
        if radius > WIDEST:
            continue
        radius *= stack.moliere[first]
        part = (depth - ray.radiation[place]) / (ray.radiation[place + 1] - ray.radiation[place])
        landed = land(stack, ray, place, part, a + radius * np.cos(turn), b + radius * np.sin(turn))
        row = landed[0]
        if row >= 0:
            used = put(spots, used, passage, place, landed, visible * stack.fraction[row], 0.0)
    return spots, used


@njit(cache=True, error_model="numpy")
def reached(engine: Engine | None, energy: float) -> bool:
    """Whether a network makes the shower of an energy (GeV), or those of what it soon becomes."""
    if engine is None:
        return False
    return energy >= engine.lowest


@njit(cache=True, error_model="numpy")
def electron(
    rng: np.random.Generator,
    passage: Passage,
    engine: Engine | None,
    spots: Floats,
    used: int,
    energy: float,
) -> tuple[Floats, int]:
    """Add the spots of an electron that comes upon the calorimeter."""
    if reached(engine, energy):
        return split(rng, passage, engine, spots, used, energy, True, 0.0, (0.0, 0.0))
    return electromagnetic(rng, passage, spots, used, energy, 0.0, 0.0, 0.0)


@njit(cache=True, error_model="numpy")
def photon(
    rng: np.random.Generator,
    passage: Passage,
    engine: Engine | None,
    spots: Floats,
    used: int,
    energy: float,
    start: float,
    a: float,
    b: float,
) -> tuple[Floats, int]:
    """Add the spots of a photon: it converts after 9/7 radiation lengths on average, to two electrons."""
    if reached(engine, energy) and start < passage.ray.radiation[-1]:
        return split(rng, passage, engine, spots, used, energy, False, start, (a, b))
    start += 9 / 7 * rng.standard_exponential()
    part = energy * rng.random()
    for _ in range(2):  # one call in a loop compiles once
        spots, used = electromagnetic(rng, passage, spots, used, part, start, a, b)
        part = energy - part
    return spots, used
