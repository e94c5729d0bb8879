"""A score in units of what is usual at its nuisance: its p-values hold where nothing was calibrated."""

from __future__ import annotations

import numpy as np
import pytest

from gnnreco.errors import BadConfig
from gnnreco.statistics import Conditional, calibrate, coverage, fit_conditional
from tests.statistics.test_sculpting import background


def test_side_bands_calibrate_what_lies_between_them() -> None:
    mass, score = background(16000, seed=0)
    side = (mass < 0.3) | (mass > 0.5)
    fit_part = side & (np.arange(len(mass)) % 3 == 0)
    calibration, between = side & ~fit_part, ~side
    usual = fit_conditional(score[fit_part], mass[fit_part])
    plain = calibrate(score[calibration]).p_value(score[between])
    made = calibrate(usual(score[calibration], mass[calibration]))
    p = made.p_value(usual(score[between], mass[between]))
    assert coverage(plain, len(made)).error_p_value < 0.01
    assert coverage(p, len(made)).error_p_value > 0.05


def test_scores_of_one_nuisance_keep_their_order_and_arrays_bring_it_back() -> None:
    mass, score = background(500, seed=1)
    usual = fit_conditional(score, mass)
    same = np.full(len(score), 0.4)
    assert (np.argsort(usual(score, same)) == np.argsort(score)).all()
    again = Conditional.from_arrays(usual.arrays())
    assert again(score, mass).tobytes() == usual(score, mass).tobytes()
    with pytest.raises(BadConfig, match="without middle"):
        Conditional.from_arrays({"span": usual.span, "log_width": usual.log_width})


def test_what_cannot_be_fitted_is_said() -> None:
    mass, score = background(100, seed=2)
    with pytest.raises(BadConfig, match="at least 60 events, not 40"):
        fit_conditional(score[:40], mass[:40])
    with pytest.raises(BadConfig, match="the same in all events"):
        fit_conditional(score, np.ones(100))
    with pytest.raises(BadConfig, match="have no width"):
        fit_conditional(np.ones(100), mass)
    with pytest.raises(BadConfig, match="a nuisance for 99"):
        fit_conditional(score, mass[:99])
