"""Trees and Gaussians vote on an excess, with the weights that unseen events teach."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from gnnreco.search import lumps
from gnnreco.search.methods import Lesson, learn, share_of_first
from gnnreco.search.table import EventTable
from gnnreco.statistics import gains

from .test_lumps import samples


def votes(seed: int, *noises: float, events: int = 4000) -> tuple[np.ndarray, list[np.ndarray]]:
    """Labels, and probabilities that know the truth but for some noise of their logarithm."""
    draw = np.random.default_rng(seed)
    true = draw.normal(size=events)
    label = draw.random(events) < expit(true)
    return label, [expit(true + noise * draw.normal(size=events)) for noise in noises]


def test_who_knows_nothing_has_no_vote() -> None:
    label, (good,) = votes(1, 0.0)
    idle = np.random.default_rng(2).permutation(good)
    assert share_of_first(good, idle, label) > 0.95
    assert share_of_first(idle, good, label) < 0.05


def test_two_who_know_as_much_share_the_vote() -> None:
    label, (one, two) = votes(3, 0.7, 0.7, events=40_000)
    assert share_of_first(one, two, label) == pytest.approx(0.5, abs=0.1)


@given(st.integers(0, 2**20), st.floats(0, 3), st.floats(0, 3))
def test_the_mean_foretells_no_worse_than_either(seed: int, first: float, second: float) -> None:
    label, (one, two) = votes(seed, first, second, events=300)
    share = share_of_first(one, two, label)

    def cost(p: np.ndarray) -> float:
        return float(-np.log(p[label]).mean() - np.log1p(-p[~label]).mean())

    assert 0 <= share <= 1
    assert cost(share * one + (1 - share) * two) <= min(cost(one), cost(two)) + 1e-6


def test_events_that_nobody_can_judge_are_left_out() -> None:
    label, (one, two) = votes(5, 0.5, 1.0)
    known = np.arange(len(label)) % 3 > 0
    holes = np.where(known, one, np.nan)
    assert share_of_first(holes, two, label) == share_of_first(one[known], two[known], label[known])
    assert share_of_first(np.full(len(label), np.nan), two, label) == 0.5


def table(features: np.ndarray, label: np.ndarray) -> EventTable:
    return EventTable("toy", ("a", "b", "c"), np.linspace(3.3, 3.7, len(label)), features, label)


def test_a_lump_is_told_and_a_chequerboard_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gaussians cannot tell a chequerboard, trees can: the vote follows who knows."""
    monkeypatch.setattr(lumps, "FITS", 3)
    mixed, reference = samples(1, 80, 3000)
    test, background = samples(2, 1000, 3000)
    draw = np.random.default_rng(3)
    board, unlike = draw.random((10_000, 3)), draw.random((5000, 3))
    even = (np.floor(4 * board[:, 0]) + np.floor(4 * board[:, 1])) % 2 == 0
    cases = [
        (mixed, reference, test[:1000], background, 0.95),
        (board[even][1000:], unlike[1000:], board[even][:1000], unlike[:1000], 0.7),
    ]
    for mixture, known, signal, others, least in cases:
        lesson = Lesson(
            table(mixture, np.zeros(len(mixture))),
            table(known, np.zeros(len(known))),
            None,
            (3.3, 3.7),
            3,
            1,
            0,
        )
        score = learn("idealised", lesson)
        told = np.concatenate([signal, others])
        label = np.repeat([1, 0], [len(signal), len(others)])
        assert gains(score(told, np.zeros(len(told))), label)["auc"] > least
