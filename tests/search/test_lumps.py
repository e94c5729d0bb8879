"""Lumps: an excess of a few events in a hundred is found without labels, and told by a likelihood ratio."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from gnnreco.search.lumps import _places, learn_lumps
from gnnreco.statistics import gains

PLACE, WIDTH = np.array([2.0, -1.5, 1.0]), 0.3


def samples(seed: int, signal: int, events: int = 6000) -> tuple[np.ndarray, np.ndarray]:
    """Mixed events and a reference: three exponential features, and a lump among the mixed ones."""
    draw = np.random.default_rng(seed)
    mixed, reference = draw.exponential(size=(events, 3)), draw.exponential(size=(events, 3))
    # A lump in normal quantiles of an exponential distribution.
    mixed[:signal] = -norm.logsf(draw.normal(PLACE, WIDTH, (signal, 3)))
    return mixed, reference


def test_a_lump_is_found_where_it_is() -> None:
    mixed, reference = samples(1, 80)
    score = learn_lumps(mixed, reference, 0)
    test, background = samples(2, 3000)
    label = np.repeat([1, 0], [3000, 6000])
    told = gains(score(np.concatenate([test[:3000], background])), label)
    assert told["auc"] > 0.97
    assert told["max_significance_improvement"] > 8


def test_the_same_seed_gives_the_same_score() -> None:
    mixed, reference = samples(3, 40, 1000)
    one, two = (learn_lumps(mixed, reference, 5)(mixed) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert np.isfinite(one).all()


@pytest.mark.parametrize("events", [30, 300])
def test_few_events_and_a_constant_feature_do_no_harm(events: int) -> None:
    mixed, reference = (np.column_stack([x, np.ones(events)]) for x in samples(4, 0, events))
    assert np.isfinite(learn_lumps(mixed, reference, 0)(mixed)).all()


def test_an_event_that_a_bootstrap_sample_draws_twice_counts_as_two() -> None:
    z = np.concatenate(samples(6, 60, 700))
    unknown = np.arange(1400) < 700
    # As many of each kind as there were, as a bootstrap sample has.
    times = np.concatenate(
        [np.random.default_rng(i).permutation(np.repeat([0, 1, 1, 2], 175)) for i in (7, 8)]
    )
    rows = np.repeat(np.arange(1400), times)
    drawn = _places(z, unknown, times, np.random.default_rng(0))
    written = _places(z[rows], unknown[rows], np.ones(1400, int), np.random.default_rng(0))
    np.testing.assert_allclose(drawn, written)
    alone = _places(z, unknown, np.ones(1400, int), np.random.default_rng(0))
    assert not np.allclose(alone, drawn)
