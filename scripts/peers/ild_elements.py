"""Tracks and clusters of an ILD event without hits as elements of particle flow.

The file keeps of each cluster its energy, its middle, its axis, and how much of the energy lies in which calorimeter. Each
cluster therefore becomes a toy shower with that middle: `CELLS` equal cells in the electromagnetic and as many in the hadron
calorimeter, along its axis (or the line from the origin, where the axis does not point outwards), as deep and as wide as showers usually are. This fills what is read of a shower in
radiation and interaction lengths, and of the energy near a track. What the file does not tell at all stands at its mean in the
training of the network: layers, width, length, energy of a cell, what another bundle said of the cluster; the number of cells and
layers is as far from its mean as the energy is from its own. A track has as many hits as a silicon tracker would give it. Energy
in the yoke counts as hits on all layers behind the calorimeters.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import gamma

from gnnreco.columns import CLUSTER_CLASSES, Clusters, Floats, Ints, Tracks
from gnnreco.events.readers.lcio import DstEvent
from gnnreco.fit.outward import outward
from gnnreco.geometry import ConstantField
from gnnreco.graphs.elements.cells import Cells
from gnnreco.graphs.elements.graph import element_graph
from gnnreco.graphs.elements.showers import SHOWER_FEATURES, Showers, showers_of
from gnnreco.graphs.elements.trails import TRACK_FEATURES, Points, Trails, trails_of
from gnnreco.tasks.particleflow import ParticleFlowTask
from gnnreco.tasks.particleflow.elements import LONGEST, Elements

FIELD = ConstantField(3.5)
BARREL, ENDCAP = 1847.0, 2450.0  # mm: where the calorimeters of ILD begin, an octagon and two planes
EM, HADRON, YOKE = ("ecal", "lcal", "bcal"), ("hcal", "lhcal"), ("yoke",)
CELLS, SEEN_FROM = 8, -100.0  # mm before the calorimeters from which a track's path is followed
OUTWARD = 0.8  # cosine between a cluster's axis and the line from the origin, from which the axis is believed
BEHIND = 6  # layers behind the calorimeters


class Part(NamedTuple):
    """One of the two calorimeters: how thick it is and what showers look like in it.

    Attributes
    ----------
    begin, end : float
        mm behind the face.
    radiation, nuclear : float
        Lengths before it, and in each mm of it: pairs.
    usual : float
        mm behind its beginning, of the middle of what a hadron leaves in it when it showers in both.
    shape : float
        Of the gamma distribution of the energy along the shower.
    width : float
        Mean distance of the energy from the axis, lateral units.
    unit, mip : float
        Lateral unit, mm; what a minimum-ionising particle leaves in a layer, GeV.
    """

    begin: float
    end: float
    radiation: tuple[float, float]
    nuclear: tuple[float, float]
    usual: float
    shape: float
    width: float
    unit: float
    mip: float


ECAL = Part(0.0, 185.0, (0.0, 0.123), (0.0, 0.0057), 90.0, 3.0, 0.5, 19.4, 0.0054)
HCAL = Part(211.0, 1480.0, (22.9, 0.0435), (1.18, 0.0047), 300.0, 1.5, 1.5, 21.9, 0.0115)
#: Columns of showers that the file does not tell, and those of them that grow with the energy.
UNTOLD = (
    "hits", "layers", "given_over_visible", "depth_spread", "width", "roundness", "length", "mip_energy", "sigma", "judged",
    *(f"is_{name}" for name in CLUSTER_CLASSES), "score",
)  # fmt: skip
GROWING = ("hits", "layers")


def depth_of(place: Floats) -> tuple[Floats, Floats]:
    """How far places (..., 3) lie behind the face of the calorimeters, mm, and its normals."""
    angle = np.arange(8) * np.pi / 4
    sides = np.stack([np.cos(angle), np.sin(angle), np.zeros(8)], axis=1)
    normals = np.concatenate([sides, [[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]]])
    face = np.append(np.full(8, BARREL), np.full(2, ENDCAP))
    along = place @ normals.T
    side = (along / face).argmax(axis=-1)
    return np.take_along_axis(along - face, side[..., None], axis=-1)[..., 0], normals[side]


def energy_in(event: DstEvent, names: tuple[str, ...]) -> Floats:
    """What each cluster has in the calorimeters of these names, GeV."""
    columns = [name in names for name in event.subdetectors]
    return np.asarray(event.subdetector_energy[:, columns].sum(axis=1))


def toy_cells(event: DstEvent) -> tuple[Clusters, Cells]:
    """The clusters of an event made of cells."""
    clusters = event.event.found[Clusters]
    middle = np.stack([clusters.x, clusters.y, clusters.z], axis=1)
    away = np.maximum(np.linalg.norm(middle, axis=1, keepdims=True), 1e-9)
    depth, normal = depth_of(middle)
    ray = middle / away
    # Only those that point outwards: of few cells, an axis is a matter of chance.
    ray = np.where(np.einsum("ij,ij->i", ray, clusters.axis)[:, None] > OUTWARD, clusters.axis, ray)
    cosine = np.clip(np.einsum("ij,ij->i", ray, normal), 0.1, 1.0)
    em, hadron = energy_in(event, EM), energy_in(event, HADRON)
    fraction = em / np.maximum(em + hadron, 1e-9)
    # The middles of both parts have the middle of the cluster as their own.
    first = np.where(hadron > 0, np.minimum(depth, ECAL.usual), depth)
    second = np.where(em > 0, (depth - fraction * first) / np.maximum(1 - fraction, 1e-3), depth)
    parts = [
        _cells(part, energy, at, middle, ray, depth, cosine, k * CELLS)
        for k, (part, energy, at) in enumerate(((ECAL, em, first), (HCAL, hadron, second)))
    ]
    owner, columns = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(owner, kind="stable")
    owner, columns = owner[order], columns[order]
    energy, mip, x, y, z, radiation, nuclear, unit, cosines, group = columns.T
    index = np.arange(len(owner))
    offsets = np.searchsorted(owner, np.arange(len(clusters) + 1))
    made = replace(clusters, offsets=offsets, hit_index=index, hit_weight=np.ones(len(owner)))
    xyz = np.stack([x, y, z], axis=1)
    return made, Cells(index, energy, mip, xyz, radiation, nuclear, unit, cosines, group.astype(np.int64))


def _cells(
    part: Part,
    energy: Floats,
    at: Floats,
    middle: Floats,
    ray: Floats,
    depth: Floats,
    cosine: Floats,
    group: int,
) -> tuple[Ints, Floats]:
    """Cells of all clusters in one calorimeter: whose, and their columns."""
    some = np.flatnonzero(energy > 0)
    steps = (np.arange(CELLS) + 0.5) / CELLS
    along = gamma.ppf(steps, part.shape)
    along /= along.mean()
    across = part.width * part.unit * -np.log1p(-steps[(5 * np.arange(CELLS)) % CELLS])  # in another order
    inside = np.clip(at[some] - part.begin, 5.0, part.end - part.begin)
    mm = np.minimum(inside[:, None] * along, part.end - part.begin)
    one = np.cross(ray[some], np.where(np.abs(ray[some, 2:]) < 0.9, [[0.0, 0.0, 1.0]], [[1.0, 0.0, 0.0]]))
    one /= np.maximum(np.linalg.norm(one, axis=1, keepdims=True), 1e-9)
    two = np.cross(ray[some], one)
    turn = np.arange(CELLS) * np.pi * (3 - np.sqrt(5.0))
    u, v = (across * way(turn) - np.mean(across * way(turn)) for way in (np.cos, np.sin))
    off = (part.begin + mm - depth[some, None]) / cosine[some, None]
    xyz = middle[some, None] + off[..., None] * ray[some, None]
    xyz += u[:, None] * one[:, None] + v[:, None] * two[:, None]
    flat = np.ones_like(mm)
    columns = [
        energy[some, None] / CELLS * flat,
        part.mip * flat,
        *np.moveaxis(xyz, -1, 0),
        (part.radiation[0] + part.radiation[1] * mm) / cosine[some, None],
        (part.nuclear[0] + part.nuclear[1] * mm) / cosine[some, None],
        part.unit * flat,
        cosine[some, None] * flat,
        (group + np.arange(CELLS)) * flat,
    ]
    return np.repeat(some, CELLS), np.stack(columns, axis=-1).reshape(-1, len(columns))


def elements_of(event: DstEvent, task: ParticleFlowTask) -> Elements:
    """The elements of an event; hits of tracks are numbered behind the cells.

    Parameters
    ----------
    event : DstEvent
    task : ParticleFlowTask
        Its settings make the graph, its scales stand for what the file does not tell.
    """
    config = task.config.graph
    clusters, cells = toy_cells(event)
    tracks = _with_hits(event.event.found[Tracks], len(cells))
    paths = outward(
        tracks, FIELD, np.full((len(tracks), 3), np.nan), config.step, int(LONGEST / config.step) + 1
    )
    there = np.logical_or.accumulate(depth_of(paths.points)[0] > SEEN_FROM, axis=1)
    track, point = np.nonzero(there)
    points = Points(paths.points[track, point], paths.directions[track, point], track)
    muons = np.flatnonzero(energy_in(event, YOKE) > 0)
    behind = np.repeat(np.stack([clusters.x, clusters.y, clusters.z], axis=1)[muons], BEHIND, axis=0)
    layers = np.tile(np.arange(BEHIND), len(muons))
    trails = trails_of(tracks, points, cells, behind, layers, np.zeros(len(tracks), np.int64))
    showers = showers_of(clusters, cells, len(cells))
    trails = replace(trails, features=_track_features(trails, task))
    showers = replace(showers, features=_shower_features(showers, task))
    return Elements(
        tracks, clusters, cells, trails, showers, element_graph(trails, showers, config), np.zeros(3)
    )


def _with_hits(tracks: Tracks, first: int) -> Tracks:
    """Tracks with hits of their own; a time projection chamber's 200 points count as a few layers of silicon."""
    measured = (tracks.ndf + 5) / 2
    count = np.maximum(np.minimum(measured, 6 + measured / 30), 1).astype(np.int64)
    offsets = np.concatenate([[0], np.cumsum(count)])
    return replace(tracks, offsets=offsets, hit_index=first + np.arange(offsets[-1]))


