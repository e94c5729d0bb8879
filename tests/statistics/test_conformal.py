"""Conformal p-values against their definition, and what they promise for exchangeable events."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gnnreco.errors import BadConfig, BadInput
from gnnreco.statistics import Calibration, TooFewEvents, calibrate, clopper_pearson, fewest_events

SEEDS = st.integers(0, 10**6)
#: Few values, so that scores are often equal.
SCORES = st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=30)


def by_loop(
    calibration: list[tuple[float, float, float]], event: tuple[float, float, float], edges: list[float]
) -> float:
    """The p-value of (score, nuisance, weight), as the formula says it."""
    place = sum(event[1] >= edge for edge in edges[1:-1])
    mine = [row for row in calibration if sum(row[1] >= edge for edge in edges[1:-1]) == place]
    above = sum(w for s, _, w in mine if s >= event[0])
    return (event[2] + above) / (event[2] + sum(w for _, _, w in mine))


@given(SEEDS, st.integers(1, 40), st.booleans(), st.booleans())
@settings(max_examples=60)
def test_p_values_are_those_of_the_formula(seed: int, n: int, bins: bool, weights: bool) -> None:
    rng = np.random.default_rng(seed)
    rows, events = (
        np.stack([rng.integers(-3, 4, m), rng.uniform(0, 3, m), rng.uniform(0.1, 2, m)], axis=1)
        for m in (n, 12)
    )
    rows[: min(n, 3), 1] = [0.5, 1.5, 2.5][:n]
    edges = [0.0, 1.0, 2.0, 3.0] if bins and n >= 3 else []
    if not weights:
        rows[:, 2] = events[:, 2] = 1
    made = calibrate(rows[:, 0], rows[:, 1] if edges else None, edges or 8, rows[:, 2] if weights else None)
    p = made.p_value(events[:, 0], events[:, 1] if edges else None, events[:, 2] if weights else None)
    expected = [by_loop([tuple(r) for r in rows], tuple(e), edges or [0, 3]) for e in events]
    np.testing.assert_allclose(p, expected, rtol=1e-12)
    if not weights:
        assert p.min() >= made.smallest_p * (1 - 1e-12) or edges


@given(SCORES, st.randoms(use_true_random=False))
def test_the_order_of_the_calibration_sample_changes_no_byte(scores: list[float], random: object) -> None:
    rng = np.random.default_rng(len(scores))
    weights, nuisance = rng.uniform(0.1, 1, len(scores)), rng.integers(0, 2, len(scores)).astype(float)
    order = rng.permutation(len(scores))
    one = calibrate(scores, nuisance, 2, weights)
    two = calibrate(np.array(scores)[order], nuisance[order], 2, weights[order])
    for name, array in one.arrays().items():
        assert array.tobytes() == two.arrays()[name].tobytes()


@given(SCORES, SCORES)
def test_a_higher_score_never_has_a_higher_p_value(scores: list[float], events: list[float]) -> None:
    for weights in (None, np.random.default_rng(0).uniform(0, 1, len(scores)) + 1e-3):
        made = calibrate(scores, weights=weights)
        own = None if weights is None else np.ones(len(events))
        p = made.p_value(np.sort(events), weight=own)
        assert (np.diff(p) <= 0).all()
        assert ((p > 0) & (p <= 1)).all()


@given(st.lists(st.integers(0, 4), min_size=2, max_size=9))
def test_p_values_of_exchangeable_events_are_never_too_small_too_often(scores: list[int]) -> None:
    """Each event in turn is judged by the others: that is the probability over all orders, with no statistical error."""
    values = np.array(scores, float)
    p = np.array([calibrate(np.delete(values, i)).p_value(values[i : i + 1])[0] for i in range(len(values))])
    for level in np.arange(1, len(values) + 1) / len(values):
        assert (p <= level * (1 + 1e-12)).mean() <= level * (1 + 1e-12)
    if len(set(scores)) == len(scores):
        np.testing.assert_allclose(np.sort(p), np.arange(1, len(values) + 1) / len(values))


def test_weighted_p_values_hold_where_the_events_are_drawn_with_these_weights() -> None:
    """All ways in which one of four events can be the judged one, each as probable as its weight says."""
    scores, weights = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.1, 0.5, 2.0, 1.4])
    p = np.array(
        [
            calibrate(np.delete(scores, i), weights=np.delete(weights, i)).p_value(
                scores[i : i + 1], weight=weights[i : i + 1]
            )[0]
            for i in range(4)
        ]
    )
    for level in p:
        assert weights[p <= level].sum() / weights.sum() == pytest.approx(level)


def test_equal_scores_count_as_higher() -> None:
    np.testing.assert_allclose(
        calibrate([1, 1, 1, 2]).p_value([0.0, 1.0, 1.5, 2.0, 9.0]), [1, 1, 0.4, 0.4, 0.2]
    )


def test_one_calibration_event_gives_one_half_or_one() -> None:
    made = calibrate([3.0])
    np.testing.assert_allclose(made.p_value([2.0, 3.0, 4.0]), [1.0, 1.0, 0.5])
    assert made.smallest_p == 0.5
    constant = calibrate([1.0, 2.0], [7.0, 7.0])
    assert constant.p_value([1.5], [7.0]) == pytest.approx(2 / 3)


def test_infinite_scores_are_the_strangest() -> None:
    np.testing.assert_allclose(calibrate([0.0, np.inf]).p_value([np.inf, 5.0]), [2 / 3, 2 / 3])


def test_a_nan_is_an_error_with_its_row() -> None:
    made = calibrate([1.0, 2.0], [0.0, 1.0], 1)
    with pytest.raises(BadInput, match="scores: row 1: not a number"):
        made.p_value([0.0, np.nan], [0.0, 0.0])
    with pytest.raises(BadInput, match="nuisance: row 0: not a number"):
        made.p_value([0.0], [np.nan])
    with pytest.raises(BadInput, match="calibration scores: row 2: not a number"):
        calibrate([0.0, 1.0, np.nan])
    with pytest.raises(BadInput, match="there is no event; give a sample of normal events"):
        calibrate([])


def test_what_a_small_calibration_cannot_claim_is_said_with_what_is_needed() -> None:
    made = calibrate(np.arange(999.0))
    assert made.smallest_p == pytest.approx(1e-3)
    made.claim(1e-3)
    with pytest.raises(
        TooFewEvents, match=r"1e-05 cannot be claimed with 999 .* is 0.001; .* at least 99,999"
    ):
        made.claim(1e-5)
    binned = calibrate(np.arange(999.0), np.arange(999.0), [0, 99, 999])
    assert binned.smallest_p == pytest.approx(0.01)
    assert "99 calibration events in the poorest bin" in binned.shortfall(1e-3)
    assert "in each bin" in binned.shortfall(1e-3)
    heavy = calibrate([1.0, 2.0, 3.0], weights=[1.0, 1.0, 8.0])
    assert heavy.smallest_p == pytest.approx(8 / 18)
    assert "more with these" in heavy.shortfall(0.1)


@given(st.floats(1e-7, 1))
def test_the_fewest_events_are_enough_and_none_too_many(p: float) -> None:
    n = fewest_events(p)
    assert 1 / (n + 1) <= p * (1 + 1e-9) or n == 1
    assert n == 1 or 1 / n > p * (1 - 1e-9)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"scores": [1.0, 2.0], "nuisance": [0.0]}, "2 calibration scores, but a nuisance for 1"),
        ({"scores": [1.0, 2.0], "weights": [1.0]}, "2 calibration scores, but 1 weights"),
        ({"scores": [1.0, 2.0], "weights": [1.0, -1.0]}, "not negative"),
        ({"scores": [1.0, 2.0], "weights": [0.0, 0.0]}, "some in each bin not zero"),
        ({"scores": [1.0, 2.0], "nuisance": [0.0, 0.1], "edges": [0, 1, 2]}, "of 1 to 2: give more events"),
        ({"scores": [1.0], "nuisance": [0.0], "edges": [1, 0]}, "at least two, rising"),
        ({"scores": [1.0], "nuisance": [0.0], "edges": 0}, "at least one"),
        ({"scores": [[1.0]]}, "not an array with shape"),
    ],
)
def test_what_cannot_be_calibrated_is_said(arguments: dict[str, list[float]], said: str) -> None:
    with pytest.raises(BadConfig, match=said):
        calibrate(**arguments)


def test_an_event_needs_what_the_calibration_has() -> None:
    with pytest.raises(BadConfig, match="has bins of a nuisance"):
        calibrate([1.0, 2.0], [0.0, 1.0]).p_value([1.0])
    with pytest.raises(BadConfig, match="knows no nuisance"):
        calibrate([1.0, 2.0]).p_value([1.0], [0.0])
    with pytest.raises(BadConfig, match="has weights"):
        calibrate([1.0, 2.0], weights=[1.0, 1.0]).p_value([1.0])
    with pytest.raises(BadConfig, match="has no weights"):
        calibrate([1.0, 2.0]).p_value([1.0], weight=[1.0])
    with pytest.raises(BadConfig, match="1 scores, but a nuisance for 2"):
        calibrate([1.0, 2.0], [0.0, 1.0]).p_value([1.0], [0.0, 1.0])


def test_events_beyond_all_bins_are_known() -> None:
    made = calibrate(np.arange(4.0), [0.0, 1.0, 2.0, 3.0], [0, 2, 4])
    assert made.outside([-1.0, 0.0, 4.0, 5.0]).tolist() == [True, False, False, True]
    np.testing.assert_allclose(made.p_value([0.5, 2.5], [-1.0, 5.0]), [2 / 3, 2 / 3])
    assert not calibrate([1.0]).outside([5.0]).any()


def test_a_calibration_comes_back_from_its_arrays(tmp_path: object) -> None:
    made = calibrate(np.arange(9.0)[::-1], np.arange(9.0), 3, np.linspace(1, 2, 9))
    again = Calibration.from_arrays(made.arrays())
    for name, array in made.arrays().items():
        assert array.tobytes() == again.arrays()[name].tobytes()
    damaged: dict[str, NDArray] = made.arrays() | {"score": made.score[::-1]}
    with pytest.raises(BadConfig, match="must rise"):
        Calibration.from_arrays(damaged)
    with pytest.raises(BadConfig, match="without start"):
        Calibration.from_arrays({k: v for k, v in made.arrays().items() if k != "start"})
    with pytest.raises(BadConfig, match="edges do not make"):
        Calibration.from_arrays(made.arrays() | {"edges": made.edges[:-1]})


def test_the_interval_holds_the_true_tail_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    score, truth = 0.9, 0.1
    inside = []
    for _ in range(400):
        low, high = calibrate(rng.uniform(size=200)).interval([score])[0]
        inside.append(low <= truth <= high)
    assert 0.66 < np.mean(inside) < 0.82  # Clopper and Pearson cover a little more than they promise


def test_the_interval_of_equal_weights_is_that_of_counts_and_unequal_ones_widen_it() -> None:
    scores, rng = np.arange(200.0), np.random.default_rng(0)
    plain = calibrate(scores).interval([150.0, 250.0])
    np.testing.assert_allclose(plain, clopper_pearson([50, 0], 200))
    same = calibrate(scores, weights=np.full(200, 3.0)).interval([150.0, 250.0], weight=[1.0, 1.0])
    np.testing.assert_allclose(same, plain, rtol=1e-9)
    unequal = calibrate(scores, weights=rng.exponential(size=200) ** 2).interval([150.0], weight=[1.0])
    assert np.diff(unequal[0]) > 1.3 * np.diff(plain[0])
