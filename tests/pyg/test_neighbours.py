"""`knn_graph` and `radius_graph` against all pairs of points."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

torch = pytest.importorskip("torch")

from gnnreco.pyg import knn_graph, radius_graph  # noqa: E402

# On a grid of whole numbers many points are equally far, or the same, and every distance is exact.
POINTS = st.integers(1, 3).flatmap(
    lambda d: st.integers(0, 30).flatmap(lambda n: arrays(np.int64, (n, d), elements=st.integers(-4, 4)))
)


def by_all_pairs(points, k, r=np.inf, batch=None, loop=False):  # type: ignore[no-untyped-def]
    """Edges (neighbour, point) as a set: what the two functions promise, spelt out."""
    edges = set()
    for i, point in enumerate(points):
        others = [
            (float(np.linalg.norm(other - point)), j)
            for j, other in enumerate(points)
            if (loop or j != i) and (batch is None or batch[i] == batch[j])
        ]
        edges |= {(j, i) for distance, j in sorted(others)[:k] if distance <= r}
    return edges


def as_set(edges: torch.Tensor) -> set[tuple[int, int]]:
    pairs = [(int(a), int(b)) for a, b in edges.T]
    assert len(set(pairs)) == len(pairs)
    return set(pairs)


@given(POINTS, st.integers(0, 12), st.booleans(), st.data())
def test_nearest_neighbours_are_those_of_all_pairs(points, k, loop, data) -> None:  # type: ignore[no-untyped-def]
    batch = data.draw(arrays(np.int64, len(points), elements=st.integers(0, 3)))
    found = knn_graph(torch.from_numpy(points).double(), k, torch.from_numpy(batch), loop)
    assert as_set(found) == by_all_pairs(points, k, batch=batch, loop=loop)
    assert as_set(knn_graph(torch.from_numpy(points), k, loop=loop)) == by_all_pairs(points, k, loop=loop)


@given(
    POINTS, st.sampled_from([0.0, 1.0, 2**0.5, 2.5, 5.0, 100.0]), st.integers(1, 40), st.booleans(), st.data()
)
def test_points_within_a_radius_are_those_of_all_pairs(points, r, most, loop, data) -> None:  # type: ignore[no-untyped-def]
    batch = data.draw(arrays(np.int64, len(points), elements=st.integers(0, 2)))
    found = radius_graph(torch.from_numpy(points).double(), r, torch.from_numpy(batch), loop, most)
    assert as_set(found) == by_all_pairs(points, most, r, batch, loop)


@pytest.mark.parametrize("d", [1, 3, 10])
def test_many_points_at_random(d: int) -> None:
    points = np.random.default_rng(d).normal(size=(300, d))
    assert as_set(knn_graph(torch.from_numpy(points), 7)) == by_all_pairs(points, 7)
    assert as_set(radius_graph(torch.from_numpy(points), 0.7)) == by_all_pairs(points, 32, 0.7)


def test_points_that_are_all_the_same_stay_within_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    from gnnreco.pyg import neighbours

    monkeypatch.setattr(neighbours, "BLOCK", 1000)
    edges = knn_graph(torch.zeros(200, 3), 3)
    assert as_set(edges) == by_all_pairs(np.zeros((200, 3)), 3)


@pytest.mark.parametrize("n", [0, 1])
def test_no_point_or_one_has_no_edge_but_its_loop(n: int) -> None:
    x, batch = torch.zeros(n, 3), torch.zeros(n, dtype=torch.int64)
    for edges in (knn_graph(x, 4), radius_graph(x, 1.0), knn_graph(x, 4, batch), radius_graph(x, 1.0, batch)):
        assert edges.shape == (2, 0)
        assert edges.dtype == torch.int64
    for edges in (knn_graph(x, 4, batch, loop=True), radius_graph(x, 1.0, loop=True)):
        assert edges.tolist() == [list(range(n))] * 2


def test_edges_run_the_way_that_flow_says_and_nearest_first() -> None:
    x = torch.tensor([0.0, 1.0, 3.0])
    assert knn_graph(x, 2).tolist() == [[1, 2, 0, 2, 1, 0], [0, 0, 1, 1, 2, 2]]
    assert knn_graph(x, 2, flow="target_to_source").tolist() == [[0, 0, 1, 1, 2, 2], [1, 2, 0, 2, 1, 0]]
    with pytest.raises(ValueError, match="no flow 'up'"):
        knn_graph(x, 2, flow="up")


def test_the_cosine_is_an_angle() -> None:
    x = torch.tensor([[1.0, 0.0], [100.0, 1.0], [0.0, 1.0], [0.0, 0.0]])
    assert knn_graph(x, 1, cosine=True)[:, :3].tolist() == [[1, 0, 3], [0, 1, 2]]


def test_what_cannot_be_placed_is_named() -> None:
    with pytest.raises(ValueError, match="row 1 of x is not a finite number"):
        knn_graph(torch.tensor([0.0, float("nan")]), 1)
    with pytest.raises(ValueError, match="batch has 1 entries for 2 points"):
        radius_graph(torch.zeros(2, 2), 1.0, torch.zeros(1, dtype=torch.int64))


def test_the_signatures_are_those_of_torch_geometric() -> None:
    theirs = pytest.importorskip(
        "torch_geometric.nn", reason="needs torch-geometric: pip install 'gnnreco[pyg]'"
    )
    for ours in (knn_graph, radius_graph):
        mine, other = (inspect.signature(f).parameters for f in (ours, getattr(theirs, ours.__name__)))
        assert [(p.name, p.default) for p in mine.values()] == [(p.name, p.default) for p in other.values()]
