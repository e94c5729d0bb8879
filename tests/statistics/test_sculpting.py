"""The warning of arXiv 2606.13780 on a small sample: side-bands make excesses of pure background, bins and weights do not."""

from __future__ import annotations

import numpy as np
import pytest

from gnnreco.columns import Floats
from gnnreco.statistics import calibrate, coverage_in_bins, excess, z_of_p

LEVEL = 0.05
EDGES = np.linspace(0, 1, 9)


def background(events: int, seed: int) -> tuple[Floats, Floats]:
    """Mass and score of normal events: the mass falls, the score grows with it."""
    rng = np.random.default_rng(seed)
    mass = 1 - np.sqrt(rng.uniform(size=events))
    return mass, rng.normal(size=events) * (1 + 0.3 * mass) + 2 * mass


def test_a_calibration_at_low_mass_makes_an_excess_at_high_mass() -> None:
    mass, score = background(12000, seed=3)
    low, high = mass < 0.3, mass >= 0.3
    p = calibrate(score[low]).p_value(score[high])
    passed, expected, value = excess(p, LEVEL, int(low.sum()))
    assert passed > 3 * expected
    assert z_of_p(value) > 10


def test_bins_of_the_mass_take_the_excess_away() -> None:
    mass, score = background(12000, seed=4)
    half = np.arange(len(mass)) % 2 == 0
    made = calibrate(score[half], mass[half], EDGES)
    p = made.p_value(score[~half], mass[~half])
    for row, told in enumerate(coverage_in_bins(p, mass[~half], EDGES, int(made.effective.min()))):
        assert told
        mine = p[made.bin_of(mass[~half]) == row]
        assert 1e-3 < excess(mine, LEVEL, int(made.effective[row]))[2] < 1 - 1e-3


def test_weights_take_the_excess_away() -> None:
    """The calibration sample has other masses than the events, but all that the events have."""
    rng = np.random.default_rng(50)
    mass, score = background(20000, seed=5)
    kept = np.arange(len(mass)) % 2 == 0
    chance = 0.1 + 0.9 * mass  # the events that are judged are heavier
    judged = ~kept & (rng.uniform(size=len(mass)) < chance)
    plain = calibrate(score[kept]).p_value(score[judged])
    assert z_of_p(excess(plain, LEVEL, int(kept.sum()))[2]) > 5
    made = calibrate(score[kept], weights=chance[kept])
    p = made.p_value(score[judged], weight=chance[judged])
    assert made.effective[0] < kept.sum()
    cut = score[judged][np.argmin(np.abs(p - LEVEL))]
    low, high = made.interval([cut], weight=[1.0])[0]
    error = np.hypot((high - low) / 2, np.sqrt(LEVEL / len(p)))
    assert abs((p <= LEVEL).mean() - LEVEL) < 3 * error


@pytest.mark.parametrize("form", ["plain", "weighted"])
def test_no_form_repairs_masses_that_no_calibration_event_has(form: str) -> None:
    """Nothing to compare with: this is why `outside` is there."""
    mass, score = background(6000, seed=6)
    low = mass < 0.3
    if form == "plain":
        made = calibrate(score[low], mass[low], 3)
        p = made.p_value(score[~low], mass[~low])
        assert made.outside(mass[~low]).all()
    else:
        weight = np.exp(3 * mass)
        p = calibrate(score[low], weights=weight[low]).p_value(score[~low], weight=weight[~low])
    assert (p <= LEVEL).mean() > 1.5 * LEVEL
