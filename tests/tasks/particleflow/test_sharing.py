"""Who holds what: energy is kept, circles are broken at their surest shower, small parts go to the others."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.tasks.particleflow.sharing import Shares, SharingConfig, segment_best, share_out, softmax

SEEDS = st.integers(0, 10_000)
NO_LEAST = SharingConfig(least=0.0)


def drawn(
    seed: int, n_tracks: int, n: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Edges of `n` showers to tracks and other showers, with chances that sum to one; and energies."""
    rng = np.random.default_rng(seed)
    owners = [
        np.setdiff1d(rng.integers(0, n_tracks + n, rng.integers(0, 5)), [n_tracks + i]) for i in range(n)
    ]
    start = np.cumsum([0, *(len(o) for o in owners)])
    owner = np.concatenate([*owners, np.zeros(0, np.int64)]).astype(np.int64)
    edge, alone = softmax(start, rng.normal(0, 2, len(owner)), rng.normal(0, 2, (n, 2)))
    return start, owner, edge, alone, rng.uniform(0.1, 20, n)


def shared(n_tracks: int, start: Any, owner: Any, edge: Any, alone: Any, energy: Any, **how: Any) -> Shares:
    """With plain lists."""
    return share_out(
        n_tracks,
        np.array(start),
        np.array(owner, np.int64),
        np.array(edge, float),
        np.array(alone, float).reshape(-1, 2),
        np.array(energy, float),
        SharingConfig(**how),
    )


def table(shares: Shares) -> dict[tuple[int, int], float]:
    """The share of each element (as a row of elements) in each shower."""
    owners = shares.element[shares.part].tolist()
    return dict(zip(zip(owners, shares.shower.tolist(), strict=True), shares.share.tolist(), strict=True))


@given(SEEDS, st.integers(0, 4), st.integers(0, 12), st.sampled_from([0.0, 0.1, 0.3]), st.booleans())
def test_no_shower_is_given_away_twice_and_the_rows_are_in_order(
    seed: int, n_tracks: int, n: int, least: float, whole: bool
) -> None:
    shares = share_out(n_tracks, *drawn(seed, n_tracks, n), SharingConfig(least, whole))
    assert (shares.share > 0).all()
    assert (np.bincount(shares.shower, shares.share, n) < 1 + 1e-9).all()
    assert (np.diff(shares.element) > 0).all()
    assert shares.element[:n_tracks].tolist() == list(range(n_tracks))
    keys = shares.part * max(n, 1) + shares.shower
    assert (np.diff(keys) > 0).all()
    assert np.isin(np.arange(n_tracks, len(shares.element)), shares.part).all(), "a shower that holds nothing"
    assert shares.start.tolist() == [int((shares.part < k).sum()) for k in range(len(shares.element) + 1)]


@given(SEEDS, st.integers(0, 4), st.integers(1, 12))
def test_without_a_least_part_only_what_belongs_to_nobody_is_missing(
    seed: int, n_tracks: int, n: int
) -> None:
    start, owner, edge, alone, energy = drawn(seed, n_tracks, n)
    held = np.bincount(
        (shares := share_out(n_tracks, start, owner, edge, alone, energy, NO_LEAST)).shower, shares.share, n
    )
    assert (held <= 1 - alone[:, 1] + 1e-9).all()
    only_tracks = np.array([(owner[a:b] < n_tracks).all() for a, b in pairwise(start)])
    np.testing.assert_allclose(held[only_tracks], 1 - alone[only_tracks, 1])


@given(SEEDS, st.integers(1, 4), st.integers(1, 12))
def test_a_whole_shower_has_one_owner(seed: int, n_tracks: int, n: int) -> None:
    start, owner, edge, alone, energy = drawn(seed, n_tracks, n)
    edge, alone = np.round(edge, 1), np.round(alone, 1)  # many are equally likely
    shares = share_out(n_tracks, start, owner, edge, alone, energy, SharingConfig(whole=True))
    assert len(np.unique(shares.shower)) == len(shares.shower)
    assert (shares.share == 1).all()


def test_of_two_equally_likely_owners_the_first_has_the_whole_shower() -> None:
    """With a less likely one between them: once both had a half."""
    found = shared(3, [0, 3], [0, 1, 2], [0.4, 0.2, 0.4], [0.0, 0.0], [5.0], whole=True)
    assert table(found) == {(0, 0): 1.0}


