"""The match that chooses colours."""

import numpy as np

from gnnreco.columns import Tracks
from gnnreco.display.matching import DUPLICATE, FAKE, FOUND, MATCHED, match_tracks


def test_majority(made):
    match = match_tracks(made.tracks(), made.event().truth)
    assert match.status.tolist() == [MATCHED, MATCHED, DUPLICATE, FAKE]
    assert match.particle[:3].tolist() == [0, 1, 1]
    assert match.shared[:3].tolist() == [5, 5, 3]
    assert match.track.tolist() == [0, 1, -1, -1]


def test_half_of_the_hits_is_no_majority(made):
    lists = [0, 1, 5, 6]
    tracks = Tracks(np.array([0, 4]), np.array(lists))
    assert match_tracks(tracks, made.event().truth).status.tolist() == [FAKE]


def test_the_longer_track_keeps_the_particle(made):
    tracks = Tracks(np.array([0, 3, 7]), np.array([0, 1, 2, 0, 1, 2, 3]))
    match = match_tracks(tracks, made.event().truth)
    assert match.status.tolist() == [DUPLICATE, MATCHED]
    assert match.track[0] == 1


def test_tracks_of_noise_and_empty_tracks_are_fakes(made):
    tracks = Tracks(np.array([0, 3, 3]), np.array([20, 21, 22]))
    match = match_tracks(tracks, made.event().truth)
    assert match.status.tolist() == [FAKE, FAKE]
    assert match.particle.tolist() == [-1, -1]


def test_without_truth_or_tracks(made):
    assert match_tracks(made.tracks(), None).status.tolist() == [FOUND] * 4
    assert match_tracks(Tracks(), made.event().truth).track.tolist() == [-1] * 4
