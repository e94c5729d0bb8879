"""One particle's flight: compiled helices from sensor to sensor, and what matter does on the way."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats
from gnnreco.geometry.field.grid import FieldGrid
from gnnreco.kernels import X, Y, Z, njit
from gnnreco.particles import INVISIBLE, MUON, Species
from gnnreco.simulate.matter.material import ionisation
from gnnreco.simulate.sensor_tree import SensorTree, helix, next_sensor, sensors_ahead

from .passage import NONE, Body, Matter, Ray, met, through
from .processes import Physics, decay
from .steps import AGAIN, SAME, bending, beyond, coming_next, cylinder_crossing, stride
from .tables import (
    CURLED,
    DECAYED,
    DEPOSIT,
    ESCAPED,
    LEFT,
    PX,
    PY,
    PZ,
    SEEN_TIME,
    SHOWERED,
    START_TIME,
    STOPPED,
    Tables,
    ended,
    noticed,
    recorded,
    showered,
)

LIGHT = 299.792458  # mm/ns


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
    body = Body(species.mass[row], species.charge[row], species.kind[row])
    mass, charge, nature = body
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
    fate, before = NONE, -1
    while fate == NONE and p > physics.min_momentum and turned <= physics.max_turn:
        if charge == 0:
            h, k = (0.0, 0.0, 1.0), 0.0
            coming, sensor, s = coming_next(paths, sensors, coming, flown, min(reach, life))
        else:
            h, k = bending(field, physics.field_step, x, t, charge, p)
            step = stride(min(reach, life, physics.field_step), k)
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
        layer = met(matter, tree.place, cylinder, sensor, before, t, cosine)
        before = -1 if cylinder >= 0 else matter.layer[sensor]
        if cylinder < 0 and nature != MUON and not np.isnan(matter.depth[sensor]):
            back = matter.depth[sensor] * abs(layer.slope)
            x = (x[X] - back * t[X], x[Y] - back * t[Y], x[Z] - back * t[Z])
            time -= back * np.sqrt(p * p + mass * mass) / (p * LIGHT)
            ends, n_ends = showered(ends, n_ends, i, sensor, x, p, t, time)
            fate = SHOWERED
            break
        deposit = ionisation(rng, p, mass, charge, layer.active)
        if cylinder < 0 and charge != 0 and rng.random() < physics.efficiency:
            seen, n_seen = noticed(seen, n_seen, tree, i, sensor, x, t, layer.slope)
            seen[n_seen - 1, DEPOSIT], seen[n_seen - 1, SEEN_TIME] = deposit, time
        ray = Ray(x, p, t, time)
        made, n_made, t, p, fate = through(rng, physics, made, n_made, i, body, ray, layer, deposit)
    if fate == NONE:
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
