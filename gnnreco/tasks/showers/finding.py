"""What a network finds in an event: cells to pieces, and pieces to showers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gnnreco.graphs.showers.cells import CellGraph
from gnnreco.graphs.showers.features import LoudNeighbours
from gnnreco.models.showers.network import CellScores, ShowerNetwork

from .condensation import condensed, places
from .edges import Shares, climbed, showers_of, whole_shares
from .moments import shower_moments
from .pieces import PIECE_FEATURES, Pieces, pieces_of
from .samples import cells_of

if TYPE_CHECKING:
    from .task import ClusteringConfig

TOUCHING = PIECE_FEATURES.index("touching")


@dataclass(frozen=True, slots=True)
class Found:
    """What the network found in an event: scores of cells, their places, pieces and their scores, showers."""

    scores: CellScores
    place: Tensor | None
    parts: Shares
    pieces: Pieces | None
    piece_logit: Tensor | None
    shares: Shares


def find(config: ClusteringConfig, network: ShowerNetwork, graph: CellGraph, loud: LoudNeighbours) -> Found:
    """Cells to showers; gradients flow through the scores, not through what is made of them."""
    scores = network.cells(_inputs(loud.cells, loud))
    logit = scores.logit.detach().cpu().numpy()
    if config.finder == "condensation":
        neighbour = torch.from_numpy(loud.neighbour)
        place = places(graph, neighbour, scores.pull, config.condensation.width)
        beta = torch.sigmoid(scores.beta.detach()).numpy()
        cluster = condensed(place.detach().numpy(), beta, config.condensation)
        parts, pieces, piece_logit = whole_shares(cluster), None, None
    else:
        place, climb = None, config.edges.climb
        parts = whole_shares(climbed(loud.neighbour, loud.real, logit, loud.density, climb))
        pieces = pieces_of(graph, loud, logit, parts, config.network.piece_neighbours)
        piece_logit = _piece_scores(network, graph, loud, scores, parts, pieces)
        scores_of_pieces = piece_logit.detach().cpu().numpy()
        size = np.bincount(parts.cluster, minlength=parts.n)
        far = (size == 1)[:, None] & (pieces.pairs[:, :, TOUCHING] == 0)  # a lone cell may be noise
        far &= scores_of_pieces < config.edges.lone
        up = climbed(
            *(pieces.neighbour, pieces.real & ~far, scores_of_pieces, pieces.energy),
            config.edges.join,
        )
        largest = np.zeros(int(up.max(initial=-1)) + 1, np.int64)
        np.maximum.at(largest, up, size)
        up[largest[up] < config.edges.min_hits] = -1
        cluster = np.empty(len(graph), np.int64)
        cluster[parts.cell] = up[parts.cluster]
    shares = showers_of(cluster, loud, logit, graph.energy, graph.mip, config.edges)
    return Found(scores, place, parts, pieces, piece_logit, shares)


def _piece_scores(
    network: ShowerNetwork,
    graph: CellGraph,
    loud: LoudNeighbours,
    scores: CellScores,
    parts: Shares,
    pieces: Pieces,
) -> Tensor:
    inputs = _inputs(shower_moments(graph, loud, parts), pieces)
    energy = torch.from_numpy(graph.energy.astype(np.float32))
    return network.pieces(scores.state, energy, cells_of(parts), inputs.pop("cells"), inputs)


def _inputs(rows: NDArray[np.float32], table: LoudNeighbours | Pieces) -> dict[str, Tensor]:
    """What `ShowerNetwork` reads of cells or of pieces."""
    return {
        "cells": torch.from_numpy(rows),
        "pairs": torch.from_numpy(table.pairs),
        "neighbour": torch.from_numpy(table.neighbour),
        "real": torch.from_numpy(table.real.astype(np.float32)),
    }


def kept(shares: Shares, keep: NDArray[np.bool_]) -> Shares:
    """The clusters that `keep` (n,) marks."""
    number = np.cumsum(keep) - 1
    mine = keep[shares.cluster]
    return Shares(shares.cell[mine], number[shares.cluster[mine]], shares.weight[mine], int(keep.sum()))
