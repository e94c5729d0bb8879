"""Climbing by scores: chains, ties and thresholds by hand; and what is shared adds up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.graphs.showers.features import LoudNeighbours
from gnnreco.tasks.showers.edges import EdgeConfig, Shares, climbed, showers_of, whole_shares

ALL = EdgeConfig(min_hits=0, min_energy=0.0)


def climb(
    rows: list[list[int]], scores: list[list[float]], height: list[float], least: float = 0.0
) -> list[int]:
    neighbour = np.array(rows, np.int32)
    real = neighbour != np.arange(len(rows))[:, None]
    return climbed(neighbour, real, np.array(scores, np.float32), np.array(height, float), least).tolist()


def test_a_chain_leads_to_its_top() -> None:
    assert climb([[1], [2], [3], [3]], [[1], [1], [1], [1]], [1, 2, 3, 4]) == [0, 0, 0, 0]
    assert climb([[1], [2], [3], [3]], [[1], [-1], [1], [1]], [1, 2, 3, 4]) == [1, 1, 0, 0]


def test_nobody_climbs_down_and_the_likeliest_is_followed_not_the_highest() -> None:
    assert climb([[0, 0], [0, 2], [1, 0], [2, 1]], [[9, 9], [1, 9], [9, 1], [1, 2]], [4, 3, 2, 1]) == [0] * 4
    assert climb([[1, 1], [1, 1], [0, 1]], [[-1, -1], [0, 0], [3, 2]], [5, 9, 1]) == [1, 0, 1]


def test_the_threshold_is_where_a_cell_stands_on_its_own() -> None:
    for least, expected in ((0.9, [0, 0]), (1.1, [1, 0])):
        assert climb([[1], [1]], [[1], [1]], [1, 2], least) == expected


def test_of_equal_heights_the_first_is_higher() -> None:
    assert climb([[1], [0]], [[1], [1]], [2, 2]) == [0, 0]
    assert climb([[1], [0], [1]], [[-1], [-1], [2]], [2, 2, 2]) == [0, 1, 1]


def test_trees_are_numbered_from_the_highest() -> None:
    assert climb([[0], [1], [2]], [[0], [0], [0]], [1, 3, 2]) == [2, 0, 1]
    assert climbed(*(np.zeros((0, 2), t) for t in (np.int32, bool, np.float32)), np.zeros(0), 0.0).shape == (
        0,
    )


@st.composite
def scored(draw: st.DrawFn) -> tuple[LoudNeighbours, np.ndarray, np.ndarray, np.ndarray, np.random.Generator]:
    """Any neighbours, scores, energies and clusters (some cells in none)."""
    n, k = draw(st.integers(1, 30)), draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    neighbour = rng.integers(0, n, (n, k)).astype(np.int32)
    real = (rng.random((n, k)) < 0.8) & (neighbour != np.arange(n)[:, None])
    logit = rng.normal(0, draw(st.sampled_from([1.0, 5.0, 200.0])), (n, k)).astype(np.float32)
    energy = rng.exponential(1.0, n) + 1e-3
    names = np.unique(rng.integers(-1, draw(st.integers(1, 5)), n), return_inverse=True)
    cluster = names[0][names[1]] if (names[0] >= 0).all() else names[1] - 1
    loud = LoudNeighbours(neighbour, real, np.zeros((n, 16)), np.zeros((n, k, 8)), energy)
    return loud, logit, energy, np.unique(cluster, return_inverse=True)[1] - int((cluster < 0).any()), rng


def sums(shares: Shares, weight: np.ndarray, by: np.ndarray, n: int) -> np.ndarray:
    return np.bincount(by, shares.weight * weight, n)


@given(scored(), st.sampled_from([0.0, 0.15, 0.5, 1.0]))
def test_shares_of_a_cell_add_up_and_energy_is_kept(drawn, share: float) -> None:
    loud, logit, energy, cluster, _ = drawn
    shares = showers_of(
        cluster,
        loud,
        logit,
        energy,
        np.ones(len(energy)),
        EdgeConfig(share=share, min_hits=0, min_energy=0.0),
    )
    total = sums(shares, np.ones(len(shares.cell)), shares.cell, len(energy))
    np.testing.assert_allclose(total, cluster >= 0, atol=1e-12)
    clusters = sums(shares, energy[shares.cell], shares.cluster, shares.n)
    assert clusters.sum() == pytest.approx(energy[cluster >= 0].sum())
    assert (np.diff(shares.cluster) >= 0).all()
    assert shares.n == cluster.max() + 1
    # A cell keeps a share of its own shower, and has one of no shower that is not beside it.
    pairs = set(zip(shares.cell.tolist(), shares.cluster.tolist(), strict=True))
    assert len(pairs) == len(shares.cell)
    assert all((i, c) in pairs for i, c in enumerate(cluster.tolist()) if c >= 0)
    for i, c in pairs:
        assert c == cluster[i] or c in cluster[loud.neighbour[i][loud.real[i]]]


@given(scored())
def test_the_order_of_rows_does_not_matter(drawn) -> None:
    loud, logit, energy, cluster, rng = drawn
    n = len(energy)
    old = rng.permutation(n)
    new = np.argsort(old)
    moved = LoudNeighbours(
        new[loud.neighbour[old]].astype(np.int32), loud.real[old], loud.cells, loud.pairs, loud.density[old]
    )
    one = climbed(loud.neighbour, loud.real, logit, energy, 0.0)
    two = climbed(moved.neighbour, moved.real, logit[old], energy[old], 0.0)
    assert (one[old] == two).all()
    config = EdgeConfig(min_hits=2, min_energy=1.0)
    tables = []
    for shares, names in (
        (showers_of(cluster, loud, logit, energy, np.ones(n), config), np.arange(n)),
        (showers_of(cluster[old], moved, logit[old], energy[old], np.ones(n), config), old),
    ):
        table = np.zeros((n, max(shares.n, 1)))
        table[names[shares.cell], shares.cluster] = shares.weight
        tables.append(table)
    np.testing.assert_allclose(tables[0], tables[1], atol=1e-12)


def test_clusters_that_are_too_small_are_dropped() -> None:
    cluster = np.array([0, 0, 0, 1, 1, 2, 2, 2, -1])  # enough; few hits; faint; nobody's
    energy = np.array([1, 1, 1, 9, 9, 0.1, 0.1, 0.1, 5.0])
    nobody = np.zeros((9, 1))
    loud = LoudNeighbours(nobody.astype(np.int32), nobody > 0, nobody, nobody, energy)
    shares = showers_of(cluster, loud, nobody.astype(np.float32), energy, np.full(9, 0.5), EdgeConfig())
    assert shares.n == 1
    assert shares.cell.tolist() == [0, 1, 2]
    assert showers_of(cluster, loud, nobody.astype(np.float32), energy, np.full(9, 0.5), ALL).n == 3


def test_a_cell_between_two_showers_is_shared_by_voice() -> None:
    cluster, energy = np.array([0, 0, 1]), np.array([3.0, 1.0, 1.0])
    neighbour = np.array([[1, 2], [0, 2], [0, 1]], np.int32)
    real = np.array([[True, False], [True, True], [False, False]])
    loud = LoudNeighbours(neighbour, real, np.zeros((3, 16)), np.zeros((3, 2, 8)), energy)
    shares = showers_of(cluster, loud, np.zeros((3, 2), np.float32), energy, np.ones(3), ALL)
    mine = shares.cell == 1
    assert shares.cluster[mine].tolist() == [0, 1]
    np.testing.assert_allclose(shares.weight[mine], [0.75, 0.25])


def test_nobody_belongs_nowhere() -> None:
    for cluster in (np.zeros(0, np.int64), np.full(4, -1)):
        shares = whole_shares(cluster)
        assert (shares.n, len(shares.cell)) == (0, 0)
