"""What may happen to a particle on its way: decay, conversion, a nuclear interaction, loss of energy in matter."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gnnreco.columns import Floats
from gnnreco.kernels import FIRST, SECOND, X, Y, Z, njit
from gnnreco.particles import ELECTRON, Species
from gnnreco.simulate.matter.material import (
    Vector,
    bremsstrahlung,
    deflect,
    highland,
    ionisation,
    nuclear_fragment,
    two_body,
)

from .tables import born

PHOTON_ROW = 5  # in the table of species
FRAGMENTS = 8  # most particles that one nuclear interaction throws out


class Physics(NamedTuple):
    """The switches of `SimulationOptions`, as numba wants them."""

    scattering: bool
    energy_loss: bool
    radiation: bool
    nuclear: bool
    decays: bool
    efficiency: float
    max_turn: float
    min_momentum: float
    radiate: bool  # what electrons radiate, and neutral fragments, fly on: calorimeters see them
    field_step: float  # mm over which the field may be taken as constant
    record: bool  # every step of a charged particle: drift chambers see them


@njit(cache=True, error_model="numpy")
def decay(
    rng: np.random.Generator,
    made: Floats,
    used: int,
    parent: int,
    species: Species,
    row: int,
    x: Vector,
    p: float,
    t: Vector,
    time: float,
) -> tuple[Floats, int]:
    """The two daughters of a decay in flight."""
    one, two = species.daughters[row, FIRST], species.daughters[row, SECOND]
    a, b = two_body(rng, species.mass[row], species.mass[one], species.mass[two], p, t)
    made, used = born(made, used, parent, one, x, a, time)
    return born(made, used, parent, two, x, b, time)


@njit(cache=True, error_model="numpy")
def convert(
    rng: np.random.Generator,
    made: Floats,
    used: int,
    parent: int,
    x: Vector,
    p: float,
    t: Vector,
    time: float,
) -> tuple[Floats, int]:
    """A photon's electron and positron, along its line; the flat split is within 20 % of Bethe and Heitler's."""
    share = rng.random()
    made, used = born(made, used, parent, 0, x, (t[X] * p * share, t[Y] * p * share, t[Z] * p * share), time)
    share = 1 - share
    return born(made, used, parent, 1, x, (t[X] * p * share, t[Y] * p * share, t[Z] * p * share), time)


@njit(cache=True, error_model="numpy")
def shatter(
    rng: np.random.Generator,
    made: Floats,
    used: int,
    parent: int,
    x: Vector,
    p: float,
    t: Vector,
    time: float,
    least: float,
    neutrals: bool,
) -> tuple[Floats, int]:
    """A few hadrons from a nuclear interaction: enough to look like one, no model of it.

    A third are neutral: they go unseen, or fly on as one photon for the two of a neutral pion.
    """
    left = p
    for _ in range(FRAGMENTS):
        if left < 2 * least:
            break
        momentum, direction, kind = nuclear_fragment(rng, left, t)
        left -= momentum
        if momentum > least:
            unseen = rng.random() <= 1 / 3
            if neutrals or not unseen:
                vector = (direction[X] * momentum, direction[Y] * momentum, direction[Z] * momentum)
                made, used = born(made, used, parent, PHOTON_ROW if unseen else kind, x, vector, time)
    return made, used


@njit(cache=True, error_model="numpy")
def slowed(
    rng: np.random.Generator,
    physics: Physics,
    nature: int,
    p: float,
    mass: float,
    charge: float,
    t: Vector,
    radiation: float,
    deposit: float,
    rest: float,
) -> tuple[Vector, float, float]:
    """Direction and momentum of a charged particle behind matter, and the energy that it radiated there (GeV).

    Parameters
    ----------
    radiation : float
        Radiation lengths crossed.
    deposit, rest : float
        GeV left in what a sensor sees; mm of silicon that stand for all the rest.
    """
    if physics.scattering:
        width = highland(p, mass, charge, radiation)
        t = deflect(t, width * rng.standard_normal(), width * rng.standard_normal())
    energy, lost = np.sqrt(p * p + mass * mass), 0.0
    if physics.energy_loss:
        energy -= deposit + ionisation(rng, p, mass, charge, rest)
    if physics.radiation and nature == ELECTRON:
        lost = bremsstrahlung(rng, energy, radiation)
        energy -= lost
    return t, np.sqrt(energy * energy - mass * mass) if energy > mass else 0.0, lost
