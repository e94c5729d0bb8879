"""The graph of elements: each shower beside the tracks and the other showers whose particle it may be part of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gnnreco.columns import Floats, Ints
from gnnreco.kernels import X, Y, Z, njit

from .pairs import distinct_pairs
from .showers import Showers
from .trails import NEAR, Trails, perpendicular

EDGE_FEATURES = (
    "to_track", "front_distance", "middle_distance", "gap", "angle", "energy_ratio", "excess", "near_1", "near_2", "near_4",
    "nearest_of_shower", "nearest_of_owner", "depth_step", "nuclear_step", "apart",
)  # fmt: skip


@dataclass(frozen=True)
class ElementConfig:
    """How elements become a graph.

    Attributes
    ----------
    showers : {"clusters", "cells"}
        What stands for showers: the clusters that another bundle found, or every cell by itself.
    tracks : int
        Tracks that a shower may belong to: the nearest ones.
    neighbours : int
        Other showers that it may belong to.
    reach : float
        mm: what lies farther away is no neighbour.
    step : float
        mm between the points of a track's path.
    """

    showers: Literal["clusters", "cells"] = "clusters"
    tracks: int = 4
    neighbours: int = 6
    reach: float = 500.0
    step: float = 20.0


@dataclass(frozen=True, slots=True)
class ElementGraph:
    """Elements of one event: first the n_t tracks, then the n_s showers.

    Attributes
    ----------
    track_features : float32 (n_t, f)
    shower_features : float32 (n_s, g)
    shower, owner : int64 (m,)
        Which shower may belong to which element (a row of tracks, or n_t plus a row of showers); sorted by shower.
    edge_features : float32 (m, e)
        By `EDGE_FEATURES`.
    """

    track_features: NDArray[np.float32]
    shower_features: NDArray[np.float32]
    shower: Ints
    owner: Ints
    edge_features: NDArray[np.float32]


def element_graph(trails: Trails, showers: Showers, config: ElementConfig) -> ElementGraph:
    """Join elements by where they are, in units that mean the same everywhere."""
    to_tracks = _track_edges(trails, showers, config)
    to_showers = _shower_edges(len(trails), showers, config)
    shower, owner, features = (np.concatenate(parts) for parts in zip(to_tracks, to_showers, strict=True))
    order = np.lexsort((owner, shower))
    features = np.clip(np.nan_to_num(features[order]), -20.0, 20.0).astype(np.float32)
    return ElementGraph(trails.features, showers.features, shower[order], owner[order], features)


def _empty() -> tuple[Ints, Ints, Floats]:
    return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, len(EDGE_FEATURES)))


def _track_edges(trails: Trails, showers: Showers, config: ElementConfig) -> tuple[Ints, Ints, Floats]:
    """From each shower to the tracks whose paths come nearest to its beginning or its middle."""
    if not len(trails.track) or not len(showers):
        return _empty()
    coarse = np.flatnonzero(np.arange(len(trails.track)) % 4 == 0)
    count = min(12 * config.tracks, len(coarse))
    tree, pairs = cKDTree(trails.point[coarse]), []
    for place in (showers.front, showers.middle):
        away, row = tree.query(place, k=count, distance_upper_bound=config.reach)
        away, row = away.reshape(len(showers), count), row.reshape(len(showers), count)
        shower, slot = np.nonzero(np.isfinite(away))
        pairs.append((shower, trails.track[coarse[row[shower, slot]]]))
    shower, track = distinct_pairs(*(np.concatenate(parts) for parts in zip(*pairs, strict=True)))
    begin = np.searchsorted(trails.track, np.arange(len(trails) + 1))
    beside = _closest(begin, trails.point, showers.front, shower, track)
    front = perpendicular(showers.front[shower], trails.point[beside], trails.direction[beside])
    row = _closest(begin, trails.point, showers.middle, shower, track)
    middle = perpendicular(showers.middle[shower], trails.point[row], trails.direction[row])
    rank = _rank(shower, front)
    keep = rank < config.tracks
    shower, track, rank, beside = (x[keep] for x in (shower, track, rank, beside))
    front, middle = front[keep], middle[keep]
    unit = showers.unit[shower]
    direction = trails.direction[beside]
    energy, momentum = showers.energy[shower], trails.momentum[track]
    near = _near_parts(trails, showers, shower, track)
    width = np.sqrt(0.25 * momentum + 0.01)  # GeV: what a hadron calorimeter makes of it, on either side
    features = np.stack(
        [
            np.ones(len(shower)),
            np.log1p(front / unit),
            np.log1p(middle / unit),
            np.zeros(len(shower)),
            np.einsum("ij,ij->i", direction, showers.axis[shower]),
            np.log(np.maximum(energy / momentum, 1e-3)),
            np.clip((energy - momentum) / width / 5, -4.0, 4.0),
            *near,
            rank == 0,
            _rank(track, front) == 0,
            np.zeros(len(shower)),
            showers.nuclear[shower] / 2,
            np.log1p(np.abs(front - middle) / unit),
        ],
        axis=1,
    )
    return shower, track, features


def _near_parts(trails: Trails, showers: Showers, shower: Ints, track: Ints) -> list[Floats]:
    """How much of each shower's energy lies within one, two and four lateral units of the track's path, for pairs."""
    order = np.lexsort((track, shower))
    first = np.searchsorted(shower[order], np.arange(len(showers) + 1))
    near = np.searchsorted(trails.cell, np.arange(int(showers.cell.max(initial=-1)) + 2))
    parts = np.zeros((len(shower), len(NEAR)))
    columns = (showers.cell, showers.shower, showers.share, trails.near, trails.distance)
    _add_near(near, *columns, first, order, track, np.array(NEAR), parts)
    return list((parts / showers.visible[shower][:, None]).T)


@njit(cache=True)
def _add_near(
    near: Ints,
    cell: Ints,
    shower: Ints,
    share: Floats,
    track: Ints,
    distance: Floats,
    first: Ints,
    order: Ints,
    wanted: Ints,
    radii: Floats,
    parts: Floats,
) -> None:
    """Add up each cell's share for the pairs of its shower with the tracks that pass near the cell."""
    for s in range(len(cell)):
        for k in range(near[cell[s]], near[cell[s] + 1]):
            for place in range(first[shower[s]], first[shower[s] + 1]):
                pair = order[place]
                if wanted[pair] == track[k]:
                    for r in range(len(radii)):
                        if distance[k] < radii[r]:
                            parts[pair, r] += share[s]


