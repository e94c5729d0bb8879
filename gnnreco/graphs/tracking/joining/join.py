"""The kernel that joins doublets to triplets: their features, the limits on these and the gate, in one pass.

Around each point, every doublet that arrives meets those that leave with nearly its slope, a group at a time.
Differences of coordinates, the sine between two doublets and the change of slope are taken in double precision; the rest is
single precision, many lanes at a time.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats
from gnnreco.graphs.dense import LANES, inlined
from gnnreco.kernels import FIRST, SECOND, U, V, W, njit

from ..features import ONE, DoubletArguments, positions, soft
from ..frame import Frame, Points
from ..gate import Layers, Weights, gate_block, hidden_layers
from .leaving import GROUP, LAWS, ROOM, Leaving, between, leave, room_for, vectorised_inlined
from .meetings import HALF, SCATTERING, meet

HIGHLAND = 0.0136  # GeV
MOST = ROOM - GROUP
_vectorised = njit(cache=True, boundscheck=False, error_model="numpy", fastmath=LAWS)


class Doublets(NamedTuple):
    """Pairs of points, sorted by their first one.

    Attributes
    ----------
    pairs : int32 (m, 2)
    start : int64 (n_points + 1,)
        Where those that leave each point begin.
    arriving, arriving_start : int32 (m,), (n_points + 1,)
        Those that arrive at each point, and where they begin.
    logits, slope : float32 (m,)
    """

    pairs: NDArray[np.int32]
    start: NDArray[np.int64]
    arriving: NDArray[np.int32]
    arriving_start: NDArray[np.int32]
    logits: NDArray[np.float32]
    slope: NDArray[np.float32]

    def around(self, first: int, last: int) -> Doublets:
        """The same where doublets arrive only at the points from `first` to before `last`: `join` joins around these."""
        start = self.arriving_start
        return self._replace(arriving_start=np.clip(start, start[first], start[last]))


class Cuts(NamedTuple):
    """What a triplet must pass: limits (see `raw_limits`), a window in slope for each point, the gate with its threshold.

    The slopes of its doublets differ by no more than the `window` of their common point times one plus the inner one.
    """

    low: NDArray[np.float32]
    high: NDArray[np.float32]
    window: NDArray[np.float32]
    weights: Weights
    threshold: np.float32


@_vectorised
def _point_errors(
    sensor: NDArray[np.int32], sigma_u: Floats, sigma_v: Floats, axes: Floats, x0: Floats
) -> NDArray[np.float32]:
    """Of each point: its errors along u and v as vectors, the normal, and the scattering of 1 GeV. Shape (n, 10)."""
    out = np.empty((len(sensor), 10), np.float32)
    for i in range(len(sensor)):
        k = sensor[i]
        for row in range(3):
            out[i, row] = sigma_u[i] * axes[k, row, U]
            out[i, 3 + row] = sigma_v[i] * axes[k, row, V]
            out[i, 6 + row] = axes[k, row, W]
        out[i, SCATTERING] = HIGHLAND * HIGHLAND * x0[k]
    return out


def join_arguments(points: Points, frame: Frame) -> DoubletArguments:
    """What `join` needs of an event and a detector."""
    errors = _point_errors(points.sensor, points.sigma_u, points.sigma_v, frame.axes, frame.radiation_lengths)
    return positions(points.x, points.y, points.z, points.r), errors, np.float32(frame.kappa_per_gev)


def raw_limits(limits: NDArray[np.float64]) -> NDArray[np.float32]:
    """Limits (8, 2) on the features as limits (2, 8) on the numbers behind them, before `soft` and the logarithm."""
    with np.errstate(divide="ignore", over="ignore"):
        inside = np.clip(limits, -4, 4)
        raw = inside / (1 - np.abs(inside) / 4)
        for k, power in ((2, 1), (5, 2), (7, 1)):
            raw[k] = np.exp(power * limits[k])
    return np.ascontiguousarray(raw.T, np.float32)


@inlined
def _finish(f: NDArray[np.float32]) -> None:
    """Turn the raw numbers of a full block into features."""
    for k in (0, 1, 3, 4, 6):
        for n in range(k * LANES, (k + 1) * LANES):
            f[n] = soft(f[n])
    for n in range(LANES):
        f[2 * LANES + n] = math.log(f[2 * LANES + n])
        f[5 * LANES + n] = HALF * math.log(f[5 * LANES + n])
        f[7 * LANES + n] = math.log(f[7 * LANES + n])


@vectorised_inlined
def _flush(
    size: int,
    pair: NDArray[np.int32],
    weights: Weights,
    threshold: np.float32,
    layers: Layers,
    out: NDArray[np.int32],
    features: NDArray[np.float32],
    n: int,
) -> int:
    """Write the triplets of a block that the gate lets through; return how many there are by now."""
    f, _, _, logits = layers
    _finish(f)
    gate_block(weights, layers)
    for lane in range(size):
        if not logits[lane] > threshold:
            continue
        if n < len(out):
            out[n, FIRST], out[n, SECOND] = pair[lane, FIRST], pair[lane, SECOND]
            for k in range(8):
                features[n, k] = f[k * LANES + lane]
        n += 1
    return n


@inlined
def _up(slope: np.float32, window: np.float32) -> np.float32:
    """The steepest slope that may follow."""
    return slope + window * (ONE + abs(slope))


@inlined
def _down(slope: np.float32, window: np.float32) -> np.float32:
    return slope - window * (ONE + abs(slope))


@vectorised_inlined
def _take(
    n: int,
    size: int,
    i: int,
    leaving: Leaving,
    row: int,
    raw: NDArray[np.float32],
    logits: NDArray[np.float32],
    pair: NDArray[np.int32],
    layers: Layers,
) -> None:
    """Copy the triplet of lane `n` to the place `size` of the block that the gate reads."""
    f, _, _, _ = layers
    j = leaving.row[row]
    pair[size, FIRST], pair[size, SECOND] = i, j
    for k in range(8):
        f[k * LANES + size] = raw[k * ROOM + n]
    f[8 * LANES + size], f[9 * LANES + size] = logits[i], logits[j]


@_vectorised
def join(
    given: DoubletArguments,
    doublets: Doublets,
    cuts: Cuts,
    out: NDArray[np.int32],
    features: NDArray[np.float32],
) -> tuple[int, int]:
    """Fill `out` (room, 2) and `features` (room, 8).

    Returns how many triplets fit the limits, and how many the gate lets through.
    """
    at, errors, kappa = given
    pairs, start, arriving, arriving_start, logits, slope = doublets
    weights, threshold = cuts.weights, cuts.threshold
    layers = hidden_layers(weights)
    layers[0][: 8 * LANES] = ONE
    leaving = room_for()
    pair, raw = np.empty((LANES, 2), np.int32), np.empty(9 * ROOM, np.float32)
    within, n, size = 0, 0, 0
    for b in range(len(at)):
        if arriving_start[b] == arriving_start[b + 1]:
            continue
        for some in range(start[b], start[b + 1], MOST):
            count = min(start[b + 1] - some, MOST)
            leave(some, some + count, at, errors, pairs, slope, leaving)
            for i in arriving[arriving_start[b] : arriving_start[b + 1]]:
                lowest, highest = _down(slope[i], cuts.window[b]), _up(slope[i], cuts.window[b])
                begin, end = between(lowest, highest, leaving.slope, count)
                groups = (end - begin + GROUP - 1) // GROUP
                if groups <= 0:
                    continue
                meet(at, errors, pairs[i, FIRST], b, kappa, leaving, begin, groups, cuts.low, cuts.high, raw)
                for lane in range(end - begin):
                    if raw[8 * ROOM + lane] != ONE:
                        continue
                    _take(lane, size, i, leaving, begin + lane, raw, logits, pair, layers)
                    within, size = within + 1, size + 1
                    if size == LANES:
                        n, size = _flush(size, pair, weights, threshold, layers, out, features, n), 0
    return within, _flush(size, pair, weights, threshold, layers, out, features, n)
