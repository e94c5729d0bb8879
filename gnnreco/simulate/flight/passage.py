"""What lies in the way of a particle, a sensor or a passive cylinder, and what may become of the particle there."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats
from gnnreco.kernels import W, X, Y, Z, njit
from gnnreco.particles import HADRON, PHOTON
from gnnreco.simulate.matter.material import SILICON_X0, Vector

from .processes import PHOTON_ROW, Physics, convert, shatter, slowed
from .steps import INTERACTION, RADIATION
from .tables import CONVERTED, INTERACTED, born

STEEPEST = 0.05  # cosine of incidence below which material and path grow no further
NONE = -1  # the fate of what flies on


class Matter(NamedTuple):
    """Material and active thickness of each sensor, then of each passive cylinder.

    Attributes
    ----------
    radiation : float64 (n, 2)
        Radiation lengths at normal incidence, and those behind another sensor of the layer.
    interaction, active : float64 (n,)
        Interaction lengths, mm of silicon in which a charge leaves what the sensor sees; at normal incidence.
    layer : int32 (n,)
    silicon : float64 (n,)
        mm of silicon in which a charge leaves what it leaves in a radiation length of the layer.
    depth : float64 (n,)
        NaN where particles fly on; else the distance of the middle plane from the face where a shower starts, mm.
    cylinders : float64 (m, 5)
        Radius, half length (mm), radiation lengths, interaction lengths, z of the middle (mm).
    """

    radiation: Floats
    interaction: Floats
    active: Floats
    layer: NDArray[np.int32]
    silicon: Floats
    depth: Floats
    cylinders: Floats


class Body(NamedTuple):
    """What kind of particle flies: GeV, e, and one of the kinds of `gnnreco.particles`."""

    mass: float
    charge: float
    nature: int


class Ray(NamedTuple):
    """Where a particle is (mm), its momentum (GeV), the direction of it, and when (ns)."""

    x: Vector
    p: float
    t: Vector
    time: float


class Layer(NamedTuple):
    """What lies in the way of a particle.

    Attributes
    ----------
    radiation, interaction : float
        Radiation and interaction lengths along the way.
    active : float
        mm of silicon along the way in which a charge leaves what the sensor sees.
    silicon : float
        mm of silicon in which a charge leaves what it leaves in a radiation length.
    slope : float
        Path over thickness, with the sign of the side that the particle comes from.
    """

    radiation: float
    interaction: float
    active: float
    silicon: float
    slope: float


@njit(cache=True, error_model="numpy")
def met(
    matter: Matter, place: Floats, cylinder: int, sensor: int, before: int, t: Vector, cosine: float
) -> Layer:
    """The passive cylinder (its cosine of incidence is known) or, where `cylinder` is negative, the sensor in the way.

    `before` is the layer of the sensor that was crossed last, -1 where that was none or a cylinder came since.
    """
    if cylinder >= 0:
        wall = matter.cylinders[cylinder]
        radiation, interaction, active, silicon = wall[RADIATION], wall[INTERACTION], 0.0, SILICON_X0
    else:
        further = 1 if matter.layer[sensor] == before else 0
        radiation, interaction = matter.radiation[sensor, further], matter.interaction[sensor]
        active, silicon = matter.active[sensor], matter.silicon[sensor]
        w = place[sensor, W]
        cosine = w[X] * t[X] + w[Y] * t[Y] + w[Z] * t[Z]
    inclined = 1 / max(abs(cosine), STEEPEST)
    slope = np.copysign(inclined, cosine)
    return Layer(radiation * inclined, interaction * inclined, active * inclined, silicon, slope)


@njit(cache=True, error_model="numpy")
def through(
    rng: np.random.Generator,
    physics: Physics,
    made: Floats,
    used: int,
    parent: int,
    body: Body,
    ray: Ray,
    layer: Layer,
    deposit: float,
) -> tuple[Floats, int, Vector, float, int]:
    """Through a layer: the table of secondaries, direction and momentum behind it, and a fate: `NONE` flies on."""
    mass, charge, nature = body
    x, p, t, time = ray
    if physics.nuclear and nature == HADRON and rng.random() < 1 - np.exp(-layer.interaction):
        least = physics.min_momentum
        made, used = shatter(rng, made, used, parent, x, p, t, time, least, physics.radiate)
        return made, used, t, p, INTERACTED
    if nature == PHOTON and physics.radiation and rng.random() < 1 - np.exp(-7 / 9 * layer.radiation):
        made, used = convert(rng, made, used, parent, x, p, t, time)
        return made, used, t, p, CONVERTED
    if nature == PHOTON or charge == 0:
        return made, used, t, p, NONE
    rest = layer.radiation * layer.silicon - layer.active
    t, p, lost = slowed(rng, physics, nature, p, mass, charge, t, layer.radiation, deposit, rest)
    if physics.radiate and lost > physics.min_momentum:
        vector = (t[X] * lost, t[Y] * lost, t[Z] * lost)
        made, used = born(made, used, parent, PHOTON_ROW, x, vector, time)
    return made, used, t, p, NONE
