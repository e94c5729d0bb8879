"""A calibration: probabilities that hold on events it never saw, that rise, and that survive a bundle."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gnnreco.errors import BadConfig
from gnnreco.models.calibration import FEWEST, FEWEST_WRONG, Calibration, fit_calibration
from gnnreco.schema import build, plain

NAMES = ("one", "two")


def toy(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two features; how likely a row is right bends with their sum, as no logistic curve does."""
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(n, 2)) * [1.0, 20.0]
    chance = np.clip(0.5 + 0.4 * np.sin(np.clip(table[:, 0] + table[:, 1] / 20, -1.5, 1.5)), 0, 1)
    return table, rng.random(n) < chance


def test_what_it_promises_is_what_happens_in_other_events() -> None:
    calibration = fit_calibration(NAMES, *toy(4000, 1))
    assert calibration is not None
    table, right = toy(4000, 2)
    score = calibration(table)
    for low, high in ((0.05, 0.3), (0.3, 0.7), (0.7, 0.95)):
        some = (score > low) & (score < high)
        assert some.sum() > 300
        assert score[some].mean() == pytest.approx(right[some].mean(), abs=0.05)


def test_more_for_a_row_is_more_and_it_never_says_never() -> None:
    calibration = fit_calibration(NAMES, *toy(500, 3))
    assert calibration is not None
    straight = replace(calibration, square=(0.0, 0.0))
    along = straight(np.linspace([-1e3, -1e4], [1e3, 1e4], 200))
    assert (np.diff(along) >= 0).all()
    assert 0 < along[0] < along[-1] < 1


def test_a_feature_that_never_changes_and_values_beyond_the_fit_do_no_harm() -> None:
    table, right = toy(500, 4)
    table[:, 1] = 7.0
    calibration = fit_calibration(NAMES, table, right)
    assert calibration is not None
    assert calibration.weight[1] == 0
    beyond = calibration(np.array([[1e9, -1e9], [table[:, 0].max(), 7.0]]))
    assert beyond[0] == beyond[1]


@pytest.mark.parametrize("wrong", [0, FEWEST_WRONG - 1])
def test_where_nearly_all_are_right_or_wrong_all_have_the_same_chance(wrong: int) -> None:
    table, _ = toy(2 * FEWEST, 5)
    right = np.arange(len(table)) >= wrong
    for rows, rate in ((right, right.mean()), (~right, wrong / len(table))):
        calibration = fit_calibration(NAMES, table, rows)
        assert calibration is not None
        assert set(calibration(table)) == {calibration.probability[0]}
        assert calibration.probability[0] == pytest.approx(rate, abs=1 / len(table))
    assert fit_calibration(NAMES, table[: FEWEST - 1], right[: FEWEST - 1]) is None


def test_settings_hold_it_and_refuse_a_broken_one() -> None:
    calibration = fit_calibration(NAMES, *toy(300, 6))
    assert build(Calibration, plain(calibration)) == calibration
    good = plain(calibration)
    for key, value in (
        ("weight", [1.0]),
        ("probability", good["probability"][::-1]),
        ("offset", float("nan")),
    ):
        with pytest.raises(BadConfig):
            build(Calibration, good | {key: value})
