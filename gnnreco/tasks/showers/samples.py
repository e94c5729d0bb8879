"""What the network over cells learns from: a whole event, or only the showers that were found in it."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TypeVar

import numpy as np
from torch import Tensor

from gnnreco.graphs.showers.cells import CellGraph
from gnnreco.graphs.showers.features import LoudNeighbours
from gnnreco.models.showers.network import ClusterCells

from .targets import CellTruth, ClusterTargets

Columns = TypeVar("Columns", CellGraph, LoudNeighbours, CellTruth)


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


def contiguous(columns: Columns) -> Columns:
    """The same columns, each in one piece: kernels that learn from them run one way, wherever they come from."""
    return replace(
        columns, **{f.name: np.ascontiguousarray(getattr(columns, f.name)) for f in fields(columns)}
    )
