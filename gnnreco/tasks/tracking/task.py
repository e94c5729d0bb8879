"""Tracking: hits of charged particles to tracks, in any detector."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Event, Floats, Tracks
from gnnreco.events.select import Seen, seen
from gnnreco.files.json_types import JsonDict
from gnnreco.geometry import Detector
from gnnreco.graphs import (
    DOUBLET_FEATURES,
    TRIPLET_FEATURES,
    GraphConfig,
    LearnedGraph,
    Targets,
    is_true,
    survey,
    true_segments,
)
from gnnreco.models import NetworkConfig, Scorer, SegmentModel
from gnnreco.models.calibration import Calibration, Usual
from gnnreco.progress import Progress
from gnnreco.tasks.confidence import TRACK_FEATURES, check_features, scored, track_features
from gnnreco.tasks.contract import Needs, Task, needed, truth_of

from .decode import DecodeConfig, decode
from .usual import RATIOS, counts_of

if TYPE_CHECKING:  # only training needs torch: its methods import it
    from torch import Tensor

    from gnnreco.models.segment_network import SegmentNetwork
    from gnnreco.models.state import Numbers

    from .explain import TrackingExplainer
    from .samples import TrackingSample


@dataclass(frozen=True)
class TrackingConfig:
    """Everything that defines a tracking model but its learned numbers.

    Attributes
    ----------
    node_loss : float
        Weight of the loss of doublets beside that of triplets.
    seed : int
        Seed of the random weights that a training begins with.
    calibration : Calibration, optional
        From what was found of a track to its `score`; without it that is the network's own confidence.
    usual : Usual, optional
        What the events of that calibration look like; without it nobody is told where others do not.
    """

    graph: GraphConfig = field(default_factory=GraphConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    decode: DecodeConfig = field(default_factory=DecodeConfig)
    node_loss: float = 0.3
    seed: int = 0
    calibration: Calibration | None = None
    usual: Usual | None = None

    def __post_init__(self) -> None:
        check_features(self.calibration, TRACK_FEATURES)


class TrackingTask(Task["TrackingSample", Tracks]):
    """Graph, network and decoding of one detector's tracks."""

    name = "tracking"
    needs = Needs(("position",))
    gives = Tracks
    confidence_features = TRACK_FEATURES
    ratios = RATIOS
    detector: Detector

    def __init__(self, config: TrackingConfig, detector: Detector) -> None:
        self.config: TrackingConfig = config
        self.detector, self._there = detector, detector.at_source()
        sizes = len(DOUBLET_FEATURES), len(TRIPLET_FEATURES)
        self.model = SegmentModel(config.network, *sizes, config.seed)
        self.scorer: Scorer = self.model
        self.graph: LearnedGraph | None = None

    @classmethod
    def from_config(cls, config: TrackingConfig, detector: Detector | None) -> TrackingTask:
        """A task that has learned nothing yet."""
        return cls(config, needed(detector, cls.name))

    @classmethod
    def arrays(cls, config: TrackingConfig, detector: Detector | None) -> Mapping[str, Numbers]:
        """What each learned array must be, by name."""
        from .learned import arrays

        return arrays(config, detector)

    @cached_property
    def network(self) -> SegmentNetwork:  # type: ignore[override]  # made where torch is needed
        """What torch trains."""
        return self.model.network

    @property
    def sample_kind(self) -> type[TrackingSample]:
        """The class of its samples."""
        from .samples import TrackingSample

        return TrackingSample

    def prepare(self, events: Iterable[Event], progress: Progress | None = None) -> None:
        """Learn the graph builder and the scale of the features from events with truth.

        A task that has its numbers from another detector keeps its network: only the graph builder, which depends on
        where the sensors are, is learned anew.
        """
        events, again = [self._seen(event).event for event in events], self.graph is not None
        self.graph = LearnedGraph.learn(self.config.graph, self._there, events, self.config.seed, progress)
        if again:
            return
        graphs = [self.graph.build(event)[1] for event in events[:5]]
        features = (
            np.concatenate([getattr(g, f"{name}_features") for g in graphs])
            for name in ("doublet", "triplet")
        )
        self.model.scale_features(*features)

    def survey(self, events: Iterable[Event]) -> JsonDict:
        """What the graph builder keeps of the truth of events, and the network: see `gnnreco.graphs.survey`."""
        mine = (self._seen(event).event for event in events)
        return survey(self._graph(), mine, self.scorer, self.config.decode.link_probability)

    def sample(self, event: Event) -> TrackingSample:
        """The graph of a training event as tensors, with the truth of its edges and nodes."""
        import torch

        from gnnreco.models.segment_network import tensors_of

        from .samples import TrackingSample

        truth_of(event)
        event = self._seen(event).event
        points, graph = self._graph().build(event)
        targets = Targets(self.config.graph.min_pt, self.config.graph.min_hits)
        segments = true_segments(event, points, targets, self._graph().frame)
        node = is_true(graph.doublets, segments)
        edge = node[graph.triplets[:, 0]] & node[graph.triplets[:, 1]]
        return TrackingSample(
            tensors_of(graph.doublet_features, graph.triplet_features, graph.triplets),
            *(torch.from_numpy(truth.astype(np.float32)) for truth in (node, edge)),
        )

    def loss(self, sample: TrackingSample) -> tuple[Tensor, dict[str, float]]:
        """Binary cross entropy of edges and, less, of nodes."""
        from torch import nn

        edge, node = self.network(sample.graph)
        entropy = nn.functional.binary_cross_entropy_with_logits
        edge_loss = entropy(edge.float(), sample.edge_truth) if len(edge) else edge.sum()
        node_loss = entropy(node.float(), sample.node_truth) if len(node) else node.sum()
        total = edge_loss + self.config.node_loss * node_loss
        return total, {"edge_loss": float(edge_loss.detach()), "node_loss": float(node_loss.detach())}

    def reconstruct(self, event: Event) -> Tracks:
        """Tracks of one event. Raises `OverBudget` if its graph is too large."""
        return scored(*self.found(event), self.config.calibration)

    def found(self, event: Event) -> tuple[Tracks, Floats]:
        """Tracks with the network's own confidence, and the features that the calibration reads."""
        mine = self._seen(event)
        if not len(mine.event.hits):
            return Tracks(), np.zeros((0, len(TRACK_FEATURES)))
        points, graph = self._graph().build(mine.event)
        logits = self.scorer.logits(graph.doublet_features, graph.triplet_features, graph.triplets)
        graph = graph.bare()
        tracks = decode(mine.event, self._there, points, graph, logits, self.config.decode)
        return mine.restore(tracks), track_features(tracks)

    def tally(self, event: Event, tracks: Tracks) -> dict[str, int]:
        """What became of the hits: how many lie in an event in which the graph builder meets no pair of them.

        Events with hits on fewer layers than the shortest track has hits are not counted. With what is usual known, also
        the counts that are compared with it.
        """
        usual = self.config.usual
        told = {} if usual is None else usual.only(self.counts(event, tracks))
        if len(tracks):
            return told
        mine = self._seen(event).event
        sensors = mine.hits.sensor[mine.hits.sensor >= 0]
        few = len(np.unique(self.detector.layer[sensors])) < self.config.decode.min_hits
        return told if few or self._graph().meets(mine) else told | {"hits_without_pair": len(sensors)}

    def counts(self, event: Event, tracks: Tracks) -> dict[str, int]:
        """What its `ratios` are made of."""
        return counts_of(self._seen(event).event.hits, tracks)

    def explainer(self) -> TrackingExplainer:
        """What runs its network on changed features."""
        from .explain import TrackingExplainer

        return TrackingExplainer(self)

    def baseline(self, events: Sequence[Event]) -> tuple[str, TrackingTask]:
        """The straightest continuation of each doublet, on the same graph and with the same fit."""
        from .baseline import WORDS, StraightestScorer

        simple = TrackingTask(replace(self.config, calibration=None, usual=None), self.detector)
        simple.graph, simple.scorer = self.graph, StraightestScorer()
        return WORDS, simple

    def state(self) -> dict[str, NDArray[np.generic]]:
        """All learned numbers by name."""
        weights = {f"network.{k}": v for k, v in self.model.weights().items()}
        return weights | {f"graph.{k}": v for k, v in self._graph().state().items()}

    def load_state(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Take the numbers that `state` gave."""
        graph, weights = (
            {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
            for prefix in ("graph.", "network.")
        )
        self.graph = LearnedGraph.from_state(self.config.graph, self._there, graph)
        self.model.load(weights)

    def _seen(self, event: Event) -> Seen:
        return seen(event, self.detector, self.needs.measures)

    def _graph(self) -> LearnedGraph:
        if self.graph is None:
            raise RuntimeError("the task has learned no graph yet: call prepare or load_state first")
        return self.graph
