"""The next step of a flight: how the field bends it, which sensor or passive cylinder it meets, whether it is out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats
from gnnreco.geometry.field.grid import FieldGrid, field_at
from gnnreco.kernels import X, Y, Z, njit
from gnnreco.simulate.matter.material import Vector
from gnnreco.simulate.sensor_tree import SensorTree, helix

RADIUS, HALF_LENGTH, RADIATION, INTERACTION, MIDDLE = range(5)  # columns of passive cylinders
SAGITTA = 4.0  # mm by which a step may leave its chord
CURVATURE = 0.299792458e-3  # rad/mm for one tesla, one e and one GeV
# mm: after a sensor, a crossing nearer than this is the same one again; after a step through nothing, none is, and a
# plane that lies where the step ended must not slip through the rounding.
SAME, AGAIN = 1e-4, -1e-9


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
        if abs(point[Z] - cylinders[row, MIDDLE]) <= cylinders[row, HALF_LENGTH]:
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
def stride(limit: float, k: float) -> float:
    """How far (mm) a particle that turns by `k` rad/mm may go at once: half a radian, and not far from its chord."""
    return limit if k == 0 else min(limit, np.sqrt(8 * SAGITTA / abs(k)), 0.5 / abs(k))


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
