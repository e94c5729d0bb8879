"""What a network finds in an event: cells to pieces, and pieces to showers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gnnreco.graphs.showers.cells import CellGraph
from gnnreco.graphs.showers.features import LoudNeighbours
from gnnreco.kernels.memory import give_back
from gnnreco.models.showers.inference import Held, ShowerInference

from .edges import Shares, climbed, showers_of, whole_shares
from .moments import shower_moments
from .pieces import PIECE_FEATURES, Pieces, pieces_of

if TYPE_CHECKING:  # to infer needs no torch
    from torch import Tensor

    from gnnreco.models.showers.network import CellScores, ClusterCells, ShowerNetwork

    from .config import ClusteringConfig

TOUCHING = PIECE_FEATURES.index("touching")


@dataclass(frozen=True, slots=True)
class Found:
    """What the network found in an event: scores of cells, their places, pieces and their scores, showers.

    Scores are tensors if torch's network gave them, arrays if `ShowerInference` did.
    """

    scores: CellScores | Any
    place: Tensor | None
    parts: Shares
    pieces: Pieces | None
    piece_logit: Tensor | Any
    shares: Shares


def cell_scores(network: ShowerNetwork | ShowerInference, loud: LoudNeighbours) -> CellScores | Any:
    """What the network says of cells and of their pairs: all that is read of `loud.cells` and `loud.pairs`."""
    return network.cells(_inputs(network, loud.cells, loud))


def find(
    config: ClusteringConfig,
    network: ShowerNetwork | ShowerInference,
    graph: CellGraph,
    loud: LoudNeighbours,
    scores: CellScores | Any = None,
) -> Found:
    """Cells to showers; gradients flow through the scores, not through what is made of them.

    Without `scores` the network is asked for those of the cells; with them `loud` needs neither `cells` nor `pairs`.
    """
    scores = cell_scores(network, loud) if scores is None else scores
    logit = _plain(scores.logit)
    if config.finder == "condensation":
        import torch

        from .condensation import condensed, places

        neighbour = torch.from_numpy(loud.neighbour)
        place = places(graph, neighbour, scores.pull, config.condensation.width)
        beta = torch.sigmoid(scores.beta.detach()).numpy()
        cluster = condensed(place.detach().numpy(), beta, config.condensation)
        parts, pieces, piece_logit = whole_shares(cluster), None, None
    else:
        place, climb = None, config.edges.climb
        parts = whole_shares(climbed(loud.neighbour, loud.real, logit, loud.density, climb))
        pieces = pieces_of(
            graph, loud, logit, parts, config.network.piece_neighbours, config.network.piece_axes
        )
        give_back(len(graph))
        piece_logit = _piece_scores(network, graph, loud, scores, parts, pieces)
        scores_of_pieces = _plain(piece_logit)
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
    give_back(len(graph))
    shares = showers_of(cluster, loud, logit, graph.energy, graph.mip, config.edges)
    return Found(scores, place, parts, pieces, piece_logit, shares)


def _piece_scores(
    network: ShowerNetwork | ShowerInference,
    graph: CellGraph,
    loud: LoudNeighbours,
    scores: Any,
    parts: Shares,
    pieces: Pieces,
) -> Any:
    inputs = _inputs(network, shower_moments(graph, loud, parts), pieces)
    energy = network.given(graph.energy.astype(np.float32))
    held = cells_for(network, parts)
    return network.pieces(scores.state, energy, held, inputs.pop("cells"), inputs)  # type: ignore[arg-type]


def _inputs(
    network: ShowerNetwork | ShowerInference, rows: NDArray[np.float32], table: LoudNeighbours | Pieces
) -> dict[str, Any]:
    """What the network reads of cells or of pieces."""
    columns = {
        "cells": rows,
        "pairs": table.pairs,
        "neighbour": table.neighbour,
        "real": table.real,
    }
    return {name: network.given(column) for name, column in columns.items()}


def _plain(scores: Any) -> NDArray[np.float32]:
    return scores if isinstance(scores, np.ndarray) else scores.detach().cpu().numpy()


def kept(shares: Shares, keep: NDArray[np.bool_]) -> Shares:
    """The clusters that `keep` (n,) marks."""
    number = np.cumsum(keep) - 1
    mine = keep[shares.cluster]
    return Shares(shares.cell[mine], number[shares.cluster[mine]], shares.weight[mine], int(keep.sum()))


def cells_of(shares: Shares) -> ClusterCells:
    """What `ShowerNetwork` reads of the cells of clusters."""
    import torch

    from gnnreco.models.showers.network import ClusterCells

    return ClusterCells(*(torch.from_numpy(column) for column in held_of(shares)))


def held_of(shares: Shares) -> Held:
    """What `ShowerInference` reads of the cells of clusters."""
    start = np.searchsorted(shares.cluster, np.arange(shares.n + 1))
    return Held(shares.cell, shares.cluster, shares.weight.astype(np.float32), start)


def cells_for(network: ShowerNetwork | ShowerInference, shares: Shares) -> Any:
    """What that network reads of them."""
    return held_of(shares) if isinstance(network, ShowerInference) else cells_of(shares)