def _track_features(trails: Trails, task: ParticleFlowTask) -> NDArray[np.float32]:
    """Those of tracks; what cells of layers would tell at its mean among tracks that have cells near them."""
    features, mean = (
        trails.features.copy(),
        dict(zip(TRACK_FEATURES, task.network.track_mean.tolist(), strict=True)),
    )
    features[:, TRACK_FEATURES.index("score")] = mean["score"]
    near = features[:, TRACK_FEATURES.index("any_near")] > 0
    part = max(mean["any_near"], 0.1)
    for name, without in (("near_layers", 0.0), ("near_mip", np.log(0.1))):
        features[near, TRACK_FEATURES.index(name)] = (mean[name] - (1 - part) * without) / part
    return features


def _shower_features(showers: Showers, task: ParticleFlowTask) -> NDArray[np.float32]:
    """Those of showers; what the file does not tell at its mean."""
    features = showers.features.copy()
    mean, width = (values.numpy() for values in (task.network.shower_mean, task.network.shower_width))
    energy = SHOWER_FEATURES.index("energy")
    above = (features[:, energy] - mean[energy]) / width[energy]
    for name in UNTOLD:
        k = SHOWER_FEATURES.index(name)
        features[:, k] = mean[k] + (width[k] * above if name in GROWING else 0.0)
    return features
