"""What the network over segments learns from."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from gnnreco.models.segment_network import SegmentGraph


@dataclass(frozen=True, slots=True)
class TrackingSample:
    """The graph of a training event, with its truth.

    Attributes
    ----------
    graph : SegmentGraph
        Nodes are doublets (n), edges are triplets (m).
    node_truth : float32 (n,)
        1 for a segment of a particle, else 0.
    edge_truth : float32 (m,)
        1 where both doublets are such.
    """

    graph: SegmentGraph
    node_truth: Tensor
    edge_truth: Tensor
