"""Drift chambers: charge samples straight to tracks, with no cluster finder before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Event, Floats, Ints, Tracks, Truth
from gnnreco.events.select import seen
from gnnreco.files.json_types import JsonDict
from gnnreco.geometry import Detector
from gnnreco.graphs import possible_by
from gnnreco.graphs.drift.features import PAIR_FEATURES, SAMPLE_FEATURES
from gnnreco.graphs.drift.samples import (
    DriftGraph,
    DriftGraphConfig,
    build_drift_graph,
)
from gnnreco.graphs.showers.cells import hit_cells
from gnnreco.graphs.showers.frame import CellFrame
from gnnreco.kernels import njit
from gnnreco.models import NetworkConfig, Scorer, SegmentModel
from gnnreco.models.calibration import Calibration
from gnnreco.models.state import Numbers, named
from gnnreco.models.weights import segment_weights
from gnnreco.progress import Progress
from gnnreco.tasks.confidence import TRACK_FEATURES, check_features, scored, track_features
from gnnreco.tasks.contract import Needs, Task, needed, truth_of

from .pieces import PiecesConfig, grow_pieces
from .points import DriftPoints
from .tracks import TracksConfig, tracks_of

if TYPE_CHECKING:  # only training needs torch: its methods import it
    from torch import Tensor

    from gnnreco.models.segment_network import SegmentNetwork

    from .explain import DriftExplainer
    from .samples import DriftSample


@dataclass(frozen=True)
class LearnConfig:
    """Which part of an event a training looks at, and what a mistake costs.

    Attributes
    ----------
    around : int
        A step looks at all samples that are this many edges or fewer away from a pair of two particles.
    share : float
        Part of all other samples that a step looks at.
    apart : float
        Weight of a pair of two particles beside one of a single particle.
    """

    around: int = 6
    share: float = 0.05
    apart: float = 5.0


@dataclass(frozen=True)
class DriftConfig:
    """Everything that defines a model for drift chambers but its learned numbers.

    Attributes
    ----------
    seed : int
        Seed of the random weights that a training begins with.
    """

    graph: DriftGraphConfig = field(default_factory=DriftGraphConfig)
    network: NetworkConfig = field(default_factory=lambda: NetworkConfig(hidden=16, iterations=3))
    pieces: PiecesConfig = field(default_factory=PiecesConfig)
    tracks: TracksConfig = field(default_factory=TracksConfig)
    learn: LearnConfig = field(default_factory=LearnConfig)
    seed: int = 0
    calibration: Calibration | None = None

    def __post_init__(self) -> None:
        check_features(self.calibration, TRACK_FEATURES)


class DriftTask(Task["DriftSample", Tracks]):
    """Graph, network and decoding of the tracks in one detector's drift chambers."""

    name = "drift"
    needs = Needs(("charge",))
    gives = Tracks
    confidence_features = TRACK_FEATURES
    detector: Detector

    def __init__(self, config: DriftConfig, detector: Detector) -> None:
        self.config: DriftConfig = config
        self.detector, self._there = detector, detector.at_source()
        self.frame = CellFrame.of(self._there)
        self.model = SegmentModel(config.network, len(SAMPLE_FEATURES), len(PAIR_FEATURES), config.seed)
        self.scorer: Scorer = self.model

    @classmethod
    def from_config(cls, config: DriftConfig, detector: Detector | None) -> DriftTask:
        """A task that has learned nothing yet."""
        return cls(config, needed(detector, cls.name))

    @classmethod
    def arrays(cls, config: DriftConfig, detector: Detector | None) -> Mapping[str, Numbers]:
        """What each learned array must be, by name: those of the network over samples of charge."""
        weights = segment_weights(config.network.hidden, len(SAMPLE_FEATURES), len(PAIR_FEATURES))
        return named("network", weights)

    @cached_property
    def network(self) -> SegmentNetwork:  # type: ignore[override]  # made where torch is needed
        """What torch trains."""
        return self.model.network

    @property
    def sample_kind(self) -> type[DriftSample]:
        """The class of its samples."""
        from .samples import DriftSample

        return DriftSample

    def prepare(self, events: Iterable[Event], progress: Progress | None = None) -> None:
        """Learn the scale of the features from the first events."""
        some = (event for event, _ in zip(events, range(5), strict=False))
        graphs = [self.graph(seen(event, self.detector, self.needs.measures).event) for event in some]
        features = (
            np.concatenate([getattr(g, f"{name}_features") for g in graphs]) for name in ("sample", "pair")
        )
        self.model.scale_features(*features)

    def survey(self, events: Iterable[Event]) -> JsonDict:
        """Which part of the true pairs of samples the network takes for possible: see `gnnreco.graphs.survey`."""
        least = np.log(self.config.pieces.probability / (1 - self.config.pieces.probability))
        part, possible = [np.zeros(0, np.int64)], [np.zeros(0, np.bool_)]
        for event in events:
            event = seen(event, self.detector, self.needs.measures).event
            graph = self.graph(event)
            same = _same(graph, event)
            logit = self.scorer.logits(graph.sample_features, graph.pair_features, graph.pairs)
            part.append(self.detector.subsystem[graph.cells.sensor[graph.pairs[same, 0]]])
            possible.append(logit[same] > least)
        names = [subsystem.name for subsystem in self.detector.subsystems]
        return {"network": possible_by(names, np.concatenate(part), np.concatenate(possible))}

    def graph(self, event: Event) -> DriftGraph:
        """Samples and the pairs of them that touch, of the charge of an event in the source's frame.

        Raises `OverBudget` if they are too many.
        """
        return build_drift_graph(self.config.graph, self._there, self.frame, event)

    def sample(self, event: Event) -> DriftSample:
        """Part of the graph of a training event as tensors, with the truth of its pairs."""
        import torch

        from gnnreco.models.segment_network import tensors_of

        from .samples import DriftSample

        event = seen(event, self.detector, self.needs.measures).event
        graph = self.graph(event)
        one, two = graph.pairs[:, 0], graph.pairs[:, 1]
        same = _same(graph, event)
        rng = np.random.default_rng([self.config.seed, event.number])
        kept = np.zeros(len(graph), bool)
        kept[graph.pairs[~same].ravel()] = True
        # Whole stretches of track, not scattered samples: seeds grow along the edges like the rest.
        kept[rng.random(len(graph)) < self.config.learn.share / 100] = True
        for _ in range(self.config.learn.around):
            kept = _and_neighbours(kept, graph.cells.offsets, graph.cells.neighbour)
        chosen = kept[one] & kept[two]
        place = np.cumsum(kept) - 1
        part = tensors_of(
            graph.sample_features[kept],
            graph.pair_features[chosen],
            place[graph.pairs[chosen]].astype(np.int32),
        )
        return DriftSample(part, torch.from_numpy(same[chosen].astype(np.float32)))

    def loss(self, sample: DriftSample) -> tuple[Tensor, dict[str, float]]:
        """Binary cross entropy of the pairs; those of two particles are few and weigh more."""
        import torch
        from torch import nn

        edge, _ = self.network(sample.graph)
        same = sample.same
        weight = torch.where(same > 0.5, 1.0, self.config.learn.apart)
        entropy = nn.functional.binary_cross_entropy_with_logits
        loss = entropy(edge.float(), same, weight) if len(edge) else edge.sum()
        with torch.no_grad():
            apart = edge[same < 0.5]
            missed = float((apart > 0).float().mean()) if len(apart) else 0.0
            cut = float((edge[same > 0.5] < 0).float().mean()) if len(edge) else 0.0
        return loss, {"joined_wrongly": missed, "cut_wrongly": cut}

    def reconstruct(self, event: Event) -> Tracks:
        """Tracks of one event. Raises `OverBudget` if its graph is too large."""
        return scored(*self.found(event), self.config.calibration)

    def found(self, event: Event) -> tuple[Tracks, Floats]:
        """Tracks with the network's own confidence, and the features that the calibration reads."""
        tracks = self.tracks_and_points(event)[0]
        return tracks, track_features(tracks)

    def tracks_and_points(self, event: Event) -> tuple[Tracks, DriftPoints]:
        """Tracks of one event, and the points in rows of pads that they were fitted to, in the source's frame."""
        mine = seen(event, self.detector, self.needs.measures)
        event = mine.event
        # The order of the hits must not matter, not even to the last bit of a sum.
        order = np.lexsort((event.hits.z, event.hits.y, event.hits.x, event.hits.sensor))
        graph = self.graph(replace(event, hits=event.hits[order], truth=None))
        logit = self.scorer.logits(graph.sample_features, graph.pair_features, graph.pairs)
        cells = graph.cells
        piece = grow_pieces(cells.xyz, cells.energy, graph.pairs, logit, self.config.pieces)
        score = _surest(graph.pairs, logit, len(graph))
        found, points = tracks_of(graph, piece, score, self._there, self.frame, self.config.tracks)
        return mine.restore(replace(found, hit_index=order[found.hit_index])), points

    def tally(self, event: Event, tracks: Tracks) -> dict[str, int]:
        """What became of the hits: how many lie in no cell, are not above zero, or are on no track."""
        hits = event.hits
        mine = np.append(self.frame.charge, False)[hits.sensor]
        nowhere = mine & (hit_cells(self.detector, hits) < 0)
        dead = mine & ~nowhere & ~(hits.energy > 0) if hits.energy is not None else nowhere
        loose = mine & ~nowhere & ~dead
        loose[tracks.hit_index] = False
        counts = {"hits_without_cell": nowhere, "hits_not_positive": dead, "hits_on_no_track": loose}
        return {name: int(np.count_nonzero(rows)) for name, rows in counts.items()}

    def explainer(self) -> DriftExplainer:
        """What runs its network on changed features."""
        from .explain import DriftExplainer

        return DriftExplainer(self)

    def baseline(self, events: Sequence[Event]) -> tuple[str, DriftTask]:
        """Pairs of samples joined by the distance of the charge around them, with the same growth of pieces and fit."""
        from .explain import WORDS, NearestScorer

        simple = DriftTask(replace(self.config, calibration=None), self.detector)
        simple.scorer = NearestScorer()
        return WORDS, simple

    def state(self) -> dict[str, NDArray[np.generic]]:
        """All learned numbers by name."""
        return {f"network.{k}": v for k, v in self.model.weights().items()}

    def load_state(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Take the numbers that `state` gave."""
        self.model.load({k.removeprefix("network."): v for k, v in state.items()})


def _same(graph: DriftGraph, event: Event) -> NDArray[np.bool_]:
    """Whether most charge of both samples of each pair (m,) is of one particle."""
    owner = main_particle(truth_of(event), len(event.hits))[graph.cells.index]
    one, two = owner[graph.pairs].T
    return np.asarray((one == two) & (one >= 0))


@njit(cache=True, nogil=True)
def _and_neighbours(
    kept: NDArray[np.bool_], offsets: Ints, neighbour: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """`kept` (n,), and what touches it."""
    grown = kept.copy()
    for i in range(len(kept)):
        for k in range(offsets[i], offsets[i + 1]):
            grown[i] = grown[i] or kept[neighbour[k]]
    return grown


@njit(cache=True, nogil=True)
def _surest(pairs: NDArray[np.int32], logit: NDArray[np.float32], n: int) -> Floats:
    """Probability (n,) of the surest pair of each sample; 0 where there is none."""
    most = np.full(n, -np.inf)
    for m in range(len(pairs)):
        for end in pairs[m]:
            most[end] = max(most[end], logit[m])
    return 1 / (1 + np.exp(-most))


def main_particle(truth: Truth, n_hits: int) -> Ints:
    """The particle with most of each hit's energy (n_hits,); -1: noise. Without energies the first one of the hit."""
    owner = np.full(n_hits, -1, np.int64)
    energy = np.ones(len(truth.hit)) if truth.energy is None else truth.energy
    order = np.lexsort((-truth.particle, energy))
    owner[truth.hit[order]] = truth.particle[order]
    return owner
