"""Hits of a detector that nobody described as graphs: lengths in units of the cells themselves, energies of the hits.

Nothing is known but the hits, so nothing is assumed but this: cells of one collection touch, and a cell is as large as
the file says or, where it does not, as far as the next hits are. Collections are not joined: their energies need not
be on one scale.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gnnreco.columns import Event, Floats, Ints

from .cells import CellGraph
from .pairs import symmetric

BEHIND = 0.7  # cosine to the way from the origin: hits in that cone lie behind one another, others beside


@dataclass(frozen=True)
class FreeGraphConfig:
    """How hits become nodes and edges where there is no detector.

    Attributes
    ----------
    near : int
        Hits that are looked at around each one.
    reach : float
        Longest edge, in cells: over one cell that did not fire.
    crowd : int
        How many hits beside one tell the width of a cell.
    finest : float
        Quantile of the distances to the nearest hit that tells the finest cell of a collection.
    coarsest : float
        A cell is at most so many of the finest wide: what is farther apart than that is no neighbour, but noise.
    few : int
        A collection of fewer hits does not tell what its typical hit is; all hits of the event do then.
    """

    near: int = 24
    reach: float = 2.1
    crowd: int = 4
    finest: float = 0.01
    coarsest: float = 1.5
    few: int = 10


def collection_of(event: Event) -> NDArray[np.int32]:
    """Row of each hit's collection (n,); all hits are one collection where the file does not tell."""
    told = event.collections
    return np.zeros(len(event.hits), np.int32) if told is None else told.of


def with_energy(event: Event) -> NDArray[np.bool_]:
    """Hits (n,) that say how much energy they hold, if only NaN: those of collections with an energy."""
    energy = event.hits.energy
    if energy is None:
        return np.zeros(len(event.hits), bool)
    of = collection_of(event)
    some = np.bincount(of, np.isfinite(energy), minlength=int(of.max(initial=0)) + 1) > 0
    return np.asarray(some[of])


def cell_edges(event: Event, config: FreeGraphConfig) -> Floats:
    """Edges of each hit's cell (n, 3, 3), mm; see `Collections`. Of hits with energy, from their distances where untold."""
    of, n = collection_of(event), len(event.hits)
    edges = np.full((n, 3, 3), np.nan) if event.collections is None else event.collections.edges.copy()
    untold = (
        ~np.isfinite(edges).all(axis=(1, 2)) & with_energy(event) & np.isfinite(event.hits.xyz).all(axis=1)
    )
    for row in np.unique(of[untold]):
        mine = np.flatnonzero(untold & (of == row))
        edges[mine] = _spacing(event.hits.xyz[mine], config)
    return edges


def build_free_graph(config: FreeGraphConfig, event: Event, edges: Floats) -> CellGraph:
    """Hits with energy above zero, and pairs of one collection that lie close, in units of their cells.

    Parameters
    ----------
    config : FreeGraphConfig
    event : Event
    edges : float64 (n_hits, 3, 3)
        From `cell_edges`.

    Returns
    -------
    CellGraph
        `group` is the collection, `mip` the median energy of a collection's hits: the typical hit, since nobody
        knows what a particle leaves; `depth` is zero.
    """
    hits = event.hits
    energy = np.zeros(len(hits)) if hits.energy is None else hits.energy
    index = np.flatnonzero((energy > 0) & np.isfinite(energy) & np.isfinite(hits.xyz).all(axis=1))
    xyz, energy, group = hits.xyz[index], energy[index], collection_of(event)[index].astype(np.int64)
    metric = _metric(edges[index])
    typical = np.ones(int(group.max(initial=-1)) + 1)
    pairs = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))]
    for row in np.unique(group):
        mine = np.flatnonzero(group == row)
        typical[row] = np.median(energy[mine] if len(mine) >= config.few else energy)
        one, two = (mine[side] for side in _nearest(xyz[mine], config.near))
        distance = _distance(xyz[two] - xyz[one], (metric[one] + metric[two]) / 2)
        kept = distance <= config.reach
        pairs.append((one[kept], two[kept], distance[kept]))
    one, two, distance = (np.concatenate(part) for part in zip(*pairs, strict=True))
    csr = symmetric(len(index), one.astype(np.int32), two.astype(np.int32), distance.astype(np.float32))
    direction = xyz / np.maximum(np.linalg.norm(xyz, axis=1), 1e-9)[:, None]
    sensor = np.full(len(index), -1, np.int32)
    zero, unit = (
        np.zeros(len(index)),
        np.ones(len(index)),
    )  # depths, which no file tells; all else in one unit
    told = (index, sensor, group, energy, typical[group], xyz, direction)
    return CellGraph(*told, zero, unit, unit, unit, unit, zero, zero, unit, unit, *csr)


