"""Matching rules on cases small enough to count by hand, and against a plain loop on random ones."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.columns import Particles, Tracks, Truth
from gnnreco.evaluate import RULES, match
from gnnreco.evaluate.matching import concatenate


def truth_of(*particles: list[int]) -> Truth:
    n = len(particles)
    zero = np.zeros(n)
    rows = Particles(np.arange(n), np.zeros(n, np.int32), *[zero] * 7)
    links = sorted((hit, i) for i, hits in enumerate(particles) for hit in hits)
    hit, particle = np.array(links, np.int64).reshape(-1, 2).T
    return Truth(rows, hit, particle)


def tracks_of(*tracks: list[int]) -> Tracks:
    offsets = np.cumsum([0, *map(len, tracks)])
    return Tracks(offsets=offsets, hit_index=np.array([h for t in tracks for h in t], np.int64))


@pytest.mark.parametrize(
    ("track", "passes"),
    [
        ([0, 1, 2, 3, 4, 5, 6, 7], {"acts", "lhc", "double_majority", "perfect", "atlas"}),
        ([0, 1, 2, 3, 4, 5], {"acts", "lhc", "double_majority", "atlas"}),  # all its own, not all there
        ([0, 1, 2, 3], {"acts", "lhc", "atlas"}),  # exactly half of the particle
        ([0, 1, 2], {"lhc", "atlas"}),  # less than half of the particle
        ([0, 1, 2, 3, 8, 9, 10, 11], {"acts"}),  # exactly half of both
        ([0, 1, 2, 3, 4, 5, 8, 9], {"acts", "lhc", "double_majority", "atlas"}),  # exactly three quarters
        ([0, 1, 2, 3, 4, 8, 9], {"acts", "double_majority", "atlas"}),  # 5 of 7
        ([0, 1, 8, 9, 10], set()),  # noise has the majority
        ([8, 9], set()),  # noise alone
    ],
)
def test_rules(track: list[int], passes: set[str]) -> None:
    matching = match(tracks_of(track), truth_of(list(range(8))), 12)
    assert {rule for rule in RULES if matching.matched(rule)[0]} == passes


def test_shared_hits_count_for_each_particle() -> None:
    matching = match(tracks_of([0, 1, 2], [2, 3, 4]), truth_of([0, 1, 2], [2, 3, 4]), 5)
    assert matching.particle.tolist() == [0, 1]
    assert matching.matched("perfect").all()


def test_ties_go_to_the_more_complete_match() -> None:
    matching = match(tracks_of([0, 1, 2, 3]), truth_of([0, 1, 4, 5, 6], [2, 3]), 7)
    assert matching.particle.tolist() == [1]


def test_the_best_track_is_the_longest_then_the_purest() -> None:
    matching = match(tracks_of([0, 1, 2], [0, 1, 2, 3, 6], [0, 1, 2, 3]), truth_of([0, 1, 2, 3, 4, 5]), 7)
    assert matching.best(matching.matched("acts")).tolist() == [False, False, True]


def test_no_tracks_no_particles() -> None:
    assert len(match(Tracks(), truth_of([0, 1]), 2).particle) == 0
    lonely = match(tracks_of([0, 1]), truth_of(), 2)
    assert not any(lonely.matched(rule).any() for rule in RULES)
    assert not lonely.best(lonely.matched("acts")).any()


def test_events_are_joined_without_mixing_particles() -> None:
    one = match(tracks_of([0, 1]), truth_of([0, 1], [2]), 3)
    two = match(tracks_of([2], [0]), truth_of([0]), 3)
    joined = concatenate([one, two])
    assert joined.particle.tolist() == [0, -1, 2]
    assert joined.particle_hits.tolist() == [2, 1, 1]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_counts_agree_with_a_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 40
    groups = [rng.choice(n, rng.integers(1, 9), replace=False).tolist() for _ in range(6)]
    found = [rng.choice(n, rng.integers(1, 9), replace=False).tolist() for _ in range(6)]
    matching = match(tracks_of(*found), truth_of(*groups), n)
    assert matching.particle_hits.tolist() == [len(g) for g in groups]
    for track, particle, common in zip(found, matching.particle, matching.common, strict=True):
        shared = Counter({i: len(set(track) & set(g)) for i, g in enumerate(groups)})
        assert common == max(shared.values())
        assert particle == -1 if common == 0 else shared[int(particle)] == common
    loosest = [matching.matched(rule).sum() for rule in ("perfect", "double_majority", "acts")]
    assert all(a <= b for a, b in pairwise(loosest))
