"""What the network over cells reads and answers, for `gnnreco report`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from gnnreco.columns import Event
from gnnreco.events.select import seen
from gnnreco.graphs.showers.families import one_shower_each
from gnnreco.graphs.showers.features import CELL_FEATURES, PAIR_FEATURES
from gnnreco.models.showers.network import CellScores
from gnnreco.tasks.confidence import scored
from gnnreco.tasks.contract import Reading, truth_of

from .company import COMPANY, shower_company
from .condensation import places
from .finding import Found, cells_of, find
from .loss import shower_loss
from .moments import MOMENTS, shower_moments
from .pieces import piece_features
from .samples import EventSample
from .targets import NOISE, ClusterTargets, cell_truth, cluster_targets, pair_targets

if TYPE_CHECKING:
    from .task import ClusteringTask

NAMES = {
    "cell": CELL_FEATURES,
    "pair": PAIR_FEATURES,
    "shower": MOMENTS,
    "company": COMPANY,
}


@dataclass(frozen=True, slots=True)
class Work:
    """What stays as it was found.

    Attributes
    ----------
    sample : EventSample
    found : Found
    pieces : float32 (p, f)
        Moments of the pieces, which stay as they are.
    targets : ClusterTargets
    order : int64 (c,)
        Showers of `found` in the order of the clusters that the task gives.
    """

    sample: EventSample
    found: Found
    pieces: Tensor
    targets: ClusterTargets
    order: Tensor


class ShowerExplainer:
    """See `gnnreco.tasks.contract.Explainer`."""

    answer = "log-odds of the likeliest class of the shower"

    def __init__(self, task: ClusteringTask) -> None:
        self.task = task

    def read(self, event: Event) -> Reading[Work]:
        """Cells and their pairs, pairs of pieces, and what describes the showers that were found."""
        truth_of(event)
        task = self.task
        mine = seen(event, task.detector, task.needs.measures)
        graph, loud = task.loud(mine.event)
        true = one_shower_each(mine.event, task.detector.at_source())
        truth = cell_truth(true, graph.index, task.frame.fraction[true.hits.sensor])
        pair_truth = torch.from_numpy(pair_targets(truth, loud.neighbour, len(truth.energy)))
        with torch.no_grad():
            found = find(task.config, task.network, graph, loud)
            made = found.scores.state, found.shares
            moments, (energy, _, kind) = task._judge(task.network, graph, loud, *made)
        company = torch.from_numpy(shower_company(graph, found.shares))
        noise = torch.softmax(kind.double(), dim=1)[:, NOISE]
        kept = torch.nonzero(noise <= task.config.noise)[:, 0]
        order = kept[torch.argsort(-torch.exp(energy.double())[kept], stable=True)]
        if task.drifts(mine.event):  # there the task gives clusters of density, not these
            order = order[:0]
        elif task.config.least_score > 0 or task.config.window is not None:
            clusters = scored(*task.found(event), task.config.calibration)
            order = order[torch.from_numpy(task.wanted(event, clusters))]
        rows = graph.index if mine.rows is None else mine.rows[graph.index]
        one, slot = np.nonzero(loud.real)
        ends = np.stack([rows[one], rows[loud.neighbour[one, slot]]], axis=1)
        features = {"cell": torch.from_numpy(loud.cells), "pair": torch.from_numpy(loud.pairs[loud.real])}
        if found.pieces is not None:
            features["pair of pieces"] = torch.from_numpy(found.pieces.pairs[found.pieces.real])
        features["shower"] = moments
        if task.network.identity is not None:  # nothing else reads it
            features["company"] = company
        hits = {
            "cell": np.stack([np.arange(len(rows)), rows], axis=1),
            "pair": np.stack([np.repeat(np.arange(len(ends)), 2), ends.ravel()], axis=1),
        }
        sample = EventSample(graph, loud, truth, pair_truth)
        targets = cluster_targets(truth, found.shares, graph.energy)
        pieces = torch.from_numpy(shower_moments(graph, loud, found.parts))
        known = NAMES | {"pair of pieces": piece_features(task.config.network.piece_axes)}
        names = {kind: known[kind] for kind in features}
        return Reading(features, names, hits, Work(sample, found, pieces, targets, order))

    def loss(self, reading: Reading[Work], features: Mapping[str, Tensor]) -> Tensor:
        """Of pairs, and of the energies, errors and classes of the showers that were found."""
        work, config, network = reading.work, self.task.config, self.task.network
        scores = self._scores(work, features["cell"], features["pair"])
        found = replace(work.found, scores=scores)
        if found.place is not None:
            neighbour = torch.from_numpy(work.sample.loud.neighbour)
            place = places(work.sample.graph, neighbour, scores.pull, config.condensation.width)
            found = replace(found, place=place)
        else:
            logit = self._piece_scores(work, scores, features["pair of pieces"])
            found = replace(found, piece_logit=logit)
        pairs, _ = self.task._pair_loss(work.sample, found)
        judged = self._judged(work, scores, features)
        showers, _ = shower_loss(*judged, work.targets, features["shower"], config.loss, network.adversary)
        return pairs + showers

    def answers(self, reading: Reading[Work], features: Mapping[str, Tensor]) -> Tensor:
        """Log-odds of the class that is likeliest with the features of the event, of each cluster."""
        work = reading.work
        with torch.no_grad():
            best = self._judged(work, work.found.scores, reading.features)[2].argmax(dim=1)
        scores = self._scores(work, features["cell"], features["pair"])
        kind = self._judged(work, scores, features)[2]
        log_p = torch.log_softmax(kind, dim=1)
        chosen = torch.nn.functional.one_hot(best, kind.shape[1]).bool()
        others = torch.logsumexp(log_p.masked_fill(chosen, -torch.inf), dim=1)
        return (log_p[chosen] - others)[work.order]

    def _scores(self, work: Work, cells: Tensor, pairs: Tensor) -> CellScores:
        loud = work.sample.loud
        real = torch.from_numpy(loud.real)
        return self.task.network.cells(
            {
                "cells": cells,
                "pairs": _table(pairs, real),
                "neighbour": torch.from_numpy(loud.neighbour),
                "real": real.float(),
            }
        )

    def _piece_scores(self, work: Work, scores: CellScores, pairs: Tensor) -> Tensor:
        pieces, energy = work.found.pieces, work.sample.graph.energy
        assert pieces is not None
        real = torch.from_numpy(pieces.real)
        inputs = {
            "pairs": _table(pairs, real),
            "neighbour": torch.from_numpy(pieces.neighbour),
            "real": real.float(),
        }
        visible = torch.from_numpy(energy.astype(np.float32))
        return self.task.network.pieces(
            scores.state, visible, cells_of(work.found.parts), work.pieces, inputs
        )

    def _judged(
        self, work: Work, scores: CellScores, features: Mapping[str, Tensor]
    ) -> tuple[Tensor, Tensor, Tensor]:
        energy = torch.from_numpy(work.sample.graph.energy.astype(np.float32))
        shares = cells_of(work.found.shares)
        return self.task.network.showers(
            scores.state, energy, shares, features["shower"], features.get("company")
        )


def _table(rows: Tensor, real: Tensor) -> Tensor:
    """Rows of features in their places of a table (n, k, f); 0 elsewhere."""
    out = rows.new_zeros(*real.shape, rows.shape[1])
    return out.masked_scatter(real[:, :, None].expand_as(out), rows)
