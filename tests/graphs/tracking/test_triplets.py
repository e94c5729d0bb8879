"""Joining doublets: every pair that shares a point, each once and in order, and the budget that counts on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.graphs.tracking import triplets as joined
from gnnreco.graphs.tracking.features import TRIPLET_FEATURES
from gnnreco.graphs.tracking.gate import Gate
from gnnreco.graphs.tracking.joining.leaving import ROOM
from gnnreco.graphs.tracking.triplets import Part, in_order, join_doublets, slopes
from tests.graphs.tracking.test_features import OPEN, points_at


def drawn(n: int, seed: int, share: float = 0.3):  # type: ignore[no-untyped-def]
    """Points from the inside outwards, and doublets between some of them, sorted by the inner one."""
    rng = np.random.default_rng(seed)
    r, phi = np.sort(rng.uniform(30, 500, n)), rng.uniform(-3, 3, n)
    points, frame = points_at(np.stack([r * np.cos(phi), r * np.sin(phi), rng.uniform(-200, 200, n)], axis=1))
    doublets = np.argwhere(np.triu(rng.random((n, n)) < share, 1)).astype(np.int32)
    return points, frame, doublets


def join(points, frame, doublets, *how, **more) -> tuple[*Part, int]:  # type: ignore[no-untyped-def]
    """Triplets in order, their features, and how many were within the limits."""
    parts, needed = join_doublets(points, frame, doublets, *how, **more)
    return *in_order(parts, len(doublets)), needed


def shared(doublets: np.ndarray) -> list[list[int]]:
    """Pairs of doublets of which the first ends where the second begins, by trying all."""
    return [[i, j] for i, one in enumerate(doublets) for j, two in enumerate(doublets) if one[1] == two[0]]


@given(st.integers(2, 40), st.integers(0, 99))
@settings(max_examples=40)
def test_all_doublets_that_share_a_point_are_joined_in_order(n: int, seed: int) -> None:
    points, frame, doublets = drawn(n, seed)
    expected = shared(doublets)
    triplets, features, needed = join(points, frame, doublets, OPEN, len(expected) + 1)
    assert triplets.tolist() == expected
    assert needed == len(expected)
    assert features.shape == (len(expected), len(TRIPLET_FEATURES))
    assert np.isfinite(features).all()


def test_a_point_may_have_more_doublets_than_are_taken_at_once() -> None:
    # one point in the middle, between three inner ones and twice as many outer ones as a table has room for
    outer = np.linspace(-2, 2, 2 * ROOM + 3)
    x = np.concatenate([[30.0, 31, 32], [100], 200 * np.cos(outer)])
    y = np.concatenate([[0.0, 1, 2], [3], 200 * np.sin(outer)])
    z = np.concatenate([[1.0, 2, 3], [10], np.random.default_rng(5).uniform(-50, 80, len(outer))])
    points, frame = points_at(np.stack([x, y, z], axis=1))
    doublets = np.array([[a, 3] for a in range(3)] + [[3, 4 + k] for k in range(len(outer))], np.int32)
    triplets, _, needed = join(points, frame, doublets, OPEN, 10_000)
    assert needed == 3 * len(outer)
    assert triplets.tolist() == shared(doublets)


@given(st.integers(0, 99), st.integers(0, 7), st.floats(0.1, 0.9))
@settings(max_examples=30)
def test_limits_keep_those_whose_feature_lies_within(seed: int, column: int, part: float) -> None:
    points, frame, doublets = drawn(25, seed)
    triplets, features, _ = join(points, frame, doublets, OPEN, 10_000)
    values = np.sort(features[:, column])
    place = int(part * (len(values) - 1))
    cut = float(values[place] + values[min(place + 1, len(values) - 1)]) / 2
    narrow = OPEN.copy()
    narrow[column, 1] = cut
    kept, kept_features, needed = join(points, frame, doublets, narrow, 10_000)
    # Those on the edge may fall on either side of it, as single precision rounds.
    clear = np.abs(features[:, column] - cut) > 1e-4 * (1 + abs(cut))
    inside = set(map(tuple, triplets[clear & (features[:, column] < cut)].tolist()))
    outside = set(map(tuple, triplets[clear & (features[:, column] > cut)].tolist()))
    found = set(map(tuple, kept.tolist()))
    assert inside <= found
    assert not outside & found
    assert needed == len(kept) == len(kept_features)


@given(st.integers(2, 60), st.integers(0, 99), st.floats(0.0, 0.99))
@settings(max_examples=40)
def test_a_window_in_slope_keeps_those_that_turn_less(n: int, seed: int, window: float) -> None:
    points, frame, doublets = drawn(n, seed)
    slope = slopes(points, doublets)
    width = np.float32(window)
    expected = [
        [i, j]
        for i, j in shared(doublets)
        if slope[i] - width * (1 + abs(slope[i])) <= slope[j] <= slope[i] + width * (1 + abs(slope[i]))
    ]
    triplets, _, needed = join(points, frame, doublets, OPEN, 100_000, window=window)
    assert triplets.tolist() == expected
    assert needed == len(expected)


@pytest.mark.parametrize("room", [1, 3, 50])
def test_points_one_after_the_other_give_the_same(room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    points, frame, doublets = drawn(30, 5)
    triplets, features, needed = join(points, frame, doublets, OPEN, 10_000)
    monkeypatch.setattr(joined, "AT_ONCE", room)  # many points have more triplets than this
    again, values, count = join(points, frame, doublets, OPEN, 10_000)
    assert (again.tolist(), count) == (triplets.tolist(), needed)
    assert values.tobytes() == features.tobytes()


@pytest.mark.parametrize("budget", [0, 1, 7])
def test_beyond_the_budget_is_counted_and_not_kept(budget: int) -> None:
    points, frame, doublets = drawn(20, 1)
    whole, _, _ = join(points, frame, doublets, OPEN, 10_000)
    some, features, needed = join(points, frame, doublets, OPEN, budget)
    assert len(some) == len(features) == budget
    assert needed == len(whole) > budget
    assert {tuple(row) for row in some.tolist()} <= {tuple(row) for row in whole.tolist()}


def test_a_closed_gate_lets_nothing_through_and_says_how_many_there_were() -> None:
    points, frame, doublets = drawn(20, 2)
    gate = Gate.open(len(TRIPLET_FEATURES) + 2)
    shut = replace(gate, threshold=np.array([0.5], np.float32))
    triplets, _, needed = join(points, frame, doublets, OPEN, 10_000, None, shut)
    assert len(triplets) == 0
    assert needed == len(shared(doublets))


def test_the_gate_reads_what_the_first_one_said_of_both_doublets() -> None:
    points, frame, doublets = drawn(20, 3)
    logits = np.random.default_rng(3).normal(size=len(doublets)).astype(np.float32)
    gate = Gate.open(len(TRIPLET_FEATURES) + 2)
    # One hidden unit passes the second doublet's logit on, shifted so that nothing is cut off at nought.
    w1, w2, w3 = np.zeros_like(gate.w1), np.zeros_like(gate.w2), np.zeros_like(gate.w3)
    w1[-1, 0], w2[0, 0], w3[0] = 1, 1, 1
    b1 = np.full_like(gate.b1, 10)
    learned = replace(gate, w1=w1, w2=w2, w3=w3, b1=b1, threshold=np.array([10.0], np.float32))
    triplets, _, _ = join(points, frame, doublets, OPEN, 10_000, logits, learned)
    assert triplets.tolist() == [pair for pair in shared(doublets) if logits[pair[1]] > 0]


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_points(n: int) -> None:
    points, frame, _ = drawn(max(n, 1), 4)
    doublets = np.array([[0, 1]][: max(n - 1, 0)], np.int32).reshape(-1, 2)
    triplets, features, needed = join(points, frame, doublets, OPEN, 10)
    assert (len(triplets), len(features), needed) == (0, 0, 0)
