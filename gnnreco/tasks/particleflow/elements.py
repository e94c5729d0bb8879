"""The elements of one event and what particle flow reads of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from gnnreco.columns import Clusters, Event, Floats, Tracks
from gnnreco.fit.outward import outward
from gnnreco.geometry import Detector
from gnnreco.graphs.elements.cells import Cells, cells_of, lone_cells
from gnnreco.graphs.elements.graph import ElementConfig, ElementGraph, element_graph
from gnnreco.graphs.elements.pairs import distinct_pairs
from gnnreco.graphs.elements.showers import SHOWER_FEATURES, Showers, showers_of
from gnnreco.graphs.elements.trails import Points, Trails, trails_of
from gnnreco.graphs.showers.cells import CellGraphConfig
from gnnreco.graphs.showers.frame import CellFrame
from gnnreco.models.aggregate import sort_by_node
from gnnreco.models.element_network import ElementTensors, Held

from .sharing import Shares

SECTION = SHOWER_FEATURES.index("section_0")
SECTIONS = 4
SUMS = (
    "is_track", "momentum", "error", "held", "visible", "ratio", *(f"section_{k}" for k in range(SECTIONS)), "showers",
    "largest_share", "least_share", "nuclear",
)  # fmt: skip
LONGEST = 12_000.0  # mm of a track's path


@dataclass(frozen=True, slots=True)
class Elements:
    """Elements of one event, in the source's frame; hits by their rows in it.

    Attributes
    ----------
    tracks : Tracks
    clusters : Clusters
    cells : Cells
    trails : Trails
    showers : Showers
    graph : ElementGraph
    vertex : float64 (3,)
        Where most of the transverse momentum comes from, mm.
    """

    tracks: Tracks
    clusters: Clusters
    cells: Cells
    trails: Trails
    showers: Showers
    graph: ElementGraph
    vertex: Floats


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a detector says to particle flow; made once.

    Attributes
    ----------
    detector : Detector
        In its source's frame.
    frame : CellFrame
    behind : bool (n_sensors,)
        Sensors that measure position, of subsystems that reach farther out than every calorimeter does.
    count : int
        Points on the path of a track.
    """

    detector: Detector
    frame: CellFrame
    behind: NDArray[np.bool_]
    count: int

    @classmethod
    def of(cls, detector: Detector, config: ElementConfig) -> Surroundings:
        """Those of a detector in its source's frame."""
        low, high = detector.bounds
        reach = np.linalg.norm(np.maximum(np.abs(low), np.abs(high)), axis=1)
        subsystems = detector.subsystems
        end = [reach[detector.subsystem == k].max(initial=0.0) for k in range(len(subsystems))]
        last = max(
            (e for e, s in zip(end, subsystems, strict=True) if "energy" in s.measures), default=np.inf
        )
        outer = [e > last and "position" in s.measures for e, s in zip(end, subsystems, strict=True)]
        count = int(min(reach.max(initial=0.0), LONGEST) / config.step) + 1
        return cls(detector, CellFrame.of(detector), np.array(outer, bool)[detector.subsystem], count)


def elements_of(
    event: Event,
    tracks: Tracks,
    clusters: Clusters,
    around: Surroundings,
    config: ElementConfig,
    cell_config: CellGraphConfig,
) -> Elements:
    """Elements of an event in the source's frame."""
    cells = cells_of(cell_config, around.detector, around.frame, event)
    if config.showers == "cells":
        clusters = lone_cells(cells)
    tracks = sane(tracks)
    trails = _trails(event, tracks, cells, around, config)
    showers = showers_of(clusters, cells, len(event.hits))
    graph = element_graph(trails, showers, config)
    return Elements(tracks, clusters, cells, trails, showers, graph, _vertex(tracks))


def sane(tracks: Tracks) -> Tracks:
    """Tracks with parameters that are numbers; the others keep their rows as straight lines that count for little."""
    parameters = np.stack([tracks.d0, tracks.z0, tracks.phi, tracks.theta, tracks.q_over_p])
    good = np.asarray(np.isfinite(parameters).all(axis=0))
    good &= np.isfinite(tracks.covariance).all(axis=1)
    if good.all():
        return tracks

    def or_else(values: Floats, other: float) -> Floats:
        return np.where(good, np.nan_to_num(values), other)

    return replace(
        tracks,
        d0=or_else(tracks.d0, 0.0),
        z0=or_else(tracks.z0, 0.0),
        phi=or_else(tracks.phi, 0.0),
        theta=or_else(tracks.theta, np.pi / 2),
        q_over_p=or_else(tracks.q_over_p, 1e3),
        covariance=np.where(good[:, None], np.nan_to_num(tracks.covariance), 1e6),
        score=or_else(tracks.score, 0.0),
    )


def _trails(
    event: Event, tracks: Tracks, cells: Cells, around: Surroundings, config: ElementConfig
) -> Trails:
    hits = event.hits
    behind = np.append(around.behind, False)[hits.sensor]
    layer = np.append(around.detector.layer, -1)[hits.sensor]
    owner = np.repeat(np.arange(len(tracks)), tracks.n_hits)
    inside = ~behind[tracks.hit_index]
    last = np.full((len(tracks), 3), np.nan)
    rows = np.flatnonzero(inside)
    last[owner[rows]] = hits.xyz[tracks.hit_index[rows]]  # from the innermost outwards: the last one stays
    own = np.bincount(
        distinct_pairs(owner[~inside], layer[tracks.hit_index[~inside]])[0].astype(np.int64),
        minlength=len(tracks),
    )
    paths = outward(tracks, around.detector.field, last, config.step, around.count)
    track, point = np.nonzero(paths.beyond)
    points = Points(paths.points[track, point], paths.directions[track, point], track)
    free = behind.copy()
    free[tracks.hit_index] = False
    return trails_of(tracks, points, cells, hits.xyz[free], layer[free].astype(np.int64), own)


