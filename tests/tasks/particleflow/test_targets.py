"""One test for each rule of what particle flow ought to find."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gnnreco.errors import BadInput
from gnnreco.geometry import Detector
from gnnreco.tasks.particleflow.targets import (
    CHARGED,
    ELECTRON,
    MUON,
    NEUTRAL,
    PHOTON,
    Targets,
    targets_of,
)
from tests.tasks.particleflow.whole import event_of


def spread(particle: int, gev: float, first: int = 0, cells: int = 5) -> list[tuple[int, int, float]]:
    """A shower that a particle has for itself."""
    return [(first + k, particle, gev / cells) for k in range(cells)]


def classes(targets: Targets) -> list[int]:
    return targets.pdg_class.tolist()


def test_a_charged_particle_with_hits_is_a_target_of_its_class(detector: Detector) -> None:
    event = event_of(
        detector, [(211, (0, 0, 5), -1), (11, (0, 1, 5), -1), (13, (1, 0, 5), -1)], {0: 8, 1: 8, 2: 8}
    )
    targets = targets_of(event, detector)
    assert classes(targets) == [CHARGED, ELECTRON, MUON]
    assert targets.charge.tolist() == [1, -1, -1]
    assert targets.tracked.all()


def test_a_conversion_with_two_tracks_is_two_electrons(detector: Detector) -> None:
    born = [(22, (0, 0, 5), -1), (11, (0, 0, 2), 0), (-11, (0, 0, 3), 0)]
    targets = targets_of(event_of(detector, born, {1: 7, 2: 7}, spread(1, 2) + spread(2, 3, 16)), detector)
    assert classes(targets) == [ELECTRON, ELECTRON]
    assert targets.pz.tolist() == [2, 3]
    assert targets.of.tolist() == [-1, 0, 1]


def test_a_conversion_without_tracks_is_the_photon(detector: Detector) -> None:
    born = [(22, (0, 0, 5), -1), (11, (0, 0, 2), 0), (-11, (0, 0, 3), 0)]
    targets = targets_of(event_of(detector, born, {1: 3, 2: 3}, spread(1, 2) + spread(2, 3, 16)), detector)
    assert classes(targets) == [PHOTON]
    assert targets.energy[0] == pytest.approx(5)
    assert targets.of.tolist() == [0, 0, 0]


def test_what_a_lone_positron_leaves_of_a_photon_is_a_photon(detector: Detector) -> None:
    born = [(22, (0, 0, 5), -1), (11, (0, 0, 2), 0), (-11, (0, 0, 3), 0)]
    targets = targets_of(event_of(detector, born, {2: 7}, spread(1, 2) + spread(2, 3, 16)), detector)
    assert classes(targets) == [PHOTON, ELECTRON]
    assert targets.energy.tolist() == pytest.approx([2, 3], abs=1e-3)


def test_a_kink_belongs_to_the_particle_that_kinked(detector: Detector) -> None:
    born = [(321, (0, 0, 5), -1), (-13, (0, 0.2, 4), 0), (14, (0, -0.2, 1), 0)]
    targets = targets_of(event_of(detector, born, {0: 5, 1: 3}, spread(1, 1), fate="decayed"), detector)
    assert classes(targets) == [CHARGED]
    assert targets.of.tolist() == [0, 0, 0]


def test_a_neutral_that_decays_to_tracks_is_these(detector: Detector) -> None:
    born = [(310, (0, 0, 5), -1), (211, (0, 0.2, 3), 0), (-211, (0, -0.2, 2), 0)]
    targets = targets_of(event_of(detector, born, {1: 6, 2: 6}, fate="decayed"), detector)
    assert classes(targets) == [CHARGED, CHARGED]
    assert targets.particle.tolist() == [1, 2]


def test_what_an_electron_radiates_is_its_own(detector: Detector) -> None:
    born = [(11, (0, 0, 5), -1), (22, (0, 0, 2), 0), (11, (0, 0, 1), 1), (-11, (0, 0, 1), 1)]
    targets = targets_of(event_of(detector, born, {0: 8, 2: 6}, spread(1, 2)), detector)
    assert classes(targets) == [ELECTRON]
    assert targets.of.tolist() == [0, 0, 0, 0]


def test_a_charged_particle_without_a_track_is_what_it_looks_like(detector: Detector) -> None:
    born = [(211, (0, 0, 5), -1), (11, (0, 0, 3), -1)]
    targets = targets_of(event_of(detector, born, {0: 2}, spread(0, 5) + spread(1, 3, 32)), detector)
    assert classes(targets) == [NEUTRAL, PHOTON]
    assert targets.charge.tolist() == [0, 0]


@pytest.mark.parametrize(("gev", "cells", "seen"), [(5.0, 5, True), (0.2, 5, False), (5.0, 2, False)])
def test_what_nothing_can_see_is_no_target(detector: Detector, gev: float, cells: int, seen: bool) -> None:
    event = event_of(detector, [(130, (0, 0, 5), -1)], {}, spread(0, gev, cells=cells))
    assert len(targets_of(event, detector)) == seen


def test_photons_too_close_to_be_told_apart_are_one(detector: Detector) -> None:
    photons = [(22, (0, 0, 6), -1), (22, (0, 0, 4), -1)]
    close = [(cell, particle, gev) for cell in range(5) for particle, gev in ((0, 1.2), (1, 0.8))]
    targets = targets_of(event_of(detector, photons, {}, close), detector)
    assert classes(targets) == [PHOTON]
    assert targets.energy[0] == pytest.approx(10)
    apart = spread(0, 6) + spread(1, 4, 32)
    assert len(targets_of(event_of(detector, photons, {}, apart), detector)) == 2


def test_a_neutral_in_the_shower_of_a_track_stays_a_target(detector: Detector) -> None:
    both = [(cell, particle, gev) for cell in range(5) for particle, gev in ((0, 1.2), (1, 0.8))]
    event = event_of(detector, [(211, (0, 0, 6), -1), (130, (0, 0, 4), -1)], {0: 8}, both)
    assert classes(targets_of(event, detector)) == [CHARGED, NEUTRAL]


def test_without_fates_there_are_no_targets(detector: Detector) -> None:
    event = event_of(detector, [(22, (0, 0, 5), -1)], {}, spread(0, 5))
    assert event.truth is not None
    with pytest.raises(BadInput, match="what became of its particles"):
        targets_of(replace(event, truth=replace(event.truth, fates=None)), detector)


def test_targets_turn_with_the_event(detector: Detector) -> None:
    event = event_of(detector, [(22, (0, 3, 4), -1), (211, (3, 0, 4), -1)], {1: 8}, spread(0, 5))
    before = targets_of(event, detector)
    truth = event.truth
    assert truth is not None
    p = truth.particles
    turned = replace(event, truth=replace(truth, particles=replace(p, px=-p.py, py=p.px)))
    after = targets_of(turned, detector)
    np.testing.assert_array_equal(after.px, -before.py)
    np.testing.assert_array_equal(after.pdg_class, before.pdg_class)
