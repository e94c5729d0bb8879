"""Columns in units of their spread, whatever their distribution."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.models.anomaly import Scale
from gnnreco.models.anomaly.scale import FARTHEST


def test_of_a_normal_distribution_it_is_mean_and_deviation_and_few_far_rows_change_little() -> None:
    rows = 3 + 2 * np.random.default_rng(1).standard_normal((20_000, 1))
    rows[:100] = 1e9
    scale = Scale.of(rows)
    np.testing.assert_allclose([scale.middle[0], scale.spread[0]], [3, 2], rtol=0.02)


def test_a_column_that_is_mostly_the_same_number_has_a_spread_too() -> None:
    rows = np.zeros((100, 2))
    rows[::25, 0] = 5.0
    scale = Scale.of(rows)
    assert scale.varies.tolist() == [True, False]
    np.testing.assert_allclose(scale.spread, [1.0, 0.0])
    assert scale(np.array([[10.0, 3.0]])).tolist() == [[10.0, 0.0]]


def test_what_is_far_is_cut() -> None:
    scale = Scale.of(np.array([[0.0], [1e-300], [2e-300]]))
    assert scale(np.array([[-1e300], [1e-300], [1e300]])).tolist() == [[-FARTHEST], [0.0], [FARTHEST]]


@given(st.lists(st.integers(1, 4), min_size=2, max_size=12))
def test_a_row_of_weight_two_counts_as_two(times: list[int]) -> None:
    rows = np.random.default_rng(3).standard_normal((len(times), 2))
    one, two = Scale.of(rows, np.array(times, float)), Scale.of(np.repeat(rows, times, axis=0))
    np.testing.assert_array_equal(one.middle, two.middle)
    np.testing.assert_allclose(one.spread, two.spread)
