"""Portions of whole parts of a graph: each node and each edge once, none empty."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from gnnreco.geometry.adjacency.connected import connected_parts
from gnnreco.graphs.connected import portions

GRAPHS = st.tuples(st.integers(1, 40), st.integers(0, 60), st.integers(0, 999))


def drawn(n: int, m: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, n, (m, 2)).astype(np.int32)


@given(GRAPHS, st.integers(1, 30))
@example((2, 2, 4), 1)  # the first node has no edge, and the other one more than a portion holds
def test_portions_are_whole_parts_and_hold_everything_once(graph: tuple[int, int, int], most: int) -> None:
    n, ends = graph[0], drawn(*graph)
    part, count = connected_parts(ends, n)
    size = np.bincount(part[ends[:, 0]], minlength=count)
    found = list(portions(ends, n, most))
    assert sorted(np.concatenate([nodes for nodes, _, _ in found]).tolist()) == list(range(n))
    assert sorted(np.concatenate([edges for _, edges, _ in found]).tolist()) == list(range(len(ends)))
    for nodes, edges, own in found:
        assert len(nodes) > 0
        assert len(edges) > 0 or len(found) == 1
        assert (np.diff(nodes) > 0).all()
        assert (np.diff(edges) > 0).all()
        assert nodes[own].tolist() == ends[edges].tolist()
        assert np.isin(part, part[nodes]).sum() == len(nodes)
        assert len(edges) < most + size[part[nodes]].max()


def test_a_graph_without_nodes_has_no_portions() -> None:
    assert list(portions(np.zeros((0, 2), np.int32), 0, 5)) == []
