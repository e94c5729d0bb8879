"""Joins pieces of one path: the end of one, followed through the field, runs into the end of another.

Either end of a piece may be joined to either end of another, so a particle that curls back is one track. What looks alike
is fitted together, and stays so if the fit is not much worse than both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Hits, Ints
from gnnreco.fit.helix import BEND, TX, TY, TZ, extrapolate
from gnnreco.fit.propagate import TOLERANCE, to_plane
from gnnreco.fit.trackfit import FitResult, fit_tracks
from gnnreco.geometry import along_z
from gnnreco.geometry.field.grid import FieldGrid
from gnnreco.kernels import X, Y, Z, njit

from .points import Planes

PIECE, PIECE_END, OTHER, OTHER_END = range(4)  # columns of two ends that meet

OUTLIER = 20.0  # chi2 of a point (two degrees of freedom) from which on it is left out
DROPS = 6
CUT_STEP = 4  # points between two places where a path may be cut
POOR = 1.8  # chi2 for each degree of freedom from which on a cut is tried


@dataclass(frozen=True)
class JoinConfig:
    """Which pieces are one track.

    Attributes
    ----------
    gap : float
        Longest way between two ends, mm.
    overlap : float
        How far they may run beside each other, mm.
    miss : float
        How far the one may pass the end of the other where they touch, mm.
    miss_slope : float
        What is added to this for each mm of the way between them.
    turn : float
        Largest angle between them, rad.
    max_chi2 : float
        What fitting both together may add to chi2 (five degrees of freedom).
    split_chi2 : float
        What two parts must save of the chi2 of a whole to be parted.
    near : float
        Way between two ends, mm, that costs as much as one of chi2: what lies between two pieces should join first.
    rounds : int
        How often pieces are joined two by two; a track in n pieces needs log2 n rounds.
    """

    gap: float = 600.0
    overlap: float = 40.0
    miss: float = 8.0
    miss_slope: float = 0.06
    turn: float = 0.3
    max_chi2: float = 60.0
    split_chi2: float = 120.0
    near: float = 10.0
    rounds: int = 6


class Paths(NamedTuple):
    """Rows of points in the order of each path, and the fits.

    Attributes
    ----------
    offsets : int64 (n + 1,)
    rows : int64 (m,)
    fit : FitResult
    """

    offsets: Ints
    rows: Ints
    fit: FitResult


def fit_paths(hits: Hits, planes: Planes, offsets: Ints, rows: Ints) -> Paths:
    """Fit rows of points in the order they are given.

    Where tracks touch, a point may lie off both: up to `DROPS` of them are left out, and count `OUTLIER` each in chi2.
    """
    fit = fit_tracks(planes, hits, offsets, rows, OUTLIER, max_drops=DROPS)
    left_out = np.append(0, np.cumsum(~fit.kept))[offsets]
    return Paths(offsets, rows, fit._replace(chi2=fit.chi2 + OUTLIER * np.diff(left_out)))


def join_paths(hits: Hits, planes: Planes, paths: Paths, config: JoinConfig) -> Paths:
    """Join pieces until none fits another."""
    bz = along_z(planes.field)
    grid = planes.field.grid if bz is None else None
    for _ in range(config.rounds):
        ends = _ends(paths.fit, 1.0 if bz is None else bz * BEND)
        pairs = _meeting(grid, *ends, config.gap, config.overlap, config.miss, config.miss_slope, config.turn)
        if not len(pairs):
            break
        offsets, rows = _joined(pairs, paths.offsets, paths.rows, hits.xyz)
        joint = fit_paths(hits, planes, offsets, rows)
        added = joint.fit.chi2 - paths.fit.chi2[pairs[:, 0]] - paths.fit.chi2[pairs[:, 2]]
        good = np.flatnonzero(joint.fit.valid & (added < config.max_chi2))
        single, chosen = np.ones(len(paths.offsets) - 1, np.bool_), []
        way = ends[0][pairs[:, 0], pairs[:, 1], :3] - ends[0][pairs[:, 2], pairs[:, 3], :3]
        cost = np.maximum(added, 0.0) + np.linalg.norm(way, axis=1) / config.near
        for k in good[np.argsort(cost[good], kind="stable")]:  # a few thousand pairs at most
            if single[pairs[k, 0]] and single[pairs[k, 2]]:
                single[pairs[k, [0, 2]]] = False
                chosen.append(k)
        if not chosen:
            break
        paths = _concatenate(_some(paths, single), _some(joint, single, chosen))
    return paths


def split_paths(hits: Hits, planes: Planes, paths: Paths, config: JoinConfig) -> Paths:
    """Part paths in two where that fits far better: at a kink, or where two that cross were joined the wrong way.

    Cuts are tried at every `CUT_STEP` points of the paths whose fit is poor.
    """
    size = np.diff(paths.offsets)
    poor = ~paths.fit.valid | (paths.fit.chi2 > POOR * np.maximum(paths.fit.ndf, 1))
    path, cut = _cuts(np.flatnonzero(poor & (size >= 4 * CUT_STEP)), size)
    if not len(path):
        return paths
    first = paths.offsets[:-1][path]
    ends = np.stack([first, first + cut, first + cut, first + size[path]], axis=1).reshape(-1, 2)
    length = ends[:, 1] - ends[:, 0]
    offsets = np.append(0, np.cumsum(length))
    rows = paths.rows[np.repeat(ends[:, 0] - offsets[:-1], length) + np.arange(offsets[-1])]
    halves = fit_paths(hits, planes, offsets, rows)
    chi2 = np.where(halves.fit.valid, halves.fit.chi2, np.inf).reshape(-1, 2).sum(axis=1)
    whole = np.where(paths.fit.valid, paths.fit.chi2, np.inf)[path]
    gain = np.where(np.isfinite(chi2), np.minimum(whole, 1e30) - chi2, -np.inf)
    best = np.lexsort((-gain, path))
    best = best[np.append(True, np.diff(path[best]) != 0)]
    best = best[gain[best] > config.split_chi2]
    keep = np.ones(len(size), np.bool_)
    keep[path[best]] = False
    chosen = np.sort(np.concatenate([2 * best, 2 * best + 1]))
    return _concatenate(_some(paths, keep), _some(halves, keep, chosen.tolist()))


def _cuts(paths: Ints, size: Ints) -> tuple[Ints, Ints]:
    """Every place to cut each of some paths: the path, and how many points go to its first part."""
    places = [np.arange(2 * CUT_STEP, size[p] - 2 * CUT_STEP + 1, CUT_STEP) for p in paths]
    if not places:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    return np.repeat(paths, [len(place) for place in places]), np.concatenate(places)


def _some(paths: Paths, keep: NDArray[np.bool_], order: list[int] | None = None) -> Paths:
    """The paths where `keep` is true, or those of `order`, in that order."""
    chosen = np.flatnonzero(keep) if order is None else np.asarray(order, np.int64)
    size = np.diff(paths.offsets)[chosen]
    offsets = np.append(0, np.cumsum(size))
    flat = np.repeat(paths.offsets[:-1][chosen] - offsets[:-1], size) + np.arange(offsets[-1])
    of_points = ("kept", "chi2_hit")
    columns = (getattr(paths.fit, n)[flat if n in of_points else chosen] for n in FitResult._fields)
    return Paths(offsets, paths.rows[flat], FitResult(*columns))


def _concatenate(one: Paths, two: Paths) -> Paths:
    fit = FitResult(*(np.concatenate([getattr(p.fit, n) for p in (one, two)]) for n in FitResult._fields))
    offsets = np.concatenate([one.offsets, one.offsets[-1] + two.offsets[1:]])
    return Paths(offsets, np.concatenate([one.rows, two.rows]), fit)


def _ends(fit: FitResult, bend: float) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Place and direction out of a piece (n, 2, 6), `bend` times its q/p seen that way (n, 2), whether it is fitted."""
    place = np.stack([fit.first, fit.last], axis=1)
    out = place[:, :, :6].copy()
    out[:, 0, 3:] *= -1
    turn = bend * place[:, :, 6]
    turn[:, 0] *= -1
    return np.ascontiguousarray(out), np.ascontiguousarray(turn), fit.valid


