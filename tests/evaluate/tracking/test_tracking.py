"""Rates, intervals, resolutions and the JSON on made-up events whose figures are known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.columns import Event, Hits, Particles, Tracks, Truth
from gnnreco.errors import BadInput
from gnnreco.evaluate import RULES, Target, plots, score_tracks, table, true_perigee
from gnnreco.evaluate.rates import RATES
from gnnreco.fit.helix import BEND
from gnnreco.geometry import ConstantField
from gnnreco.statistics import clopper_pearson

FIELD, HITS = ConstantField(2.0), 10


def event_of(n: int, seed: int = 1) -> Event:
    """Particles of 10 hits each: the hits of particle i are rows 10 i to 10 i + 9; then 10 noise hits."""
    rng = np.random.default_rng(seed)
    pt, phi, eta = rng.uniform(1.5, 8, n), rng.uniform(-np.pi, np.pi, n), rng.uniform(-2.5, 2.5, n)
    vx, vy, vz = rng.normal(0, 0.02, n), rng.normal(0, 0.02, n), rng.normal(0, 50, n)
    charge = rng.choice([-1.0, 1.0], n)
    momentum = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    particles = Particles(np.arange(n), np.full(n, 211, np.int32), charge, vx, vy, vz, *momentum)
    x, y, z = rng.normal(0, 300, (3, n * HITS + HITS))
    hits = Hits(np.arange(len(x)), x, y, z, np.zeros(len(x), np.int32))
    truth = Truth(particles, np.arange(n * HITS), np.repeat(np.arange(n), HITS))
    return Event(7, "made up", hits, truth)


def tracks_of(event: Event, rows: list[list[int]], owner: list[int], spread: float = 0.0) -> Tracks:
    """Tracks with the true parameters of their owners, moved by `spread` and with that as their error."""
    assert event.truth is not None
    n = len(rows)
    values = true_perigee(event.truth.particles, FIELD)[owner].reshape(n, 5)
    values += np.random.default_rng(3).normal(0, 1, (n, 5)) * spread
    covariance = np.zeros((n, 15))
    covariance[:, [0, 2, 5, 9, 14]] = spread**2
    offsets = np.cumsum([0, *map(len, rows)])
    flat = np.array([h for row in rows for h in row], np.int64)
    return Tracks(offsets, flat, *values.T, covariance, np.ones(n), np.ones(n), np.ones(n))


def all_hits(i: int) -> list[int]:
    return list(range(HITS * i, HITS * (i + 1)))


@pytest.fixture
def scored() -> dict:
    """20 particles: 18 found, one of them twice; one track that mixes three particles."""
    event = event_of(20)
    mixed = [180, 181, 182, 190, 191, 192, 200, 201]
    rows = [*map(all_hits, range(18)), all_hits(0)[:7], mixed]
    return score_tracks([(event, tracks_of(event, rows, [*range(18), 0, 18], 1e-4))], FIELD)


def test_rates(scored: dict) -> None:
    acts = scored["acts"]
    assert acts["efficiency"] == 18 / 20
    assert acts["fake_rate"] == 1 / 20
    assert acts["duplicate_rate"] == 1 / 20
    assert acts["purity"] == 19 / 20
    assert scored["perfect"]["efficiency"] == 18 / 20
    assert scored["perfect"]["fake_rate"] == 2 / 20
    assert scored["events"] == 1


def test_every_rate_has_its_interval_in_all_and_in_bins(scored: dict) -> None:
    for rule in RULES:
        for rate in RATES:
            low, high = scored[rule][f"{rate}_interval"]
            assert low <= scored[rule][rate] <= high
        for bins in scored[rule]["bins"].values():
            assert sum(bins["particles"]) == 20
            assert len(bins["efficiency"]) == len(bins["efficiency_interval"]) == len(bins["edges"]) - 1
    assert "fake_rate" not in scored["acts"]["bins"]["production_radius"]


def test_json_has_no_nan(scored: dict) -> None:
    json.dumps(scored, allow_nan=False)
    json.dumps(score_tracks([], FIELD), allow_nan=False)


def test_resolutions_and_pulls() -> None:
    event = event_of(2000)
    rows = [all_hits(i) for i in range(2000)]
    result = score_tracks([(event, tracks_of(event, rows, list(range(2000)), 1e-3))], FIELD)["resolutions"]
    for name in ("d0_mm", "z0_mm", "phi", "theta", "q_over_p"):
        assert result[name]["core"] == pytest.approx(1e-3, rel=0.1)
        assert result[name]["rms"] == pytest.approx(1e-3, rel=0.1)
        assert result[name]["pull_core"] == pytest.approx(1, rel=0.1)


def test_target_options() -> None:
    event = event_of(50)
    tracks = tracks_of(event, [all_hits(0)], [0])
    tight = score_tracks([(event, tracks)], FIELD, Target(min_pt=3, max_eta=1))
    assert 0 < tight["acts"]["particles"] < 50
    assert score_tracks([(event, tracks)], FIELD, Target(min_hits=HITS + 1))["acts"]["efficiency"] is None


def test_neutral_particles_are_no_target() -> None:
    event = event_of(4)
    assert event.truth is not None
    charge = np.array([0.0, 1.0, 1.0, 1.0])
    truth = replace(event.truth, particles=replace(event.truth.particles, charge=charge))
    assert score_tracks([(replace(event, truth=truth), Tracks())])["acts"]["particles"] == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hit_index": np.array([0, 1, 999])}, "hit row 999"),
        ({"hit_index": np.array([0, 1, 1])}, "twice"),
        ({"d0": np.array([np.nan])}, "not finite"),
        ({"covariance": np.full((1, 15), np.nan)}, "not finite"),
        ({"theta": np.array([4.0])}, "theta"),
    ],
)
def test_impossible_tracks_are_errors(change: dict, message: str) -> None:
    event = event_of(2)
    tracks = replace(tracks_of(event, [[0, 1, 2]], [0]), **change)
    with pytest.raises(BadInput, match=message):
        score_tracks([(event, tracks)])


def test_an_event_without_truth_is_an_error() -> None:
    with pytest.raises(BadInput, match="no truth"):
        score_tracks([(replace(event_of(1), truth=None), Tracks())])


def test_clopper_pearson_known_values() -> None:
    # 95 % intervals of the standard tables
    assert clopper_pearson(8, 10, 0.95) == pytest.approx([0.44390, 0.97479], abs=1e-5)
    assert clopper_pearson(0, 10, 0.95) == pytest.approx([0, 0.30850], abs=1e-5)
    assert clopper_pearson(0, 0).tolist() == [0, 1]


@settings(max_examples=50, deadline=None)
@given(
    d0=st.floats(-20, 20),
    z0=st.floats(-200, 200),
    phi=st.floats(-3.1, 3.1),
    eta=st.floats(-3, 3),
    pt=st.floats(0.2, 20),
    charge=st.sampled_from([-1.0, 1.0]),
    fraction=st.floats(0, 0.4),
    bz=st.sampled_from([2.0, -1.0, 0.0]),
)
def test_perigee_is_recovered_from_any_point_of_the_helix(
    d0: float, z0: float, phi: float, eta: float, pt: float, charge: float, fraction: float, bz: float
) -> None:
    """Step by step along the equation of motion in small exact rotations, then back in one go."""
    turn = -charge * BEND * bz / pt
    path = fraction * (np.pi / abs(turn) if turn else 500.0)
    angle = phi + turn * path
    if turn:
        x = -d0 * np.sin(phi) + (np.sin(angle) - np.sin(phi)) / turn
        y = d0 * np.cos(phi) - (np.cos(angle) - np.cos(phi)) / turn
    else:
        x, y = -d0 * np.sin(phi) + path * np.cos(phi), d0 * np.cos(phi) + path * np.sin(phi)
    momentum = pt * np.cos(angle), pt * np.sin(angle), pt * np.sinh(eta)
    point = [np.array([v]) for v in (charge, x, y, z0 + path * np.sinh(eta), *momentum)]
    particle = Particles(np.zeros(1, np.int64), np.zeros(1, np.int32), *point)
    found = true_perigee(particle, ConstantField(bz))[0]
    theta = 2 * np.arctan(np.exp(-eta))
    wrapped = np.remainder(found[2] - phi + np.pi, 2 * np.pi) - np.pi
    assert found[0] == pytest.approx(d0, abs=1e-6)
    assert found[1] == pytest.approx(z0, abs=1e-5)
    assert wrapped == pytest.approx(0, abs=1e-8)
    assert found[3] == pytest.approx(theta, abs=1e-9)
    assert found[4] == pytest.approx(charge / (pt * np.cosh(eta)))


def test_table_and_page(scored: dict, tmp_path: Path) -> None:
    text = table(scored)
    assert "90.00 %" in text
    assert max(map(len, text.splitlines())) <= 110
    narrow = table(scored, 80)
    assert "90.00 %" in narrow
    rates = next(line for line in text.splitlines() if line.startswith("lhc"))
    short = next(line for line in narrow.splitlines() if line.startswith("lhc"))
    assert len(short) <= 80 < len(rates)
    assert short.split() == [word for word in rates.split() if word[0] not in "+-"]
    assert table(scored, 110) == text
    page = plots({"made up": scored}, tmp_path, formats=("svg",))
    assert page.read_text().count("data:image/png") == 7
    assert (tmp_path / "rates_pt.svg").stat().st_size > 1000
