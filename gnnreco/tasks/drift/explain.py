"""What the network over samples of charge reads and answers, for `gnnreco report`, and the simplest scorer beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gnnreco.columns import Event
from gnnreco.events.select import seen
from gnnreco.graphs.drift.features import PAIR_FEATURES, SAMPLE_FEATURES
from gnnreco.graphs.drift.samples import ACROSS_MIDDLES, DRIFT_MIDDLES
from gnnreco.models.segment_network import tensors_of
from gnnreco.tasks.contract import Reading, truth_of
from gnnreco.tasks.tracking.explain import common, links, mean_of, owner_of

from .samples import DriftSample

if TYPE_CHECKING:
    from .task import DriftTask

WORDS = "pairs of samples joined by how far the charge around one lies from the line through the other"
#: Log-odds of a pair on one line; at the square root of twice this many pads it is as likely wrong as right.
ON_LINE = 2.0
NAMES = {"sample": SAMPLE_FEATURES, "pair": PAIR_FEATURES}


class NearestScorer:
    """Log-odds that fall with the square of the distance, in pads and samples; it learns nothing."""

    def logits(
        self, nodes: NDArray[np.float32], edges: NDArray[np.float32], pairs: NDArray[np.int32]
    ) -> NDArray[np.float32]:
        """Log-odds of the pairs (m,): see `gnnreco.models.Scorer`."""
        square = edges[:, ACROSS_MIDDLES] ** 2 + edges[:, DRIFT_MIDDLES] ** 2
        return np.asarray(ON_LINE - square, np.float32)


@dataclass(frozen=True, slots=True)
class Work:
    """What stays as it was found: the graph with its truth, the track of each pair (-1: none), how many tracks."""

    sample: DriftSample
    track: Tensor
    tracks: int


class DriftExplainer:
    """See `gnnreco.tasks.contract.Explainer`."""

    answer = "mean log-odds of the pairs of samples on the track"

    def __init__(self, task: DriftTask) -> None:
        self.task = task

    def read(self, event: Event) -> Reading[Work]:
        """All samples of charge and the pairs that touch, and the tracks that were found."""
        from .task import main_particle

        truth_of(event)
        mine = seen(event, self.task.detector, self.task.needs.measures)
        graph, found = self.task.graph(mine.event), self.task.reconstruct(event)
        owner = main_particle(truth_of(mine.event), len(mine.event.hits))[graph.cells.index][graph.pairs]
        same = (owner[:, 0] == owner[:, 1]) & (owner[:, 0] >= 0)
        rows = graph.cells.index if mine.rows is None else mine.rows[graph.cells.index]
        ends = rows[graph.pairs]
        tensors = tensors_of(graph.sample_features, graph.pair_features, graph.pairs)
        sample = DriftSample(tensors, torch.from_numpy(same.astype(np.float32)))
        track = torch.from_numpy(common(owner_of(found, len(event.hits))[ends]))
        hits = {"sample": links(rows[:, None]), "pair": links(ends)}
        features = {"sample": tensors.nodes, "pair": tensors.edges}
        return Reading(features, NAMES, hits, Work(sample, track, len(found)))

    def loss(self, reading: Reading[Work], features: Mapping[str, Tensor]) -> Tensor:
        """Of the pairs: see `DriftTask.loss`."""
        sample = reading.work.sample
        graph = replace(sample.graph, nodes=features["sample"], edges=features["pair"])
        return self.task.loss(replace(sample, graph=graph))[0]

    def answers(self, reading: Reading[Work], features: Mapping[str, Tensor]) -> Tensor:
        """Mean log-odds of the pairs of each track; 0 for one that was joined from single samples."""
        work = reading.work
        graph = replace(work.sample.graph, nodes=features["sample"], edges=features["pair"])
        return mean_of(self.task.network(graph)[0], work.track, work.tracks)
