"""Parts of a graph and portions of whole parts: as scipy finds them, each node and each edge once, none empty."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gnnreco.graphs.connected import connected_parts, portions

GRAPHS = st.tuples(st.integers(1, 40), st.integers(0, 60), st.integers(0, 999))


def drawn(n: int, m: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, n, (m, 2)).astype(np.int32)


@given(GRAPHS)
def test_parts_are_those_of_scipy_in_the_order_of_their_first_nodes(graph: tuple[int, int, int]) -> None:
    n, ends = graph[0], drawn(*graph)
    part, size = connected_parts(ends, n)
    _, expected = connected_components(coo_array((np.ones(len(ends)), ends.T), shape=(n, n)), directed=False)
    _, first, number = np.unique(expected, return_index=True, return_inverse=True)
    assert part.tolist() == np.argsort(np.argsort(first))[number].tolist()
    assert size.tolist() == np.bincount(part[ends[:, 0]], minlength=part.max() + 1).tolist()


@given(GRAPHS, st.integers(1, 30))
def test_portions_are_whole_parts_and_hold_everything_once(graph: tuple[int, int, int], most: int) -> None:
    n, ends = graph[0], drawn(*graph)
    part, size = connected_parts(ends, n)
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
