"""Coverage: perfect p-values pass, others do not, and the error of a finite calibration sample is expected."""

from __future__ import annotations

import numpy as np
import pytest

from gnnreco.errors import BadConfig
from gnnreco.statistics import calibrate, coverage, coverage_error, coverage_in_bins, excess
from gnnreco.statistics.coverage import GRID, expected_error


def test_the_parts_below_levels_are_counted_with_their_intervals() -> None:
    p = np.arange(1, 101) / 100
    told = coverage(p, levels=(0.5, 0.1, 0.01))
    assert told.below.tolist() == [0.5, 0.1, 0.01]
    assert (told.interval[:, 0] < told.level).all()
    assert (told.interval[:, 1] > told.level).all()
    assert told.error == pytest.approx(0)
    assert coverage_error(p / 2) == pytest.approx(0.5)
    assert told.error_p_value == pytest.approx(1)
    assert told.events == 100


@pytest.mark.parametrize("calibration_events", [None, 37, 300])
def test_perfect_p_values_have_the_expected_error(calibration_events: int | None) -> None:
    rng, errors, values = np.random.default_rng(4), [], []
    for _ in range(200):
        score = rng.uniform(size=200)
        p = calibrate(rng.uniform(size=calibration_events)).p_value(score) if calibration_events else score
        errors.append(coverage_error(p))
    expected = expected_error(200, calibration_events)
    assert np.mean(errors) == pytest.approx(expected.mean(), rel=0.08)
    values = [(expected >= error * (1 - 1e-9)).mean() for error in errors]
    assert np.mean(values) == pytest.approx(0.5, abs=0.08)


def test_many_events_have_nearly_the_error_of_kolmogorov() -> None:
    # The mean of the limit is sqrt(pi / 2) log 2 = 0.8687; a grid misses a little of it.
    assert 0.79 < expected_error(10**6).mean() * 1e3 < 0.8687
    assert len(GRID) == 99


def test_p_values_that_are_right_in_all_but_not_in_bins_are_seen() -> None:
    rng = np.random.default_rng(5)
    mass = rng.uniform(size=8000)
    score = rng.normal(size=8000) + mass
    plain = calibrate(score[:4000]).p_value(score[4000:])
    made = calibrate(score[:4000], mass[:4000], 8)
    binned = made.p_value(score[4000:], mass[4000:])
    edges = [0, 0.25, 0.5, 0.75, 1]
    assert coverage(plain, 4000).error_p_value > 0.05
    assert max(c.error for c in coverage_in_bins(plain, mass[4000:], edges, 4000) if c) > 0.15
    assert all(c.error_p_value > 1e-3 for c in coverage_in_bins(binned, mass[4000:], edges, 1000) if c)


def test_every_event_is_in_one_bin_and_empty_bins_are_none() -> None:
    told = coverage_in_bins([0.1, 0.2, 0.3], [0.0, 1.0, 3.0], [0, 1, 2, 2.5, 3])
    assert [c.events if c else None for c in told] == [1, 1, None, 1]
    with pytest.raises(BadConfig, match="a nuisance for 1"):
        coverage_in_bins([0.1, 0.2], [0.0], [0, 1])


def test_an_excess_is_as_rare_as_it_says_although_the_calibration_is_small() -> None:
    rng, told = np.random.default_rng(6), []
    for _ in range(250):
        p = calibrate(rng.uniform(size=200)).p_value(rng.uniform(size=2000))
        told.append(excess(p, 0.05, 200)[2])
    assert np.mean(np.array(told) < 0.05) == pytest.approx(0.05, abs=0.04)
    passed, expected, value = excess(np.full(10, 0.02), 0.05, 199)
    assert (passed, expected) == (10, pytest.approx(0.5))
    assert value < 1e-9
    with pytest.raises(BadConfig, match="give a larger sample"):
        excess([0.5], 0.01, 10)
