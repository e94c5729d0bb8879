"""Lists of discoveries and scans: against loops, published rules and simulated background."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.errors import BadConfig, BadInput
from gnnreco.statistics import calibrate, discoveries, look_elsewhere, p_of_z, upcrossings, z_of_p

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=20)


@given(P_VALUES, st.sampled_from([0.05, 0.1, 0.3]))
def test_chosen_are_those_below_the_last_p_under_the_line(p_values: list[float], rate: float) -> None:
    found = discoveries(p_values, rate)
    ordered = np.sort(p_values)
    under = np.flatnonzero(ordered <= rate * np.arange(1, len(ordered) + 1) / len(ordered) * (1 + 1e-9))
    cut = ordered[under[-1]] if len(under) else -1.0
    clear = np.abs(found.adjusted_p - rate) > 1e-9
    assert (found.chosen == (np.array(p_values) <= cut))[clear].all()
    cautious = discoveries(p_values, rate, dependent=True)
    assert not (cautious.chosen & ~found.chosen).any()


def test_the_rate_of_false_discoveries_holds_for_p_values_of_one_calibration_sample() -> None:
    rng, false, strange = np.random.default_rng(1), [], np.arange(200) < 20
    power = []
    for _ in range(150):
        made = calibrate(rng.normal(size=2000))
        chosen = discoveries(made.p_value(rng.normal(size=200) + 4 * strange), 0.1).chosen
        false.append((chosen & ~strange).sum() / max(chosen.sum(), 1))
        power.append(chosen[strange].mean())
    assert np.mean(false) == pytest.approx(0.09, abs=0.025)  # 0.1 times the part that is normal
    assert np.mean(power) > 0.8


def test_standard_deviations_and_p_values_are_inverse() -> None:
    assert p_of_z(5.0) == pytest.approx(2.8665e-7, rel=1e-4)
    z = np.array([-1.0, 0.0, 3.0, 20.0])
    np.testing.assert_allclose(z_of_p(p_of_z(z)), z, atol=1e-12)


def test_upcrossings_are_counted_along_each_scan() -> None:
    assert upcrossings([[0.0, 2.0, 2.0, 0.0, 1.0], [2.0, 0.0, 0.0, 0.0, 0.0]], 1.0).tolist() == [2, 0]


def test_the_global_p_value_is_that_of_simulated_scans() -> None:
    """Scans of smooth normal fields; a bump as wide as the kernel may stand anywhere."""
    rng = np.random.default_rng(0)
    kernel = np.exp(-0.5 * (np.arange(-20, 21) / 5) ** 2)
    noise = rng.normal(size=(3000, 340))
    scans = np.apply_along_axis(np.convolve, 1, noise, kernel / np.sqrt((kernel**2).sum()), mode="valid")
    crossed = upcrossings(scans[:100], 0.5)
    for z in (2.5, 3.0, 3.5):
        told = look_elsewhere(z, crossed.mean(), 0.5, crossed.std(ddof=1) / 10)
        seen = (scans.max(axis=1) > z).mean()
        assert told.p_value == pytest.approx(seen, rel=0.25, abs=3 * np.sqrt(seen / 3000))
        assert told.p_value > seen - 3 * np.sqrt(seen / 3000)  # a bound
        assert told.interval[0] < told.p_value < told.interval[1]
        assert told.trials == pytest.approx(told.p_value / told.local_p_value)
        assert told.z < told.local_z == z


def test_a_scan_that_never_rises_has_no_trials() -> None:
    told = look_elsewhere(3.0, 0.0)
    assert told.p_value == told.local_p_value
    assert look_elsewhere(0.1, 50.0).p_value == 1.0


def test_what_cannot_be_tested_is_said() -> None:
    with pytest.raises(BadConfig, match="between 0 and the significance"):
        look_elsewhere(1.0, 2.0, 1.5)
    with pytest.raises(BadConfig, match="must be finite"):
        look_elsewhere(np.inf, 2.0)
    with pytest.raises(BadConfig, match="between 0 and 1"):
        discoveries([0.1], 1.0)
    with pytest.raises(BadInput, match=r"row 1: 1\.5 is not between"):
        discoveries([0.1, 1.5])
    with pytest.raises(BadInput, match="there is none"):
        discoveries([])
