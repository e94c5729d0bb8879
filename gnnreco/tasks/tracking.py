"""Tracking: hits of charged particles to tracks, in any detector."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gnnreco.columns import Event, Tracks
from gnnreco.events.select import measured
from gnnreco.geometry import Detector
from gnnreco.graphs import (
    DOUBLET_FEATURES,
    TRIPLET_FEATURES,
    GraphConfig,
    LearnedGraph,
    SegmentGraph,
    Targets,
    is_true,
    true_segments,
)
from gnnreco.models import NetworkConfig, SegmentNetwork, infer, sort_by_node
from gnnreco.tasks.decode import DecodeConfig, decode

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class TrackingConfig:
    """Everything that defines a tracking model but its learned numbers.

    Attributes
    ----------
    node_loss : float
        Weight of the loss of doublets beside that of triplets.
    """

    graph: GraphConfig = field(default_factory=GraphConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    decode: DecodeConfig = field(default_factory=DecodeConfig)
    node_loss: float = 0.3
    seed: int = 0


class TrackingTask:
    """Graph, network and decoding of one detector's tracks."""

    name = "tracking"
    measures = ("position",)
    gives = Tracks

    def __init__(self, config: TrackingConfig, detector: Detector) -> None:
        self.config, self.detector = config, detector
        generator = torch.random.get_rng_state()
        torch.manual_seed(config.seed)
        self.network = SegmentNetwork(config.network, len(DOUBLET_FEATURES), len(TRIPLET_FEATURES))
        torch.random.set_rng_state(generator)
        self.graph: LearnedGraph | None = None

    @classmethod
    def from_config(cls, config: TrackingConfig, detector: Detector) -> TrackingTask:
        """A task that has learned nothing yet."""
        return cls(config, detector)

    def prepare(self, events: Iterable[Event], progress: Progress | None = None) -> None:
        """Learn the graph builder and the scale of the features from events with truth.

        A task that has its numbers from another detector keeps its network: only the graph builder, which depends on
        where the sensors are, is learned anew.
        """
        events, again = [self._seen(event) for event in events], self.graph is not None
        self.graph = LearnedGraph.learn(self.config.graph, self.detector, events, self.config.seed, progress)
        if again:
            return
        graphs = [self.graph.build(event)[1] for event in events[:5]]
        for name in ("doublet", "triplet"):
            x = np.concatenate([getattr(g, f"{name}_features") for g in graphs]).astype(np.float64)
            part = "node" if name == "doublet" else "edge"
            for what, value in (("mean", x.mean(axis=0)), ("scale", x.std(axis=0) + 1e-3)):
                self.network.get_buffer(f"{part}_{what}").copy_(torch.from_numpy(value))

    def sample(self, event: Event) -> dict[str, Tensor]:
        """The graph of a training event as tensors, with the truth of its edges and nodes."""
        event = self._seen(event)
        points, graph = self._graph().build(event)
        tensors = _tensors(graph)
        if event.truth is not None:
            targets = Targets(self.config.graph.min_pt, self.config.graph.min_hits)
            segments = true_segments(event, points, targets, self._graph().frame)
            node = is_true(graph.doublets, segments)
            tensors["node_truth"] = torch.from_numpy(node.astype(np.float32))
            edge = node[graph.triplets[:, 0]] & node[graph.triplets[:, 1]]
            tensors["edge_truth"] = torch.from_numpy(edge.astype(np.float32))
        return tensors

    def loss(self, sample: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        """Binary cross entropy of edges and, less, of nodes."""
        edge, node = self.network(sample)
        entropy = nn.functional.binary_cross_entropy_with_logits
        edge_loss = entropy(edge.float(), sample["edge_truth"]) if len(edge) else edge.sum()
        node_loss = entropy(node.float(), sample["node_truth"]) if len(node) else node.sum()
        total = edge_loss + self.config.node_loss * node_loss
        return total, {"edge_loss": float(edge_loss.detach()), "node_loss": float(node_loss.detach())}

    def reconstruct(self, event: Event) -> Tracks:
        """Tracks of one event. Raises `OverBudget` if its graph is too large."""
        points, graph = self._graph().build(event)
        logits = infer(self.network, graph.doublet_features, graph.triplet_features, graph.triplets)
        return decode(event, self.detector, points, graph, logits, self.config.decode)

    def tally(self, event: Event, tracks: Tracks) -> dict[str, int]:
        """What became of the hits; nothing that the tracks do not tell."""
        return {}

    def state(self) -> dict[str, NDArray[np.generic]]:
        """All learned numbers by name."""
        weights = {f"network.{k}": v.detach().cpu().numpy() for k, v in self.network.state_dict().items()}
        return weights | {f"graph.{k}": v for k, v in self._graph().state().items()}

    def load_state(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Take the numbers that `state` gave."""
        graph, weights = (
            {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
            for prefix in ("graph.", "network.")
        )
        self.graph = LearnedGraph.from_state(self.config.graph, self.detector, graph)
        self.network.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in weights.items()})
        self.network.eval()

    def _seen(self, event: Event) -> Event:
        return measured(event, self.detector, self.measures)[0]

    def _graph(self) -> LearnedGraph:
        if self.graph is None:
            raise RuntimeError("the task has learned no graph yet: call prepare or load_state first")
        return self.graph


def _tensors(graph: SegmentGraph) -> dict[str, Tensor]:
    """The arrays that the network reads, edges sorted by both ends once."""
    n = len(graph.doublets)
    inner, outer = graph.triplets[:, 0], graph.triplets[:, 1]
    inner_order, inner_start = sort_by_node(inner, n)
    outer_order, outer_start = sort_by_node(outer, n)
    arrays = {
        "nodes": graph.doublet_features,
        "edges": graph.triplet_features,
        "inner": inner.astype(np.int64),
        "outer": outer.astype(np.int64),
        "inner_order": inner_order,
        "inner_start": inner_start,
        "outer_order": outer_order,
        "outer_start": outer_start,
    }
    return {name: torch.from_numpy(array) for name, array in arrays.items()}
