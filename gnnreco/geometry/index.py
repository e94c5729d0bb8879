"""Where in space the sensors are: a grid of boxes, each with the sensors that reach into it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.kernels import U, V, W, X, Y, Z, njit

from .plane import inside_depth, outside_distance

# Memory for the boxes is bounded whatever the detector's size.
MAX_BOXES = 2_000_000


@dataclass(frozen=True)
class SensorIndex:
    """A regular grid over the detector; `sensors[offsets[b]:offsets[b + 1]]` reach into box ``b``.

    Attributes
    ----------
    origin : float64 (3,)
        Lower corner of the grid, mm.
    size : float
        Edge of a box, mm.
    shape : int64 (3,)
        Boxes along x, y, z.
    offsets : int64 (n_boxes + 1,)
    sensors : int32 (m,)
    """

    origin: Floats
    size: float
    shape: Ints
    offsets: Ints
    sensors: NDArray[np.int32]


def build_index(low: Floats, high: Floats) -> SensorIndex:
    """Index sensors by the boxes (n, 3) that hold them, mm."""
    if len(low) == 0:
        return SensorIndex(
            np.zeros(3), 1.0, np.ones(3, np.int64), np.zeros(2, np.int64), np.zeros(0, np.int32)
        )
    origin, extent = low.min(axis=0), np.ptp(np.concatenate([low, high]), axis=0)
    size = float(np.median((high - low).max(axis=1))) / 2
    size = max(
        size, float(np.prod(np.maximum(extent, size)) / MAX_BOXES) ** (1 / 3), float(extent.max()) / 1000
    )
    shape = (extent / size).astype(np.int64) + 1
    first = ((low - origin) / size).astype(np.int64)
    last = np.minimum(((high - origin) / size).astype(np.int64), shape - 1)
    offsets, sensors = _fill(first, last, shape)
    return SensorIndex(origin, size, shape, offsets, sensors)


@njit(cache=True)
def _fill(first: Ints, last: Ints, shape: Ints) -> tuple[Ints, NDArray[np.int32]]:
    offsets = np.zeros(shape[X] * shape[Y] * shape[Z] + 1, np.int64)
    for filling in range(2):
        if filling:
            for box in range(len(offsets) - 1):
                offsets[box + 1] += offsets[box]
            sensors = np.empty(offsets[-1], np.int32)
            place = offsets[:-1].copy()
        for sensor in range(len(first)):
            for x in range(first[sensor, X], last[sensor, X] + 1):
                for y in range(first[sensor, Y], last[sensor, Y] + 1):
                    for z in range(first[sensor, Z], last[sensor, Z] + 1):
                        box = (x * shape[Y] + y) * shape[Z] + z
                        if filling:
                            sensors[place[box]] = sensor
                            place[box] += 1
                        else:
                            offsets[box + 1] += 1
    return offsets, sensors


class Solids(NamedTuple):
    """Sensors as solids, as `nearest_sensor` takes them: columns of each sensor, then of each template."""

    center: Floats
    rotation: Floats
    template: NDArray[np.int32]
    outlines: Floats
    outline_counts: Ints
    thickness: Floats
    focus: Floats
    holes: Floats
    hole_counts: Ints


@njit(cache=True)
def nearest_sensor(
    xyz: Floats, tolerance: float, boxes: tuple[Floats, float, Ints, Ints, NDArray[np.int32]], solids: Solids
) -> NDArray[np.int32]:
    """The solid sensor nearest to each point (n, 3), int32 (n,); -1 farther than `tolerance` mm.

    Of two as near, the one whose middle plane is nearer.
    """
    origin, size, shape, offsets, sensors = boxes
    center, rotation, template, outlines, outline_counts, thickness, focus, holes, hole_counts = solids
    result = np.full(len(xyz), -1, np.int32)
    for i in range(len(xyz)):
        inside = True
        box = 0
        for axis in range(3):
            place = (xyz[i, axis] - origin[axis]) / size
            if not (0 <= place < shape[axis]):  # also False for NaN
                inside = False
                break
            box = box * shape[axis] + int(place)
        if not inside:
            continue
        best = tolerance
        best_height = np.inf
        for k in range(offsets[box], offsets[box + 1]):
            s = sensors[k]
            t = template[s]
            dx, dy, dz = xyz[i, X] - center[s, X], xyz[i, Y] - center[s, Y], xyz[i, Z] - center[s, Z]
            r = rotation[s]
            w = r[X, W] * dx + r[Y, W] * dy + r[Z, W] * dz
            over = max(abs(w) - thickness[t] / 2, 0.0)
            if over > best:
                continue
            u = r[X, U] * dx + r[Y, U] * dy + r[Z, U] * dz
            v = r[X, V] * dx + r[Y, V] * dy + r[Z, V] * dz
            scale = 1.0
            if focus[t, W] == focus[t, W]:  # not NaN: the outline grows and shrinks with w
                scale = max(1 - w / focus[t, W], 1e-9)
                u = focus[t, U] + (u - focus[t, U]) / scale
                v = focus[t, V] + (v - focus[t, V]) / scale
            beside = outside_distance(u, v, outlines[t], outline_counts[t])
            if hole_counts[t]:
                beside = max(beside, inside_depth(u, v, holes[t], hole_counts[t]))
            away = np.hypot(over, scale * beside)
            if away < best or (away == best and abs(w) < best_height):
                best, best_height = away, abs(w)
                result[i] = s
    return result
