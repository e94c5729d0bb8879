"""CLUE, the clustering by energy density of the CMS endcap calorimeter, written from its publications.

Rovere et al., Front. Big Data 3 (2020) 591315, arXiv 2001.09761. A point's local density is its energy and half of that
within the critical distance; it follows the nearest point of higher density. A dense point whose nearest higher one is far
is a seed, a thin point whose nearest higher one is far is an outlier. `clue_showers.py` makes showers of it.

Lengths are in units of the critical distance. Points lie in tiles, so that the search is linear in points; layers that
close around the beam are unrolled, as k4CLUE does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints


class Points(NamedTuple):
    """Points on layers; a tuple of arrays, so that numba takes it as it is.

    Attributes
    ----------
    s, t : float64 (n,)
        Position on the layer, mm.
    depth : float64 (n,)
        In units of the critical distance along the shower; points of one layer have the same.
    layer : int64 (n,)
    energy : float64 (n,)
    reach : float64 (n,)
        The critical distance, mm.
    stack : int64 (n_layers,)
        Layers of one number lie behind one another, in the order of their rows.
    period : float64 (n_layers,)
        Where s begins again, mm; 0: nowhere.
    """

    s: Floats
    t: Floats
    depth: Floats
    layer: Ints
    energy: Floats
    reach: Floats
    stack: Ints
    period: Floats


class Tiles(NamedTuple):
    """Points of tile k are ``order[ends[k]:ends[k + 1]]``; tiles of a layer run along t, then s.

    Attributes
    ----------
    order, ends : int64
    first : int64 (n_layers,)
        First tile of the layer.
    low, side : float64 (n_layers, 2)
        Corner and sides of the tiles, mm.
    count : int64 (n_layers, 2)
    """

    order: Ints
    ends: Ints
    first: Ints
    low: Floats
    side: Floats
    count: Ints


@dataclass(frozen=True)
class ClueConfig:
    """Settings of CLUE.

    Attributes
    ----------
    density : float
        Lowest density of a seed (rho_c), in the unit of the energies.
    separation : float
        Of seeds (delta_c), in critical distances.
    outlier : float
        Farthest a thin point may lie from a higher one (the outlier factor), in critical distances.
    kernel : float
        Weight of the neighbours' energies in the density.
    span : int
        Layers on each side that count as neighbours.
    own : bool
        Points of the same layer are neighbours.
    self_density : float
        A seed makes at least this part of its density itself.
    """

    density: float
    separation: float = 1.0
    outlier: float = 2.0
    kernel: float = 0.5
    span: int = 0
    own: bool = True
    self_density: float = 0.0


def clue(points: Points, threshold: Floats, config: ClueConfig) -> tuple[Ints, Floats]:
    """Clusters of points.

    Parameters
    ----------
    points : Points
    threshold : float64 (n,)
        Unit of `ClueConfig.density` at each point, such as what a minimum-ionising particle leaves there.
    config : ClueConfig

    Returns
    -------
    cluster : int64 (n,)
        -1: outlier, or a follower of one. Numbers run from the densest seed.
    density : float64 (n,)
    """
    far = max(config.separation, config.outlier)
    tiles = tile_grid(points)
    # The points of a tile lie side by side in memory.
    at = Points(*(column[tiles.order] for column in points[:6]), *points[6:])
    density = _density(at, tiles, config.span, config.own, config.kernel)
    distance, nearest = _nearest_higher(at, tiles, density, config.span, config.own, far)
    least = config.density * threshold[tiles.order]
    dense = density >= least
    seed = dense & (distance > config.separation) & (at.energy >= config.self_density * density)
    lost = ~seed & ((nearest < 0) | (~dense & (distance > config.outlier)))
    order = np.lexsort((-tiles.order, -density))  # densest first; of equals the later row, as in the search
    cluster = np.empty(len(order), np.int64)
    cluster[tiles.order] = _follow(order, nearest, seed, lost)
    unsorted = np.empty(len(order))
    unsorted[tiles.order] = density
    return cluster, unsorted


def tile_grid(points: Points) -> Tiles:
    """Tiles as wide as the smallest critical distance, over what each layer holds."""
    n_layers = len(points.stack)
    low, high = np.full((n_layers, 2), np.inf), np.full((n_layers, 2), -np.inf)
    for axis, place in enumerate((points.s, points.t)):
        np.minimum.at(low[:, axis], points.layer, place)
        np.maximum.at(high[:, axis], points.layer, place)
    empty = ~np.isfinite(low[:, 0])
    low[empty], high[empty] = 0.0, 0.0
    closed = points.period > 0
    low[closed, 0], high[closed, 0] = -points.period[closed] / 2, points.period[closed] / 2
    wanted = max(float(points.reach.min(initial=np.inf)), float((high - low).max(initial=1.0)) / 4000)
    count = np.maximum(1, np.floor((high - low) / wanted)).astype(np.int64)
    side = np.maximum((high - low) / count, 1e-9)
    first = np.concatenate([[0], np.cumsum(count.prod(axis=1))])
    box = (np.stack([points.s, points.t], axis=1) - low[points.layer]) / side[points.layer]
    box = np.clip(box.astype(np.int64), 0, count[points.layer] - 1)
    tile = first[points.layer] + box[:, 0] * count[points.layer, 1] + box[:, 1]
    ends = np.concatenate([[0], np.cumsum(np.bincount(tile, minlength=first[-1]))]).astype(np.int64)
    return Tiles(np.argsort(tile, kind="stable"), ends, first[:-1], low, side, count)


@njit(cache=True)
def _window(i: int, layer: int, radius: float, at: Points, tiles: Tiles) -> tuple[int, int, int, int]:
    """First and last tile along s and t within a radius (mm) of a point; along s they may run over the end of a turn."""
    side, low, count = tiles.side[layer], tiles.low[layer], tiles.count[layer]
    left = int(np.floor((at.s[i] - radius - low[0]) / side[0]))
    right = int(np.floor((at.s[i] + radius - low[0]) / side[0]))
    if at.period[layer] > 0:
        right = min(right, left + count[0] - 1)
    else:
        left, right = max(0, left), min(count[0] - 1, right)
    below = min(max(0, int(np.floor((at.t[i] - radius - low[1]) / side[1]))), count[1])
    above = min(count[1] - 1, int(np.floor((at.t[i] + radius - low[1]) / side[1])))
    above = max(above, below - 1)  # none: an empty range
    return left, right, below, above


@njit(cache=True)
def _distance(i: int, j: int, at: Points, period: float) -> float:
    """In critical distances of point i."""
    s, t, deeper = at.s[i] - at.s[j], at.t[i] - at.t[j], at.depth[i] - at.depth[j]
    if period > 0:
        s -= period * np.round(s / period)
    return np.sqrt((s * s + t * t) / (at.reach[i] * at.reach[i]) + deeper * deeper)


@njit(cache=True, parallel=True)
def _density(at: Points, tiles: Tiles, span: int, own: bool, kernel: float) -> Floats:
    density = at.energy.copy()
    for i in prange(len(density)):
        home = at.layer[i]
        around = 0.0
        for layer in range(max(0, home - span), min(len(at.stack) - 1, home + span) + 1):
            if at.stack[layer] != at.stack[home] or (layer == home and not own):
                continue
            left, right, below, above = _window(i, layer, at.reach[i], at, tiles)
            for column in range(left, right + 1):
                row = tiles.first[layer] + (column % tiles.count[layer, 0]) * tiles.count[layer, 1]
                for j in range(tiles.ends[row + below], tiles.ends[row + above + 1]):
                    if j != i and _distance(i, j, at, at.period[layer]) <= 1:
                        around += at.energy[j]
        density[i] += kernel * around
    return density


@njit(cache=True, parallel=True)
def _nearest_higher(
    at: Points, tiles: Tiles, density: Floats, span: int, own: bool, far: float
) -> tuple[Floats, NDArray[np.int64]]:
    """Distance to the nearest point of higher density and its row; infinite and -1 where none is within `far`."""
    n = len(density)
    distance, nearest = np.full(n, np.inf), np.full(n, -1, np.int64)
    for i in prange(n):
        home = at.layer[i]
        best, best_row = np.inf, -1
        for layer in range(max(0, home - span), min(len(at.stack) - 1, home + span) + 1):
            if at.stack[layer] != at.stack[home] or (layer == home and not own):
                continue
            left, right, below, above = _window(i, layer, far * at.reach[i], at, tiles)
            for column in range(left, right + 1):
                row = tiles.first[layer] + (column % tiles.count[layer, 0]) * tiles.count[layer, 1]
                for j in range(tiles.ends[row + below], tiles.ends[row + above + 1]):
                    later = density[j] == density[i] and tiles.order[j] > tiles.order[i]
                    if density[j] > density[i] or later:
                        d = _distance(i, j, at, at.period[layer])
                        if d <= far and d < best:
                            best, best_row = d, j
        distance[i], nearest[i] = best, best_row
    return distance, nearest


@njit(cache=True)
def _follow(order: Ints, nearest: Ints, seed: NDArray[np.bool_], lost: NDArray[np.bool_]) -> Ints:
    """Number of each point's cluster, the densest points first, so that the one it follows has its number."""
    cluster = np.full(len(order), -1, np.int64)
    count = 0
    for i in order:
        if seed[i]:
            cluster[i] = count
            count += 1
        elif not lost[i]:
            cluster[i] = cluster[nearest[i]]
    return cluster
