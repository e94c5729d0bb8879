"""The background of a spectrum, local p-values, and those of a whole scan."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betainc
from scipy.stats import kstest, poisson

from gnnreco.errors import BadInput
from gnnreco.search.background import Function, Process, learn_process
from gnnreco.search.regions import Spectrum, spectrum
from gnnreco.search.scan import Look, chance, expected_in, overall, pseudo, scan

from .toys import toy

EDGES = np.linspace(2, 6, 49)
MIDDLE = (EDGES[1:] + EDGES[:-1]) / 2
FALLING = 200 * (1 - MIDDLE / 12) ** 6 * (MIDDLE / 12) ** -1.5  # such as the function itself
WINDOW = (16, 24)


def test_a_function_finds_what_was_drawn_from_it() -> None:
    exact = Function(EDGES).whole(FALLING[None])[0]
    np.testing.assert_allclose(exact, FALLING, rtol=1e-3)
    drawn = np.random.default_rng(1).poisson(FALLING, (400, 48)).astype(float)
    mean, error = Function(EDGES).beneath(drawn, WINDOW)
    pull = (mean - FALLING[slice(*WINDOW)].sum()) / error
    assert abs(pull.mean()) < 0.2
    assert 0.9 < pull.std() < 1.1


@pytest.mark.parametrize("kind", ["function", "gp"])
def test_local_p_values_without_signal_are_even(kind: str) -> None:
    rate = FALLING / 4
    drawn = np.random.default_rng(2).poisson(rate, (400, 48)).astype(float)
    model = Function(EDGES) if kind == "function" else learn_process(Function(EDGES), drawn[0], WINDOW)
    mean, error = model.beneath(drawn, WINDOW)
    p = chance(drawn[:, slice(*WINDOW)].sum(axis=1), mean, error)
    # Whole numbers of events make p-values a little too large, never too small.
    assert (p < 0.05).mean() < 0.08
    assert kstest(p, "uniform").statistic < 0.12


def test_few_events_that_a_score_kept_have_the_shape_of_all() -> None:
    """Of 4,000 events a hundredth is kept, more of the heavy ones: alone they tell little of half of the spectrum."""
    wide, total = (8, 30), 4000 * FALLING / FALLING.sum()
    rate = 0.01 * total * (1 + 0.1 * (MIDDLE - 4))
    drawn = np.random.default_rng(3).poisson(rate, (400, 48)).astype(float)
    true = rate[slice(*wide)].sum()
    some = Function(EDGES, total=np.random.default_rng(4).poisson(total).astype(float))
    mean, error = some.beneath(drawn, wide)
    alone, unsure = Function(EDGES).beneath(drawn, wide)
    assert np.abs(mean - true).mean() < 0.75 * np.abs(alone - true).mean()
    assert np.median(error) < 0.85 * np.median(unsure)
    assert 0.6 < (np.abs(mean - true) < error).mean() < 0.8
    p = chance(drawn[:, slice(*wide)].sum(axis=1), *expected_in(some, drawn, wide))
    assert (p < 0.05).mean() < 0.06


def test_no_event_beside_a_window_is_not_no_background() -> None:
    """With `n` events outside of a window, in which `tau` times as many are expected as in it: Z_Bi of n + 1."""
    total = np.full(48, 100.0)
    for n, tau in ((0, 5.0), (3, 5.0)):
        counts = np.zeros((1, 48))
        counts[0, [0, 14, 40][:n]] = 1
        mean, error = expected_in(Function(EDGES, total=total), counts, WINDOW)
        np.testing.assert_allclose(mean, (n + 1) / tau, rtol=0.3)
        assert error >= 0.9 * np.sqrt(n + 1) / tau
        p = float(chance(np.array([4.0]), mean, error)[0])
        np.testing.assert_allclose(p, betainc(4, n + 1, 1 / (1 + tau)), rtol=0.7)


def test_a_process_follows_what_the_function_cannot() -> None:
    bent = FALLING * (1 + 0.3 * np.sin(2 * MIDDLE))
    process = learn_process(Function(EDGES), bent, WINDOW)
    assert isinstance(process, Process)
    true = bent[slice(*WINDOW)].sum()
    by_process, error = process.beneath(bent[None], WINDOW)
    by_function, _ = Function(EDGES).beneath(bent[None], WINDOW)
    assert abs(by_process[0] - true) < abs(by_function[0] - true)
    assert abs(by_process[0] - true) < 3 * error[0]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 300), st.floats(0.1, 200), st.floats(0.0, 30))
def test_an_error_of_the_background_makes_an_excess_less_surprising(
    n: int, mean: float, error: float
) -> None:
    sure, unsure = (float(chance(np.array([n]), np.array([mean]), np.array([e]))[0]) for e in (0.0, error))
    assert 0 < sure <= 1
    assert 0 < unsure <= 1
    assert np.isclose(sure, max(poisson.sf(n - 1, mean), 1e-300), rtol=1e-3, atol=1e-12)
    if n > mean + 3 * np.sqrt(mean) + 1:
        assert unsure >= sure * 0.99


def test_a_scan_sees_a_bump_and_counts_how_often_it_looked() -> None:
    bins = Spectrum(EDGES, [(s, s + 8) for s in range(4, 37, 4)])
    draw = np.random.default_rng(4)
    plain = draw.poisson(FALLING / 4).astype(float)
    look = Look(plain, Function(EDGES), tuple(range(len(bins.windows))))
    rows = scan(bins, [look])
    assert len(rows) == 9
    drawn = pseudo(bins, [look], 300, 0)
    local = min(row["p_value_local"] for row in rows)
    told = overall(local, drawn)
    assert local < told["p_value"] < 1
    assert told["p_value_from"] == "pseudo-experiments"
    assert told["p_value_gross_vitells"] > local
    assert np.array_equal(drawn, pseudo(bins, [look], 300, 0))
    bumped = plain.copy()
    bumped[18:22] += 60
    best = min(
        scan(bins, [Look(bumped, Function(EDGES), look.windows)]), key=lambda row: row["p_value_local"]
    )
    assert best["window"] == [EDGES[16], EDGES[24]]
    sure = overall(best["p_value_local"], drawn)
    assert sure["p_value_from"] == "Bonferroni bound"
    assert best["p_value_local"] < sure["p_value"] < sure["p_value_gross_vitells"] < 1e-6


def test_a_p_value_from_few_pseudo_experiments_is_not_too_small_too_often() -> None:
    """Windows that share no events, where the bound is all but the truth: it may not be chosen where it is the lesser."""
    draw = np.random.default_rng(6)
    p = np.array([overall(draw.random(9).min(), draw.random((20, 9)))["p_value"] for _ in range(4000)])
    for level in (0.01, 0.05, 0.1, 0.2):
        assert (p < level).mean() < level + 2 * np.sqrt(level / 4000)
    assert p.min() < 1 / 21


def test_windows_that_cannot_be_searched_are_refused() -> None:
    table = toy(500, 0)

    def refused(message: str, mass: np.ndarray, region: tuple[float, float] | None) -> None:
        with pytest.raises(BadInput, match=message):
            spectrum("t.npy", mass, region)

    refused("holds no event; masses run from 2", table.mass, (10, 11))
    refused("its ends are in the wrong order", table.mass, (3, 2))
    refused("side-bands hold 0 events below and 0 above.* leave it out", table.mass, (1, 9))
    refused("side-bands hold .* events below and 0 above", table.mass, (3, 9))
    refused("20 events; a search needs 100", table.mass[:20], None)
    refused("no window of a sixth of .* holds 100 events", table.mass[:150], None)
    refused("the mass of every event is 3", np.full(200, 3.0), None)
