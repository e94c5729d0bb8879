"""Error of a cluster's position: from the way of its track through the sensor, and from the noise of its channels.

The position of a cluster is the mean of its channels, weighted with their signals. Where a track crosses `q` cells along an
axis, that mean is off by as much as its signals do not tell where in the outer cells it came in and left:

- ``q < 1``: by ``(1 - q) / sqrt(12)`` of a cell, whether it met one channel or two;
- ``q = k + f``: by ``f (1 - f) / q / sqrt(12)``, whether it met `k + 1` channels or `k + 2`. No depth is known well
  enough for `f`: the mean over `f` is taken, ``1 / sqrt(30) / q / sqrt(12)``, and no error is less than that at ``q = 1``.

Both are exact for signals that go as the path in each cell. Channels that only say that they fired tell less: one of them
is off by the same ``1 - q``, two by `q`, more by ``1 / sqrt(2)``. A cluster longer or shorter than its track's way through
the sensor has lost a channel or gained a stranger's: it is off by the difference as well.

Hexagons have no axes of their own, but the way has: where it is `q` cells long, the error along it is ``1 - q`` of that
inside a cell, and no less than a fourth; across it, it is ``1 - 0.4 q``. From `q = 1` on, both fall as ``1 / sqrt(q)``.
These are means over all directions, within 0.1 of the exact ones (of the error inside a cell). Hexagons that only say that
they fired keep the error of their hit.

Noise of the channels shakes the mean the more the wider the cluster is. How large it is the event tells: the track goes as
far in each inner channel of a wide cluster as in the next, so what their signals differ by is noise.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Hits, Ints
from gnnreco.geometry import CellTemplate, Detector, GridTemplate, HexTemplate
from gnnreco.kernels import U, W

from .helix import TX, TY, TZ
from .kalman import IGNORED, Work, dot, kernel
from .pitch import pitches_of

if TYPE_CHECKING:
    from .trackfit import Surfaces

#: Columns of a cluster along one axis.
CELL, DEPTH, CHANNELS, SHAKEN, DIGITAL, HEXAGON = range(6)
COLUMNS = 6
THICKNESS, SIX_SIDED = 2, 3  # of a cell, beside its widths
IN_HEXAGON = 5.0 / 72.0  # variance along any axis, in widths between flat sides squared
LEAST_ALONG, CLEARED_ACROSS = 0.25, 0.4
#: Inner channels must differ this often before their noise counts as known.
ENOUGH = 20
#: Median of the absolute difference of two Gaussian numbers, in their standard deviation.
MEDIAN_DIFFERENCE = 0.6744897501960817 * math.sqrt(2.0)
#: Mean over f of (f (1 - f))^2, and of (f^3 + (1 - f)^3).
UNKNOWN_PLACE, UNKNOWN_END = 1.0 / 30.0, 0.5
FEWEST_WIDE = 4  # channels of a cluster that has two inner ones
STEEPEST = 0.05  # cosine of the angle to a sensor's normal below which the way through it grows no longer


def clusters_of(detector: Surfaces, hits: Hits, rows: Ints) -> Floats:
    """The clusters of some hits along u and v, (n, 2, 6); CELL is 0 where an error cannot be told from one.

    That is where the hits have no channels, the cells are neither rectangles nor hexagons, or a cluster of rectangles is
    wide and its noise unknown.
    """
    if hits.deposits is None or not isinstance(detector, Detector):
        return np.zeros((0, 2, COLUMNS))
    d, part = hits.deposits, detector.subsystem.astype(np.int64)
    kind = np.where(hits.sensor >= 0, part[hits.sensor], -1)
    lowest, highest, difference, of = _looked_through(
        d.offsets, d.u, d.v, d.value, kind, len(detector.subsystems)
    )
    digital = lowest == highest
    noise = np.array([_spread(difference[of == i]) for i in range(len(digital))])
    cells = np.array([_cell_of(template) for template in detector.templates], np.float64)
    pitches = pitches_of(detector, hits)
    told = np.isfinite(pitches) & (cells[:, :2] > 0)
    cells[:, :2] = np.where(told, pitches, cells[:, :2])
    cells = cells[detector.template]
    out = np.zeros((len(rows), 2, COLUMNS))
    _describe(rows, hits.sensor, d.offsets, d.u, d.v, d.value, kind, noise, digital, cells, out)
    return out


def _cell_of(template: CellTemplate) -> tuple[float, float, float, bool]:
    """Widths, thickness, and whether it is a hexagon."""
    if template.focus is None and isinstance(template, GridTemplate | HexTemplate):
        return *template.pitch, template.thickness, isinstance(template, HexTemplate)
    return 0.0, 0.0, 0.0, False


def _spread(difference: Floats) -> float:
    """Standard deviation of values by the differences of pairs of them; NaN where there are too few."""
    return float(np.median(difference)) / MEDIAN_DIFFERENCE if len(difference) >= ENOUGH else np.nan


@kernel
def _looked_through(
    offsets: Ints,
    u: NDArray[np.int32],
    v: NDArray[np.int32],
    value: NDArray[np.float32],
    kind: Ints,
    n_kinds: int,
) -> tuple[Floats, Floats, Floats, Ints]:
    """Lowest and highest signal of each kind; what neighbours inside straight clusters differ by, and their kinds.

    Each channel is used for one difference.
    """
    lowest, highest = np.full(n_kinds, np.inf), np.full(n_kinds, -np.inf)
    difference, of, used = np.empty(len(value) // 2), np.empty(len(value) // 2, np.int64), 0
    for i in range(len(kind)):
        first, last = offsets[i], offsets[i + 1]
        if kind[i] < 0:
            continue
        for k in range(first, last):
            lowest[kind[i]] = min(lowest[kind[i]], value[k])
            highest[kind[i]] = max(highest[kind[i]], value[k])
        n = last - first
        if n < FEWEST_WIDE:
            continue
        wide_u, wide_v = _extent(u[first:last]), _extent(v[first:last])
        if max(wide_u, wide_v) != n or min(wide_u, wide_v) != 1:
            continue
        along, signal = u[first:last] if wide_u == n else v[first:last], np.zeros(n)
        low = along.min()
        for k in range(n):
            signal[along[k] - low] = value[first + k]
        for k in range(1, n - 2, 2):
            difference[used], of[used] = abs(signal[k + 1] - signal[k]), kind[i]
            used += 1
    return lowest, highest, difference[:used].copy(), of[:used].copy()


@kernel
def _extent(channel: NDArray[np.int32]) -> int:
    return int(channel.max()) - int(channel.min()) + 1


@kernel
def _describe(
    rows: Ints,
    sensor: NDArray[np.int32],
    offsets: Ints,
    u: NDArray[np.int32],
    v: NDArray[np.int32],
    value: NDArray[np.float32],
    kind: Ints,
    noise: Floats,
    digital: NDArray[np.bool_],
    cells: Floats,
    out: Floats,
) -> None:
    for m in range(len(rows)):
        hit = rows[m]
        if kind[hit] < 0 or offsets[hit] == offsets[hit + 1]:
            continue
        hexagon = cells[sensor[hit], SIX_SIDED] > 0.0
        if hexagon and digital[kind[hit]]:
            continue
        for axis in range(2):
            channel = u if axis == U else v
            n, spread = _spread_along(channel, value, offsets[hit], offsets[hit + 1])
            shaken = 0.0 if n == 1 or digital[kind[hit]] else noise[kind[hit]] ** 2 * spread
            known = math.isfinite(shaken)
            if known or n == 2 or hexagon:
                out[m, axis, CELL], out[m, axis, DEPTH] = (
                    cells[sensor[hit], axis],
                    cells[sensor[hit], THICKNESS],
                )
                out[m, axis, CHANNELS], out[m, axis, SHAKEN] = n, shaken if known else 0.0
                out[m, axis, DIGITAL], out[m, axis, HEXAGON] = digital[kind[hit]], hexagon


@kernel
def _spread_along(
    channel: NDArray[np.int32], value: NDArray[np.float32], first: int, last: int
) -> tuple[int, float]:
    """Channels of a cluster along an axis; how far from their mean they lie, squared, over the sum of signals squared."""
    low, high, total, moment = channel[first], channel[first], 0.0, 0.0
    for k in range(first, last):
        low, high = min(low, channel[k]), max(high, channel[k])
    if low == high:
        return 1, 0.0
    for k in range(first, last):
        total, moment = total + value[k], moment + value[k] * (channel[k] - low)
    middle, spread = moment / total, 0.0
    for k in range(first, last):
        spread += (channel[k] - low - middle) ** 2
    return high - low + 1, spread / (total * total)


@kernel
def take_errors(n: int, work: Work) -> None:
    """Put the errors of the clusters of a track in place of those it came with, by its direction in each sensor."""
    for j in range(n):
        tx, ty, tz = work.state[j, TX], work.state[j, TY], work.state[j, TZ]
        into = max(abs(dot(work.axes[j, W], tx, ty, tz)), STEEPEST)
        slope = math.sqrt(max(1.0 - into * into, 0.0)) / into
        for axis in range(2):
            cluster = work.cluster[j, axis]
            if cluster[CELL] > 0.0 and work.variance[j, axis] < IGNORED:
                way = cluster[DEPTH] * abs(dot(work.axes[j, axis], tx, ty, tz)) / into / cluster[CELL]
                if cluster[HEXAGON] > 0.0:
                    length = cluster[DEPTH] * slope / cluster[CELL]
                    share = hexagon_variance(way, length, cluster[CHANNELS])
                else:
                    share = cell_variance(way, cluster[CHANNELS], cluster[DIGITAL] > 0.0)
                share += cluster[SHAKEN]
                work.variance[j, axis] = share * cluster[CELL] ** 2


@kernel
def cell_variance(way: float, channels: float, digital: bool) -> float:
    """Variance of the position of a cluster without noise, in cells squared; `way`: of its track, in cells."""
    if way >= 1.0:
        share = UNKNOWN_END if digital else UNKNOWN_PLACE / (way * way)
    else:
        share = way * way if digital and channels == 2 else (1.0 - way) ** 2
    return (max(share, UNKNOWN_PLACE) if way < 1.0 else share) / 12.0 + _of_strangers(way, channels)


@kernel
def hexagon_variance(way: float, length: float, channels: float) -> float:
    """The same along one axis of a cluster of hexagons, in widths squared; `length`: of its track in all directions."""
    towards = min(way / length, 1.0) ** 2 if length > 0.0 else 0.5
    clear = min(length, 1.0)
    along, across = max(1.0 - clear, LEAST_ALONG), 1.0 - CLEARED_ACROSS * clear
    share = (towards * along**2 + (1.0 - towards) * across**2) / max(length, 1.0)
    return share * IN_HEXAGON + _of_strangers(way, channels)


@kernel
def _of_strangers(way: float, channels: float) -> float:
    """Variance of a cluster that lost channels of its own or gained those of another."""
    missing = max(channels - 2.0 - way, way - channels, 0.0)
    return missing * missing / 12.0
