"""Drift: silent where nothing changed, loud where something did, with numbers either way."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gnnreco.statistics import calibrate, drift
from gnnreco.statistics.drift import martingale, online


def test_without_a_change_false_alarms_are_as_rare_as_they_should_be() -> None:
    """More events than the calibration has: their p-values share its error, which is no drift."""
    rng = np.random.default_rng(7)
    told = [drift(calibrate(rng.normal(size=80)).p_value(rng.normal(size=240)), 80) for _ in range(100)]
    assert np.mean([t.p_value < 0.1 for t in told]) < 0.15
    assert sum(t.drifted for t in told) <= 4
    assert "look like those of the calibration" in told[0].text


def test_ranks_among_those_before_are_independent_and_uniform() -> None:
    rng, first, last = np.random.default_rng(8), [], []
    for seed in range(400):
        p = calibrate(rng.normal(size=5)).p_value(rng.normal(size=12))
        ranks = online(p, 5, seed)
        first.append(ranks[0])
        last.append(ranks[-1])
    assert stats.kstest(first, "uniform").pvalue > 0.01
    assert stats.kstest(last, "uniform").pvalue > 0.01
    assert abs(np.corrcoef(first, last)[0, 1]) < 0.15


def test_the_wealth_is_fair() -> None:
    """Bets on both ends of equal p-values mean nothing gained: the mean over p of each bet is one."""
    wealth = 10 ** np.array([martingale(np.array([p]))[0] for p in (np.arange(200) + 0.5) / 200])
    assert wealth.mean() == pytest.approx(1)
    assert (wealth > 0).all()


@pytest.mark.parametrize("change", ["shift", "wider"])
def test_a_change_is_said_with_numbers_and_what_to_do(change: str) -> None:
    rng = np.random.default_rng(9)
    new = rng.normal(size=800) + 0.5 if change == "shift" else 1.6 * rng.normal(size=800)
    told = drift(calibrate(rng.normal(size=1000)).p_value(new), 1000)
    assert told.drifted
    assert told.martingale_max > 100
    assert told.ks > 0.08
    assert "do not look like those of the calibration" in told.text
    assert told.text.endswith("calibrate again with events taken like these")


def test_a_change_that_comes_and_goes_is_seen_by_its_order() -> None:
    rng = np.random.default_rng(10)
    p = rng.uniform(size=1500)
    p = np.concatenate([np.sort(p)[750:], np.sort(p)[:750]])  # all the same p-values, the strange half later
    told = drift(p)
    assert told.ks_p_value > 0.01
    assert told.drifted
    assert told.martingale_max > 1e10


def test_the_distance_is_that_of_the_scores() -> None:
    rng = np.random.default_rng(11)
    old, new = rng.normal(size=60), rng.normal(size=40) + 0.4
    told = drift(calibrate(old).p_value(new), 60)
    test = stats.ks_2samp(old, new)
    assert told.ks == pytest.approx(test.statistic)
    assert told.ks_p_value == pytest.approx(test.pvalue, rel=0.5)


def test_one_event_is_no_drift() -> None:
    told = drift([0.01], 1000)
    assert not told.drifted
    assert told.ks == pytest.approx(0.991, abs=1e-3)
