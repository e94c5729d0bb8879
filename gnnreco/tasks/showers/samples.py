"""What the network over cells learns from: a whole event, or only the showers that were found in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gnnreco.graphs.showers.cells import CellGraph
from gnnreco.graphs.showers.features import LoudNeighbours
from gnnreco.models.showers.inference import Held, ShowerInference

from .edges import Shares
from .targets import CellTruth, ClusterTargets

if TYPE_CHECKING:  # to infer needs no torch
    from torch import Tensor

    from gnnreco.models.showers.network import ClusterCells, ShowerNetwork


@dataclass(frozen=True, slots=True)
class EventSample:
    """A training event, for all that the network learns.

    Attributes
    ----------
    graph : CellGraph
        Of n cells, without their wide neighbourhood, which is not needed any more.
    loud : LoudNeighbours
        The k pairs of each cell that the network reads.
    truth : CellTruth
    pair_truth : float32 (n, k)
        Chance that a GeV of either cell comes from the same particle.
    """

    graph: CellGraph
    loud: LoudNeighbours
    truth: CellTruth
    pair_truth: Tensor


@dataclass(frozen=True, slots=True)
class JudgementSample:
    """The c showers that were found in a training event of n cells, for the judgement of showers alone.

    Attributes
    ----------
    state : float32 (n, hidden)
        What the network made of the cells.
    energy : float32 (n,)
        Of the cells, GeV.
    shares : ClusterCells
        Which shower has how much of which cell.
    moments : float32 (c, f)
    company : float32 (c, g)
        What is near the showers.
    targets : ClusterTargets
        What the showers ought to be.
    """

    state: Tensor
    energy: Tensor
    shares: ClusterCells
    moments: Tensor
    company: Tensor
    targets: ClusterTargets


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
