"""What the network over segments reads and answers, for `gnnreco report`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from gnnreco.columns import Event, Ints, Tracks
from gnnreco.events.select import seen
from gnnreco.graphs import DOUBLET_FEATURES, TRIPLET_FEATURES
from gnnreco.tasks.contract import Reading, truth_of

from .samples import TrackingSample

if TYPE_CHECKING:
    from .task import TrackingTask

NAMES = {"doublet": DOUBLET_FEATURES, "triplet": TRIPLET_FEATURES}


@dataclass(frozen=True, slots=True)
class Work:
    """What stays as it was found.

    Attributes
    ----------
    sample : TrackingSample
    track : int64 (m,)
        Track that has the three hits of each triplet one after the other; -1: none.
    tracks : int
    """

    sample: TrackingSample
    track: Tensor
    tracks: int


class TrackingExplainer:
    """See `gnnreco.tasks.contract.Explainer`."""

    answer = "mean log-odds of the triplets of successive hits of the track"

    def __init__(self, task: TrackingTask) -> None:
        self.task = task

    def read(self, event: Event) -> Reading[Work]:
        """Doublets and triplets of the graph, and the tracks that were found."""
        truth_of(event)
        mine = seen(event, self.task.detector, self.task.needs.measures)
        assert self.task.graph is not None  # a bundle has one
        points, graph = self.task.graph.build(mine.event)
        sample, found = self.task.sample(event), self.task.reconstruct(event)
        rows = points.index if mine.rows is None else mine.rows[points.index]
        ends = rows[graph.doublets]
        place = np.full(len(event.hits), -1, np.int64)
        place[found.hit_index] = np.arange(len(found.hit_index))
        track = common(owner_of(found, len(event.hits))[ends])
        track[
            place[ends[:, 1]] != place[ends[:, 0]] + 1
        ] = -1  # the graph also has segments that leave a hit out
        triplet = common(track[graph.triplets])
        hits = {
            "doublet": links(ends),
            "triplet": links(ends[graph.triplets].reshape(len(graph.triplets), -1)),
        }
        features = {"doublet": sample.graph.nodes, "triplet": sample.graph.edges}
        return Reading(features, NAMES, hits, Work(sample, torch.from_numpy(triplet), len(found)))

    def loss(self, reading: Reading[Work], features: Mapping[str, Tensor]) -> Tensor:
        """Of edges and nodes: see `TrackingTask.loss`."""
        sample = reading.work.sample
        graph = replace(sample.graph, nodes=features["doublet"], edges=features["triplet"])
        return self.task.loss(replace(sample, graph=graph))[0]

    def answers(self, reading: Reading[Work], features: Mapping[str, Tensor]) -> Tensor:
        """Mean log-odds of the triplets of each track; 0 for one without any, which was joined from shorter pieces."""
        work = reading.work
        graph = replace(work.sample.graph, nodes=features["doublet"], edges=features["triplet"])
        return mean_of(self.task.network(graph)[0], work.track, work.tracks)


def owner_of(found: Tracks, n_hits: int) -> Ints:
    """The track (n_hits,) that each hit is on; -1: none."""
    owner = np.full(n_hits, -1, np.int64)
    owner[found.hit_index] = np.repeat(np.arange(len(found)), np.diff(found.offsets))
    return owner


def common(owner: Ints) -> Ints:
    """What both columns (n, 2) name; -1 where they differ."""
    return np.where(owner[:, 0] == owner[:, 1], owner[:, 0], -1)


def links(hits: Ints) -> Ints:
    """Row and hit (k, 2) of a table (n, m) of the hits of each row, each pair once."""
    row = np.repeat(np.arange(len(hits)), hits.shape[1])
    return np.unique(np.stack([row, hits.ravel()], axis=1), axis=0)


def mean_of(logit: Tensor, owner: Tensor, n: int) -> Tensor:
    """Mean of the values of each of n owners; 0 for one without any."""
    mine = owner >= 0
    total = logit.new_zeros(n).index_add(0, owner[mine], logit[mine])
    count = torch.bincount(owner[mine], minlength=n).clamp(min=1)
    return total / count
