"""What the rules of particle flow read of an event: tracks, pieces of clusters, and how far each piece is from each track.

A piece is what is left of a cluster where its energy density falls into several peaks: the smallest thing that the rules move
from one particle to another. Tracks are followed outwards exactly as for the network (`gnnreco.tasks.particleflow.elements`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from gnnreco.columns import Clusters, Event, Floats, Ints, Tracks
from gnnreco.events.select import seen
from gnnreco.geometry import Detector
from gnnreco.graphs.elements.cells import Cells
from gnnreco.graphs.elements.graph import ElementConfig
from gnnreco.graphs.elements.trails import TRACK_FEATURES, Trails, perpendicular
from gnnreco.graphs.showers.cells import CellGraphConfig, build_cell_graph
from gnnreco.tasks.particleflow.elements import Elements, Surroundings, elements_of
from gnnreco.tasks.showers.density import DensityConfig, density_clusters

MEASURES = ("energy", "position")
EM_DEPTH = 24.0  # radiation lengths at normal incidence: what lies deeper counts as hadron calorimeter
REACH = 400.0  # mm: a piece farther from a track's path has nothing to do with it
PATHS = 24  # points of paths that a piece looks at
SPARSE = 3  # every third point of a path is enough to find the tracks near a piece
NEIGHBOURS = 16  # nearest cells that a cell looks at for other pieces
GAP = 250.0  # mm: the widest gap between pieces that have to do with each other
TRAILS = {name: k for k, name in enumerate(TRACK_FEATURES)}

#: Sums over cells, weighted by energy where they say so; those of several pieces add up.
MOMENTS = ("em", "had", "x", "y", "z", "xx", "yy", "zz", "xy", "xz", "yz", "depth", "unit", "hits")


@dataclass(frozen=True, slots=True)
class FlowEvent:
    """One event as the rules see it, in the source's frame.

    Attributes
    ----------
    momentum : float64 (n_t, 3)
        Of tracks, GeV.
    error, score, charge : float64 (n_t,)
        Relative error of the momentum; probability that the track is right; e.
    em, had : float64 (n_t,)
        Energy within two lateral units of the path, in front of `EM_DEPTH` and behind, over the momentum.
    mips, layers, nuclear, behind : float64 (n_t,)
        Along the path: energy a layer in units of a minimum-ionising particle's, layers with a signal, interaction lengths
        to the last of them, layers behind the calorimeters that were hit.
    cluster : int64 (n_p,)
        Row of the cluster of each piece.
    moments : float64 (n_p, 14)
        By `MOMENTS`; GeV, mm, radiation lengths.
    start : float64 (n_p,)
        Radiation lengths before the first cell.
    distance : float64 (n_t, n_p)
        Of pieces from the paths of tracks, in lateral units; infinite beyond `REACH`.
    beside, gap : int64 (m,), float64 (m,)
        Pieces beside each piece, and the distance of the nearest cells of both in lateral units,
    beside_start : int64 (n_p + 1,)
        as CSR; each pair both ways round.
    vertex : float64 (3,)
        mm.
    """

    momentum: Floats
    error: Floats
    score: Floats
    charge: Floats
    em: Floats
    had: Floats
    mips: Floats
    layers: Floats
    nuclear: Floats
    behind: Floats
    cluster: Ints
    moments: Floats
    start: Floats
    distance: Floats
    beside: Ints
    gap: Floats
    beside_start: Ints
    vertex: Floats


def flow_event(event: Event, detector: Detector, around: Surroundings, saddle: float = 0.8) -> FlowEvent:
    """An event in which tracks and clusters were found, as the rules see it.

    Parameters
    ----------
    event : Event
    detector : Detector
        As it was loaded.
    around : Surroundings
        Made once, of ``detector.at_source()``.
    saddle : float
        Two peaks of density are one piece where the density between them stays over this fraction of the lower one.
    """
    mine = seen(event, detector, MEASURES)
    tracks, clusters = (mine.narrow(event.found[kind], len(event.hits)) for kind in (Tracks, Clusters))
    elements = elements_of(mine.event, tracks, clusters, around, ElementConfig(), CellGraphConfig())
    return flow_of(elements, fine_labels(mine.event, around, saddle))


def fine_labels(event: Event, around: Surroundings, saddle: float) -> Ints:
    """The peak of density that each hit belongs to (n_hits,); -1: none."""
    graph = build_cell_graph(CellGraphConfig(), around.detector, around.frame, event)
    none = np.zeros(len(graph), bool)
    config = DensityConfig(seed=0.0, saddle=saddle, min_hits=1)
    out = np.full(len(event.hits), -1, np.int64)
    out[graph.index] = density_clusters(graph, none, config).cluster
    return out


def flow_of(elements: Elements, fine: Ints) -> FlowEvent:
    """The same from elements, and the peak of density of each hit."""
    cells, showers, trails = elements.cells, elements.showers, elements.trails
    cell, share = showers.cell, showers.share
    label = fine[cells.index[cell]] + 1
    width = int(label.max(initial=0)) + 1
    keys, piece = np.unique(showers.shower * width + label, return_inverse=True)
    piece = piece.ravel()
    moments = _moments(cells, cell, piece, share, len(keys))
    start = np.full(len(keys), np.inf)
    np.minimum.at(start, piece, cells.depth[cell])
    features, p = trails.features.astype(np.float64), trails.momentum
    tracks = elements.tracks
    sin = np.sin(tracks.theta)
    way = np.stack([sin * np.cos(tracks.phi), sin * np.sin(tracks.phi), np.cos(tracks.theta)], axis=1)
    em, had = _along(trails, cells)
    return FlowEvent(
        way * p[:, None],
        trails.error,
        np.nan_to_num(tracks.score),
        np.sign(tracks.q_over_p),
        em / p,
        had / p,
        np.exp(features[:, TRAILS["near_mip"]]) - 0.1,
        np.expm1(features[:, TRAILS["near_layers"]]),
        4 * features[:, TRAILS["nuclear_end"]],
        np.expm1(features[:, TRAILS["behind_layers"]]),
        keys // width,
        moments,
        start,
        _distances(trails, moments),
        *_gaps(cells, cell, piece, len(keys)),
        elements.vertex,
    )


def _moments(cells: Cells, cell: Ints, piece: Ints, share: Floats, n: int) -> Floats:
    x, y, z = cells.xyz[cell].T
    front = cells.depth[cell] * cells.cosine[cell] < EM_DEPTH
    weights = [
        share * front,
        share * ~front,
        *(share * w for w in (x, y, z, x * x, y * y, z * z, x * y, x * z, y * z)),
    ]
    weights += [share * cells.depth[cell], share * cells.unit[cell], np.ones(len(cell))]
    return np.stack([np.bincount(piece, w, n) for w in weights], axis=1)


def _along(trails: Trails, cells: Cells) -> tuple[Floats, Floats]:
    """Energy within two lateral units of each path, in front and behind (n_t,), GeV."""
    close = trails.distance < 2.0
    cell, track = trails.cell[close], trails.near[close]
    front = cells.depth[cell] * cells.cosine[cell] < EM_DEPTH
    sums = (np.bincount(track[rows], cells.energy[cell[rows]], len(trails)) for rows in (front, ~front))
    first, second = sums
    return first, second


def _distances(trails: Trails, moments: Floats) -> Floats:
    """Of the middles of pieces from the paths (n_t, n_p), in lateral units."""
    n, n_tracks = len(moments), len(trails)
    out = np.full((n_tracks, n), np.inf)
    rows = np.arange(0, len(trails.track), SPARSE)
    if not len(rows) or not n:
        return out
    energy = moments[:, 0] + moments[:, 1]
    middle, unit = moments[:, 2:5] / energy[:, None], moments[:, 12] / energy
    count = min(PATHS, len(rows))
    away, row = cKDTree(trails.point[rows]).query(middle, k=count, distance_upper_bound=REACH)
    away, row = away.reshape(n, count), row.reshape(n, count)
    piece, slot = np.nonzero(np.isfinite(away))
    point = rows[row[piece, slot]]
    distance = perpendicular(middle[piece], trails.point[point], trails.direction[point]) / unit[piece]
    np.minimum.at(out, (trails.track[point], piece), distance)
    return out


def _gaps(cells: Cells, cell: Ints, piece: Ints, n: int) -> tuple[Ints, Floats, Ints]:
    """Which pieces lie beside each piece, and how far: `FlowEvent.beside`, `gap` and `beside_start`."""
    if len(cell) < 2:
        return np.zeros(0, np.int64), np.zeros(0), np.zeros(n + 1, np.int64)
    xyz = cells.xyz[cell]
    count = min(NEIGHBOURS, len(cell))
    away, row = cKDTree(xyz).query(xyz, k=count, distance_upper_bound=GAP)
    one, slot = np.nonzero(np.isfinite(away))
    two = row[one, slot]
    other = piece[one] != piece[two]
    one, two, away = one[other], two[other], away[one[other], slot[other]]
    gap = away / np.minimum(cells.unit[cell[one]], cells.unit[cell[two]])
    a, b = piece[one], piece[two]
    keys, place = np.unique(np.concatenate([a * n + b, b * n + a]), return_inverse=True)
    nearest = np.full(len(keys), np.inf)
    np.minimum.at(nearest, place.ravel(), np.concatenate([gap, gap]))
    return keys % n, nearest, np.searchsorted(keys, np.arange(n + 1) * n)
