"""Hadronic showers against what calorimeters measured: electromagnetic fraction, first interaction, depth, response."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.geometry import Detector
from gnnreco.simulate.showers.hadronic import (
    PION,
    Hadron,
    approach,
    electromagnetic_fraction,
    hadron,
    hadronic,
    radiation_depth,
)
from gnnreco.simulate.showers.ray import Ray, Stack, cast, stack_of
from gnnreco.simulate.showers.spots import Entry, Passage
from tests.simulate.conftest import planes

FIRST = Entry(0, 0.0)
LAYERS, DEPTH = 80, 0.15  # interaction lengths of a layer


@pytest.fixture(scope="module")
def block() -> Detector:
    """Twelve interaction lengths that see everything."""
    made = planes(
        [26.0 * i for i in range(LAYERS)],
        pitch=50.0,
        half=2000.0,
        radiation=1.5,
        interaction=DEPTH,
        measures=("energy",),
    )
    return replace(made, moliere_radius=np.full(LAYERS, 17.0), sampling_fraction=np.ones(LAYERS))


def straight(detector: Detector) -> tuple[Stack, Ray]:
    stack = stack_of(detector)
    return stack, cast(stack, (10.0, 10.0, -1.0), (0.0, 0.0, 1.0), 16.0, 0.0)


@pytest.mark.parametrize(("energy", "mean"), [(10.0, 0.351), (50.0, 0.508), (100.0, 0.564)])
def test_the_electromagnetic_fraction_grows_as_published(energy: float, mean: float) -> None:
    # Gabriel, Groom et al., NIM A338 (1994) 336: 1 - (E / 1 GeV)^-0.18, within what E + 1 for E changes.
    rng = np.random.default_rng(1)
    drawn = np.array([electromagnetic_fraction(rng, energy) for _ in range(5000)])
    assert (drawn >= 0).all()
    assert (drawn <= 1).all()
    assert drawn.mean() == pytest.approx(mean, abs=0.015)
    assert 0.1 < drawn.std() < 0.25


def test_too_little_energy_makes_no_neutral_pion() -> None:
    rng = np.random.default_rng(1)
    assert electromagnetic_fraction(rng, 3.9 * PION) == 0.0
    assert electromagnetic_fraction(rng, 1.0) > 0.0


@given(st.floats(0, LAYERS * DEPTH * 0.999))
def test_depths_in_one_length_are_depths_in_the_other(depth: float) -> None:
    ray = Ray(
        (0.0,) * 3,
        (0.0, 0.0, 1.0),
        (1.0, 0.0, 0.0),
        (0.0, 1.0, 0.0),
        np.zeros(3, int),
        np.zeros(3),
        np.ones(3),
        np.array([0.0, 1.0, 3.0, 4.5]),
        np.array([0.0, 0.1, 0.2, 0.5]),
        np.zeros(4, int),
        np.zeros(0, int),
    )
    inside = pytest.approx(np.interp(depth, ray.interaction, ray.radiation))
    assert radiation_depth(ray, depth) == (np.inf if depth >= 0.5 else inside)


def test_hadrons_interact_after_an_exponential_way(block: Detector) -> None:
    stack, ray = straight(block)
    rng, spots, free = np.random.default_rng(2), np.empty((16, 6)), []
    for _ in range(1000):
        spots, used, depth, kinetic = approach(rng, Passage(stack, ray, FIRST), spots, 0, 30.0, 0.94, 0.0)
        assert (used, kinetic) == (0, 30.0)  # a neutral one leaves nothing and loses nothing
        free.append(depth)
    assert np.mean(np.minimum(free, 12.0)) == pytest.approx(1.0, abs=0.1)
    assert np.mean(np.array(free) > 1.0) == pytest.approx(np.exp(-1), abs=0.045)


def test_a_charged_hadron_ionises_every_layer_before_it_interacts(block: Detector) -> None:
    stack, ray = straight(block)
    rng, spots = np.random.default_rng(3), np.empty((16, 6))
    lost, passed = 0.0, 0.0
    for _ in range(200):
        spots, used, depth, kinetic = approach(
            rng, Passage(stack, ray, Entry(4, 1.0)), spots, 0, 20.0, PION, 1.0
        )
        assert used == min(int(depth / DEPTH), LAYERS)
        np.testing.assert_array_equal(spots[:used, 1], ray.row[:used])
        assert (spots[:used, 4] > 0).all()
        lost, passed = lost + 20.0 - kinetic, passed + depth
    # A minimum-ionising particle leaves a critical energy in a radiation length, a fast pion a third more.
    assert lost / passed == pytest.approx(1.33 * stack.critical[0] * 1.5 / DEPTH, rel=0.15)


def test_a_slow_proton_stops_before_it_interacts(block: Detector) -> None:
    stack, ray = straight(block)
    rng = np.random.default_rng(4)
    depths = [
        approach(rng, Passage(stack, ray, FIRST), np.empty((16, 6)), 0, 0.02, 0.938, 1.0)[2]
        for _ in range(50)
    ]
    assert np.isinf(depths).mean() > 0.8


def test_the_hadronic_part_shows_its_response_and_lies_deep(block: Detector) -> None:
    stack, ray = straight(block)
    rng, spots, sums, depth = np.random.default_rng(5), np.empty((16, 6)), [], []
    for _ in range(300):
        spots, used = hadronic(rng, Passage(stack, ray, FIRST), spots, 0, 30.0, 50.0, 0.0, 0.7)
        sums.append(spots[:used, 4].sum())
        depth.append(np.average((spots[:used, 1] + 0.5) * DEPTH, weights=spots[:used, 4]))
    assert np.mean(sums) == pytest.approx(0.7 * 30.0, rel=0.09)  # the widest and the deepest part is lost
    # Bock, Hansl-Kozanecka and Shah: mean of the gamma distribution, a / b, with ln 50 = 3.912.
    expected = (0.6165 + 0.3193 * 3.912) / (0.9099 - 0.0237 * 3.912)
    assert np.mean(depth) == pytest.approx(expected, rel=0.08)


def test_the_hadronic_part_is_partly_late(block: Detector) -> None:
    stack, ray = straight(block)
    spots, used = hadronic(
        np.random.default_rng(6),
        Passage(stack, ray, Entry(0, 5.0)),
        np.empty((16, 6)),
        0,
        90.0,
        100.0,
        0.0,
        1.0,
    )
    late = spots[:used, 5] - 5.0 - ray.path[spots[:used, 1].astype(int)] / 299.792458
    assert (late >= -1e-9).all()
    assert (late > 1e-6).mean() == pytest.approx(0.2, abs=0.04)
    assert late[late > 1e-6].mean() == pytest.approx(3.0, rel=0.2)


def test_a_whole_hadron_shows_less_than_a_photon_and_more_at_high_energy(block: Detector) -> None:
    stack, ray = straight(block)
    response = []
    for energy in (5.0, 100.0):
        rng, spots, sums = np.random.default_rng(7), np.empty((16, 6)), []
        for _ in range(120):
            spots, used = hadron(
                rng, Passage(stack, ray, FIRST), None, None, spots, 0, Hadron(energy, 0.0, PION, 1.0), 0.6
            )
            sums.append(spots[:used, 4].sum() / energy)
        response.append(np.mean(sums))
    assert 0.6 < response[0] < response[1] < 0.95


def test_an_antibaryon_releases_two_masses(block: Detector) -> None:
    stack, ray = straight(block)
    sums = []
    for gain in (0.0, 2 * 0.938):
        rng, spots, seen = np.random.default_rng(8), np.empty((16, 6)), []
        for _ in range(200):
            spots, used = hadron(
                rng, Passage(stack, ray, FIRST), None, None, spots, 0, Hadron(3.0, gain, 0.938, -1.0), 1.0
            )
            seen.append(spots[:used, 4].sum())
        sums.append(np.mean(seen))
    assert sums[1] - sums[0] == pytest.approx(2 * 0.938, rel=0.25)
