"""Cells given one by one as polygons with any number of corners, convex or not."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.geometry.index import SensorIndex, build_index
from gnnreco.geometry.plane import TOUCH, area_centroid, inside_polygon, polygon_distance
from gnnreco.kernels import FIRST, SECOND, U, V, W, njit
from gnnreco.kernels.sorting import sort

from .templates import CSR, Cells, CellTemplate

# Cells this close (mm) touch: drawings are written with a limited number of digits.
CONTACT = 1e-4


@dataclass(frozen=True, eq=False)
class PolygonTemplate(CellTemplate):
    """Explicit polygons: Voronoi cells, cut hexagons, pads of odd shapes.

    Attributes
    ----------
    polygons : float64 (n, k, 2)
        Corners of each cell, mm, counter-clockwise, padded with the last corner.
    counts : int64 (n,)
        How many corners are real.
    outline : float64 (m, 2)
        Convex edge of the sensor, mm; empty: the hull of the cells.
    table : (offsets, cells), optional
        Neighbours as the author of the detector gives them; without it, cells that touch are neighbours.
    hole : float64 (m, 2)
        Convex piece of the outline without cells, mm.
    channels : (int32 (n,), int32 (n,)), optional
        Channel numbers of the cells in the readout's own counting; without it, (cell, 0).
    """

    name: str
    thickness: float
    polygons: Floats
    counts: Ints
    outline: Floats
    table: CSR | None = None
    channels: tuple[Cells, Cells] | None = None
    focus: Floats | None = None
    hole: Floats = field(default_factory=lambda: np.zeros((0, 2)))

    def __post_init__(self) -> None:
        if len(self.outline) == 0:
            from scipy.spatial import ConvexHull

            corners = self.polygons.reshape(-1, 2)
            object.__setattr__(self, "outline", np.ascontiguousarray(corners[ConvexHull(corners).vertices]))

    @property
    def n_cells(self) -> int:
        return len(self.polygons)

    @property
    def pitch(self) -> tuple[float, float]:
        width = np.median(np.ptp(self.polygons, axis=1), axis=0)
        return float(width[0]), float(width[1])

    @cached_property
    def _index(self) -> SensorIndex:
        low, high = self.polygons.min(axis=1), self.polygons.max(axis=1)
        flat = np.zeros((self.n_cells, 1))
        return build_index(np.hstack([low, flat]) - CONTACT, np.hstack([high, flat]) + CONTACT)

    def cell_at(self, u: ArrayLike, v: ArrayLike) -> Cells:
        uu = np.atleast_1d(np.asarray(u, np.float64))
        vv = np.atleast_1d(np.asarray(v, np.float64))
        index = self._index
        return _cell_at(
            *(uu, vv, self.polygons, self.counts),
            *(index.origin, index.size, index.shape, index.offsets, index.sensors),
        )

    def corners(self, cell: ArrayLike) -> Floats:
        return self.polygons[np.atleast_1d(cell)]

    @cached_property
    def _sizes(self) -> Floats:
        return np.ptp(self.polygons, axis=1)

    def size(self, cell: ArrayLike) -> Floats:
        return self._sizes[np.atleast_1d(cell)]

    @cached_property
    def _positions(self) -> Floats:
        _, centroid = area_centroid(self.polygons)
        return _inner_points(self.polygons, self.counts, centroid)

    def position(self, cell: ArrayLike) -> Floats:
        return self._positions[np.atleast_1d(cell)]

    def exists(self, cell: ArrayLike) -> NDArray[np.bool_]:
        cells = np.atleast_1d(cell)
        return (cells >= 0) & (cells < self.n_cells)

    @cached_property
    def touching(self) -> CSR:
        """Cells that touch each cell, found from the polygons alone."""
        index = self._index
        return _touching(self.polygons, self.counts, index.offsets, index.sensors, CONTACT)

    def neighbours_of(self, cell: ArrayLike) -> CSR:
        offsets, indices = self.touching if self.table is None else self.table
        cells = np.atleast_1d(cell)
        length = offsets[cells + 1] - offsets[cells]
        ends = np.concatenate([[0], np.cumsum(length)])
        rows = np.arange(ends[-1]) + np.repeat(offsets[cells] - ends[:-1], length)
        return ends.astype(np.int64), indices[rows]

    def within(self, low: Floats, high: Floats) -> CSR:
        index = self._index
        return _within(
            *(low - TOUCH, high + TOUCH, *self._boxes),
            *(index.origin, index.size, index.shape, index.offsets, index.sensors),
        )

    @cached_property
    def _boxes(self) -> tuple[Floats, Floats]:
        return self.polygons.min(axis=1), self.polygons.max(axis=1)

    def channel(self, cell: ArrayLike) -> tuple[Cells, Cells]:
        cells = np.atleast_1d(np.asarray(cell, np.int32))
        if self.channels is None:
            return cells, np.zeros_like(cells)
        return self.channels[0][cells], self.channels[1][cells]

    @cached_property
    def _by_channel(self) -> tuple[Ints, Ints]:
        """Channel pairs as one number each, in rising order, and the cells that bear them."""
        assert self.channels is not None
        key = _pair(*self.channels)
        order = np.argsort(key)
        return key[order], order

    def cell(self, channel_u: ArrayLike, channel_v: ArrayLike) -> Cells:
        if self.channels is None:
            cells = np.asarray(channel_u, np.int64)
            known = (cells >= 0) & (cells < self.n_cells) & (np.asarray(channel_v) == 0)
            return np.where(known, cells, -1).astype(np.int32)
        keys, cells = self._by_channel
        wanted = _pair(np.asarray(channel_u), np.asarray(channel_v))
        row = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where(keys[row] == wanted, cells[row], -1).astype(np.int32)

    def content(self) -> tuple[str, Floats]:
        table = [] if self.table is None else [*self.table[0], *self.table[1]]
        shape = [np.array([self.thickness]), self.counts, self.polygons.ravel(), self.outline.ravel()]
        return "polygons", np.concatenate([*shape, table, *(self.channels or ())]).astype(np.float64)


def _pair(channel_u: NDArray[Any], channel_v: NDArray[Any]) -> Ints:
    """Two channel numbers of 32 bits, of either sign, as one."""
    return np.asarray(channel_u.astype(np.int64) * 2**32 + channel_v.astype(np.int64))


@njit(cache=True)
def _within(
    low: Floats,
    high: Floats,
    cell_low: Floats,
    cell_high: Floats,
    origin: Floats,
    size: float,
    shape: Ints,
    offsets: Ints,
    cells: Cells,
) -> CSR:
    """Cells whose boxes meet each box, in rising order."""
    ends = np.zeros(len(low) + 1, np.int64)
    found = np.empty(len(low) + 16, np.int32)
    total = 0
    first, last = np.empty(2, np.int64), np.empty(2, np.int64)
    for i in range(len(low)):
        for axis in range(2):
            # Held between -1 and the last box before the cast: far away, a number has no whole part to take.
            start = min(max((low[i, axis] - origin[axis]) / size, 0.0), float(shape[axis]))
            stop = min(max((high[i, axis] - origin[axis]) / size, -1.0), shape[axis] - 1.0)
            first[axis], last[axis] = int(start), int(np.floor(stop))
        begin = total
        for x in range(first[U], last[U] + 1):
            for y in range(first[V], last[V] + 1):
                box = (x * shape[V] + y) * shape[W]
                for k in range(offsets[box], offsets[box + 1]):
                    c = cells[k]
                    if (
                        cell_low[c, U] > high[i, U]
                        or cell_low[c, V] > high[i, V]
                        or cell_high[c, U] < low[i, U]
                        or cell_high[c, V] < low[i, V]
                    ):
                        continue
                    if total == len(found):
                        grown = np.empty(2 * total, np.int32)
                        grown[:total] = found
                        found = grown
                    found[total] = c
                    total += 1
        # A cell stands in several boxes: once is enough.
        sort(found[begin:total])
        kept = begin
        for k in range(begin, total):
            if k == begin or found[k] != found[k - 1]:
                found[kept] = found[k]
                kept += 1
        total = kept
        ends[i + 1] = total
    return ends, found[:total]


@njit(cache=True)
def _cell_at(
    u: Floats,
    v: Floats,
    polygons: Floats,
    counts: Ints,
    origin: Floats,
    size: float,
    shape: Ints,
    offsets: Ints,
    cells: Cells,
) -> Cells:
    result = np.full(len(u), -1, np.int32)
    for i in range(len(u)):
        x, y = (u[i] - origin[U]) / size, (v[i] - origin[V]) / size
        if not (0 <= x < shape[U] and 0 <= y < shape[V]):  # also False for NaN
            continue
        box = (int(x) * shape[V] + int(y)) * shape[W]
        for k in range(offsets[box], offsets[box + 1]):
            if inside_polygon(u[i], v[i], polygons[cells[k]], counts[cells[k]]):
                result[i] = cells[k]
                break
        if result[i] >= 0:
            continue
        # On the far edge of the sensor no cell claims the point; the first that touches it takes it.
        point = np.empty((1, 2))
        point[0, U], point[0, V] = u[i], v[i]
        for k in range(offsets[box], offsets[box + 1]):
            if polygon_distance(point, 1, polygons[cells[k]], counts[cells[k]]) <= TOUCH:
                result[i] = cells[k]
                break
    return result


@njit(cache=True)
def _inner_points(polygons: Floats, counts: Ints, centroid: Floats) -> Floats:
    """The centroid where the polygon holds it; else the middle of the widest of its horizontal chords."""
    result = centroid.copy()
    for i in range(len(polygons)):
        polygon, n = polygons[i], counts[i]
        if inside_polygon(centroid[i, U], centroid[i, V], polygon, n):
            continue
        levels = polygon[:n, V].copy()
        sort(levels)
        widest = 0.0
        for c in range(n - 1):
            y = (levels[c] + levels[c + 1]) / 2
            crossings = np.empty(n)
            found = 0
            for e in range(n):
                ax, ay = polygon[e]
                bx, by = polygon[(e + 1) % n]
                if (ay > y) != (by > y):
                    crossings[found] = ax + (y - ay) * (bx - ax) / (by - ay)
                    found += 1
            chord = crossings[:found]
            sort(chord)
            for e in range(0, found - 1, 2):
                if chord[e + 1] - chord[e] > widest and levels[c + 1] - levels[c] > TOUCH:
                    widest = chord[e + 1] - chord[e]
                    result[i, U], result[i, V] = (chord[e] + chord[e + 1]) / 2, y
    return result


@njit(cache=True)
def _touching(polygons: Floats, counts: Ints, offsets: Ints, cells: Cells, contact: float) -> CSR:
    n = len(polygons)
    pairs = np.empty((16, 2), np.int32)
    found = 0
    last = np.full(n, -1, np.int64)
    # Boxes by cell, so that each pair is looked at once.
    starts = np.zeros(n + 1, np.int64)
    for box in range(len(offsets) - 1):
        for k in range(offsets[box], offsets[box + 1]):
            starts[cells[k] + 1] += 1
    starts = np.cumsum(starts)
    place = starts[:-1].copy()
    boxes = np.empty(starts[-1], np.int64)
    for box in range(len(offsets) - 1):
        for k in range(offsets[box], offsets[box + 1]):
            boxes[place[cells[k]]] = box
            place[cells[k]] += 1
    for a in range(n):
        last[a] = a
        for held in range(starts[a], starts[a + 1]):
            for k in range(offsets[boxes[held]], offsets[boxes[held] + 1]):
                b = cells[k]
                if b <= a or last[b] == a:
                    continue
                last[b] = a
                if polygon_distance(polygons[a], counts[a], polygons[b], counts[b]) > contact:
                    continue
                if found + 2 > len(pairs):
                    grown = np.empty((2 * len(pairs), 2), np.int32)
                    grown[:found] = pairs[:found]
                    pairs = grown
                pairs[found, FIRST], pairs[found, SECOND] = a, b
                pairs[found + 1, FIRST], pairs[found + 1, SECOND] = b, a
                found += 2
    ends = np.zeros(n + 1, np.int64)
    for k in range(found):
        ends[pairs[k, FIRST] + 1] += 1
    ends = np.cumsum(ends)
    place = ends[:-1].copy()
    indices = np.empty(found, np.int32)
    for k in range(found):
        indices[place[pairs[k, FIRST]]] = pairs[k, SECOND]
        place[pairs[k, FIRST]] += 1
    for a in range(n):
        sort(indices[ends[a] : ends[a + 1]])
    return ends, indices
