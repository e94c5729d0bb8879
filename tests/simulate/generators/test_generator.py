"""Where particles come from: coverage, beams, pools, crossings with their pile-up, acceptance."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.errors import BadConfig
from gnnreco.geometry.source import Source
from gnnreco.simulate import SimulationOptions
from gnnreco.simulate.generators.generated import Generated, accepted, charged, turned
from gnnreco.simulate.generators.generator import (
    UPSTREAM,
    Beam,
    Crossing,
    collision_spread,
    coverage,
    generator,
    kinematics,
)
from tests.simulate.conftest import planes


def made(p: np.ndarray, pdg: int = 211) -> Generated:
    """Particles from the origin with these momenta (n, 3)."""
    n, zero = len(p), np.zeros(len(p))
    return Generated(
        np.full(n, pdg, np.int32), *np.ascontiguousarray(p.T), zero, zero, zero, zero, np.zeros(n, np.int32)
    )


@given(st.floats(-20, 20), st.floats(-7, 7), st.integers(0, 99))
@settings(max_examples=40)
def test_turning_keeps_lengths_and_turns_back(one: float, two: float, seed: int) -> None:
    particles = made(np.random.default_rng(seed).normal(size=(6, 3)))
    back = turned(turned(particles, one), -one)
    twice, once = turned(turned(particles, one), two), turned(particles, one + two)
    for name in ("px", "py", "pz", "vx", "vy"):
        np.testing.assert_allclose(getattr(back, name), getattr(particles, name), atol=1e-12)
        np.testing.assert_allclose(getattr(twice, name), getattr(once, name), atol=1e-12)
    quarter = turned(particles, np.pi / 2)
    np.testing.assert_allclose(quarter.px, -particles.py, atol=1e-12)  # counter-clockwise


@pytest.mark.parametrize(
    ("pdg", "energy", "p"), [(11, 1.0, 1.0), (2212, 1.0, 0.34591), (22, 3.0, 3.0), (321, 0.5, 0.07927)]
)
def test_momenta_follow_from_energies(pdg: int, energy: float, p: float) -> None:
    assert kinematics(np.array([pdg], np.int32), np.array([energy]))[0] == pytest.approx(p, abs=1e-4)


def test_energy_below_the_mass_is_refused_with_both_numbers() -> None:
    with pytest.raises(BadConfig, match=r"energy 0.9 GeV is less than the particle's mass, 0.9383 GeV"):
        kinematics(np.array([11, 2212], np.int32), np.array([0.9, 0.9]))


def test_charged_particles_are_those_that_carry_a_charge() -> None:
    assert charged(np.array([11, 22, -211, 2112, 2212, 14, 11])).tolist() == [
        True,
        False,
        True,
        False,
        True,
        False,
        True,
    ]


@given(st.floats(0.05, 5), st.floats(-6, 6), st.floats(0, 5), st.floats(0, 6))
def test_acceptance_is_in_pt_and_in_eta(pt: float, eta: float, min_pt: float, max_eta: float) -> None:
    if min(abs(pt - min_pt), abs(abs(eta) - max_eta)) < 1e-6:
        return
    particles = made(np.array([[pt, 0.0, pt * np.sinh(eta)]]))
    assert accepted(particles, min_pt, max_eta, neutrals=True)[0] == (pt > min_pt and abs(eta) < max_eta)
    assert accepted(particles, min_pt, np.inf, neutrals=True)[0] == (pt > min_pt)
    neutral = replace(particles, pdg=np.array([22], np.int32))
    assert not accepted(neutral, min_pt, max_eta, neutrals=False)[0]


def test_a_plane_across_the_beam_is_covered_up_to_its_rim_and_down_to_the_axis() -> None:
    bins = coverage(planes([1000.0], half=100.0))
    # Its nearest edge is seen at arcsinh(10), its corners (141 mm) at arcsinh(7.07).
    assert bins[0, 0] == pytest.approx(2.6)
    assert bins[-1, 1] == pytest.approx(6.0)
    np.testing.assert_allclose(np.diff(bins, axis=1), 0.1)
    both = coverage(planes([-1000.0, 1000.0], half=100.0))
    np.testing.assert_allclose(both[:, 0], -both[::-1, 1])


def test_a_detector_without_sensors_is_shot_at_the_middle() -> None:
    np.testing.assert_array_equal(coverage(planes([])), [[-3.0, 3.0]])


@pytest.mark.parametrize("width", [0.0, 3.0])
def test_a_beam_starts_upstream_within_its_spot(width: float) -> None:
    detector = planes([100.0, 200.0], half=20.0)
    options = SimulationOptions(count=3000, beam_width=width, beam_divergence=0.02, energy=(5.0, 5.0))
    shot = Beam(detector, options)(np.random.default_rng(1))
    np.testing.assert_allclose(shot.vz, 100.0 - 0.05 - UPSTREAM)  # of sensors 0.1 mm thick
    reach = width or 20.0
    assert np.abs([shot.vx, shot.vy]).max() <= reach
    assert np.std(shot.vx) == pytest.approx(reach / np.sqrt(3), rel=0.05)
    for slope in (shot.px / shot.pz, shot.py / shot.pz):
        assert np.std(slope) == pytest.approx(0.02, rel=0.05)
    mass = 0.1056584
    np.testing.assert_allclose(
        np.sqrt(shot.px**2 + shot.py**2 + shot.pz**2), np.sqrt(25 - mass**2), rtol=1e-6
    )


def test_a_beam_has_the_spread_of_the_source_where_it_has_one() -> None:
    detector = replace(planes([100.0]), source=Source(spread=(2.0, 0.5, 0.0)))
    shot = Beam(detector, SimulationOptions(count=4000))(np.random.default_rng(2))
    assert (np.std(shot.vx), np.std(shot.vy)) == (pytest.approx(2.0, rel=0.05), pytest.approx(0.5, rel=0.05))


def test_the_spread_of_collisions_is_told_by_the_user_the_source_or_the_lhc() -> None:
    source = Source(spread=(1.0, 2.0, 3.0))
    np.testing.assert_array_equal(collision_spread(source, SimulationOptions(sigma_t=0.4)), [1, 2, 3, 0.4])
    told = SimulationOptions(sigma_xy=0.5, sigma_z=7.0, sigma_t=0.0)
    np.testing.assert_array_equal(collision_spread(source, told), [0.5, 0.5, 7, 0])
    np.testing.assert_array_equal(
        collision_spread(Source(), SimulationOptions(sigma_t=0.0)), [0.0125, 0.0125, 55.5, 0]
    )


def test_all_particles_of_a_collision_share_its_point_and_no_two_collisions_do() -> None:
    def three(rng: np.random.Generator, n: int) -> list[Generated]:
        return [made(np.ones((3, 3))) for _ in range(n)]

    event = Crossing(three, three, 4, np.array([1.0, 2.0, 30.0, 0.3]))(np.random.default_rng(3))
    assert event.vertex.tolist() == np.repeat(np.arange(5), 3).tolist()
    for column in (event.vx, event.vy, event.vz, event.time):
        assert (np.ptp(column.reshape(5, 3), axis=1) == 0).all()
        assert len(np.unique(column)) == 5
    alone = Crossing(three, None, 4, np.zeros(4))(np.random.default_rng(3))
    assert (len(alone), np.abs(alone.vz).max()) == (3, 0.0)


def test_the_points_of_collisions_have_the_spread_asked_for() -> None:
    def one(rng: np.random.Generator, n: int) -> list[Generated]:
        return [made(np.ones((1, 3))) for _ in range(n)]

    spread = np.array([1.0, 2.0, 30.0, 0.3])
    event = Crossing(one, one, 3000, spread)(np.random.default_rng(4))
    found = [np.std(column) for column in (event.vx, event.vy, event.vz, event.time)]
    np.testing.assert_allclose(found, spread, rtol=0.05)


def test_the_same_stream_makes_the_same_event() -> None:
    source = generator("minbias", planes([100.0]), SimulationOptions(), 3)
    one, two = (source(np.random.default_rng(7)) for _ in range(2))
    for f in fields(Generated):
        np.testing.assert_array_equal(getattr(one, f.name), getattr(two, f.name))


@pytest.mark.parametrize(
    ("process", "pileup", "words"), [("beam", 1, "has no pile-up"), ("higs", 0, "did you mean 'higgs'")]
)
def test_what_cannot_be_made_is_refused(process: str, pileup: int, words: str) -> None:
    with pytest.raises(BadConfig, match=words):
        generator(process, planes([100.0]), SimulationOptions(), pileup)
