"""Rates and their intervals against loops and against repeated experiments."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.evaluate.matching import RULES, Matching
from gnnreco.evaluate.rates import EDGES, RATES, binned_rates, rates
from gnnreco.statistics import COVERAGE, clopper_pearson


def drawn(seed: int, n_tracks: int = 40, n_particles: int = 15) -> Matching:
    rng = np.random.default_rng(seed)
    size, whole = rng.integers(3, 12, n_tracks), rng.integers(3, 12, n_particles)
    particle = rng.integers(-1, n_particles, n_tracks)
    common = np.where(
        particle < 0, 0, np.minimum(rng.integers(1, 12, n_tracks), np.minimum(size, whole[particle]))
    )
    return Matching(particle, common, size, whole)


@given(st.integers(0, 999), st.sampled_from(sorted(RULES)))
@settings(max_examples=40)
def test_the_four_rates_are_those_of_a_loop(seed: int, rule: str) -> None:
    matching, rng = drawn(seed), np.random.default_rng(seed + 1)
    wanted, counted = rng.random(15) < 0.7, rng.random(40) < 0.7
    passed = matching.matched(rule)
    found, taken, fakes, duplicates, right = set(), set(), 0, 0, 0
    # The best of a particle's tracks first: most hits in common, then fewest others.
    order = sorted(range(40), key=lambda t: (-matching.common[t], matching.track_hits[t], t))
    for track in order:
        if not counted[track]:
            continue
        if not passed[track]:
            fakes += 1
            continue
        right += 1
        duplicates += matching.particle[track] in taken
        taken.add(matching.particle[track])
        found.add(matching.particle[track])
    result = rates(matching, rule, wanted, counted)
    n = counted.sum()
    assert result["efficiency"] == pytest.approx(sum(wanted[p] for p in found) / wanted.sum())
    assert (result["fakes"], result["duplicates"], result["tracks"]) == (fakes, duplicates, n)
    assert (result["fake_rate"], result["duplicate_rate"]) == (
        pytest.approx(fakes / n),
        pytest.approx(duplicates / n),
    )
    assert result["purity"] == pytest.approx(right / n)


def test_nothing_tried_has_no_rate_and_the_widest_interval() -> None:
    result = rates(drawn(1), "acts", np.zeros(15, bool), np.zeros(40, bool))
    for rate in RATES:
        assert result[rate] is None
        assert result[f"{rate}_interval"] == [0.0, 1.0]
    assert result["hit_purity"] is None


@given(st.integers(0, 60), st.integers(0, 60))
def test_an_interval_holds_its_rate_and_mirrors(k: int, more: int) -> None:
    low, high = clopper_pearson(k, k + more)
    if k + more:
        assert low <= k / (k + more) <= high
    other_low, other_high = clopper_pearson(more, k + more)
    assert (low, high) == (pytest.approx(1 - other_high), pytest.approx(1 - other_low))


@pytest.mark.parametrize("truth", [0.03, 0.5, 0.9])
def test_an_interval_covers_the_truth_at_least_as_often_as_it_says(truth: float) -> None:
    k = np.random.default_rng(1).binomial(50, truth, 20_000)
    low, high = clopper_pearson(k, np.full(len(k), 50)).T
    assert ((low <= truth) & (truth <= high)).mean() >= COVERAGE - 0.01


@given(st.integers(0, 99))
@settings(max_examples=4)
def test_bins_are_the_rates_of_what_lies_in_them(seed: int) -> None:
    matching, rng = drawn(seed), np.random.default_rng(seed + 2)
    wanted, counted = rng.random(15) < 0.7, rng.random(40) < 0.7
    particle = {
        "pt": rng.uniform(0.1, 3, 15),
        "eta": rng.uniform(-4, 4, 15),
        "production_radius": rng.uniform(0, 20, 15),
    }
    track = {"pt": rng.uniform(0.1, 3, 40), "eta": rng.uniform(-4, 4, 40)}
    binned = binned_rates(matching, "acts", lambda _: (wanted, counted), particle, track)
    for name, edges in EDGES.items():
        rows = binned[name]
        assert "fake_rate" in rows or name == "production_radius"
        for i, (low, high) in enumerate(itertools.pairwise(edges)):
            mine = wanted & (particle[name] >= low) & (particle[name] < high)
            assert rows["particles"][i] == mine.sum()
            one = rates(matching, "acts", mine, counted)
            assert rows["efficiency"][i] == (pytest.approx(one["efficiency"]) if mine.any() else None)
            if name in track:
                there = counted & (track[name] >= low) & (track[name] < high)
                alone = rates(matching, "acts", wanted, there)
                assert rows["fake_rate"][i] == (pytest.approx(alone["fake_rate"]) if there.any() else None)
