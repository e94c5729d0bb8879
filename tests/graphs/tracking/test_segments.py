"""True segments by hand and by brute force: who is a target, which steps count, whatever the order of the hits."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.columns import Event, Hits, Particles, Truth
from gnnreco.graphs.tracking.segments import Targets, first_particle, target_particles, true_segments

STRAIGHT = SimpleNamespace(rotation=np.eye(3))
EASY = Targets(min_pt=0.1, min_hits=2)


def event(
    xyz: list[list[float]], links: list[tuple[int, int]], momenta: list[list[float]], charge: float = 1.0
) -> Event:
    """Hits at places, links (hit, particle), particles from the origin."""
    place, n = np.array(xyz, float).reshape(-1, 3), len(momenta)
    hits = Hits(np.arange(len(place)), *np.ascontiguousarray(place.T), np.zeros(len(place), np.int32))
    p, zero = np.array(momenta, float).reshape(-1, 3), np.zeros(n)
    particles = Particles(
        np.arange(n) + 1, np.full(n, 13, np.int32), np.full(n, charge), zero, zero, zero, *p.T
    )
    hit, particle = np.array(sorted(links), np.int64).reshape(-1, 2).T
    return Event(0, "made", hits, Truth(particles, hit, particle))


class Layers:
    """Points that are the hits themselves, on layers by their distance from the z axis: 100 mm each."""

    def __init__(self, hits: Hits, keep: np.ndarray | None = None) -> None:
        self.index = np.arange(len(hits)) if keep is None else keep
        self.x, self.y, self.z = hits.x[self.index], hits.y[self.index], hits.z[self.index]
        self.layer = np.rint(np.hypot(self.x, self.y) / 100).astype(np.int32)

    def __len__(self) -> int:
        return len(self.index)


def segments(made: Event, targets: Targets = EASY, keep: np.ndarray | None = None) -> list[tuple[int, int]]:
    return [tuple(row) for row in true_segments(made, Layers(made.hits, keep), targets, STRAIGHT).tolist()]  # type: ignore[arg-type]


LINE = [[100.0 * i, 0.0, 5.0 * i] for i in range(1, 6)]


def test_a_straight_particle_has_a_segment_from_layer_to_layer() -> None:
    made = event(LINE, [(i, 0) for i in range(5)], [[1, 0, 0.05]])
    assert segments(made) == [(0, 1), (1, 2), (2, 3), (3, 4)]


@given(st.permutations(range(5)))
def test_the_order_of_the_hits_does_not_matter(order: list[int]) -> None:
    made = event([LINE[i] for i in order], [(i, 0) for i in range(5)], [[1, 0, 0.05]])
    assert sorted((order[a], order[b]) for a, b in segments(made)) == [(0, 1), (1, 2), (2, 3), (3, 4)]


def test_overlapping_modules_are_joined_each_with_each() -> None:
    made = event([*LINE[:3], [201.0, 1.0, 10.0]], [(i, 0) for i in range(4)], [[1, 0, 0.05]])
    assert segments(made) == [(0, 1), (0, 3), (1, 2), (3, 2)]


def test_the_way_back_of_a_curling_particle_is_no_segment() -> None:
    back = [[-100.0, 1.0, 40.0], [-200.0, 1.0, 50.0]]
    made = event([*LINE[:3], *back], [(i, 0) for i in range(5)], [[1, 0, 0.05]])
    assert segments(made) == [(0, 1), (1, 2)]


def test_a_layer_without_a_hit_is_stepped_over_and_points_may_be_fewer_than_hits() -> None:
    made = event(LINE, [(i, 0) for i in range(5)], [[1, 0, 0.05]])
    # Rows are those of the points: hits 0, 2 and 4.
    assert segments(made, keep=np.array([0, 2, 4])) == [(0, 1), (1, 2)]


def test_particles_that_share_a_hit_do_not_mix() -> None:
    other = [[100.0, 30.0, 5.0], [300.0, -40.0, 15.0]]
    made = event(
        [*LINE[:3], *other], [(0, 0), (1, 0), (2, 0), (3, 1), (1, 1), (4, 1)], [[1, 0, 0.05], [1, -0.1, 0.05]]
    )
    assert segments(made) == [(0, 1), (1, 2), (1, 4), (3, 1)]


@pytest.mark.parametrize(
    ("targets", "charge", "found"),
    [
        (Targets(0.9, 5), 1.0, 4),
        (Targets(1.1, 5), 1.0, 0),
        (Targets(0.9, 6), 1.0, 0),
        (Targets(0.9, 5), 0.0, 0),
    ],
)
def test_only_targets_have_segments(targets: Targets, charge: float, found: int) -> None:
    made = event(LINE, [(i, 0) for i in range(5)], [[1, 0, 0.05]], charge)
    assert len(segments(made, targets)) == found


def test_no_truth_and_no_points() -> None:
    made = event(LINE, [(i, 0) for i in range(5)], [[1, 0, 0.05]])
    assert segments(Event(0, "made", made.hits)) == []
    assert segments(made, keep=np.zeros(0, np.int64)) == []
    assert segments(event(LINE, [], [])) == []


@given(st.integers(0, 999))
@settings(max_examples=40)
def test_segments_are_those_of_a_loop_over_particles(seed: int) -> None:
    rng = np.random.default_rng(seed)
    phi, slope = rng.uniform(-3, 3, 6), rng.uniform(-2, 2, 6)
    xyz, links = [], []
    for particle in range(6):
        for layer in np.flatnonzero(rng.random(7) < 0.7) + 1:
            r = 100.0 * layer + rng.uniform(-9, 9)
            links.append((len(xyz), particle))
            xyz.append([r * np.cos(phi[particle]), r * np.sin(phi[particle]), r * slope[particle]])
    made = event(xyz, links, np.stack([np.cos(phi), np.sin(phi), slope], axis=1).tolist())
    expected = set()
    for particle in range(6):
        mine = sorted((np.hypot(*xyz[hit][:2]), hit) for hit, owner in links if owner == particle)
        expected |= {(one[1], two[1]) for one, two in itertools.pairwise(mine)}
    assert set(segments(made)) == expected


def test_of_several_particles_behind_a_hit_the_first_listed() -> None:
    made = event(LINE[:3], [(0, 1), (0, 0), (2, 1)], [[1, 0, 0], [1, 0, 0]])
    assert made.truth is not None
    assert first_particle(made.truth, 3).tolist() == [0, -1, 1]
    assert target_particles(made.truth, Targets(0.5, 2)).tolist() == [False, True]
