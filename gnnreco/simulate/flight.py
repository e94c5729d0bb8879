"""One particle's flight: compiled helices from sensor to sensor, and what matter does on the way."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats
from gnnreco.geometry.field.grid import FieldGrid, field_at
from gnnreco.kernels import njit
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
    start = x[0] * x[0] + x[1] * x[1]
    away = np.sqrt(start)
    for row in range(len(cylinders)):
        if abs(away - cylinders[row, 0]) > best:
            continue
        radius2 = cylinders[row, 0] ** 2
        end, _ = helix(x, t, h, k, best)
        same_side = (start < radius2) == (end[0] * end[0] + end[1] * end[1] < radius2)
        if same_side or abs(away - cylinders[row, 0]) < 1e-6:
            continue
        low, high = 0.0, best
        for _ in range(40):
            middle = (low + high) / 2
            point, direction = helix(x, t, h, k, middle)
            if (point[0] * point[0] + point[1] * point[1] < radius2) == (start < radius2):
                low = middle
            else:
                high = middle
        point, direction = helix(x, t, h, k, high)
        if abs(point[2]) <= cylinders[row, 1]:
            found, best = row, high
            cosine = abs(point[0] * direction[0] + point[1] * direction[1]) / cylinders[row, 0]
    return found, best, cosine


@njit(cache=True, error_model="numpy")
def beyond(tree: SensorTree, x: Vector) -> bool:
    """Whether a point is outside the box and the cylinder around all sensors."""
    outside = x[0] * x[0] + x[1] * x[1] > (tree.r_max + 1.0) ** 2
    for i in range(3):
        outside = outside or x[i] < tree.low[0, i] - 1.0 or x[i] > tree.high[0, i] + 1.0
    return outside


@njit(cache=True, error_model="numpy")
def bending(
    field: FieldGrid, reach: float, x: Vector, t: Vector, charge: float, momentum: float
) -> tuple[Vector, float]:
    """Direction of the field over the next step, and by how much (rad/mm) it turns a particle about it."""
    half = reach / 2 if reach < np.inf else 0.0  # the middle of the step makes its error second order
    b = field_at(field, x[0] + half * t[0], x[1] + half * t[1], x[2] + half * t[2])
    strength = np.sqrt(b[0] * b[0] + b[1] * b[1] + b[2] * b[2])
    if strength < 1e-9 or charge == 0:
        return (0.0, 0.0, 1.0), 0.0
    return (b[0] / strength, b[1] / strength, b[2] / strength), CURVATURE * charge * strength / momentum


@njit(cache=True, error_model="numpy")
def born(
    made: Floats, used: int, parent: int, kind: int, x: Vector, p: Vector, time: float
) -> tuple[Floats, int]:
    """Add one secondary."""
    made = grown(made, used)
    made[used, 0], made[used, 1], made[used, 8] = parent, kind, time
    for axis in range(3):
        made[used, 2 + axis], made[used, 5 + axis] = x[axis], p[axis]
    return made, used + 1


@njit(cache=True, error_model="numpy")
def decay(
    rng: np.random.Generator, made: Floats, used: int, parent: int, species: Species, row: int, x: Vector, p: float,
    t: Vector, time: float,
) -> tuple[Floats, int]:  # fmt: skip
    """The two daughters of a decay in flight."""
    one, two = species.daughters[row, 0], species.daughters[row, 1]
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
    made, used = born(made, used, parent, 0, x, (t[0] * p * share, t[1] * p * share, t[2] * p * share), time)
    share = 1 - share
    return born(made, used, parent, 1, x, (t[0] * p * share, t[1] * p * share, t[2] * p * share), time)


@njit(cache=True, error_model="numpy")
def shatter(
    rng: np.random.Generator, made: Floats, used: int, parent: int, x: Vector, p: float, t: Vector, time: float,
    least: float, neutrals: bool,
) -> tuple[Floats, int]:  # fmt: skip
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
                vector = (direction[0] * momentum, direction[1] * momentum, direction[2] * momentum)
                made, used = born(made, used, parent, PHOTON_ROW if unseen else kind, x, vector, time)
    return made, used


@njit(cache=True, error_model="numpy")
def follow(
    rng: np.random.Generator, start: Floats, kind: NDArray[np.int32], species: Species, tree: SensorTree,
    field: FieldGrid, matter: Matter, physics: Physics,
) -> tuple[Floats, Floats, Floats, Floats]:  # fmt: skip
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
    seen, n_seen = np.empty((16 * len(start) + 16, 8)), 0
    made, n_made = np.empty((64, 9)), 0
    ends, n_ends = np.empty((64, 9)), 0
    arcs, n_arcs = np.empty((64, 11)), 0
    stack = np.empty((64, 2))
    paths, sensors, coming = np.empty(0), np.empty(0, np.int64), 0  # what a straight flight will cross
    size = np.sqrt(((tree.high[0] - tree.low[0]) ** 2).sum())
    middle = (tree.high[0] + tree.low[0]) / 2
    for i in range(len(start)):
        row = kind[i]
        mass, charge, nature = species.mass[row], species.charge[row], species.kind[row]
        x = (start[i, 0], start[i, 1], start[i, 2])
        p = np.sqrt(start[i, 3] ** 2 + start[i, 4] ** 2 + start[i, 5] ** 2)
        if nature == INVISIBLE or p <= physics.min_momentum:
            continue
        t = (start[i, 3] / p, start[i, 4] / p, start[i, 5] / p)
        time, turned, flown, entered, least = start[i, 6], 0.0, 0.0, False, SAME
        life = np.inf
        if physics.decays and species.ctau[row] < np.inf:
            life = -np.log(1 - rng.random()) * species.ctau[row] * p / mass
        reach = size + np.sqrt((x[0] - middle[0]) ** 2 + (x[1] - middle[1]) ** 2 + (x[2] - middle[2]) ** 2)
        if charge == 0:
            paths, sensors = sensors_ahead(tree, stack, x, t, reach)
            coming = 0
        while p > physics.min_momentum and turned <= physics.max_turn:
            if charge == 0:
                h, k, sensor, s = (0.0, 0.0, 1.0), 0.0, -1, min(reach, life)
                while coming < len(paths) and paths[coming] - flown <= SAME:
                    coming += 1
                if coming < len(paths) and paths[coming] - flown < s:
                    sensor, s = sensors[coming], paths[coming] - flown
            else:
                h, k = bending(field, physics.field_step, x, t, charge, p)
                step = min(reach, life, physics.field_step)
                if k != 0:
                    step = min(step, np.sqrt(8 * SAGITTA / abs(k)), 0.5 / abs(k))
                sensor, s = next_sensor(tree, stack, x, t, h, k, least, step)
            cylinder, s, cosine = cylinder_crossing(matter.cylinders, x, t, h, k, s)
            if physics.record and charge != 0 and not beyond(tree, x):
                arcs = grown(arcs, n_arcs)
                arcs[n_arcs, 0], arcs[n_arcs, 7], arcs[n_arcs, 8] = i, charge, mass
                arcs[n_arcs, 9], arcs[n_arcs, 10] = time, s
                for axis in range(3):
                    arcs[n_arcs, 1 + axis], arcs[n_arcs, 4 + axis] = x[axis], p * t[axis]
                n_arcs += 1
            x, t = helix(x, t, h, k, s)
            turned, flown, life, least = turned + abs(k) * s, flown + s, life - s, SAME
            time += s * np.sqrt(p * p + mass * mass) / (p * LIGHT)
            if life <= 0:
                made, n_made = decay(rng, made, n_made, i, species, row, x, p, t, time)
                break
            if cylinder >= 0:
                radiation, interaction = matter.cylinders[cylinder, 2], matter.cylinders[cylinder, 3]
                active, silicon = 0.0, SILICON_X0
            elif sensor >= 0:
                radiation, interaction = matter.radiation[sensor], matter.interaction[sensor]
                active, silicon = matter.active[sensor], matter.silicon[sensor]
                w = tree.place[sensor, 2]
                cosine = w[0] * t[0] + w[1] * t[1] + w[2] * t[2]
            else:
                outside = beyond(tree, x)
                if outside and (entered or flown > 2 * reach):
                    break
                entered, least = entered or not outside, AGAIN
                continue
            inclined = 1 / max(abs(cosine), STEEPEST)
            if cylinder < 0 and nature != MUON and not np.isnan(matter.depth[sensor]):
                back = matter.depth[sensor] * inclined
                ends = grown(ends, n_ends)
                ends[n_ends, 0], ends[n_ends, 1] = i, sensor
                ends[n_ends, 8] = time - back * np.sqrt(p * p + mass * mass) / (p * LIGHT)
                for axis in range(3):
                    ends[n_ends, 2 + axis], ends[n_ends, 5 + axis] = x[axis] - back * t[axis], p * t[axis]
                n_ends += 1
                break
            deposit = ionisation(rng, p, mass, charge, active * inclined)
            if cylinder < 0 and charge != 0 and rng.random() < physics.efficiency:
                seen = grown(seen, n_seen)
                e = tree.place[sensor]
                w_slope = np.copysign(inclined, cosine)
                seen[n_seen, 0], seen[n_seen, 1] = i, sensor
                seen[n_seen, 2], seen[n_seen, 3] = local(tree, sensor, x)
                seen[n_seen, 4] = (e[0, 0] * t[0] + e[0, 1] * t[1] + e[0, 2] * t[2]) * w_slope
                seen[n_seen, 5] = (e[1, 0] * t[0] + e[1, 1] * t[1] + e[1, 2] * t[2]) * w_slope
                seen[n_seen, 6], seen[n_seen, 7] = deposit, time
                n_seen += 1
            radiation, interaction = radiation * inclined, interaction * inclined
            if physics.nuclear and nature == HADRON and rng.random() < 1 - np.exp(-interaction):
                made, n_made = shatter(rng, made, n_made, i, x, p, t, time, physics.min_momentum,
                                       physics.radiate)  # fmt: skip
                break
            if nature == PHOTON:
                if physics.radiation and rng.random() < 1 - np.exp(-7 / 9 * radiation):
                    made, n_made = convert(rng, made, n_made, i, x, p, t, time)
                    break
                continue
            if charge == 0:
                continue
            if physics.scattering:
                width = highland(p, mass, charge, radiation)
                t = deflect(t, width * rng.standard_normal(), width * rng.standard_normal())
            energy = np.sqrt(p * p + mass * mass)
            if physics.energy_loss:
                rest = radiation * silicon - active * inclined
                energy -= deposit + ionisation(rng, p, mass, charge, rest)
            if physics.radiation and nature == ELECTRON:
                lost = bremsstrahlung(rng, energy, radiation)
                energy -= lost
                if physics.radiate and lost > physics.min_momentum:
                    made, n_made = born(
                        made, n_made, i, PHOTON_ROW, x, (t[0] * lost, t[1] * lost, t[2] * lost), time
                    )
            p = np.sqrt(energy * energy - mass * mass) if energy > mass else 0.0
    return seen[:n_seen].copy(), made[:n_made].copy(), ends[:n_ends].copy(), arcs[:n_arcs].copy()
