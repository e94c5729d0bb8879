"""The tables that a flight fills, row by row: what sensors see, secondaries, showers, steps, and what became of each."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gnnreco.columns import FATES, Floats
from gnnreco.kernels import U, V, X, Y, Z, njit
from gnnreco.simulate.matter.material import Vector
from gnnreco.simulate.sensor_tree import SensorTree, local

# Columns of the tables of `follow`: of particles at their start, after their place;
PX, PY, PZ, START_TIME = range(3, 7)
# of secondaries, and of particles where they start to shower;
PARENT, KIND = range(2)
PARTICLE, SENSOR, PLACE, MOMENTUM, WHEN = 0, 1, 2, 5, 8
# of what sensors see;
SEEN_U, SEEN_V, SLOPE_U, SLOPE_V, DEPOSIT, SEEN_TIME = range(2, 8)
# of steps;
ARC_PLACE, ARC_MOMENTUM, ARC_CHARGE, ARC_MASS, ARC_TIME, ARC_LENGTH = 1, 4, 7, 8, 9, 10
# and of fates, with the place in between; a fate is a number in `FATES`.
FATE, FATE_PLACE, FATE_TIME = 0, 1, 4
LEFT, DECAYED, CONVERTED, INTERACTED, SHOWERED, STOPPED, CURLED, ESCAPED = range(len(FATES))


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
    fates: Floats  # a row for each particle


@njit(cache=True, error_model="numpy")
def grown(rows: Floats, used: int) -> Floats:
    """The same table with room for one more row."""
    if used < len(rows):
        return rows
    larger = np.empty((2 * len(rows) + 16, rows.shape[1]))
    larger[:used] = rows[:used]
    return larger


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
def showered(
    ends: Floats, used: int, particle: int, sensor: int, x: Vector, p: float, t: Vector, time: float
) -> tuple[Floats, int]:
    """Add a particle that starts to shower."""
    ends = grown(ends, used)
    ends[used, PARTICLE], ends[used, SENSOR], ends[used, WHEN] = particle, sensor, time
    for axis in range(3):
        ends[used, PLACE + axis], ends[used, MOMENTUM + axis] = x[axis], p * t[axis]
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
def ended(fates: Floats, particle: int, fate: int, x: Vector, time: float) -> None:
    """Say what became of a particle."""
    fates[particle, FATE], fates[particle, FATE_TIME] = fate, time
    for axis in range(3):
        fates[particle, FATE_PLACE + axis] = x[axis]
