"""Where in space the sensors are: a grid of boxes, each with the sensors that reach into it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.kernels import njit

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
    offsets = np.zeros(shape[0] * shape[1] * shape[2] + 1, np.int64)
    for filling in range(2):
        if filling:
            for box in range(len(offsets) - 1):
                offsets[box + 1] += offsets[box]
            sensors = np.empty(offsets[-1], np.int32)
            place = offsets[:-1].copy()
        for sensor in range(len(first)):
            for x in range(first[sensor, 0], last[sensor, 0] + 1):
                for y in range(first[sensor, 1], last[sensor, 1] + 1):
                    for z in range(first[sensor, 2], last[sensor, 2] + 1):
                        box = (x * shape[1] + y) * shape[2] + z
                        if filling:
                            sensors[place[box]] = sensor
                            place[box] += 1
                        else:
                            offsets[box + 1] += 1
    return offsets, sensors


@njit(cache=True)
def nearest_sensor(
    xyz: Floats,
    tolerance: float,
    origin: Floats,
    size: float,
    shape: Ints,
    offsets: Ints,
    sensors: NDArray[np.int32],
    center: Floats,
    rotation: Floats,
    template: NDArray[np.int32],
    outlines: Floats,
    outline_counts: Ints,
    thickness: Floats,
    focus: Floats,
    holes: Floats,
    hole_counts: Ints,
) -> NDArray[np.int32]:
    """The solid sensor nearest to each point (n, 3), int32 (n,); -1 farther than `tolerance` mm.

    Of two as near, the one whose middle plane is nearer.
    """
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
            dx, dy, dz = xyz[i, 0] - center[s, 0], xyz[i, 1] - center[s, 1], xyz[i, 2] - center[s, 2]
            r = rotation[s]
            w = r[0, 2] * dx + r[1, 2] * dy + r[2, 2] * dz
            over = max(abs(w) - thickness[t] / 2, 0.0)
            if over > best:
                continue
            u = r[0, 0] * dx + r[1, 0] * dy + r[2, 0] * dz
            v = r[0, 1] * dx + r[1, 1] * dy + r[2, 1] * dz
            scale = 1.0
            if focus[t, 2] == focus[t, 2]:  # not NaN: the outline grows and shrinks with w
                scale = max(1 - w / focus[t, 2], 1e-9)
                u = focus[t, 0] + (u - focus[t, 0]) / scale
                v = focus[t, 1] + (v - focus[t, 1]) / scale
            beside = outside_distance(u, v, outlines[t], outline_counts[t])
            if hole_counts[t]:
                beside = max(beside, inside_depth(u, v, holes[t], hole_counts[t]))
            away = np.hypot(over, scale * beside)
            if away < best or (away == best and abs(w) < best_height):
                best, best_height = away, abs(w)
                result[i] = s
    return result
