"""Missing momentum, visible mass and the range in which particles count, by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.evaluate.particles.balance import LEAST_MET, balance, balance_figures
from gnnreco.evaluate.particles.targets import ParticleTarget, four_vectors
from tests.evaluate.particles.made import found_as, some_targets

SEEDS = st.integers(0, 10_000)


def massless(rng: np.random.Generator, n: int) -> np.ndarray:
    p = rng.normal(0, 20, (n, 3))
    return np.column_stack([p, np.linalg.norm(p, axis=1)])


def test_what_is_missing_is_what_was_not_seen() -> None:
    """Two photons back to back, of which one is lost."""
    both = np.array([[30.0, 0, 0, 30.0], [-30.0, 0, 0, 30.0]])
    row = balance(both[:1], both)[0]
    assert row[:4] == pytest.approx([-30, 0, 0, 0])
    assert row[4:] == pytest.approx([0, 60, 0.5])


@given(SEEDS, st.integers(1, 9), st.floats(0, 2 * np.pi))
def test_turning_an_event_turns_what_is_missing(seed: int, n: int, phi: float) -> None:
    rng = np.random.default_rng(seed)
    ours, true = massless(rng, n), massless(rng, n + 1)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(phi), -np.sin(phi)], [np.sin(phi), np.cos(phi)]]
    before, after = balance(ours, true)[0], balance(ours @ turn.T, true @ turn.T)[0]
    for k in (0, 2):
        np.testing.assert_allclose(turn[:2, :2] @ before[k : k + 2], after[k : k + 2], atol=1e-9)
    np.testing.assert_allclose(after[4:], before[4:], rtol=1e-6, atol=1e-6)


@given(SEEDS, st.floats(0.2, 3.0))
def test_the_mass_of_a_system_grows_with_its_scale_and_not_with_its_speed(seed: int, scale: float) -> None:
    four = massless(np.random.default_rng(seed), 6)
    mass = balance(scale * four, four)[0, 4:6]
    assert mass[0] == pytest.approx(scale * mass[1], rel=1e-6)
    gamma, beta_gamma = 1.25, 0.75
    moving = four.copy()
    moving[:, 2], moving[:, 3] = (
        gamma * four[:, 2] + beta_gamma * four[:, 3],
        gamma * four[:, 3] + beta_gamma * four[:, 2],
    )
    assert balance(moving, four)[0, 4] == pytest.approx(mass[1], rel=1e-6)


def test_an_event_with_nothing_in_it_has_no_ratio() -> None:
    row = balance(np.zeros((0, 4)), np.zeros((0, 4)))[0]
    assert row[:6].tolist() == [0.0] * 6
    assert np.isnan(row[6])


def test_figures_are_those_of_the_sample() -> None:
    rng = np.random.default_rng(0)
    n = 4000
    true = rng.normal(0, 40, (n, 2))
    rows = np.column_stack(
        [true + rng.normal(0, 5, (n, 2)), true, np.full(n, 81.0), np.full(n, 90.0), np.full(n, 0.9)]
    )
    out = balance_figures(rows)
    assert out["met_resolution"] == pytest.approx(5.0, rel=0.05)
    low, high = out["met_resolution_interval"]
    assert low < out["met_resolution"] < high
    large = np.hypot(*true.T) > LEAST_MET
    assert (out["met"]["events"], out["met"]["events_with_met"]) == (n, int(large.sum()))
    assert out["met"]["response"] == pytest.approx(1.0, abs=0.02)
    assert out["visible_mass"]["response"] == pytest.approx(0.9)
    assert out["visible_energy"]["resolution"] == pytest.approx(0, abs=1e-12)
    told = out["histograms"]["met_component"]
    assert sum(told["counts"]) + told["outside"] == 2 * n
    assert len(told["edges"]) == len(told["counts"]) + 1
    json.dumps(out, allow_nan=False)


def test_no_event_and_events_without_energy_give_no_figure_and_no_error() -> None:
    for rows in (np.zeros((0, 7)), balance(np.zeros((0, 4)), np.zeros((0, 4)))):
        out = balance_figures(rows)
        assert out["met_resolution"] is None
        assert out["visible_mass"]["response"] is None
        json.dumps(out, allow_nan=False)


@given(SEEDS, st.floats(0.5, 30), st.floats(0.3, 3))
def test_the_range_is_that_of_energy_and_pseudorapidity(seed: int, least: float, widest: float) -> None:
    targets = some_targets(20, seed)
    four = four_vectors(targets)
    eta = np.arctanh(targets.pz / np.sqrt(targets.px**2 + targets.py**2 + targets.pz**2))
    wanted = (targets.energy > least) & (np.abs(eta) < widest)
    assert ParticleTarget(least, widest).passed(four).tolist() == wanted.tolist()
    assert ParticleTarget(least).passed(four).tolist() == (targets.energy > least).tolist()


def test_what_flies_along_the_beam_or_stands_still() -> None:
    four = np.array([[0.0, 0.0, 5.0, 5.0], [0.0, 0.0, 0.0, 5.0], [np.nan, 0.0, 1.0, 5.0]])
    assert ParticleTarget(1.0, 4.0).passed(four).tolist() == [False, False, False]
    assert ParticleTarget(1.0).passed(four).tolist() == [True, True, True]


def test_the_range_is_told_in_words() -> None:
    assert ParticleTarget().describe() == "energy > 1 GeV"
    assert ParticleTarget(0.5, 2.5).describe() == "energy > 0.5 GeV, |eta| < 2.5"


def test_four_vectors_of_targets_and_of_what_was_found_are_one_thing() -> None:
    targets = some_targets(6)
    np.testing.assert_allclose(four_vectors(found_as(targets, 1.5)), 1.5 * four_vectors(targets))
