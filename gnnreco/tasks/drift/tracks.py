"""Pieces of charge to tracks: fitted, joined over gaps, samples in dispute handed to the nearer path, fitted again."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints, Tracks
from gnnreco.fit.trackfit import FitResult, fit_tracks
from gnnreco.geometry import Detector
from gnnreco.graphs.drift.samples import PAD, SAMPLE, PadSamples
from gnnreco.graphs.showers.frame import CellFrame
from gnnreco.kernels import X, Y, Z, njit

from .join import JoinConfig, fit_paths, join_paths, split_paths
from .points import DriftPoints, drift_points

T0, T1, T2, T3, T4 = range(5)  # sums over points times this power of the way along the path


@dataclass(frozen=True)
class TracksConfig:
    """How pieces become tracks.

    Attributes
    ----------
    join : JoinConfig
    reach : float
        Farthest a sample may lie from the path that takes it, in pads and time samples.
    fragment : int
        Points of the longest piece whose samples go over to longer paths that run through it.
    rounds : int
        How often samples are handed over.
    min_points : int
        Points (rows of pads) of the shortest track.
    max_chi2_point : float
        A point that adds more to chi2 (two degrees of freedom) is left out of the last fit.
    """

    join: JoinConfig = field(default_factory=JoinConfig)
    reach: float = 2.5
    fragment: int = 40
    rounds: int = 2
    min_points: int = 8
    max_chi2_point: float = 30.0


def tracks_of(
    graph: PadSamples,
    piece: Ints,
    score: Floats,
    detector: Detector,
    frame: CellFrame,
    config: TracksConfig,
) -> tuple[Tracks, DriftPoints]:
    """Tracks of one event.

    Parameters
    ----------
    graph : PadSamples
    piece : int64 (n_samples,)
        As `grow_pieces` gives it.
    score : float64 (n_samples,)
        How sure it is that a sample belongs to its neighbours, 0 to 1.
    detector : Detector
    frame : CellFrame
    config : TracksConfig

    Returns
    -------
    tracks : Tracks
        Their hits are rows of the event, sample by sample along the path.
    points : DriftPoints
        Those the tracks were fitted to, in the order of the tracks.
    """
    points = drift_points(graph, piece, detector, frame)
    paths = fit_paths(points.hits, points.planes, points.offsets, np.arange(len(points.hits)))
    paths = join_paths(points.hits, points.planes, paths, config.join)
    paths = split_paths(points.hits, points.planes, paths, config.join)
    paths = join_paths(points.hits, points.planes, paths, config.join)
    of_point = np.full(len(points.hits) + 1, -1)
    of_point[paths.rows] = np.repeat(np.arange(len(paths.offsets) - 1), np.diff(paths.offsets))
    owner = of_point[points.of_sample]
    cells = graph.cells
    samples = _Samples(cells.xyz, cells.direction, _units(graph, frame), cells.offsets, cells.neighbour)
    for turn in range(config.rounds + 1):
        owner = _without_gaps(owner)
        points = drift_points(graph, owner, detector, frame)
        take = _take_in if turn == 0 else _hand_over
        now = _Paths(points.of_sample, points.offsets, points.hits.xyz)
        owner = take(samples, owner, now, config.reach, config.fragment)
    owner = _without_gaps(owner)
    points = drift_points(graph, owner, detector, frame)
    fit = fit_tracks(
        points.planes,
        points.hits,
        points.offsets,
        np.arange(len(points.hits)),
        config.max_chi2_point,
        max_drops=4,
    )
    good = fit.valid & (np.diff(points.offsets) >= config.min_points)
    good &= (fit.parameters[:, 3] > 0) & (fit.parameters[:, 3] < np.pi)
    kept = replace(points, piece_of_track=np.flatnonzero(good))
    return _tracks(graph, points, owner, score, fit, good), kept


def _tracks(
    graph: PadSamples,
    points: DriftPoints,
    owner: Ints,
    score: Floats,
    fit: FitResult,
    good: NDArray[np.bool_],
) -> Tracks:
    """Good fits as columns; their samples in the order of the path, then of the event."""
    kept = np.append(good, False)[owner]
    rows = np.flatnonzero(kept)
    rows = rows[np.lexsort((rows, points.of_sample[rows], owner[rows]))]
    size = np.bincount(owner[rows], minlength=len(good))[good]
    confidence = np.bincount(owner[rows], score[rows], len(good))[good] / np.maximum(size, 1)
    d0, z0, phi, theta, q_over_p = np.ascontiguousarray(fit.parameters[good].T)
    return Tracks(
        np.append(0, np.cumsum(size)),
        graph.cells.index[rows],
        d0,
        z0,
        phi,
        theta,
        q_over_p,
        fit.covariance[good],
        fit.chi2[good],
        fit.ndf[good],
        np.clip(confidence, 0.0, 1.0),
    )


def _units(graph: PadSamples, frame: CellFrame) -> Floats:
    """A pad and a time sample at each sample, mm (n, 2)."""
    return np.stack([graph.pads.size.min(axis=1), frame.sample[graph.cells.sensor]], axis=1)


def _without_gaps(owner: Ints) -> Ints:
    """The same paths, numbered from 0 without a gap; -1 stays."""
    used = np.bincount(owner[owner >= 0]) > 0
    return np.append(np.cumsum(used) - 1, -1)[owner]


class _Samples(NamedTuple):
    """Samples as the kernels take them: place, direction of the drift, a pad and a time sample (mm), neighbours."""

    xyz: Floats
    drift: Floats
    unit: Floats
    offsets: Ints
    neighbour: NDArray[np.int32]


class _Paths(NamedTuple):
    """Point of each sample, where the points of each path begin, and the points (n, 3)."""

    of_sample: Ints
    offsets: Ints
    points: Floats


@njit(cache=True, nogil=True)
def _take_in(samples: _Samples, owner: Ints, paths: _Paths, reach: float, fragment: int) -> Ints:
    """Let paths take in what of fragments lies on them: where two tracks cross, charge is in doubt."""
    offsets, neighbour = samples.offsets, samples.neighbour
    of_sample, path_offsets = paths.of_sample, paths.offsets
    after, at = owner.copy(), of_sample.copy()
    waiting = np.empty(len(owner), np.int64)
    n = 0
    for i in range(len(owner)):
        if owner[i] < 0 or path_offsets[owner[i] + 1] - path_offsets[owner[i]] < fragment:
            waiting[n] = i
            n += 1
    short = np.zeros(len(owner), np.bool_)
    short[waiting[:n]] = True
    for _ in range(200):
        taken = 0
        for m in range(n):
            i = waiting[m]
            if not short[i]:
                continue
            best, nearest, last = -1, reach, -1
            for k in range(offsets[i], offsets[i + 1]):
                j = neighbour[k]
                if short[j] or after[j] == last:
                    continue
                last = after[j]
                d = _distance(i, at[j], after[j], samples, paths)
                if d < nearest:
                    best, nearest = j, d
            if best >= 0:
                after[i], at[i], short[i] = after[best], at[best], False
                taken += 1
        if taken == 0:
            break
    return after


@njit(cache=True, nogil=True)
def _hand_over(samples: _Samples, owner: Ints, paths: _Paths, reach: float, fragment: int) -> Ints:
    """Give each sample that touches charge of another path to the path that passes nearest."""
    offsets, neighbour, of_sample = samples.offsets, samples.neighbour, paths.of_sample
    after = owner.copy()
    for i in range(len(owner)):
        best, nearest = owner[i], reach
        disputed = owner[i] < 0
        for k in range(offsets[i], offsets[i + 1]):
            disputed = disputed or (owner[neighbour[k]] >= 0 and owner[neighbour[k]] != owner[i])
        if not disputed:
            continue
        if owner[i] >= 0:
            nearest = _distance(i, of_sample[i], owner[i], samples, paths)
        last = owner[i]
        for k in range(offsets[i], offsets[i + 1]):
            j = neighbour[k]
            if owner[j] < 0 or owner[j] == owner[i] or owner[j] == last:
                continue
            last = owner[j]
            d = _distance(i, of_sample[j], owner[j], samples, paths)
            if d < nearest:
                best, nearest = owner[j], d
        after[i] = best if nearest < reach else -1
    return after


@njit(cache=True, nogil=True, error_model="numpy")
def _distance(i: int, point: int, path: int, samples: _Samples, paths: _Paths) -> float:
    """From a sample to the parabola through the points of a path around one of them, in pads and samples."""
    xyz, drift, unit = samples.xyz, samples.drift, samples.unit
    path_offsets, points = paths.offsets, paths.points
    first, stop = max(path_offsets[path], point - 6), min(path_offsets[path + 1], point + 7)
    n = stop - first
    if n < 3:
        return np.inf
    ax, ay, az = points[first]
    bx, by, bz = points[stop - 1]
    wx, wy, wz = bx - ax, by - ay, bz - az
    length = np.sqrt(wx * wx + wy * wy + wz * wz)
    if length == 0.0:
        return np.inf
    way = (wx / length, wy / length, wz / length)
    s = np.zeros(5)
    r = np.zeros((3, 3))
    at = (xyz[i, X] - ax) * way[X] + (xyz[i, Y] - ay) * way[Y] + (xyz[i, Z] - az) * way[Z]
    for p in range(first, stop):
        d = (points[p, X] - ax, points[p, Y] - ay, points[p, Z] - az)
        t = (d[X] * way[X] + d[Y] * way[Y] + d[Z] * way[Z] - at) / length
        power = 1.0
        for k in range(5):
            s[k] += power
            if k < 3:
                for c in range(3):
                    r[c, k] += power * (points[p, c] - xyz[i, c])
            power *= t
    if n < 6:  # too few for a curvature
        s[T4] += 1e6 * s[T0]
    # The parabola at t = 0, which is where the sample lies: its first coefficient.
    c00, c01 = s[T2] * s[T4] - s[T3] * s[T3], s[T2] * s[T3] - s[T1] * s[T4]
    c02 = s[T1] * s[T3] - s[T2] * s[T2]
    det = s[T0] * c00 + s[T1] * c01 + s[T2] * c02
    off = np.empty(3)
    for c in range(3):
        off[c] = (c00 * r[c, T0] + c01 * r[c, T1] + c02 * r[c, T2]) / det
    along = off[X] * way[X] + off[Y] * way[Y] + off[Z] * way[Z]
    late = off[X] * drift[i, X] + off[Y] * drift[i, Y] + off[Z] * drift[i, Z]
    lw = way[X] * drift[i, X] + way[Y] * drift[i, Y] + way[Z] * drift[i, Z]
    late -= along * lw
    square = off[X] ** 2 + off[Y] ** 2 + off[Z] ** 2 - along * along - late * late
    return np.sqrt(max(square, 0.0) / unit[i, PAD] ** 2 + late * late / unit[i, SAMPLE] ** 2)