def test_a_shower_with_many_unlikely_owners_is_not_lost() -> None:
    """Each part is below the least one: the likeliest owner has it all, where once nobody had it."""
    chances = [0.24, 0.26, 0.25, 0.25]
    found = shared(4, [0, 4], [0, 1, 2, 3], chances, [0.0, 0.0], [5.0], least=0.3)
    assert table(found) == {(1, 0): 1.0}


def test_parts_below_the_least_one_go_to_the_others() -> None:
    found = table(shared(2, [0, 2], [0, 1], [0.06, 0.57], [0.37, 0.0], [5.0], least=0.1))
    assert found == {(1, 0): pytest.approx(0.57 / 0.94), (2, 0): pytest.approx(0.37 / 0.94)}


def test_a_shower_goes_where_the_one_goes_that_it_belongs_to() -> None:
    """The first belongs to the second, which belongs to the track."""
    found = shared(1, [0, 1, 2], [2, 0], [0.9, 0.8], [[0.1, 0.0], [0.2, 0.0]], [1.0, 2.0])
    assert table(found) == {
        (0, 0): pytest.approx(0.9),
        (1, 0): pytest.approx(0.1),
        (0, 1): pytest.approx(0.8),
        (2, 1): pytest.approx(0.2),
    }


def test_what_belongs_to_what_is_nobodys_is_nobodys() -> None:
    found = shared(0, [0, 1, 1], [1], [1.0], [[0.0, 0.0], [0.1, 0.9]], [1.0, 2.0], least=0.2)
    assert table(found) == {}
    assert len(found.element) == 0


@pytest.mark.parametrize(
    ("alone", "energy", "stands"),
    [
        ([0.1, 0.2, 0.15], [1.0, 1.0, 1.0], 1),
        ([0.2, 0.2, 0.1], [1.0, 3.0, 9.0], 1),  # as sure: the most energetic of them
        ([0.3, 0.2, 0.2], [1.0, 3.0, 9.0], 0),
    ],
)
def test_a_circle_stands_for_itself_at_its_surest_shower(
    alone: list[float], energy: list[float], stands: int
) -> None:
    """Each of three belongs to the next; a fourth belongs to one of them."""
    edge = [1 - a for a in alone] + [0.9]
    found = shared(
        0,
        [0, 1, 2, 3, 4],
        [1, 2, 0, 2],
        edge,
        [[a, 0.0] for a in alone] + [[0.1, 0.0]],
        [*energy, 1.0],
        whole=True,
    )
    assert table(found) == {(stands, k): 1.0 for k in range(4)}


def test_one_shower_among_many_tracks() -> None:
    """More tracks than showers: once an index out of bounds."""
    found = shared(5, [0, 2], [0, 3], [0.7, 0.3], [0.0, 0.0], [5.0])
    assert table(found) == {(0, 0): pytest.approx(0.7), (3, 0): pytest.approx(0.3)}


def test_no_shower_and_no_track() -> None:
    found = shared(0, [0], [], [], [], [])
    assert (len(found.element), len(found.share), found.start.tolist()) == (0, 0, [0])
    alone = shared(2, [0], [], [], [], [])
    assert (alone.element.tolist(), alone.start.tolist()) == ([0, 1], [0, 0, 0])


@given(SEEDS, st.integers(0, 9), st.floats(-800, 800))
def test_chances_sum_to_one_however_large_the_logits(seed: int, n: int, shift: float) -> None:
    rng = np.random.default_rng(seed)
    start = np.concatenate([[0], np.cumsum(rng.integers(0, 4, n))]).astype(np.int64)
    logits, own = rng.normal(0, 5, start[-1]) + shift, rng.normal(0, 5, (n, 2)) + shift
    edge, alone = softmax(start, logits, own)
    source = np.repeat(np.arange(n), np.diff(start))
    np.testing.assert_allclose(np.bincount(source, edge, n) + alone.sum(axis=1), 1.0)
    plain, alone_plain = softmax(start, logits - shift, own - shift)
    np.testing.assert_allclose(edge, plain, atol=1e-9)
    np.testing.assert_allclose(alone, alone_plain, atol=1e-9)


@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from([0.0, 1.0, 2.0, -3.0])), max_size=20))
def test_the_best_of_each_group_is_the_first_of_the_largest(rows: list[tuple[int, float]]) -> None:
    group, value = np.array([g for g, _ in rows], np.int64), np.array([v for _, v in rows], float)
    for g, row in enumerate(segment_best(group, value, 5)):
        mine = np.flatnonzero(group == g)
        assert row == (mine[np.argmax(value[mine])] if len(mine) else -1)
