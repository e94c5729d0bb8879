"""The match that chooses colours and counts is that of `evaluate`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gnnreco.columns import Tracks
from gnnreco.display.event.matching import (
    DUPLICATE,
    FAKE,
    FOUND,
    GENERATED,
    MATCHED,
    MISSED,
    TRUE,
    match_tracks,
)
from gnnreco.evaluate import score_tracks, target_of


def test_matched_duplicate_fake_found_missed(made):
    match = match_tracks(made.tracks(), made.event(), made.detector())
    assert match.status.tolist() == [MATCHED, MATCHED, DUPLICATE, FAKE]
    assert match.particle[:3].tolist() == [0, 1, 1]
    assert match.shared[:3].tolist() == [5, 5, 3]
    assert match.track.tolist() == [0, 1, -1, -1]
    assert match.true_status.tolist() == [TRUE, TRUE, MISSED, GENERATED]  # the last one has no charge


def test_the_page_counts_as_evaluate_does(made):
    event, tracks, detector = made.event(), made.tracks(), made.detector()
    tracks = replace(tracks, phi=np.nan_to_num(tracks.phi))
    counts = match_tracks(tracks, event, detector).counts
    row = score_tracks([(event, tracks)], detector.field, target_of(detector))["all_tracks"]["acts"]
    names = ("particles", "found", "tracks", "fakes", "duplicates")
    assert {name: counts[name] for name in names} == {name: row[name] for name in names}
    assert (counts["particles"], counts["found"]) == (2, 1)
    assert counts["target"] == "pt > 1 GeV, |eta| < 3, at least 4 hits"


def test_less_than_half_of_the_hits_is_a_fake(made):
    for lists in ([0, 5, 6, 11, 12], [0, 1]):  # of the track, of the particle
        tracks = Tracks(np.array([0, len(lists)]), np.array(lists))
        assert match_tracks(tracks, made.event(), made.detector()).status.tolist() == [FAKE]


def test_the_longer_track_keeps_the_particle(made):
    tracks = Tracks(np.array([0, 3, 7]), np.array([0, 1, 2, 0, 1, 2, 3]))
    match = match_tracks(tracks, made.event(), made.detector())
    assert match.status.tolist() == [DUPLICATE, MATCHED]
    assert match.track[0] == 1


def test_tracks_of_noise_and_empty_tracks_are_fakes(made):
    tracks = Tracks(np.array([0, 3, 3]), np.array([20, 21, 22]))
    match = match_tracks(tracks, made.event(), made.detector())
    assert match.status.tolist() == [FAKE, FAKE]
    assert match.particle.tolist() == [-1, -1]


def test_without_truth_or_tracks(made):
    event, detector = made.event(), made.detector()
    assert match_tracks(made.tracks(), replace(event, truth=None), detector).status.tolist() == [FOUND] * 4
    nothing = match_tracks(Tracks(), event, detector)
    assert nothing.track.tolist() == [-1] * 4
    assert nothing.true_status.tolist() == [GENERATED, MISSED, MISSED, GENERATED]
    assert match_tracks(None, event, detector).true_status.tolist() == [GENERATED] * 4
