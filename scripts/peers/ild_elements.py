"""Tracks and clusters of an event without hits as elements of particle flow.

The file keeps of each cluster its energy, its place, its direction, and how much of the energy lies in which calorimeter. Each cluster becomes a
shower of two cells at most, one in the electromagnetic and one in the hadron calorimeter, on the line from the origin through
the place of the cluster. All else that the network reads of showers and near tracks is taken from donors (`flow_donors.py`).
A track has as many hits as a silicon tracker would give it. Energy in the yoke counts as hits on all layers behind the
calorimeters.

Pandora's energies in the hadron calorimeter are those of hadrons; our network has learned to read those of electrons and photons.
`SCALE` turns the one into the other in what the network reads; particles are made of the energies in the file, so that the
network must not turn them into hadrons' energies once more (`flow_tuning.as_calibrated`). Measured without truth: the cluster of one of
Pandora's charged hadrons (2-100 GeV) has 0.65 of its track's momentum in the median with it, 0.89 without; a charged particle
in the simulation that the network has learned from leaves 0.62 (100 of them; photons 0.96).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from flow_donors import Donors

from gnnreco.columns import Clusters, Floats, Ints, Tracks
from gnnreco.events.readers.lcio import DstEvent
from gnnreco.fit.outward import outward
from gnnreco.geometry import ConstantField
from gnnreco.graphs.elements.cells import Cells
from gnnreco.graphs.elements.graph import element_graph
from gnnreco.graphs.elements.showers import showers_of
from gnnreco.graphs.elements.trails import Points, trails_of
from gnnreco.tasks.particleflow import ParticleFlowTask
from gnnreco.tasks.particleflow.elements import LONGEST, Elements


@dataclass(frozen=True, slots=True)
class Calorimeters:
    """What must be known of a detector: a barrel of many sides and two planes.

    Attributes
    ----------
    field : float
        Tesla.
    barrel, endcap, sides : float, float, int
        mm from the beam and from the middle, where the electromagnetic calorimeter begins; sides of the barrel.
    ecal, hcal : tuple of float
        Where they begin and end, mm behind that face;
    radiation, nuclear : tuple of float
        Lengths in front of the hadron calorimeter, in each mm of the electromagnetic and of the hadron one.
    """

    field: float
    barrel: float
    endcap: float
    sides: int
    ecal: tuple[float, float]
    hcal: tuple[float, float]
    radiation: tuple[float, float, float]
    nuclear: tuple[float, float, float]


ILD = Calorimeters(
    3.5, 1847.0, 2450.0, 8, (0.0, 185.0), (211.0, 1480.0), (22.9, 0.123, 0.0435), (1.18, 0.0057, 0.0047)
)
#: CLD_o2_v07; silicon and tungsten, then scintillator and steel, as in ILD.
CLD = Calorimeters(
    2.0, 2150.0, 2307.0, 12, (0.0, 202.0), (250.0, 1416.0), (23.2, 0.108, 0.0435), (1.18, 0.0052, 0.0047)
)
DETECTORS = {"ild": ILD, "cld": CLD}
EM, HADRON, YOKE = ("ecal", "lcal", "bcal"), ("hcal", "lhcal"), ("yoke",)
SCALE = 0.55  # of energies in the hadron calorimeter: see above
UNIT = 20.0  # mm, lateral unit of both
MIP = 0.01  # GeV, in a layer; what is read of it is taken from donors
USUAL = 90.0  # mm behind the face, of the middle of what a hadron leaves in the electromagnetic part when it showers in both
SEEN_FROM = -100.0  # mm before the calorimeters from which a track's path is followed
BEHIND = 6  # layers behind the calorimeters


@dataclass(frozen=True, slots=True)
class Reading:
    """How the elements of a file are read.

    Attributes
    ----------
    task : ParticleFlowTask
        Its settings make the graph.
    donors : Donors, optional
        None: what the file does not tell is left as it is.
    detector : Calorimeters
    scale : float
        Of energies in the hadron calorimeter.
    """

    task: ParticleFlowTask
    donors: Donors | None = None
    detector: Calorimeters = ILD
    scale: float = SCALE

    def elements(self, event: DstEvent) -> Elements:
        """The elements of an event; hits of tracks are numbered behind the cells."""
        config = self.task.config.graph
        clusters, cells = cells_of(event, self.detector, self.scale)
        tracks = _with_hits(event.event.found[Tracks], len(cells))
        nowhere, count = np.full((len(tracks), 3), np.nan), int(LONGEST / config.step) + 1
        paths = outward(tracks, ConstantField(self.detector.field), nowhere, config.step, count)
        there = np.logical_or.accumulate(depth_of(paths.points, self.detector)[0] > SEEN_FROM, axis=1)
        track, point = np.nonzero(there)
        points = Points(paths.points[track, point], paths.directions[track, point], track)
        muons = np.flatnonzero(energy_in(event, YOKE) > 0)
        behind = np.repeat(np.stack([clusters.x, clusters.y, clusters.z], axis=1)[muons], BEHIND, axis=0)
        layers = np.tile(np.arange(BEHIND), len(muons))
        trails = trails_of(tracks, points, cells, behind, layers, np.zeros(len(tracks), np.int64))
        showers = showers_of(clusters, cells, len(cells))
        # Where a shower begins is not told: neighbours are sought, and ranked, by its middle.
        showers = replace(showers, front=showers.middle, back=showers.middle)
        graph = element_graph(trails, showers, config)
        own = event.event.found[Clusters].energy
        if self.donors is not None:
            graph = self.donors.fill(graph, showers.visible, trails.momentum)
        trails = replace(trails, features=graph.track_features)
        # What the file says is calibrated for hadrons already: particles are made of it.
        energy = np.where(own > 0, own, showers.energy)
        showers = replace(showers, features=graph.shower_features, energy=energy)
        return Elements(tracks, clusters, cells, trails, showers, graph, np.zeros(3))


def depth_of(place: Floats, detector: Calorimeters) -> tuple[Floats, Floats]:
    """How far places (..., 3) lie behind the face of the calorimeters, mm, and its normals."""
    angle = np.arange(detector.sides) * 2 * np.pi / detector.sides
    sides = np.stack([np.cos(angle), np.sin(angle), np.zeros(detector.sides)], axis=1)
    normals = np.concatenate([sides, [[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]]])
    face = np.append(np.full(detector.sides, detector.barrel), np.full(2, detector.endcap))
    along = place @ normals.T
    side = (along / face).argmax(axis=-1)
    return np.take_along_axis(along - face, side[..., None], axis=-1)[..., 0], normals[side]


def energy_in(event: DstEvent, names: tuple[str, ...]) -> Floats:
    """What each cluster has in the calorimeters of these names, GeV."""
    columns = [name in names for name in event.subdetectors]
    return np.asarray(event.subdetector_energy[:, columns].sum(axis=1))


def cells_of(event: DstEvent, detector: Calorimeters, scale: float) -> tuple[Clusters, Cells]:
    """The clusters of an event with their energies on the network's scale, and a cell or two for each."""
    clusters = event.event.found[Clusters]
    em, hadron = energy_in(event, EM), scale * energy_in(event, HADRON)
    energy = em + hadron
    # Some clusters are told in no calorimeter, or in the yoke only: they keep their place.
    em = np.where(energy > 0, em, 1e-3)
    energy = em + hadron
    middle = np.stack([clusters.x, clusters.y, clusters.z], axis=1)
    ray = middle / np.maximum(np.linalg.norm(middle, axis=1, keepdims=True), 1e-9)
    depth, normal = depth_of(middle, detector)
    cosine = np.clip(np.einsum("ij,ij->i", ray, normal), 0.1, 1.0)
    fraction = em / energy
    # The middles of both parts have the middle of the cluster as their own.
    first = np.where(hadron > 0, np.minimum(depth, USUAL), depth)
    second = np.where(em > 0, (depth - fraction * first) / np.maximum(1 - fraction, 1e-3), depth)
    parts = []
    for k, (part, at, (begin, end)) in enumerate(
        ((em, first, detector.ecal), (hadron, second, detector.hcal))
    ):
        some = np.flatnonzero(part > 0)
        inside = np.clip(at[some] - begin, 5.0, end - begin)
        xyz = middle[some] + ((begin + inside - depth[some]) / cosine[some])[:, None] * ray[some]
        lengths = [
            (k * before + (within, deeper)[k] * inside) / cosine[some]
            for before, within, deeper in (detector.radiation, detector.nuclear)
        ]
        group = np.full(len(some), float(k))
        parts.append(np.column_stack([some, part[some], xyz, *lengths, cosine[some], group]))
    table = np.concatenate(parts)
    table = table[np.argsort(table[:, 0], kind="stable")]
    owner, part, x, y, z, radiation, nuclear, cosines, group = np.ascontiguousarray(table.T)
    index: Ints = np.arange(len(table))
    offsets = np.searchsorted(owner, np.arange(len(clusters) + 1))
    size = np.linalg.norm(clusters.axis, axis=1, keepdims=True)
    axis = np.where(size > 0, clusters.axis / np.maximum(size, 1e-9), ray)
    made = replace(
        clusters, offsets=offsets, hit_index=index, hit_weight=np.ones(len(table)), energy=energy,
        axis=axis, energy_sigma=np.full(len(clusters), np.nan),
    )  # fmt: skip
    unit, mip = np.full(len(table), UNIT), np.full(len(table), MIP)
    xyz = np.stack([x, y, z], axis=1)
    return made, Cells(index, part, mip, xyz, radiation, nuclear, unit, cosines, group.astype(np.int64))


def _with_hits(tracks: Tracks, first: int) -> Tracks:
    """Tracks with hits of their own; a time projection chamber's 200 points count as a few layers of silicon."""
    measured = (tracks.ndf + 5) / 2
    count = np.maximum(np.minimum(measured, 6 + measured / 30), 1).astype(np.int64)
    offsets = np.concatenate([[0], np.cumsum(count)])
    return replace(tracks, offsets=offsets, hit_index=first + np.arange(offsets[-1]))