@njit(cache=True)
def _closest(begin: Ints, point: Floats, place: Floats, shower: Ints, track: Ints) -> Ints:
    """The point of the track's path that is closest to the shower's place, for pairs (m,)."""
    out = np.empty(len(shower), np.int64)
    for pair in range(len(shower)):
        x, y, z = place[shower[pair], X], place[shower[pair], Y], place[shower[pair], Z]
        least, best = np.inf, begin[track[pair]]
        for row in range(begin[track[pair]], begin[track[pair] + 1]):
            away = (point[row, X] - x) ** 2 + (point[row, Y] - y) ** 2 + (point[row, Z] - z) ** 2
            if away < least:
                least, best = away, row
        out[pair] = best
    return out


def _shower_edges(n_tracks: int, showers: Showers, config: ElementConfig) -> tuple[Ints, Ints, Floats]:
    """From each shower to the others near it."""
    n = len(showers)
    if n < 2 or config.neighbours == 0:
        return _empty()
    count = min(config.neighbours + 1, n)
    away, row = cKDTree(showers.middle).query(showers.middle, k=count, distance_upper_bound=config.reach)
    shower, slot = np.nonzero(np.isfinite(away) & (row != np.arange(n)[:, None]))
    other = row[shower, slot]
    distance = away[shower, slot]
    unit = np.sqrt(showers.unit[shower] * showers.unit[other])
    axis_miss = perpendicular(showers.front[shower], showers.middle[other], showers.axis[other])
    miss = perpendicular(showers.front[other], showers.middle[shower], showers.axis[shower])
    ends = np.linalg.norm(showers.front[shower] - showers.back[other], axis=1)
    starts = np.linalg.norm(showers.front[shower] - showers.front[other], axis=1)
    size = np.linalg.norm(showers.middle, axis=1)
    cos = np.einsum("ij,ij->i", showers.middle[shower], showers.middle[other]) / (size[shower] * size[other])
    features = np.stack(
        [
            np.zeros(len(shower)),
            np.log1p(axis_miss / unit),
            np.log1p(miss / unit),
            np.log1p(np.minimum(ends, starts) / unit),
            np.einsum("ij,ij->i", showers.axis[shower], showers.axis[other]),
            np.log(showers.energy[shower] / np.maximum(showers.energy[other], 1e-9)) / 2,
            np.zeros(len(shower)),
            *(np.zeros(len(shower)) for _ in range(3)),
            _rank(shower, distance) == 0,
            _rank(other, distance) == 0,
            (showers.depth[shower] - showers.depth[other]) / 20,
            (showers.nuclear[shower] - showers.nuclear[other]) / 2,
            np.log1p(size[shower] * np.sqrt(np.maximum(2 - 2 * cos, 0.0)) / unit),
        ],
        axis=1,
    )
    return shower, n_tracks + other, features


def _rank(group: Ints, value: Floats) -> Ints:
    """Place of each row among those of its group, by value (m,)."""
    order = np.lexsort((value, group))
    first = np.searchsorted(group[order], group[order])
    rank = np.empty(len(group), np.int64)
    rank[order] = np.arange(len(group)) - first
    return rank
