"""What the owners of showers ought to be, for a few elements written out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from gnnreco.tasks.particleflow.answers import NOTHING, Answers, owner_answers
from gnnreco.tasks.particleflow.sharing import Shares
from gnnreco.tasks.particleflow.targets import CHARGED, NEUTRAL, PHOTON

#: One track (of a pion of 5 GeV) and three showers: photons of 8 and 3 GeV in the first, a neutron of 10 GeV in the second and
#: third, where the pion also showers.
ENERGY = {
    "pion": (CHARGED, 5.0),
    "hard photon": (PHOTON, 8.0),
    "soft photon": (PHOTON, 3.0),
    "neutron": (NEUTRAL, 10.0),
}
CONTENTS = [[(1, 7.8), (2, 2.9)], [(3, 6.0), (-1, 0.1)], [(0, 4.0), (3, 2.0)]]
ANSWERS = Answers(
    edge=np.zeros(0, np.float32),
    alone=np.zeros((3, 2), np.float32),
    track=np.array([0]),
    start=np.cumsum([0, *(len(part) for part in CONTENTS)]),
    target=np.array([target for part in CONTENTS for target, _ in part]),
    energy=np.array([energy for part in CONTENTS for _, energy in part]),
    kind=np.array([kind for kind, _ in ENERGY.values()]),
    momentum=np.array([[0.0, 0.0, energy, energy] for _, energy in ENERGY.values()]),
    tracked=np.array([True, False, False, False]),
)
#: The track has the third shower; the others have themselves.
SHARES = Shares(np.array([0, 1, 2]), np.array([0, 1, 2]), np.array([2, 0, 1]), np.ones(3))


def test_two_photons_in_one_shower_are_one_with_the_energy_of_both() -> None:
    wanted = owner_answers(SHARES, ANSWERS, n_tracks=1)
    assert wanted.kind[1] == PHOTON
    assert wanted.size[1] == pytest.approx(11.0)


def test_a_neutral_in_two_showers_is_the_one_without_a_track_that_has_most() -> None:
    wanted = owner_answers(SHARES, ANSWERS, n_tracks=1)
    assert wanted.kind.tolist() == [CHARGED, PHOTON, NEUTRAL]
    assert wanted.size[[0, 2]] == pytest.approx([5.0, 10.0])


def test_what_a_charged_particle_left_apart_from_its_track_is_nothing() -> None:
    apart = Shares(np.array([0, 1, 2, 3]), np.array([1, 2, 3]), np.array([0, 1, 2]), np.ones(3))
    wanted = owner_answers(apart, ANSWERS, n_tracks=1)
    assert wanted.kind.tolist() == [CHARGED, PHOTON, NEUTRAL, NOTHING]
    assert np.isnan(wanted.size[3])


def test_no_energy_of_neutrals_is_lost_or_counted_twice() -> None:
    wanted = owner_answers(SHARES, ANSWERS, n_tracks=1)
    assert np.nansum(wanted.size[1:]) == pytest.approx(21.0)
