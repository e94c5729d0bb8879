"""The steps of a flight, one by one: cylinders, fields, decays, conversions, nuclear interactions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.geometry import ConstantField
from gnnreco.particles import species_of
from gnnreco.simulate.flight import CURVATURE, LIGHT, Matter, Physics, follow
from gnnreco.simulate.flight.processes import convert, decay, shatter
from gnnreco.simulate.flight.steps import bending, beyond, cylinder_crossing
from gnnreco.simulate.flight.tables import born, grown
from gnnreco.simulate.matter.material import SILICON_X0
from gnnreco.simulate.sensor_tree import sensor_tree
from tests.simulate.conftest import planes

NONE = (0.0, 0.0, 1.0)
NOTHING = Physics(False, False, False, False, False, 1.0, 2 * np.pi, 0.05, False, np.inf, False)
ORIGIN, AHEAD = (0.0, 0.0, 0.0), (0.0, 0.0, 1.0)


def shell(*radii: float, half: float = 1000.0, middle: float = 0.0) -> np.ndarray:
    """Passive cylinders, thinnest of material."""
    return np.array([[r, half, 0.01, 0.001, middle] for r in radii])


def air(n: int, cylinders: np.ndarray | None = None) -> Matter:
    """Sensors of next to nothing."""
    return Matter(
        np.full((n, 2), 1e-9),
        np.full(n, 1e-9),
        np.full(n, 0.1),
        np.arange(n, dtype=np.int32),
        np.full(n, SILICON_X0),
        np.full(n, np.nan),
        np.zeros((0, 5)) if cylinders is None else cylinders,
    )


def flown(
    pdg: int,
    momentum: tuple[float, float, float],
    *,
    field: float = 0.0,
    physics: Physics = NOTHING,
    z: tuple[float, ...] = (100.0, 200.0),
    matter: Matter | None = None,
    n: int = 1,
):  # type: ignore[no-untyped-def]
    """What `follow` returns for particles from the origin."""
    start = np.tile([0.0, 0.0, 0.0, *momentum, 0.0], (n, 1))
    species = species_of([pdg])
    return follow(
        np.random.default_rng(1),
        start,
        species.rows(np.full(n, pdg, np.int32)),
        species,
        sensor_tree(planes(list(z), half=2000, pitch=10.0)),
        ConstantField(field).grid,
        matter or air(len(z)),
        physics,
    )


@given(st.floats(-3, 3), st.floats(0.2, 2.9), st.floats(-20, 20), st.floats(-20, 20))
def test_a_straight_line_meets_a_cylinder_where_the_quadratic_says(
    phi: float, theta: float, x: float, y: float
) -> None:
    t = (np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta))
    row, path, cosine = cylinder_crossing(shell(50.0), (x, y, 0.0), t, NONE, 0.0, 500.0)
    a, b, c = x * x + y * y, 2 * (x * t[0] + y * t[1]), t[0] ** 2 + t[1] ** 2
    exact = (-b + np.sqrt(b * b - 4 * c * (a - 2500.0))) / (2 * c)
    if exact >= 500:
        assert (row, path) == (-1, 500.0)
        return
    assert row == 0
    assert path == pytest.approx(exact, abs=1e-6)
    normal = np.array([x + path * t[0], y + path * t[1]]) / 50.0
    assert cosine == pytest.approx(abs(normal @ t[:2]), abs=1e-6)


def test_the_nearest_of_several_cylinders_is_met_and_one_too_short_is_not() -> None:
    sideways = (1.0, 0.0, 0.0)
    assert cylinder_crossing(shell(80.0, 30.0, 50.0), ORIGIN, sideways, NONE, 0.0, 500.0)[0] == 1
    assert cylinder_crossing(shell(80.0, half=10.0), (0.0, 0.0, 11.0), sideways, NONE, 0.0, 500.0)[0] == -1
    assert (
        cylinder_crossing(shell(80.0), (80.0, 0.0, 0.0), sideways, NONE, 0.0, 500.0)[0] == -1
    )  # it starts there
    moved = shell(80.0, half=10.0, middle=5.0)
    assert cylinder_crossing(moved, (0.0, 0.0, 11.0), sideways, NONE, 0.0, 500.0)[0] == 0
    assert cylinder_crossing(moved, (0.0, 0.0, -6.0), sideways, NONE, 0.0, 500.0)[0] == -1
    assert cylinder_crossing(np.zeros((0, 5)), ORIGIN, sideways, NONE, 0.0, 500.0)[:2] == (-1, 500.0)


@given(st.floats(60.0, 200.0))
def test_a_circle_meets_a_cylinder_at_its_chord(radius: float) -> None:
    row, path, _ = cylinder_crossing(shell(50.0), ORIGIN, (1.0, 0.0, 0.0), NONE, 1 / radius, 3 * 50.0)
    assert row == 0
    assert path == pytest.approx(2 * radius * np.arcsin(25.0 / radius), abs=1e-6)


@given(st.floats(0.1, 4.0), st.floats(0.1, 50.0), st.sampled_from([-2.0, -1.0, 1.0]))
def test_the_turn_is_the_field_times_the_charge_over_the_momentum(bz: float, p: float, charge: float) -> None:
    axis, k = bending(ConstantField(bz).grid, 10.0, ORIGIN, (1.0, 0.0, 0.0), charge, p)
    np.testing.assert_allclose(k * np.array(axis), [0, 0, 0.299792458e-3 * charge * bz / p], rtol=1e-12)
    assert bending(ConstantField(bz).grid, 10.0, ORIGIN, (1.0, 0.0, 0.0), 0.0, p)[1] == 0.0
    assert bending(ConstantField(0.0).grid, 10.0, ORIGIN, (1.0, 0.0, 0.0), charge, p)[1] == 0.0


def test_beyond_all_sensors() -> None:
    tree = sensor_tree(planes([100.0, 200.0], half=50.0))
    assert not beyond(tree, (0.0, 0.0, 150.0))
    assert not beyond(tree, (49.0, -49.0, 100.0))
    for x in ((0.0, 0.0, 90.0), (0.0, 0.0, 210.0), (60.0, 0.0, 150.0), (0.0, -60.0, 150.0)):
        assert beyond(tree, x)


@given(st.integers(1, 40))
def test_tables_grow_and_keep_their_rows(n: int) -> None:
    made, used = np.empty((1, 9)), 0
    for i in range(n):
        made, used = born(made, used, i, i % 6, (1.0 * i, 2.0, 3.0), (4.0, 5.0, 6.0 * i), 7.0)
    assert used == n
    np.testing.assert_array_equal(made[:n, 0], np.arange(n))
    np.testing.assert_array_equal(made[:n, 1], np.arange(n) % 6)
    np.testing.assert_array_equal(made[n - 1, 2:], [n - 1, 2, 3, 4, 5, 6 * (n - 1), 7])
    assert grown(made, 0) is not None
    assert len(grown(made, used)) >= used + 1


@given(st.floats(0.1, 20), st.integers(0, 99))
def test_a_photon_becomes_a_pair_that_shares_its_momentum(p: float, seed: int) -> None:
    made, used = convert(
        np.random.default_rng(seed), np.empty((1, 9)), 0, 3, (1.0, 2.0, 3.0), p, (0.0, 0.6, 0.8), 5.0
    )
    assert used == 2
    assert made[:2, 1].tolist() == [0, 1]  # an electron and a positron
    np.testing.assert_allclose(made[:2, 5:8].sum(axis=0), p * np.array([0, 0.6, 0.8]), atol=1e-12)
    np.testing.assert_array_equal(made[:2, [2, 3, 4, 8]], [[1, 2, 3, 5]] * 2)


@given(st.sampled_from([211, -321, 310, 3122, -3122, 111]), st.floats(0.0, 30), st.integers(0, 99))
def test_a_decay_makes_the_two_of_the_table(pdg: int, p: float, seed: int) -> None:
    species = species_of([pdg])
    row = int(species.rows(np.array([pdg]))[0])
    made, used = decay(
        np.random.default_rng(seed), np.empty((1, 9)), 0, 0, species, row, ORIGIN, p, AHEAD, 1.0
    )
    assert used == 2
    assert made[:2, 1].tolist() == species.daughters[row].tolist()
    np.testing.assert_allclose(made[:2, 5:8].sum(axis=0), [0, 0, p], atol=1e-9)


@given(st.floats(0.1, 100), st.booleans(), st.integers(0, 99))
def test_fragments_never_carry_more_than_there_was(p: float, neutrals: bool, seed: int) -> None:
    made, used = shatter(
        np.random.default_rng(seed), np.empty((1, 9)), 0, 0, ORIGIN, p, AHEAD, 0.0, 0.05, neutrals
    )
    momentum = np.linalg.norm(made[:used, 5:8], axis=1)
    assert used <= 8
    assert momentum.sum() <= p + 1e-9
    assert (momentum > 0.05).all()
    assert neutrals or (made[:used, 1] != 5).all()


def test_a_third_of_the_fragments_is_neutral() -> None:
    rng, kinds = np.random.default_rng(2), []
    for _ in range(400):
        made, used = shatter(rng, np.empty((1, 9)), 0, 0, ORIGIN, 20.0, AHEAD, 0.0, 0.05, True)
        kinds += made[:used, 1].tolist()
    assert np.mean(np.array(kinds) == 5) == pytest.approx(1 / 3, abs=0.04)


@given(st.floats(0.2, 20.0))
@settings(max_examples=20)
def test_the_time_of_flight_is_the_path_over_the_speed(p: float) -> None:
    seen, *_ = flown(2212, (0.0, 0.6 * p, 0.8 * p))
    beta = p / np.hypot(p, 0.9382721)
    np.testing.assert_allclose(seen[:, 7], np.array([100.0, 200.0]) / 0.8 / (beta * LIGHT), rtol=1e-6)
    np.testing.assert_array_equal(seen[:, 1], [0, 1])


def test_neutrinos_and_what_is_too_slow_are_never_seen() -> None:
    assert len(flown(14, (0.0, 0.0, 5.0))[0]) == 0
    assert len(flown(13, (0.0, 0.0, 0.04))[0]) == 0
    assert len(flown(13, (0.0, 0.0, 0.06))[0]) == 2


def test_a_steep_crossing_tells_the_slopes_of_its_path() -> None:
    seen, *_ = flown(13, (3.0, -4.0, 5.0))
    np.testing.assert_allclose(seen[:, 4:6], [[0.6, -0.8]] * 2)
    backwards, *_ = flown(13, (3.0, -4.0, -5.0), z=(-100.0, -200.0))
    np.testing.assert_allclose(backwards[:, 4:6], [[-0.6, 0.8]] * 2)


def test_photons_convert_in_a_shell_as_the_thickness_says() -> None:
    thick = air(1, np.array([[50.0, 1000.0, 0.4, 0.0]]))
    physics = NOTHING._replace(radiation=True)
    _, made, *_ = flown(22, (4.0, 0.0, 3.0), z=(500.0,), matter=thick, physics=physics, n=3000)
    # The wall is 0.4 / 0.8 radiation lengths thick along the flight; a photon needs 9/7 of one.
    assert len(made) / 2 / 3000 == pytest.approx(1 - np.exp(-7 / 9 * 0.5), abs=0.025)
    np.testing.assert_allclose(np.hypot(made[:, 2], made[:, 3]), 50.0, atol=1e-6)


def test_a_flight_ends_at_the_face_of_a_calorimeter() -> None:
    matter = air(2)._replace(depth=np.array([np.nan, 3.0]))
    seen, _, ends, *_ = flown(211, (0.0, 3.0, 4.0), matter=matter)
    assert seen[:, 1].tolist() == [0]
    np.testing.assert_allclose(ends[0, :5], [0, 1, 0, 0.75 * 197.0, 197.0])
    np.testing.assert_allclose(ends[0, 5:8], [0, 3, 4])
    seen, _, ends, *_ = flown(13, (0.0, 3.0, 4.0), matter=matter)
    assert (seen[:, 1].tolist(), len(ends)) == ([0, 1], 0)  # a muon flies on


def test_recorded_steps_join_end_to_end() -> None:
    physics = NOTHING._replace(record=True, max_turn=20.0)
    *_, arcs, _ = flown(
        211, (0.3, 0.0, 0.4), field=2.0, physics=physics, z=(100.0, 200.0, 300.0, 400.0, 900.0)
    )
    assert len(arcs) > 4
    k = CURVATURE * 2.0 / 0.5
    for one, two in itertools.pairwise(arcs):
        # One step of a helix: the direction turns by k times its length, z grows in a straight line.
        assert two[3] - one[3] == pytest.approx(0.8 * one[10], abs=1e-9)
        turn = np.arctan2(two[5], two[4]) - np.arctan2(one[5], one[4])
        assert np.angle(np.exp(1j * (turn + k * one[10]))) == pytest.approx(0.0, abs=1e-9)
        assert np.linalg.norm(two[4:7]) == pytest.approx(0.5)
        assert two[9] - one[9] == pytest.approx(one[10] * np.hypot(0.5, 0.13957) / (0.5 * LIGHT), rel=1e-4)


def test_nobody_flies() -> None:
    assert [len(table) for table in flown(13, (0.0, 0.0, 5.0), n=0)] == [0, 0, 0, 0, 0]
