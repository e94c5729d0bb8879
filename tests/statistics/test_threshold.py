"""The cut for a rate, against many repeated samples."""

from __future__ import annotations

import numpy as np
import pytest

from gnnreco.errors import BadConfig, BadInput
from gnnreco.statistics import TooFewEvents, threshold_for_rate


def test_the_rate_and_its_interval_hold() -> None:
    rng, rate = np.random.default_rng(0), 0.02
    true, rate_inside, value_inside = [], [], []
    for _ in range(500):
        cut = threshold_for_rate(rng.uniform(size=1000), rate)
        true.append(1 - cut.value)
        rate_inside.append(cut.rate_interval[0] <= true[-1] <= cut.rate_interval[1])
        value_inside.append(cut.value_interval[0] <= 1 - rate <= cut.value_interval[1])
    assert np.mean(true) == pytest.approx(20 / 1001, rel=0.03)
    assert np.mean(rate_inside) == pytest.approx(0.683, abs=0.06)
    assert 0.62 < np.mean(value_inside) < 0.82


def test_equal_scores_let_fewer_pass_never_more() -> None:
    cut = threshold_for_rate(np.repeat([0.0, 1.0, 2.0], [900, 80, 20]), 0.05)
    assert cut.value == 1.0
    assert cut.rate == pytest.approx(21 / 1001)
    assert cut.rate_interval[0] < 0.02 < cut.rate_interval[1]
    assert cut.events == 1000


def test_the_fewest_events_give_the_highest_score_with_no_upper_end() -> None:
    cut = threshold_for_rate(np.arange(999.0), 1e-3)
    assert cut.value == 998
    assert cut.rate == pytest.approx(1e-3)
    assert cut.value_interval[1] == np.inf
    with pytest.raises(
        TooFewEvents, match=r"998 normal events cannot set a rate of 0.001: give at least 999"
    ):
        threshold_for_rate(np.arange(998.0), 1e-3)


def test_a_wrong_rate_and_a_nan_are_errors() -> None:
    with pytest.raises(BadConfig, match="between 0 and 1"):
        threshold_for_rate([1.0], 1.0)
    with pytest.raises(BadInput, match="row 1"):
        threshold_for_rate([1.0, np.nan], 0.5)
