"""One particle's flight: compiled helices from sensor to sensor, and what matter does on the way."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats
from gnnreco.geometry.field.grid import FieldGrid, field_at
from gnnreco.kernels import FIRST, SECOND, U, V, W, X, Y, Z, njit
from gnnreco.particles import ELECTRON, HADRON, INVISIBLE, MUON, PHOTON, Species
from gnnreco.simulate.matter.material import (
    SILICON_X0,
    Vector,
    bremsstrahlung,
    deflect,
    highland,
    ionisation,
    nuclear_fragment,
    two_body,
)

from .sensor_tree import SensorTree, helix, local, next_sensor, sensors_ahead

# Columns of the tables of `follow`: of particles at their start, after their place;
PX, PY, PZ, START_TIME = range(3, 7)
# of secondaries, and of particles where they start to shower;
PARENT, KIND = range(2)
PARTICLE, SENSOR, PLACE, MOMENTUM, WHEN = 0, 1, 2, 5, 8
# of what sensors see;
SEEN_U, SEEN_V, SLOPE_U, SLOPE_V, DEPOSIT, SEEN_TIME = range(2, 8)
# of steps;
ARC_PLACE, ARC_MOMENTUM, ARC_CHARGE, ARC_MASS, ARC_TIME, ARC_LENGTH = 1, 4, 7, 8, 9, 10
# and of passive cylinders.
RADIUS, HALF_LENGTH, RADIATION, INTERACTION = range(4)

CURVATURE = 0.299792458e-3  # rad/mm for one tesla, one e and one GeV
LIGHT = 299.792458  # mm/ns
SAGITTA = 4.0  # mm by which a step may leave its chord
STEEPEST = 0.05  # cosine of incidence below which material and path grow no further
# mm: after a sensor, a crossing nearer than this is the same one again; after a step through nothing, none is, and a
# plane that lies where the step ended must not slip through the rounding.
SAME, AGAIN = 1e-4, -1e-9
PHOTON_ROW = 5  # in the table of species
FRAGMENTS = 8  # most particles that one nuclear interaction throws out


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
def grown(rows: Floats, used: int) -> Floats:
    """The same table with room for one more row."""
    if used < len(rows):
        return rows
    larger = np.empty((2 * len(rows) + 16, rows.shape[1]))
    larger[:used] = rows[:used]
    return larger


@njit(cache=True, error_model="numpy")
def cylinder_crossing(
    cylinders: Floats, x: Vector, t: Vector, h: Vector, k: float, limit: float
) -> tuple[int, float, float]:
    """First passive cylinder on the helix before `limit`: (row, path, cosine of incidence); row -1 for none."""
    found, best, cosine = -1, limit, 1.0
    start = x[X] * x[X] + x[Y] * x[Y]
    away = np.sqrt(start)
    for row in range(len(cylinders)):
        if abs(away - cylinders[row, RADIUS]) > best:
            continue
        radius2 = cylinders[row, RADIUS] ** 2
        end, _ = helix(x, t, h, k, best)
        same_side = (start < radius2) == (end[X] * end[X] + end[Y] * end[Y] < radius2)
        if same_side or abs(away - cylinders[row, RADIUS]) < 1e-6:
            continue
        low, high = 0.0, best
        for _ in range(40):
            middle = (low + high) / 2
            point, direction = helix(x, t, h, k, middle)
            if (point[X] * point[X] + point[Y] * point[Y] < radius2) == (start < radius2):
                low = middle
            else:
                high = middle
        point, direction = helix(x, t, h, k, high)
        if abs(point[Z]) <= cylinders[row, HALF_LENGTH]:
            found, best = row, high
            cosine = abs(point[X] * direction[X] + point[Y] * direction[Y]) / cylinders[row, RADIUS]
    return found, best, cosine


@njit(cache=True, error_model="numpy")
def beyond(tree: SensorTree, x: Vector) -> bool:
    """Whether a point is outside the box and the cylinder around all sensors."""
    outside = x[X] * x[X] + x[Y] * x[Y] > (tree.r_max + 1.0) ** 2
    for i in range(3):
        outside = outside or x[i] < tree.low[0, i] - 1.0 or x[i] > tree.high[0, i] + 1.0
    return outside


@njit(cache=True, error_model="numpy")
def bending(
    field: FieldGrid, reach: float, x: Vector, t: Vector, charge: float, momentum: float
) -> tuple[Vector, float]:
    """Direction of the field over the next step, and by how much (rad/mm) it turns a particle about it."""
    half = reach / 2 if reach < np.inf else 0.0  # the middle of the step makes its error second order
    b = field_at(field, x[X] + half * t[X], x[Y] + half * t[Y], x[Z] + half * t[Z])
    strength = np.sqrt(b[X] * b[X] + b[Y] * b[Y] + b[Z] * b[Z])
    if strength < 1e-9 or charge == 0:
        return (0.0, 0.0, 1.0), 0.0
    return (b[X] / strength, b[Y] / strength, b[Z] / strength), CURVATURE * charge * strength / momentum


@njit(cache=True, error_model="numpy")
def born(
    made: Floats, used: int, parent: int, kind: int, x: Vector, p: Vector, time: float
) -> tuple[Floats, int]:
    """Add one secondary."""
    made = grown(made, used)
    made[used, PARENT], made[used, KIND], made[used, WHEN] = parent, kind, time
    for axis in range(3):
        made[used, PLACE + axis], made[used, MOMENTUM + axis] = x[axis], p[axis]
    return made, used + 1


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
def coming_next(
    paths: Floats, sensors: NDArray[np.int64], coming: int, flown: float, limit: float
) -> tuple[int, int, float]:
    """Of the sensors on a straight flight: the number of the next one, its row, the way to it; row -1 beyond `limit`."""
    while coming < len(paths) and paths[coming] - flown <= SAME:
        coming += 1
    if coming < len(paths) and paths[coming] - flown < limit:
        return coming, sensors[coming], paths[coming] - flown
    return coming, -1, limit


@njit(cache=True, error_model="numpy")
def recorded(
    arcs: Floats,
    used: int,
    particle: int,
    x: Vector,
    p: float,
    t: Vector,
    charge: float,
    mass: float,
    time: float,
    length: float,
) -> tuple[Floats, int]:
    """Add a step of a charged particle."""
    arcs = grown(arcs, used)
    arcs[used, PARTICLE], arcs[used, ARC_CHARGE], arcs[used, ARC_MASS] = particle, charge, mass
    arcs[used, ARC_TIME], arcs[used, ARC_LENGTH] = time, length
    for axis in range(3):
        arcs[used, ARC_PLACE + axis], arcs[used, ARC_MOMENTUM + axis] = x[axis], p * t[axis]
    return arcs, used + 1


@njit(cache=True, error_model="numpy")
def stopped(
    ends: Floats,
    used: int,
    particle: int,
    sensor: int,
    x: Vector,
    p: float,
    t: Vector,
    back: float,
    time: float,
) -> tuple[Floats, int]:
    """Add a particle that starts to shower, `back` mm before `x`."""
    ends = grown(ends, used)
    ends[used, PARTICLE], ends[used, SENSOR], ends[used, WHEN] = particle, sensor, time
    for axis in range(3):
        ends[used, PLACE + axis], ends[used, MOMENTUM + axis] = x[axis] - back * t[axis], p * t[axis]
    return ends, used + 1


@njit(cache=True, error_model="numpy")
def noticed(
    seen: Floats,
    used: int,
    tree: SensorTree,
    particle: int,
    sensor: int,
    x: Vector,
    t: Vector,
    w_slope: float,
) -> tuple[Floats, int]:
    """Add a passage through a sensor: where, and how slanted; the caller adds energy and time."""
    seen = grown(seen, used)
    e = tree.place[sensor]
    seen[used, PARTICLE], seen[used, SENSOR] = particle, sensor
    seen[used, SEEN_U], seen[used, SEEN_V] = local(tree, sensor, x)
    seen[used, SLOPE_U] = (e[U, X] * t[X] + e[U, Y] * t[Y] + e[U, Z] * t[Z]) * w_slope
    seen[used, SLOPE_V] = (e[V, X] * t[X] + e[V, Y] * t[Y] + e[V, Z] * t[Z]) * w_slope
    return seen, used + 1


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


class World(NamedTuple):
    """What a particle flies through, and by which laws."""

    tree: SensorTree
    field: FieldGrid
    matter: Matter
    physics: Physics


class Tables(NamedTuple):
    """What `follow` returns while it is being made: tables with room to spare, and how many rows of each are used."""

    seen: Floats
    n_seen: int
    made: Floats
    n_made: int
    ends: Floats
    n_ends: int
    arcs: Floats
    n_arcs: int


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
    seen, n_seen, made, n_made, ends, n_ends, arcs, n_arcs = tables
    mass, charge, nature = species.mass[row], species.charge[row], species.kind[row]
    x = (start[X], start[Y], start[Z])
    p = np.sqrt(start[PX] ** 2 + start[PY] ** 2 + start[PZ] ** 2)
    if nature == INVISIBLE or p <= physics.min_momentum:
        return tables
    t = (start[PX] / p, start[PY] / p, start[PZ] / p)
    time, turned, flown, entered, least, life = start[START_TIME], 0.0, 0.0, False, SAME, np.inf
    if physics.decays and species.ctau[row] < np.inf:
        life = -np.log(1 - rng.random()) * species.ctau[row] * p / mass
    reach = size + np.sqrt((x[X] - middle[X]) ** 2 + (x[Y] - middle[Y]) ** 2 + (x[Z] - middle[Z]) ** 2)
    paths, sensors, coming = np.empty(0), np.empty(0, np.int64), 0  # what a straight flight will cross
    if charge == 0:
        paths, sensors = sensors_ahead(tree, stack, x, t, reach)
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
            break
        if cylinder < 0 and sensor < 0:
            outside = beyond(tree, x)
            if outside and (entered or flown > 2 * reach):
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
            earlier = time - back * np.sqrt(p * p + mass * mass) / (p * LIGHT)
            ends, n_ends = stopped(ends, n_ends, i, sensor, x, p, t, back, earlier)
            break
        deposit = ionisation(rng, p, mass, charge, active * inclined)
        if cylinder < 0 and charge != 0 and rng.random() < physics.efficiency:
            seen, n_seen = noticed(seen, n_seen, tree, i, sensor, x, t, np.copysign(inclined, cosine))
            seen[n_seen - 1, DEPOSIT], seen[n_seen - 1, SEEN_TIME] = deposit, time
        radiation, interaction = radiation * inclined, interaction * inclined
        if physics.nuclear and nature == HADRON and rng.random() < 1 - np.exp(-interaction):
            made, n_made = shatter(rng, made, n_made, i, x, p, t, time, physics.min_momentum, physics.radiate)
            break
        if nature == PHOTON:
            if physics.radiation and rng.random() < 1 - np.exp(-7 / 9 * radiation):
                made, n_made = convert(rng, made, n_made, i, x, p, t, time)
                break
            continue
        if charge == 0:
            continue
        rest = radiation * silicon - active * inclined
        t, p, lost = slowed(rng, physics, nature, p, mass, charge, t, radiation, deposit, rest)
        if physics.radiate and lost > physics.min_momentum:
            ray = (t[X] * lost, t[Y] * lost, t[Z] * lost)
            made, n_made = born(made, n_made, i, PHOTON_ROW, x, ray, time)
    return Tables(seen, n_seen, made, n_made, ends, n_ends, arcs, n_arcs)


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
) -> tuple[Floats, Floats, Floats, Floats]:
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
    """
    seen, none = np.empty((16 * len(start) + 16, 8)), np.int64(0)
    made, ends, arcs = np.empty((64, 9)), np.empty((64, 9)), np.empty((64, 11))
    tables = Tables(seen, none, made, none, ends, none, arcs, none)  # type: ignore[arg-type]
    world, stack = World(tree, field, matter, physics), np.empty((64, 2))
    low, high = tree.low[0], tree.high[0]
    size, middle = np.sqrt(((high - low) ** 2).sum()), (high + low) / 2
    for i in range(len(start)):
        tables = fly(rng, i, start[i], kind[i], species, world, size, middle, stack, tables)
    seen, n_seen, made, n_made, ends, n_ends, arcs, n_arcs = tables
    return seen[:n_seen].copy(), made[:n_made].copy(), ends[:n_ends].copy(), arcs[:n_arcs].copy()
