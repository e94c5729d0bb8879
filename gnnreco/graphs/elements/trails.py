"""Tracks as elements: what they are, and what lies in the calorimeters and behind them along their paths."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gnnreco.columns import Floats, Ints, Tracks

from .cells import Cells
from .pairs import distinct_pairs

TRACK_FEATURES = (
    "momentum", "pt", "momentum_error", "hits", "chi2", "d0", "d0_pull", "score", "near_1", "near_2", "near_4", "near_front",
    "near_middle", "near_back", "near_layers", "near_mip", "near_start", "near_end", "nuclear_end", "any_near",
    "behind_layers",
)  # fmt: skip
NEAR = (1.0, 2.0, 4.0)  # lateral units around a path
SECTIONS = (8.0, 26.0)  # radiation lengths
PATHS_PER_CELL = 8  # points of paths that a cell looks at
BEHIND = 150.0  # mm around a path, for hits behind the calorimeters
BETA = 0.13957  # GeV: mass of a pion


@dataclass(frozen=True, slots=True)
class Trails:
    """Tracks as elements.

    Attributes
    ----------
    features : float32 (n, f)
        By `TRACK_FEATURES`.
    momentum : float64 (n,)
        GeV.
    error : float64 (n,)
        Its relative error.
    point, direction, track : float64 (p, 3), float64 (p, 3), int64 (p,)
        Points of all paths behind the last hit, mm; the way they run; whose they are.
    cell, near : int64 (m,)
        Cells (rows of `Cells`) near paths, and whose path.
    distance : float64 (m,)
        Of the cell from the path, in its lateral units.
    """

    features: NDArray[np.float32]
    momentum: Floats
    error: Floats
    point: Floats
    direction: Floats
    track: Ints
    cell: Ints
    near: Ints
    distance: Floats

    def __len__(self) -> int:
        return len(self.momentum)


@dataclass(frozen=True, slots=True)
class Points:
    """Points along tracks, mm (p, 3), the way they run (p, 3), and whose they are (p,)."""

    point: Floats
    direction: Floats
    track: Ints


def trails_of(
    tracks: Tracks, points: Points, cells: Cells, behind: Floats, layer_behind: Ints, own_behind: Ints
) -> Trails:
    """Tracks as elements.

    Parameters
    ----------
    tracks : Tracks
    points : Points
        Of their paths, behind their last hits.
    cells : Cells
    behind : float64 (h, 3)
        Hits of position sensors behind the calorimeters that are on no track, mm,
    layer_behind : int64 (h,)
        and their layers.
    own_behind : int64 (n,)
        Layers behind the calorimeters that a track has hits on.
    """
    n = len(tracks)
    cell, near, distance = _near(points, cells)
    momentum = 1 / np.maximum(np.abs(tracks.q_over_p), 1e-6)
    error = np.sqrt(np.maximum(tracks.covariance[:, 14], 0.0)) * momentum
    d0_error = np.sqrt(np.maximum(tracks.covariance[:, 0], 1e-12))
    close = distance < NEAR[1]
    energy = cells.energy[cell]

    def part(rows: NDArray[np.bool_]) -> Floats:
        return np.bincount(near[rows], energy[rows], n).astype(np.float64, copy=False)

    depth = cells.depth[cell]
    start, end, deepest = (np.full(n, start) for start in (60.0, 0.0, 0.0))
    np.minimum.at(start, near[close], depth[close])
    np.maximum.at(end, near[close], depth[close])
    np.maximum.at(deepest, near[close], cells.nuclear[cell][close])
    n_layers = np.bincount(distinct_pairs(near[close], cells.group[cell][close])[0], minlength=n)
    mips = np.bincount(near[close], energy[close] / np.maximum(cells.mip[cell][close], 1e-9), n)
    any_near = n_layers > 0
    columns = [
        np.log(momentum),
        np.log(np.maximum(tracks.pt, 1e-3)),
        np.log(np.clip(error, 1e-5, 10.0)),
        np.log(np.maximum(tracks.n_hits, 1)) - 2,
        np.log1p(tracks.chi2 / np.maximum(tracks.ndf, 1)),
        np.log1p(np.abs(tracks.d0)),
        np.log1p(np.abs(tracks.d0) / d0_error),
        tracks.score,
        *(np.log(part(distance < r) / momentum + 0.01) for r in NEAR),
        *(
            np.log(part(close & (np.digitize(depth, SECTIONS) == k)) / momentum + 0.01)
            for k in range(len(SECTIONS) + 1)
        ),
        np.log1p(n_layers),
        np.log(mips / np.maximum(n_layers, 1) + 0.1),
        np.where(any_near, start / 20, 0.0),
        end / 40,
        deepest / 4,
        any_near,
        np.log1p(own_behind + _behind(points, behind, layer_behind, n)),
    ]
    features = np.stack([np.asarray(c, np.float64) for c in columns], axis=1)
    return Trails(
        np.clip(np.nan_to_num(features), -20.0, 20.0).astype(np.float32),
        momentum,
        error,
        points.point,
        points.direction,
        points.track,
        cell,
        near,
        distance,
    )


def _near(points: Points, cells: Cells) -> tuple[Ints, Ints, Floats]:
    """Cells near paths, whose, and how far in lateral units: each pair once, sorted by cell, then track."""
    if not len(points.track) or not len(cells):
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    count = min(PATHS_PER_CELL, len(points.track))
    # One unit more than the widest ring, since the nearest point lies up to half a step along the path.
    limit = NEAR[-1] * float(cells.unit.max()) + 30.0
    away, row = cKDTree(points.point).query(cells.xyz, k=count, distance_upper_bound=limit)
    away, row = away.reshape(len(cells), count), row.reshape(len(cells), count)
    cell, slot = np.nonzero(np.isfinite(away))
    row = row[cell, slot]
    distance = perpendicular(cells.xyz[cell], points.point[row], points.direction[row]) / cells.unit[cell]
    near = points.track[row]
    order = np.lexsort((distance, near, cell))
    cell, near, distance = cell[order], near[order], distance[order]
    first = np.ones(len(cell), bool)
    first[1:] = (cell[1:] != cell[:-1]) | (near[1:] != near[:-1])
    first &= distance < NEAR[-1]
    return cell[first], near[first], distance[first]


def perpendicular(place: Floats, point: Floats, direction: Floats) -> Floats:
    """Distance (n,) of places from the lines through points with these directions, mm."""
    off = place - point
    along = np.einsum("ij,ij->i", off, direction)
    return np.sqrt(np.maximum((off**2).sum(axis=1) - along**2, 0.0))


def _behind(points: Points, behind: Floats, layer: Ints, n: int) -> Ints:
    """On how many layers behind the calorimeters there are free hits near each path (n,)."""
    if not len(points.track) or not len(behind):
        return np.zeros(n, np.int64)
    near = cKDTree(points.point).query_ball_point(behind, BEHIND)
    hit = np.repeat(np.arange(len(behind)), [len(rows) for rows in near])
    if not len(hit):
        return np.zeros(n, np.int64)
    track = points.track[np.concatenate([np.asarray(rows, np.int64) for rows in near])]
    return np.bincount(distinct_pairs(track, layer[hit])[0], minlength=n)