@njit(cache=True, nogil=True, error_model="numpy")
def _meeting(
    grid: FieldGrid | None,
    ends: Floats,
    turn: Floats,
    valid: NDArray[np.bool_],
    gap: float,
    overlap: float,
    miss: float,
    miss_slope: float,
    most: float,
) -> Ints:
    """Pairs of ends that run into each other (m, 4): piece, its end, other piece, its end."""
    n = len(ends)
    found = np.empty((64, 4), np.int64)
    m = 0
    least = np.cos(most)
    for i in range(n):
        if not valid[i]:
            continue
        for j in range(i + 1, n):
            if not valid[j]:
                continue
            for a in range(2):
                for b in range(2):
                    dx = ends[j, b, X] - ends[i, a, X]
                    dy = ends[j, b, Y] - ends[i, a, Y]
                    dz = ends[j, b, Z] - ends[i, a, Z]
                    way = dx * dx + dy * dy + dz * dz
                    if way > gap * gap:
                        continue
                    if not (
                        _runs_into(
                            grid,
                            ends[i, a],
                            turn[i, a],
                            ends[j, b],
                            np.sqrt(way),
                            overlap,
                            miss,
                            miss_slope,
                            least,
                        )
                        or _runs_into(
                            grid,
                            ends[j, b],
                            turn[j, b],
                            ends[i, a],
                            np.sqrt(way),
                            overlap,
                            miss,
                            miss_slope,
                            least,
                        )
                    ):
                        continue
                    if m == len(found):
                        found = np.concatenate((found, np.empty_like(found)))
                    found[m, PIECE], found[m, PIECE_END], found[m, OTHER], found[m, OTHER_END] = i, a, j, b
                    m += 1
    return found[:m].copy()


