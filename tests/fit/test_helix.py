"""The helix in closed form: the flow of its equation, planes met where they must be, the nearest point to the axis."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.linalg import expm

from gnnreco.fit.helix import BEND, extrapolate, path_to_axis, step, turn

SEEDS = st.integers(0, 999)
CURVES = st.floats(-0.01, 0.01)


def state(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    t = rng.normal(size=3)
    return rng.uniform(-500, 500, 3), t / np.linalg.norm(t)


@given(SEEDS, CURVES, st.floats(-800, 800))
def test_a_step_is_the_flow_of_the_equation_of_motion(seed: int, k: float, s: float) -> None:
    x, t = state(seed)
    flow = np.zeros((6, 6))
    flow[:3, 3:] = np.eye(3)
    flow[3:, 3:] = k * np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 0]])  # k T x z
    expected = expm(flow * s) @ np.concatenate([x, t])
    np.testing.assert_allclose(step(*x, *t, k, s), expected, atol=1e-7)


def test_a_positive_particle_turns_clockwise_on_the_published_radius() -> None:
    # PDG: p = 0.3 B R: 1 GeV in 2 T has a radius of 1.668 m.
    k = BEND * 2.0 * 1.0
    radius = 1 / k
    assert radius == pytest.approx(1667.8, abs=0.1)
    x, y, *_ = step(0.0, 0.0, 0.0, 1.0, 0.0, 0.0, k, np.pi / 2 * radius)
    assert (x, y) == (pytest.approx(radius), pytest.approx(-radius))


@given(SEEDS, CURVES, st.floats(-500, 500), st.floats(-500, 500))
def test_two_steps_are_one_and_back_is_back(seed: int, k: float, one: float, two: float) -> None:
    x, t = state(seed)
    there = step(*step(*x, *t, k, one), k, two)
    np.testing.assert_allclose(there, step(*x, *t, k, one + two), atol=1e-7)
    np.testing.assert_allclose(step(*step(*x, *t, k, one), k, -one), [*x, *t], atol=1e-7)


@given(st.floats(-3, 3), st.floats(1e-4, 1))
def test_slopes_of_the_shape_are_its_differences(a: float, k: float) -> None:
    s, d = -a / k, 1e-4
    assume(abs(abs(a) - 1e-2) > 2 * d)  # where the series ends
    _, _, _, _, along_slope, across_slope = turn(k, s)
    (_, _, up, up_across, _, _), (_, _, down, down_across, _, _) = (turn(k, s - e / k) for e in (d, -d))
    assert along_slope == pytest.approx((up - down) / (2 * d), abs=1e-6)
    assert across_slope == pytest.approx((up_across - down_across) / (2 * d), abs=1e-6)


@pytest.mark.parametrize("sign", [-1, 1])
def test_the_series_and_the_closed_form_meet(sign: int) -> None:
    below, above = (turn(1.0, -sign * a) for a in (0.00999999, 0.01000001))
    np.testing.assert_allclose(below, above, atol=3e-8)
    assert turn(1.0, 0.0)[2:] == (1.0, 0.0, 0.0, 0.5)


@given(SEEDS, CURVES, st.floats(-200, 200))
def test_a_plane_through_a_point_ahead_is_met_there(seed: int, k: float, s: float) -> None:
    x, t = state(seed)
    at = np.array(step(*x, *t, k, s))
    normal = np.random.default_rng(seed + 1).normal(size=3)
    normal /= np.linalg.norm(normal)
    # Met once only on this stretch, and not grazed.
    assume(abs(normal @ t) > 0.4)
    assume(abs(normal @ at[3:]) > 0.4)
    assume(abs(k * s) < 0.7)
    *found, path, crossed = extrapolate(*x, *t, k, *at[:3], *normal)
    assert crossed
    assert path == pytest.approx(s, abs=1e-5)
    np.testing.assert_allclose(found, at, atol=1e-5)


def test_a_plane_out_of_reach_and_one_along_the_way_are_not_met() -> None:
    # A circle of 100 mm radius never gets to x = 300 mm.
    assert not extrapolate(0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.01, 300.0, 0.0, 0.0, 1.0, 0.0, 0.0)[-1]
    assert not extrapolate(0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 5.0, 0.0, 0.0, 1.0, 0.0)[-1]


@given(SEEDS, CURVES)
def test_no_point_within_half_a_turn_is_nearer_to_the_axis(seed: int, k: float) -> None:
    x, t = state(seed)
    transverse = np.hypot(t[0], t[1])
    assume(transverse > 0.05)
    s = path_to_axis(x[0], x[1], t[0], t[1], k)
    reach = np.pi / abs(k) if abs(k) > 1e-5 else 3e4
    assert abs(s) <= reach * 1.0001
    nearest = np.hypot(*step(*x, *t, k, s)[:2])
    tried = [np.hypot(*step(*x, *t, k, other)[:2]) for other in np.linspace(-reach, reach, 401)]
    assert nearest <= min(tried) + 1e-6


def test_a_direction_along_the_axis_has_no_nearest_point() -> None:
    assert path_to_axis(3.0, 4.0, 0.0, 0.0, 0.001) == 0.0
