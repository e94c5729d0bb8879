"""How much a field bends between two hits: the textbook's sagitta, and maps that change on the way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from gnnreco.fit.helix import BEND, step
from gnnreco.fit.seed import bend_between
from gnnreco.geometry import ConstantField, MapField

PLACE = st.tuples(*[st.floats(-300, 300)] * 3)


@given(PLACE, PLACE, st.floats(-4, 4))
def test_a_constant_field_kicks_by_its_integral_across_the_way(
    a: tuple[float, ...], b: tuple[float, ...], bz: float
) -> None:
    one, two = np.array(a), np.array(b)
    way, *rest = bend_between(one, two, ConstantField(bz).grid)
    assert way == pytest.approx(np.linalg.norm(two - one))
    kick = BEND * np.cross(two - one, [0, 0, bz])
    np.testing.assert_allclose(rest[:3], kick, atol=1e-12)
    np.testing.assert_allclose(rest[3:], kick * way / 2, atol=1e-9)


@pytest.mark.parametrize("q_over_p", [0.1, -0.3])
def test_a_stiff_track_ends_where_the_displacement_says(q_over_p: float) -> None:
    bz, length = 2.0, 200.0
    end = np.array(step(0.0, 0.0, 0.0, 0.8, 0.6, 0.0, BEND * bz * q_over_p, length))
    straight = length * np.array([0.8, 0.6, 0.0])
    _, kx, ky, kz, dx, dy, dz = bend_between(np.zeros(3), straight, ConstantField(bz).grid)
    np.testing.assert_allclose(end[:3] - straight, q_over_p * np.array([dx, dy, dz]), atol=0.05)
    np.testing.assert_allclose(end[3:] - [0.8, 0.6, 0.0], q_over_p * np.array([kx, ky, kz]), atol=1e-3)


@given(st.integers(0, 99))
@settings(max_examples=20)
def test_turning_the_way_and_the_field_turns_the_kick(seed: int) -> None:
    matrix = Rotation.random(random_state=seed).as_matrix()
    rng = np.random.default_rng(seed)
    a, b, field = rng.uniform(-200, 200, 3), rng.uniform(-200, 200, 3), rng.normal(size=3)

    def constant(tesla: np.ndarray) -> MapField:
        edge = np.array([-1e4, 1e4])
        return MapField((edge, edge, edge), np.broadcast_to(tesla, (2, 2, 2, 3)).copy())

    here = np.array(bend_between(a, b, constant(field).grid)[1:])
    there = np.array(bend_between(matrix @ a, matrix @ b, constant(matrix @ field).grid)[1:])
    np.testing.assert_allclose(there.reshape(2, 3), here.reshape(2, 3) @ matrix.T, atol=1e-9)


def test_a_field_that_grows_displaces_less_the_later_it_is() -> None:
    # Along x, from nothing to 2 T over a metre, and the other way round: the same kick, another displacement.
    edge, along = np.array([-1e3, 1e3]), np.array([0.0, 1000.0])
    rising = np.zeros((2, 2, 2, 3))
    rising[1, ..., 2] = 2.0
    a, b = np.zeros(3), np.array([1000.0, 0.0, 0.0])
    late = bend_between(a, b, MapField((along, edge, edge), rising).grid)
    early = bend_between(a, b, MapField((along, edge, edge), rising[::-1].copy()).grid)
    assert late[2] == pytest.approx(early[2]) == pytest.approx(-BEND * 1000.0, rel=1e-6)
    # Twice integrated, with x the part of the way: of x 1/6, of 1 - x 1/3, of 2 T times a metre squared.
    assert late[5] == pytest.approx(-BEND * 2e6 / 6, rel=0.03)
    assert early[5] == pytest.approx(-BEND * 2e6 / 3, rel=0.03)


def test_two_hits_at_one_place_are_no_way() -> None:
    assert bend_between(np.ones(3), np.ones(3), ConstantField(2.0).grid) == (0.0,) * 7