@njit(cache=True, nogil=True, error_model="numpy")
def _runs_into(
    grid: FieldGrid | None,
    one: Floats,
    k: float,
    two: Floats,
    way: float,
    overlap: float,
    miss: float,
    miss_slope: float,
    least: float,
) -> bool:
    if grid is None:
        x, y, z, tx, ty, tz, s, crossed = extrapolate(
            one[X],
            one[Y],
            one[Z],
            one[TX],
            one[TY],
            one[TZ],
            k,
            two[X],
            two[Y],
            two[Z],
            -two[TX],
            -two[TY],
            -two[TZ],
        )
    else:
        ray = np.array([[one[X], one[Y], one[Z], one[TX], one[TY], one[TZ], k]])
        s, crossed = to_plane(grid, TOLERANCE, ray, two[X], two[Y], two[Z], -two[TX], -two[TY], -two[TZ])
        x, y, z, tx, ty, tz = ray[0, X], ray[0, Y], ray[0, Z], ray[0, TX], ray[0, TY], ray[0, TZ]
    if not crossed or s < -overlap:
        return False
    off = np.sqrt((x - two[X]) ** 2 + (y - two[Y]) ** 2 + (z - two[Z]) ** 2)
    facing = -(tx * two[TX] + ty * two[TY] + tz * two[TZ])
    return off < miss + miss_slope * way and facing > least


@njit(cache=True, nogil=True)
def _joined(pairs: Ints, offsets: Ints, rows: Ints, xyz: Floats) -> tuple[Ints, Ints]:
    """Points of each pair in the order of the path, from its end nearer to the origin."""
    size = np.zeros(len(pairs) + 1, np.int64)
    for m in range(len(pairs)):
        one, two = pairs[m, PIECE], pairs[m, OTHER]
        size[m + 1] = size[m] + offsets[one + 1] - offsets[one] + offsets[two + 1] - offsets[two]
    out = np.empty(size[-1], np.int64)
    for m in range(len(pairs)):
        k = size[m]
        # Up to the end that meets the other one, and on from there.
        for piece, backwards in (
            (pairs[m, PIECE], pairs[m, PIECE_END] == 0),
            (pairs[m, OTHER], pairs[m, OTHER_END] == 1),
        ):
            first, stop = offsets[piece], offsets[piece + 1]
            for i in range(stop - first):
                out[k] = rows[stop - 1 - i] if backwards else rows[first + i]
                k += 1
        a, b = xyz[out[size[m]]], xyz[out[size[m + 1] - 1]]
        if np.sum(a * a) > np.sum(b * b):
            out[size[m] : size[m + 1]] = out[size[m] : size[m + 1]][::-1].copy()
    return size, out