def _spacing(xyz: Floats, config: FreeGraphConfig) -> Floats:
    """Edges of cells (n, 3, 3), mm, that touch the next hits: across the way from the origin, and along it.

    Layers are farther from each other than the cells within one, so the two are told apart by the way to the next hits.
    """
    n, count = len(xyz), min(config.near + 1, len(xyz))
    outward = xyz / np.maximum(np.linalg.norm(xyz, axis=1), 1e-9)[:, None]
    distance, other = (found.reshape(n, count) for found in cKDTree(xyz).query(xyz, count))
    step = xyz[other] - xyz[:, None]
    behind = np.abs(np.einsum("nka,na->nk", step, outward)) > BEHIND * distance
    apart = distance > 0
    across = _sizes(distance, apart & ~behind, config)
    across = np.where(np.isfinite(across), across, 1.0)
    through = _sizes(distance, apart & behind, replace(config, crowd=1))
    through = np.where(np.isfinite(through), through, across)
    u = np.cross(outward, np.eye(3)[np.abs(outward).argmin(axis=1)])
    u /= np.maximum(np.linalg.norm(u, axis=1), 1e-9)[:, None]
    v = np.cross(outward, u)
    return np.stack([across[:, None] * u, across[:, None] * v, through[:, None] * outward], axis=1)


def _sizes(distance: Floats, chosen: NDArray[np.bool_], config: FreeGraphConfig) -> Floats:
    """Mean distance (n,) to the first few of the chosen hits, within bounds that the collection sets; NaN: none has any."""
    first = chosen & (np.cumsum(chosen, axis=1) <= config.crowd)
    count = first.sum(axis=1)
    mean = np.where(first, distance, 0.0).sum(axis=1) / np.maximum(count, 1)
    if not count.any():
        return np.full(len(distance), np.nan)
    nearest = np.where(chosen, distance, np.inf).min(axis=1)
    finest = float(np.quantile(nearest[count > 0], config.finest))
    return np.asarray(np.where(count > 0, mean, np.inf).clip(finest, config.coarsest * finest))


def _metric(edges: Floats) -> Floats:
    """Sum of the dyads of the edges (n, 3, 3), mm^2: its inverse measures steps in cells, whichever way they are turned.

    Along its shortest axis it is at least the square of the shorter edge across.
    """
    length = np.linalg.norm(edges, axis=2)
    across = np.sort(length[:, :2], axis=1)
    least = np.where(across[:, 0] > 0, across[:, 0], across[:, 1])
    least = np.where(least > 0, least, 1.0)
    _, size, axes = np.linalg.svd(edges)
    return np.asarray(np.einsum("nk,nka,nkb->nab", np.maximum(size, least[:, None]) ** 2, axes, axes))


def _nearest(xyz: Floats, near: int) -> tuple[Ints, Ints]:
    """Unordered pairs of which one is among the nearest of the other."""
    count = min(near + 1, len(xyz))
    if count < 2:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    found = cKDTree(xyz).query(xyz, count)[1]
    one = np.repeat(np.arange(len(xyz)), count)
    two = found.ravel()
    key = np.unique(np.minimum(one, two) * len(xyz) + np.maximum(one, two))
    one, two = np.divmod(key, len(xyz))
    return one[one != two], two[one != two]


def _distance(step: Floats, metric: Floats) -> Floats:
    """Length of each step (m, 3) in units of its metric (m, 3, 3)."""
    return np.asarray(
        np.sqrt(np.einsum("na,na->n", step, np.linalg.solve(metric, step[:, :, None])[:, :, 0]))
    )
