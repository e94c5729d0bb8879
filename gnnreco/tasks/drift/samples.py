"""What the network over samples of charge learns from."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from gnnreco.models.segment_network import SegmentGraph


@dataclass(frozen=True, slots=True)
class DriftSample:
    """Part of the graph of a training event, with its truth.

    Attributes
    ----------
    graph : SegmentGraph
        Nodes are samples of charge (n), edges are pairs of them that touch (m).
    same : float32 (m,)
        1 for a pair of one particle, else 0.
    """

    graph: SegmentGraph
    same: Tensor
