"""One particle's flight: compiled helices from sensor to sensor, and what matter does on the way."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats
from gnnreco.geometry.field.grid import FieldGrid
from gnnreco.kernels import W, X, Y, Z, njit
from gnnreco.particles import HADRON, INVISIBLE, MUON, PHOTON, Species
from gnnreco.simulate.matter.material import SILICON_X0, ionisation
from gnnreco.simulate.sensor_tree import SensorTree, helix, next_sensor, sensors_ahead

from .processes import PHOTON_ROW, Physics, convert, decay, shatter, slowed
from .steps import AGAIN, INTERACTION, RADIATION, SAME, bending, beyond, coming_next, cylinder_crossing
from .tables import (
    CONVERTED,
    CURLED,
    DECAYED,
    DEPOSIT,
    ESCAPED,
    INTERACTED,
    LEFT,
    PX,
    PY,
    PZ,
    SEEN_TIME,
    SHOWERED,
    START_TIME,
    STOPPED,
    Tables,
    born,
    ended,
    noticed,
    recorded,
    showered,
)

LIGHT = 299.792458  # mm/ns
SAGITTA = 4.0  # mm by which a step may leave its chord
STEEPEST = 0.05  # cosine of incidence below which material and path grow no further


class Matter(NamedTuple):
    """Material and active thickness of each sensor, then of each passive cylinder.

    Attributes
    ----------
    radiation, interaction, active : float64 (n,)
        Radiation lengths, interaction lengths, mm of silicon in which a charge leaves what the sensor sees; at normal
        incidence.
    silicon : float64 (n,)
        mm of silicon in which a charge leaves what it leaves in a radiation length of the layer.
    depth : float64 (n,)
        NaN where particles fly on; else the distance of the middle plane from the face where a shower starts, mm.
    cylinders : float64 (m, 4)
        Radius, half length (mm), radiation lengths, interaction lengths.
    """

    radiation: Floats
    interaction: Floats
    active: Floats
    silicon: Floats
    depth: Floats
    cylinders: Floats


class World(NamedTuple):
    """What a particle flies through, and by which laws."""

    tree: SensorTree
    field: FieldGrid
    matter: Matter
    physics: Physics


@njit(cache=True, error_model="numpy")
def fly(
    rng: np.random.Generator,
    i: int,
    start: Floats,
    row: int,
    species: Species,
    world: World,
    size: float,
    middle: Floats,
    stack: Floats,
    tables: Tables,
) -> Tables:
    """Fly particle `i` to its end; `size` (mm) and `middle` are those of the box around all sensors."""
    tree, field, matter, physics = world
    seen, n_seen, made, n_made, ends, n_ends, arcs, n_arcs, fates = tables
    mass, charge, nature = species.mass[row], species.charge[row], species.kind[row]
    x = (start[X], start[Y], start[Z])
    p = np.sqrt(start[PX] ** 2 + start[PY] ** 2 + start[PZ] ** 2)
    if nature == INVISIBLE or p <= physics.min_momentum:
        ended(fates, i, ESCAPED if nature == INVISIBLE else STOPPED, x, start[START_TIME])
        return tables
    t = (start[PX] / p, start[PY] / p, start[PZ] / p)
    time, turned, flown, entered, least, life = start[START_TIME], 0.0, 0.0, False, SAME, np.inf
    if physics.decays and species.ctau[row] < np.inf:
        life = -np.log(1 - rng.random()) * species.ctau[row] * p / mass
    reach = size + np.sqrt((x[X] - middle[X]) ** 2 + (x[Y] - middle[Y]) ** 2 + (x[Z] - middle[Z]) ** 2)
    paths, sensors, coming = np.empty(0), np.empty(0, np.int64), 0  # what a straight flight will cross
    if charge == 0:
        paths, sensors = sensors_ahead(tree, stack, x, t, reach)
    fate = -1
    while p > physics.min_momentum and turned <= physics.max_turn:
        if charge == 0:
            h, k = (0.0, 0.0, 1.0), 0.0
            coming, sensor, s = coming_next(paths, sensors, coming, flown, min(reach, life))
        else:
            h, k = bending(field, physics.field_step, x, t, charge, p)
            step = min(reach, life, physics.field_step)
            if k != 0:
                step = min(step, np.sqrt(8 * SAGITTA / abs(k)), 0.5 / abs(k))
            sensor, s = next_sensor(tree, stack, x, t, h, k, least, step)
        cylinder, s, cosine = cylinder_crossing(matter.cylinders, x, t, h, k, s)
        if physics.record and charge != 0 and not beyond(tree, x):
            arcs, n_arcs = recorded(arcs, n_arcs, i, x, p, t, charge, mass, time, s)
        x, t = helix(x, t, h, k, s)
        turned, flown, life, least = turned + abs(k) * s, flown + s, life - s, SAME
        time += s * np.sqrt(p * p + mass * mass) / (p * LIGHT)
        if life <= 0:
            made, n_made = decay(rng, made, n_made, i, species, row, x, p, t, time)
            fate = DECAYED
            break
        if cylinder < 0 and sensor < 0:
            outside = beyond(tree, x)
            if outside and (entered or flown > 2 * reach):
                fate = LEFT
                break
            entered, least = entered or not outside, AGAIN
            continue
        if cylinder >= 0:
            wall = matter.cylinders[cylinder]
            radiation, interaction, active, silicon = wall[RADIATION], wall[INTERACTION], 0.0, SILICON_X0
        else:
            radiation, interaction = matter.radiation[sensor], matter.interaction[sensor]
            active, silicon = matter.active[sensor], matter.silicon[sensor]
            w = tree.place[sensor, W]
            cosine = w[X] * t[X] + w[Y] * t[Y] + w[Z] * t[Z]
        inclined = 1 / max(abs(cosine), STEEPEST)
        if cylinder < 0 and nature != MUON and not np.isnan(matter.depth[sensor]):
            back = matter.depth[sensor] * inclined
            x = (x[X] - back * t[X], x[Y] - back * t[Y], x[Z] - back * t[Z])
            time -= back * np.sqrt(p * p + mass * mass) / (p * LIGHT)
            ends, n_ends = showered(ends, n_ends, i, sensor, x, p, t, time)
            fate = SHOWERED
            break
        deposit = ionisation(rng, p, mass, charge, active * inclined)
        if cylinder < 0 and charge != 0 and rng.random() < physics.efficiency:
            seen, n_seen = noticed(seen, n_seen, tree, i, sensor, x, t, np.copysign(inclined, cosine))
            seen[n_seen - 1, DEPOSIT], seen[n_seen - 1, SEEN_TIME] = deposit, time
        radiation, interaction = radiation * inclined, interaction * inclined
        if physics.nuclear and nature == HADRON and rng.random() < 1 - np.exp(-interaction):
            made, n_made = shatter(rng, made, n_made, i, x, p, t, time, physics.min_momentum, physics.radiate)
            fate = INTERACTED
            break
        if nature == PHOTON:
            if physics.radiation and rng.random() < 1 - np.exp(-7 / 9 * radiation):
                made, n_made = convert(rng, made, n_made, i, x, p, t, time)
                fate = CONVERTED
                break
            continue
        if charge == 0:
            continue
        rest = radiation * silicon - active * inclined
        t, p, lost = slowed(rng, physics, nature, p, mass, charge, t, radiation, deposit, rest)
        if physics.radiate and lost > physics.min_momentum:
            ray = (t[X] * lost, t[Y] * lost, t[Z] * lost)
            made, n_made = born(made, n_made, i, PHOTON_ROW, x, ray, time)
    if fate < 0:
        fate = CURLED if p > physics.min_momentum else STOPPED
    ended(fates, i, fate, x, time)
    return Tables(seen, n_seen, made, n_made, ends, n_ends, arcs, n_arcs, fates)


@njit(cache=True, error_model="numpy")
def follow(
    rng: np.random.Generator,
    start: Floats,
    kind: NDArray[np.int32],
    species: Species,
    tree: SensorTree,
    field: FieldGrid,
    matter: Matter,
    physics: Physics,
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Fly particles one by one, in order, each to its end: where it stops, or where it starts to shower.

    Parameters
    ----------
    start : float64 (n, 7)
        x, y, z (mm), px, py, pz (GeV), time (ns).
    kind : int32 (n,)
        Rows of `species`.

    Returns
    -------
    seen : float64 (m, 8)
        Particle, sensor, u, v, du/dw, dv/dw, energy in the sensor, time.
    made : float64 (k, 9)
        Parent, row of `species`, x, y, z, px, py, pz, time of each secondary.
    ends : float64 (l, 9)
        Particle, sensor, x, y, z, px, py, pz, time where a particle starts to shower.
    arcs : float64 (j, 11)
        Particle, x, y, z, px, py, pz, charge, mass, time, length of each step of a charged particle; with `record` only.
    fates : float64 (n, 5)
        Number in `gnnreco.columns.FATES`, x, y, z, time where each particle's flight ends.
    """
    seen, none = np.empty((16 * len(start) + 16, 8)), np.int64(0)
    made, ends, arcs = np.empty((64, 9)), np.empty((64, 9)), np.empty((64, 11))
    fates = np.empty((len(start), 5))
    tables = Tables(seen, none, made, none, ends, none, arcs, none, fates)  # type: ignore[arg-type]
    world, stack = World(tree, field, matter, physics), np.empty((64, 2))
    low, high = tree.low[0], tree.high[0]
    size, middle = np.sqrt(((high - low) ** 2).sum()), (high + low) / 2
    for i in range(len(start)):
        tables = fly(rng, i, start[i], kind[i], species, world, size, middle, stack, tables)
    seen, n_seen, made, n_made, ends, n_ends, arcs, n_arcs, fates = tables
    return seen[:n_seen].copy(), made[:n_made].copy(), ends[:n_ends].copy(), arcs[:n_arcs].copy(), fates
