"""What showers look like to a network that has seen their cells, for showers of which a file keeps no cells.

A network of particle flow has learned from elements whose cells were known. Of a cluster in a DST only its energy, its place and
the parts of its energy by calorimeter are told. The rest is taken from donors: elements of the detector on which the network
was trained, found by the bundles that it was trained with, which agree best in what is told ("hot deck" imputation). Columns
that go together are taken from the same donors, so that what the network reads is what it has seen together. Nothing of it
uses the truth, neither of the donors nor of the DST.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from kept_arrays import Arrays
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gnnreco.bundle import default_bundles
from gnnreco.columns import Clusters, Event, Floats, Tracks
from gnnreco.events import open_events
from gnnreco.graphs.elements.graph import EDGE_FEATURES, ElementGraph
from gnnreco.graphs.elements.showers import SHOWER_FEATURES
from gnnreco.graphs.elements.trails import TRACK_FEATURES
from gnnreco.pipeline import Reconstructor
from gnnreco.progress import Progress
from gnnreco.simulate import simulate
from gnnreco.tasks.particleflow import ParticleFlowTask

Features = NDArray[np.float32]
PROCESS, SEED = "qq", 20_500  # of the events that donors come from, where none are given
DONORS = 5  # the mean of so many is taken

#: What is taken from donors, of showers, of pairs of a shower and a track, of pairs of showers, and of tracks.
SHOWERS = (
    "hits", "layers", "given_over_visible", "section_0", "section_1", "section_2", "depth_start", "depth_spread",
    "depth_end", "nuclear_start", "nuclear_end", "width", "roundness", "length", "mip_energy", "sigma", "judged", "score",
)  # fmt: skip
TO_TRACK = ("front_distance", "near_1", "near_2", "near_4", "apart")
TO_SHOWER = ("front_distance", "middle_distance", "gap", "angle")
ALONG = ("score", "near_layers", "near_mip", "near_start", "near_end", "nuclear_end", "any_near")
#: What makes donors alike, and how far two are from each other in it for a distance of one.
LIKE_SHOWERS = {"energy": 0.5, "outer": 0.2, "depth_mean": 0.7}
LIKE_TO_TRACK = {"middle_distance": 0.3, "energy": 0.7, "outer": 0.4, "energy_ratio": 1.0}
LIKE_TO_SHOWER = {"apart": 0.3, "energy": 0.7, "energy_ratio": 0.5, "depth_step": 0.5}
LIKE_TRACKS = {
    "momentum": 0.5,
    "near_2": 0.3,
    "near_front": 0.5,
    "near_middle": 0.5,
    "near_back": 0.5,
    "behind_layers": 0.5,
}
#: Parts of the radiation lengths 6 to 14 of a shower that are in front of 8, where tracks begin to count "middle".
FRONT_OF_SECTION_1 = 0.25


@dataclass(frozen=True, slots=True)
class Donors:
    """Elements of events in which all is known.

    Attributes
    ----------
    graphs : list of ElementGraph
    """

    graphs: list[ElementGraph]

    @classmethod
    def of_arrays(cls, arrays: Arrays) -> Donors:
        """Those that `arrays` told."""
        names = [field.name for field in fields(ElementGraph)]
        count = len(arrays) // len(names)
        return cls([ElementGraph(*(arrays[f"{name}_{k}"] for name in names)) for k in range(count)])

    def arrays(self) -> Arrays:
        """All of it, by name."""
        names = [field.name for field in fields(ElementGraph)]
        return {f"{name}_{k}": getattr(g, name) for k, g in enumerate(self.graphs) for name in names}

    def fill(self, graph: ElementGraph, visible: Floats, momentum: Floats) -> ElementGraph:
        """The graph of an event without cells as it would be with them.

        Parameters
        ----------
        graph : ElementGraph
            What is told is right in it; all else is replaced.
        visible, momentum : float64 (n_s,), (n_t,)
            Energy of the showers, momentum of the tracks, GeV.
        """
        if not self.graphs:
            return graph
        showers = graph.shower_features.copy()
        theirs = np.concatenate([g.shower_features for g in self.graphs])
        keys = _key(LIKE_SHOWERS, _showers(showers)), _key(LIKE_SHOWERS, _showers(theirs))
        _take(SHOWER_FEATURES, SHOWERS, showers, theirs, *keys)
        # What lies behind the electromagnetic calorimeter is told: donors share out the rest.
        first, last = (SHOWER_FEATURES.index(f"section_{k}") for k in (0, 3))
        inner = showers[:, first:last].sum(axis=1, keepdims=True)
        showers[:, first:last] *= (1 - showers[:, last, None]) / np.maximum(inner, 1e-6)
        edges = graph.edge_features.copy()
        theirs = np.concatenate([g.edge_features for g in self.graphs])
        mine, others = _edges(graph), [_edges(g) for g in self.graphs]
        their = {name: np.concatenate([one[name] for one in others]) for name in mine}
        for to_track, columns, like in ((1.0, TO_TRACK, LIKE_TO_TRACK), (0.0, TO_SHOWER, LIKE_TO_SHOWER)):
            rows, donors = mine["to_track"] == to_track, their["to_track"] == to_track
            some = edges[rows]
            _take(
                EDGE_FEATURES,
                columns,
                some,
                theirs[donors],
                _key(like, mine)[rows],
                _key(like, their)[donors],
            )
            edges[rows] = some
        now = replace(graph, shower_features=showers, edge_features=edges)
        tracks = _beside_tracks(now, visible, momentum)
        theirs = np.concatenate([g.track_features for g in self.graphs])
        keys = tuple(_key(LIKE_TRACKS, _named(TRACK_FEATURES, part)) for part in (tracks, theirs))
        _take(TRACK_FEATURES, ALONG, tracks, theirs, *keys)
        return replace(now, track_features=tracks)


def _named(names: Sequence[str], features: Features) -> dict[str, Floats]:
    return dict(zip(names, features.T.astype(np.float64), strict=True))


def _showers(features: Features) -> dict[str, Floats]:
    """What is known of showers, by name; `outer` is the part of the energy behind the electromagnetic calorimeter."""
    told = _named(SHOWER_FEATURES, features)
    return {**told, "outer": told["section_3"]}


def _edges(graph: ElementGraph) -> dict[str, Floats]:
    """What is known of edges and of their showers, by name."""
    showers, told = _showers(graph.shower_features), _named(EDGE_FEATURES, graph.edge_features)
    return {**told, "energy": showers["energy"][graph.shower], "outer": showers["outer"][graph.shower]}


def _key(like: dict[str, float], told: dict[str, Floats]) -> Floats:
    """Where elements lie among others, in units in which donors have to be near."""
    return np.stack([told[name] / step for name, step in like.items()], axis=1)


def _take(
    names: Sequence[str],
    columns: Sequence[str],
    mine: Features,
    theirs: Features,
    key: Floats,
    their_key: Floats,
) -> None:
    """Replace some columns by the mean of the nearest donors, in place."""
    count = min(DONORS, len(theirs))
    if not len(mine) or not count:
        return
    row = cKDTree(their_key).query(key, k=count)[1].reshape(len(mine), count)
    wanted = [names.index(name) for name in columns]
    mine[:, wanted] = theirs[row][:, :, wanted].mean(axis=1)


def _beside_tracks(graph: ElementGraph, visible: Floats, momentum: Floats) -> Features:
    """Features of tracks with the energy near them that edges tell."""
    out, n = graph.track_features.copy(), len(momentum)
    mine = graph.owner < n
    shower, track = graph.shower[mine], graph.owner[mine]

    def put(name: str, near: Features, part: Floats) -> None:
        energy = np.bincount(track, near * visible[shower] * part[shower], n)
        out[:, TRACK_FEATURES.index(name)] = np.log(energy / momentum + 0.01)

    near = {
        name: graph.edge_features[mine, EDGE_FEATURES.index(name)] for name in ("near_1", "near_2", "near_4")
    }
    for name, part in near.items():
        put(name, part, np.ones(len(visible)))
    first, second, third, outer = (
        graph.shower_features[:, SHOWER_FEATURES.index(f"section_{k}")].astype(np.float64) for k in range(4)
    )
    put("near_front", near["near_2"], first + FRONT_OF_SECTION_1 * second)
    put("near_middle", near["near_2"], third + (1 - FRONT_OF_SECTION_1) * second)
    put("near_back", near["near_2"], outer)
    return out


def donors_for(
    task: ParticleFlowTask,
    count: int,
    events: str | None = None,
    progress: Progress | None = None,
) -> Donors:
    """Donors for a network.

    Parameters
    ----------
    task : ParticleFlowTask
        For its own detector, whose shipped bundles find tracks and clusters.
    count : int
        Events.
    events : path, optional
        Of that detector; they are simulated where none are given.
    progress : Progress, optional
    """
    first = Reconstructor(task.detector, default_bundles(task.detector, build_on=False))
    made: Iterable[Event] = (
        simulate(task.detector, PROCESS, count, seed=SEED)
        if events is None
        else open_events(events, task.detector)
    )
    graphs = []
    for event, _ in zip(made, range(count), strict=False):
        found = first(event)
        whole = replace(event, found={Tracks: found.tracks, Clusters: found.clusters})
        graphs.append(task.elements(whole).graph)
        if progress is not None:
            progress("donors", len(graphs), count)
    return Donors(graphs)
