"""Showers of more energy than an engine knows: their first photons and electrons one by one, until it knows what is left.

A photon becomes two electrons and an electron radiates photons, by the spectra at complete screening: Y. S. Tsai, Rev. Mod.
Phys. 46 (1974) 815, in the form of the Review of Particle Physics, "Passage of particles through matter". All go along the
axis: the angles between them are of the order of the electron's mass over the energy.
"""

from __future__ import annotations

import math

import numpy as np

from gnnreco.columns import Floats
from gnnreco.kernels import njit
from gnnreco.simulate.showers.spots import Passage

from .cascade import cascade
from .weights import Engine

FREE_PATH = 9 / 7  # radiation lengths of a photon, on average
SOFTEST = 0.01  # of an electron's energy: what it radiates in smaller parts stays with it, 1.3 % for each radiation length
#: Photons above `SOFTEST` that an electron radiates on each radiation length: the integral of (4/3 - 4/3 y + y^2) / y.
RATE = -4 / 3 * math.log(SOFTEST) - 4 / 3 * (1 - SOFTEST) + (1 - SOFTEST**2) / 2
# Columns of a table of particles: GeV, radiation lengths from which on they shower, 1 for electrons.
ENERGY, START, CHARGED = range(3)


@njit(cache=True, error_model="numpy")
def split(
    rng: np.random.Generator,
    passage: Passage,
    engine: Engine | None,
    spots: Floats,
    used: int,
    energy: float,
    electron: bool,
    start: float,
    off: tuple[float, float],
) -> tuple[Floats, int]:
    """Add the points of a photon or an electron of more energy (GeV) than the engine knows; see `cascade`."""
    if engine is None:
        return spots, used
    end = passage.ray.radiation[-1]
    for one in first_particles(rng, energy, electron, start, end, engine.lowest, engine.highest):
        if one[START] < end:
            charged = one[CHARGED] > 0
            spots, used = cascade(rng, passage, engine, spots, used, one[ENERGY], charged, one[START], off)
    return spots, used


@njit(cache=True, error_model="numpy")
def first_particles(
    rng: np.random.Generator,
    energy: float,
    electron: bool,
    start: float,
    end: float,
    lowest: float,
    highest: float,
) -> Floats:
    """What a photon or an electron becomes, step by step, until nothing has more than the energy `highest` (GeV).

    What comes to the depth `end` (radiation lengths) before is left as it is; less than the energy `lowest` stays with the
    other one of two. Shape (n, 3): energies, which add up to that of the first, depths, and whether it is an electron.
    """
    found, n, i = np.empty((16, 3)), 1, 0
    found[0] = energy, start, 1.0 if electron else 0.0
    while i < n:
        while found[i, ENERGY] > highest and found[i, START] < end:
            if n == len(found):
                found = np.concatenate((found, np.empty_like(found)))
            charged = found[i, CHARGED] > 0
            found[i, START] += rng.standard_exponential() * (1 / RATE if charged else FREE_PATH)
            part = found[i, ENERGY] * (radiated(rng) if charged else converted(rng))
            found[i, CHARGED] = 1.0
            if min(part, found[i, ENERGY] - part) < lowest:
                continue
            found[i, ENERGY] -= part
            found[n] = part, found[i, START], 0.0 if charged else 1.0
            n += 1
        i += 1
    return found[:n]


@njit(cache=True, error_model="numpy")
def converted(rng: np.random.Generator) -> float:
    """Share of one of the two electrons of a photon: 1 - 4/3 x (1 - x)."""
    while True:
        x = rng.random()
        if rng.random() < 1 - 4 / 3 * x * (1 - x):
            return x


@njit(cache=True, error_model="numpy")
def radiated(rng: np.random.Generator) -> float:
    """Share of an electron's energy that it radiates, above `SOFTEST`: (4/3 - 4/3 y + y^2) / y."""
    while True:
        y = SOFTEST ** rng.random()
        if rng.random() < 1 - y + 3 / 4 * y * y:
            return y
