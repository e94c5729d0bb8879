"""An interaction network over segments: doublets are nodes, triplets are edges, and the edges are classified.

After Battaglia et al. (arXiv:1612.00222) and its use in tracking (arXiv:2003.11603), one step up: on the graph of segments
an edge knows a curvature and a kink in units of their expected errors, so a few narrow layers suffice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .aggregate import segment_sum, sort_by_node
from .weights import NetworkConfig, Weights


@dataclass(frozen=True, slots=True)
class SegmentGraph:
    """A graph as `SegmentNetwork` reads it: see `tensors_of`.

    Attributes
    ----------
    nodes : float32 (n, f)
    edges : float32 (m, g)
    inner, outer : int64 (m,)
        Nodes of each edge, sorted by inner.
    inner_order, outer_order : int64 (m,)
    inner_start, outer_start : int64 (n + 1,)
        Edges by either end: see `sort_by_node`.
    """

    nodes: Tensor
    edges: Tensor
    inner: Tensor
    inner_order: Tensor
    inner_start: Tensor
    outer: Tensor
    outer_order: Tensor
    outer_start: Tensor


class SegmentNetwork(nn.Module):
    """Scores triplets and doublets.

    The first layer of each message is split over nodes (``A h[i] + B h[j] + C e``) and never concatenated. What a node
    receives is weighted by a gate that learns to close on impossible triplets, kept apart for its inner and outer side.
    """

    node_mean: Tensor
    node_scale: Tensor
    edge_mean: Tensor
    edge_scale: Tensor

    def __init__(self, config: NetworkConfig, node_features: int, edge_features: int) -> None:
        super().__init__()
        h = config.hidden
        self.config = config
        self.register_buffer("node_mean", torch.zeros(node_features))
        self.register_buffer("node_scale", torch.ones(node_features))
        self.register_buffer("edge_mean", torch.zeros(edge_features))
        self.register_buffer("edge_scale", torch.ones(edge_features))
        self.node_in = nn.Sequential(nn.Linear(node_features, h), nn.ReLU(), nn.Linear(h, h))
        self.edge_in = nn.Linear(edge_features, h)
        self.inner, self.outer = nn.Linear(h, h, bias=False), nn.Linear(h, h, bias=False)
        self.edge_mix = nn.Linear(h, h)
        self.message = nn.Linear(h, h + 1)
        self.update = nn.Sequential(nn.Linear(3 * h, h), nn.ReLU(), nn.Linear(h, h))
        self.node_norm, self.edge_norm = nn.LayerNorm(h), nn.LayerNorm(h)
        self.edge_out = nn.Sequential(nn.Linear(h, h), nn.ReLU(), nn.Linear(h, 1))
        self.node_out = nn.Linear(h, 1)

    def forward(self, graph: SegmentGraph) -> tuple[Tensor, Tensor]:
        """Logits of the triplets (m,) and of the doublets (n,)."""
        inner, outer = graph.inner, graph.outer
        h = self.node_in((graph.nodes - self.node_mean) / self.node_scale)
        fixed = self.edge_in((graph.edges - self.edge_mean) / self.edge_scale)
        e = fixed
        for _ in range(self.config.iterations):
            hn = self.node_norm(h)
            mixed = (
                self.inner(hn).index_select(0, inner)
                + self.outer(hn).index_select(0, outer)
                + self.edge_mix(e)
            )
            out = self.message(torch.relu(mixed))
            e = self.edge_norm(fixed + out[:, :-1])
            sent = e * torch.sigmoid(out[:, -1:])
            from_outer = segment_sum(sent, inner, graph.inner_order, graph.inner_start)
            from_inner = segment_sum(sent, outer, graph.outer_order, graph.outer_start)
            h = h + self.update(torch.cat([hn, from_inner, from_outer], dim=1))
        return self.edge_out(e)[:, 0], self.node_out(h)[:, 0]

    def set_scale(self, part: str, mean: NDArray[np.float64], scale: NDArray[np.float64]) -> None:
        """Take mean and scale of the features of a `part`, ``node`` or ``edge``."""
        for what, value in (("mean", mean), ("scale", scale)):
            self.get_buffer(f"{part}_{what}").copy_(torch.from_numpy(value))

    def load_arrays(self, weights: Weights) -> None:
        """Take weights as arrays, ready to infer."""
        self.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in weights.items()})
        self.eval()


def tensors_of(
    nodes: NDArray[np.float32], edges: NDArray[np.float32], pairs: NDArray[np.int32]
) -> SegmentGraph:
    """The graph that the network reads, edges sorted by both ends once.

    Parameters
    ----------
    nodes : float32 (n, f), edges : float32 (m, g)
    pairs : int32 (m, 2)
        Inner and outer node of each edge.
    """
    columns: list[NDArray[np.generic]] = [nodes, edges]
    for k in range(2):
        columns += [pairs[:, k].astype(np.int64), *sort_by_node(pairs[:, k], len(nodes))]
    return SegmentGraph(*(torch.from_numpy(np.ascontiguousarray(column)) for column in columns))
