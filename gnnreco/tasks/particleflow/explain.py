"""What the network over elements reads and answers, for `gnnreco report`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from gnnreco.columns import Event, Ints
from gnnreco.events.select import seen
from gnnreco.graphs.elements.graph import EDGE_FEATURES
from gnnreco.graphs.elements.showers import SHOWER_FEATURES
from gnnreco.graphs.elements.trails import TRACK_FEATURES
from gnnreco.models.element_network import NOTHING, ElementTensors, Judged
from gnnreco.tasks.contract import Reading, truth_of

from .elements import SUMS, Elements, held_by
from .judgement import MASSES, Momenta
from .samples import FlowSample
from .sharing import Shares

if TYPE_CHECKING:
    from .task import ParticleFlowTask

NAMES = {"track": TRACK_FEATURES, "shower": SHOWER_FEATURES, "edge": EDGE_FEATURES, "particle": SUMS}


@dataclass(frozen=True, slots=True)
class Work:
    """What stays as it was found.

    Attributes
    ----------
    sample : FlowSample
    shares : Shares
        Who holds which showers.
    order : int64 (k,)
        Owners in the order of the particles that the task gives.
    """

    sample: FlowSample
    shares: Shares
    order: Ints


class FlowExplainer:
    """See `gnnreco.tasks.contract.Explainer`."""

    answer = "log-odds that it is a particle and not nothing"

    def __init__(self, task: ParticleFlowTask) -> None:
        self.task = task

    def read(self, event: Event) -> Reading[Work]:
        """Tracks, showers and edges between them, and what each owner holds in all (kind ``particle``)."""
        truth_of(event)
        task = self.task
        mine = seen(event, task.detector, task.needs.measures)
        elements = task.elements_seen(event, mine)
        sample = task.sample_of(mine, elements)
        graph, m = sample.graph, sample.measured
        with torch.no_grad():
            h, edge, alone = task.network.elements(graph)
            shares = task.shares(graph, edge, alone, m)
            _, found = task.judged(h, shares, m)
        order = _order(found, shares, len(elements.tracks), task.config.least_score)
        features = {
            "track": graph.track,
            "shower": graph.shower,
            "edge": graph.edge,
            "particle": held_by(shares, m).sums,
        }
        rows = np.arange(len(event.hits)) if mine.rows is None else mine.rows
        return Reading(features, NAMES, _hits(elements, shares, rows), Work(sample, shares, order))

    def loss(self, reading: Reading[Work], features: Mapping[str, Tensor]) -> Tensor:
        """Of shares, and of the owners as they were found: see `ParticleFlowTask.loss`."""
        work = reading.work
        edge, alone, judged = self._judged(work, features)
        return self.task.cost(work.sample, edge, alone, work.shares, judged)[0]

    def answers(self, reading: Reading[Work], features: Mapping[str, Tensor]) -> Tensor:
        """Log-odds of the score of each particle."""
        work, network = reading.work, self.task.network
        judged = self._judged(work, features)[2]
        is_shower = torch.from_numpy(work.shares.element >= len(features["track"])).long()
        logits = judged.kind / network.temperature[is_shower][:, None]
        odds = torch.logsumexp(logits[:, :NOTHING], dim=1) - logits[:, NOTHING]
        return odds[torch.from_numpy(work.order)]

    def _judged(self, work: Work, features: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, Judged]:
        """Logits of edges and of (itself, nobody), and what the owners are."""
        network, m = self.task.network, work.sample.measured
        columns = {name: features[name] for name in ("track", "shower", "edge")}
        graph: ElementTensors = replace(work.sample.graph, **columns)
        h, edge, alone = network.elements(graph)
        held = held_by(work.shares, m)._replace(sums=features["particle"])
        return edge, alone, network.judge(h, len(m.momentum), held)


def _order(found: Momenta, shares: Shares, n_tracks: int, least_score: float) -> Ints:
    """The owners that become particles (k,), in the order of `particles_of`: the most energetic first."""
    probability = found.probability.double().numpy()
    mass = np.array(MASSES)[probability[:, :NOTHING].argmax(axis=1)]
    size = np.exp(np.minimum(found.log_energy.double().numpy(), 12.0))
    energy = np.where(shares.element < n_tracks, np.hypot(size, mass), np.maximum(size, mass))
    keep = np.flatnonzero(1 - probability[:, NOTHING] >= least_score)
    return keep[np.lexsort((shares.element[keep], -energy[keep]))]


def _hits(elements: Elements, shares: Shares, rows: Ints) -> dict[str, Ints]:
    """Which rows of which kind describe which hits; `rows`: place in the whole event of each hit that the task sees."""
    tracks, showers, graph = elements.tracks, elements.showers, elements.graph
    n_tracks, n = len(tracks), len(showers)
    element = np.concatenate([np.repeat(np.arange(n_tracks), tracks.n_hits), n_tracks + showers.shower])
    hit = rows[np.concatenate([tracks.hit_index, elements.cells.index[showers.cell]])]
    order = np.argsort(element, kind="stable")
    hit = hit[order]
    start = np.searchsorted(element[order], np.arange(n_tracks + n + 1))

    def links(row: Ints, of: Ints) -> Ints:
        """Row and hit (k, 2) from rows and the elements that each is about, every pair once."""
        count = start[of + 1] - start[of]
        ends = np.cumsum(count)
        place = np.arange(count.sum()) - np.repeat(ends - count - start[of], count)
        return np.unique(np.stack([np.repeat(row, count), hit[place]], axis=1), axis=0)

    edges, owners = np.arange(len(graph.shower)), np.flatnonzero(shares.element < n_tracks)
    return {
        "track": links(np.arange(n_tracks), np.arange(n_tracks)),
        "shower": links(np.arange(n), n_tracks + np.arange(n)),
        "edge": links(np.tile(edges, 2), np.concatenate([n_tracks + graph.shower, graph.owner])),
        "particle": links(
            np.concatenate([owners, shares.part]),
            np.concatenate([shares.element[owners], n_tracks + shares.shower]),
        ),
    }