def _vertex(tracks: Tracks) -> Floats:
    """The middle of the z0 of tracks, weighted by their squared transverse momentum; the origin without tracks."""
    if not len(tracks):
        return np.zeros(3)
    weight = np.minimum(np.nan_to_num(tracks.pt), 50.0) ** 2
    order = np.argsort(tracks.z0, kind="stable")
    sums = np.cumsum(weight[order])
    return np.array([0.0, 0.0, tracks.z0[order][np.searchsorted(sums, sums[-1] / 2)]])


def tensors_of(graph: ElementGraph) -> ElementTensors:
    """A graph as the network reads it."""
    n_tracks, n_showers = len(graph.track_features), len(graph.shower_features)
    by_owner, owner_start = sort_by_node(graph.owner, n_tracks + n_showers)
    columns = (
        graph.track_features,
        graph.shower_features,
        graph.shower,
        graph.owner,
        graph.edge_features,
        np.searchsorted(graph.shower, np.arange(n_showers + 1)),
        by_owner,
        owner_start,
    )
    return ElementTensors(*(torch.from_numpy(np.ascontiguousarray(column)) for column in columns))


@dataclass(frozen=True, slots=True)
class Measured:
    """What is measured of elements, beside their features.

    Attributes
    ----------
    momentum : float64 (n_t, 3)
        Of tracks, GeV.
    error : float64 (n_t,)
        Relative error of its size.
    energy, visible, nuclear : float64 (n_s,)
        Of showers: energy that the finder says, energy of the cells (GeV), interaction lengths before the middle.
    sections : float64 (n_s, 4)
        Parts of the energy by depth.
    direction : float64 (n_s, 3)
        From the vertex to the middle; a unit vector.
    """

    momentum: Floats
    error: Floats
    energy: Floats
    visible: Floats
    nuclear: Floats
    sections: Floats
    direction: Floats


def measured(elements: Elements) -> Measured:
    """The numbers that particles are made of."""
    tracks, showers = elements.tracks, elements.showers
    p = elements.trails.momentum
    sin = np.sin(tracks.theta)
    momentum = np.stack([sin * np.cos(tracks.phi), sin * np.sin(tracks.phi), np.cos(tracks.theta)], axis=1)
    way = showers.middle - elements.vertex
    return Measured(
        momentum * p[:, None],
        np.clip(elements.trails.error, 1e-4, 10.0),
        np.maximum(showers.energy, 1e-6),
        showers.visible,
        showers.nuclear,
        showers.features[:, SECTION : SECTION + SECTIONS].astype(np.float64),
        way / np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-9),
    )


def held_by(shares: Shares, m: Measured) -> Held:
    """What owners hold, as the network reads it."""
    n, n_tracks = len(shares.element), len(m.momentum)
    mine, part = shares.share, shares.part

    def total(values: Floats) -> Floats:
        return np.bincount(part, mine * values[shares.shower], n).astype(np.float64, copy=False)

    energy, visible = total(m.energy), total(m.visible)
    is_track = shares.element < n_tracks
    p, error = np.zeros(n), np.zeros(n)
    p[is_track], error[is_track] = np.linalg.norm(m.momentum, axis=1), m.error
    largest, least = np.zeros(n), np.ones(n)
    np.maximum.at(largest, part, mine)
    np.minimum.at(least, part, mine)
    seen = np.maximum(visible, 1e-6)
    columns = [
        is_track,
        np.where(is_track, np.log(np.maximum(p, 1e-3)), 0.0),
        np.where(is_track, np.log(np.maximum(error, 1e-5)), 0.0),
        np.log(energy + 1e-2),
        np.log(visible + 1e-2),
        np.where(is_track, np.log((energy + 1e-2) / np.maximum(p, 1e-3)), 0.0),
        *(total(m.visible * m.sections[:, k]) / seen for k in range(SECTIONS)),
        np.log1p(np.bincount(part, minlength=n)),
        largest,
        least,
        total(m.visible * m.nuclear) / seen,
    ]
    return Held(
        torch.from_numpy(shares.element),
        torch.from_numpy(shares.shower),
        torch.from_numpy(part),
        torch.from_numpy(mine.astype(np.float32)),
        torch.from_numpy(shares.start),
        torch.from_numpy(m.energy.astype(np.float32)),
        torch.from_numpy(np.stack([np.asarray(c, np.float64) for c in columns], axis=1).astype(np.float32)),
    )


def held_energy(shares: Shares, m: Measured) -> Floats:
    """Energy that each owner holds (p,), GeV, as the finder of showers says it."""
    return np.maximum(
        np.bincount(shares.part, shares.share * m.energy[shares.shower], len(shares.element)), 1e-6
    )


def held_direction(shares: Shares, m: Measured) -> Floats:
    """Direction of what each owner holds, from the vertex (p, 3); a unit vector, or zero."""
    n, weight = len(shares.element), shares.share * m.energy[shares.shower]
    way = np.stack(
        [np.bincount(shares.part, weight * m.direction[shares.shower, k], n) for k in range(3)], axis=1
    )
    return way / np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-9)
