"""The TrackML score against the public library, and the weights against those of a real file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gnnreco.columns import Event, Hits, Particles, Tracks, Truth
from gnnreco.evaluate import hit_weights, trackml_score
from gnnreco.evaluate.tracking.trackml import each_hit_once

GOLDEN = Path(__file__).parents[2] / "golden" / "trackml_score.npz"


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(GOLDEN) as file:
        return dict(file)


@pytest.fixture(scope="module")
def event(golden: dict[str, np.ndarray]) -> Event:
    n = len(golden["hit_particle"])
    x, y, z = golden["hit_xyz"].astype(float).T
    *vertex_and_momentum, charge = golden["particles"].astype(float).T
    m = len(charge)
    particles = Particles(np.arange(m), np.zeros(m, np.int32), charge, *vertex_and_momentum)
    hit = np.flatnonzero(golden["hit_particle"] >= 0)
    truth = Truth(particles, hit, golden["hit_particle"][hit].astype(np.int64), golden["hit_weight"])
    return Event(1, "golden", Hits(np.arange(n), x, y, z, np.zeros(n, np.int32)), truth)


def from_labels(label: np.ndarray) -> Tracks:
    hits = np.flatnonzero(label >= 0)
    _, track = np.unique(label[hits], return_inverse=True)
    order = np.argsort(track, kind="stable")
    offsets = np.concatenate([[0], np.cumsum(np.bincount(track))]).astype(np.int64)
    return Tracks(offsets=offsets, hit_index=hits[order].astype(np.int64))


@pytest.mark.parametrize("case", range(10))
def test_score_equals_the_public_library(event: Event, golden: dict[str, np.ndarray], case: int) -> None:
    tracks = from_labels(golden["track_id"][case])
    assert trackml_score(event, tracks) == pytest.approx(golden["score"][case], abs=1e-12)


def test_weights_equal_those_of_the_file(event: Event) -> None:
    assert event.truth is not None
    assert event.truth.weight is not None
    given, ours = event.truth.weight, hit_weights(event)
    assert ours.sum() == pytest.approx(1)
    # the file belongs to the throughput phase, which has no weight for secondaries
    both = (given > 0) & (ours > 0)
    assert both.sum() == 4300
    ratio = given[both] / ours[both]
    assert np.mean(np.abs(ratio / np.median(ratio) - 1) < 1e-3) > 0.998
    assert not np.any((ours == 0) & (given > 0))


def test_computed_weights_score_perfect_tracks_as_one(event: Event, golden: dict[str, np.ndarray]) -> None:
    assert event.truth is not None
    bare = replace(event, truth=replace(event.truth, weight=None))
    assert trackml_score(bare, from_labels(golden["hit_particle"])) == pytest.approx(1)


def test_a_hit_counts_on_its_longest_track_only() -> None:
    tracks = Tracks(offsets=np.array([0, 2, 5, 5]), hit_index=np.array([0, 1, 1, 2, 3]))
    once = each_hit_once(tracks)
    assert once.offsets.tolist() == [0, 1, 4, 4]
    assert once.hit_index.tolist() == [0, 1, 2, 3]


def test_an_event_without_weights_has_no_score() -> None:
    none = np.zeros(0)
    particles = Particles(np.zeros(0, np.int64), np.zeros(0, np.int32), *[none] * 7)
    truth = Truth(particles, np.zeros(0, np.int64), np.zeros(0, np.int64))
    hits = Hits(np.zeros(0, np.int64), none, none, none, np.zeros(0, np.int32))
    assert trackml_score(Event(0, "", hits, truth), Tracks()) is None
