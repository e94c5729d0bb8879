"""Cells and sensors laid flat for compiled kernels."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.geometry.cells.templates import Cells, CellTemplate
from gnnreco.geometry.detector import Detector
from gnnreco.kernels import U, V, W, X, Y, Z, njit


class Frames(NamedTuple):
    """Where the sensors are, one row each; outlines, thickness and focus by template."""

    center: Floats
    rotation: Floats
    layer: Cells
    template: Cells
    outline: Floats
    corners: Ints
    thickness: Floats
    focus: Floats


class Shapes(NamedTuple):
    """Some cells of each sensor.

    ``start[s]:end[s]`` are the cells of sensor s: their numbers, middles (m, 2), reach (the farthest corner from the
    middle), and corners ``points[first[i]:first[i + 1]]``, all in the sensor's plane, mm.
    """

    start: Ints
    end: Ints
    cell: Cells
    middle: Floats
    reach: Floats
    first: Ints
    points: Floats


def frames(detector: Detector) -> Frames:
    """The sensors of a detector."""
    focus = [np.full(3, np.nan) if t.focus is None else t.focus for t in detector.templates]
    return Frames(
        *(np.ascontiguousarray(detector.center), np.ascontiguousarray(detector.rotation)),
        *(np.asarray(detector.layer, np.int32), np.asarray(detector.template, np.int32)),
        *(detector.outline_corners(), detector.outline_counts),
        *(np.array([t.thickness for t in detector.templates]), np.array(focus)),
    )


def stamped_shapes(detector: Detector, cells: dict[int, Cells]) -> Shapes:
    """The given cells of each template, once for all its sensors; templates that are left out have none."""
    kinds = sorted(cells)
    length = np.zeros(len(detector.templates), np.int64)
    length[kinds] = [len(cells[t]) for t in kinds]
    end = np.cumsum(length)[detector.template]
    parts = [(detector.templates[t], cells[t]) for t in kinds]
    return _laid(end - length[detector.template], end, parts)


def fired_shapes(detector: Detector, sensor: Cells, cell: Cells) -> tuple[Shapes, Ints]:
    """Single cells, and their rows in what was given: kernels get them by sensor."""
    order = np.lexsort((cell, sensor)).astype(np.int64)
    ends = np.cumsum(np.bincount(sensor, minlength=detector.n_sensors)).astype(np.int64)
    kind = detector.template[sensor[order]]
    # Laid out by template, then put in order by sensor.
    kinds = np.unique(kind)
    laid = _laid(ends, ends, [(detector.templates[t], cell[order[kind == t]]) for t in kinds])
    place = np.empty(len(order), np.int64)
    place[np.argsort(kind, kind="stable")] = np.arange(len(order))
    first, points = _reordered(place, laid.first, laid.points)
    start = np.concatenate([[0], ends[:-1]])
    return Shapes(start, ends, cell[order], laid.middle[place], laid.reach[place], first, points), order


def real_cells(template: CellTemplate, chunk: int = 1 << 20) -> Cells:
    """Every cell of a template."""
    found = [np.zeros(0, np.int32)]
    for low in range(0, template.n_cells, chunk):
        some = np.arange(low, min(low + chunk, template.n_cells), dtype=np.int32)
        found.append(some[template.exists(some)])
    return np.concatenate(found)


def _laid(
    start: Ints, end: Ints, parts: Iterable[tuple[CellTemplate, Cells]], chunk: int = 1 << 18
) -> Shapes:
    columns: list[tuple[Cells, Floats, Floats, Ints, Floats]] = [
        (np.zeros(0, np.int32), np.zeros((0, 2)), np.zeros(0), np.zeros(0, np.int64), np.zeros((0, 2)))
    ]
    for template, cells in parts:
        for some in np.array_split(cells, len(cells) // chunk + 1):
            if len(some):
                middle = np.ascontiguousarray(template.position(some))
                corners = np.ascontiguousarray(template.corners(some))
                columns.append((some.astype(np.int32), middle, *_ragged(corners, middle)))
    cell, middle, reach, count, points = (np.concatenate(column) for column in zip(*columns, strict=True))
    first = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
    return Shapes(start, end, cell, middle, reach, first, points)


@njit(cache=True)
def _ragged(corners: Floats, middle: Floats) -> tuple[Floats, Ints, Floats]:
    """Reach, number of real corners, and the corners one after the other, of padded polygons (n, k, 2)."""
    n, k = len(corners), corners.shape[1]
    reach, count = np.zeros(n), np.zeros(n, np.int64)
    points, used = np.empty((n * k, 2)), 0
    for i in range(n):
        for c in range(k):
            # Padding repeats the last corner, and a cut may leave one twice.
            if c and corners[i, c, U] == corners[i, c - 1, U] and corners[i, c, V] == corners[i, c - 1, V]:
                continue
            points[used] = corners[i, c]
            used += 1
            count[i] += 1
            away = np.hypot(corners[i, c, U] - middle[i, U], corners[i, c, V] - middle[i, V])
            reach[i] = max(reach[i], away)
    return reach, count, points[:used].copy()


@njit(cache=True)
def _reordered(place: Ints, first: Ints, points: Floats) -> tuple[Ints, Floats]:
    ends, moved = np.zeros(len(place) + 1, np.int64), np.empty_like(points)
    for i in range(len(place)):
        size = first[place[i] + 1] - first[place[i]]
        ends[i + 1] = ends[i] + size
        moved[ends[i] : ends[i + 1]] = points[first[place[i]] : first[place[i] + 1]]
    return ends, moved


@njit(cache=True)
def bins(place: Floats) -> tuple[float, float, float, int, int, Ints, Ints]:
    """A grid over points (n, 2): its corner u, v, the size of a box, boxes along u and v, offsets and rows by box."""
    n = len(place)
    u, v = place[:, U].min(), place[:, V].min()
    wide, high = place[:, U].max() - u, place[:, V].max() - v
    size = max(np.sqrt(wide * high / n), max(wide, high) / n, 1e-6)
    along, across = int(wide / size) + 1, int(high / size) + 1
    offsets = np.zeros(along * across + 1, np.int64)
    box = np.empty(n, np.int64)
    for i in range(n):
        box[i] = int((place[i, U] - u) / size) * across + int((place[i, V] - v) / size)
        offsets[box[i] + 1] += 1
    offsets = np.cumsum(offsets)
    free = offsets[:-1].copy()
    rows = np.empty(n, np.int64)
    for i in range(n):
        rows[free[box[i]]] = i
        free[box[i]] += 1
    return u, v, size, along, across, offsets, rows


@njit(cache=True)
def grown(column: NDArray[np.generic]) -> NDArray[np.generic]:
    """The column with room for twice as many."""
    larger = np.empty(2 * len(column) + 16, column.dtype)
    larger[: len(column)] = column
    return larger


@njit(cache=True)
def in_space(sensors: Frames, s: int, u: float, v: float, w: float) -> tuple[float, float, float]:
    """A point of a sensor's frame as global x, y, z."""
    r, o = sensors.rotation[s], sensors.center[s]
    return (
        o[X] + r[X, U] * u + r[X, V] * v + r[X, W] * w,
        o[Y] + r[Y, U] * u + r[Y, V] * v + r[Y, W] * w,
        o[Z] + r[Z, U] * u + r[Z, V] * v + r[Z, W] * w,
    )


@njit(cache=True)
def in_frame(sensors: Frames, s: int, x: float, y: float, z: float) -> tuple[float, float, float]:
    """A global point in a sensor's frame."""
    r, o = sensors.rotation[s], sensors.center[s]
    dx, dy, dz = x - o[X], y - o[Y], z - o[Z]
    return (
        r[X, U] * dx + r[Y, U] * dy + r[Z, U] * dz,
        r[X, V] * dx + r[Y, V] * dy + r[Z, V] * dz,
        r[X, W] * dx + r[Y, W] * dy + r[Z, W] * dz,
    )
