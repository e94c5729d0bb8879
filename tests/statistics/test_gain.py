"""The significance improvement, its rule, and its interval."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from gnnreco.statistics.gain import LEAST_PASSING, gains


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 1000), st.floats(0.0, 3.0), st.integers(1, 4))
def test_it_is_what_a_cut_gives_and_no_cut_leaves_too_few(seed: int, shift: float, digits: int) -> None:
    draw = np.random.default_rng(seed)
    label = np.repeat([0, 1], [400, 60])
    score = np.round(draw.normal(label * shift), digits)  # some scores are equal
    told = gains(score, label)
    assert np.isclose(told["auc"], roc_auc_score(label, score))
    best = 0.0
    for cut in np.unique(score):
        passing = score >= cut
        if (passing & (label == 0)).sum() >= LEAST_PASSING:
            best = max(best, passing[label == 1].mean() / np.sqrt(passing[label == 0].mean()))
    assert np.isclose(told["max_significance_improvement"], best)
    assert told["background_passing"] >= LEAST_PASSING
    assert (
        max(point["significance_improvement"] for point in told["sic"])
        == told["max_significance_improvement"]
    )


def test_a_score_that_knows_nothing_gains_nothing() -> None:
    told = gains(np.random.default_rng(3).normal(size=6000), np.arange(6000) % 2)
    assert 0.9 < told["max_significance_improvement"] < 1.5
    low, high = told["auc_interval"]
    assert low < told["auc"] < high


def test_too_few_background_events_give_no_figure() -> None:
    told = gains(np.arange(30.0), np.arange(30) % 2)
    assert told["max_significance_improvement"] is None
    assert told["sic"] == []
    assert told["auc"] > 0.5
