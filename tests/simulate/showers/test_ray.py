"""A shower's axis through layers: frames, crossings, depths and landing places against plain geometry."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from gnnreco.geometry import Detector
from gnnreco.simulate.showers.ray import Stack, cast, dot, frame, land, outside, stack_of
from tests.simulate.conftest import planes

ANY_DIRECTION = st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda t: np.linalg.norm(t) > 0.1)
STRAIGHT = (0.0, 0.0, 1.0)
Vector = tuple[float, float, float]


def unit(t: Vector) -> Vector:
    x, y, z = np.array(t) / np.linalg.norm(t)
    return float(x), float(y), float(z)


def plates(n: int = 6, gap: float = 10.0) -> Detector:
    """Square plates of 200 mm across the z axis, a radiation length each."""
    made = planes(
        [gap * i for i in range(n)],
        pitch=10.0,
        half=100.0,
        radiation=1.0,
        interaction=0.1,
        measures=("energy",),
    )
    return replace(made, moliere_radius=np.full(n, 20.0), sampling_fraction=np.full(n, 0.02))


@pytest.fixture(scope="module")
def stack() -> Stack:
    return stack_of(plates())


@given(ANY_DIRECTION)
def test_a_frame_is_right_handed_and_of_unit_vectors(t: Vector) -> None:
    along = unit(t)
    one, two = frame(along)
    axes = np.array([one, two, along])
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(axes) == pytest.approx(1.0)
    assert dot(along, np.array(one)) == pytest.approx(0.0, abs=1e-12)


@given(st.floats(-150, 150), st.floats(-150, 150))
def test_outside_a_square_is_the_distance_to_its_farthest_edge(u: float, v: float) -> None:
    assert outside(stack_of(plates()), 0, u, v) == pytest.approx(max(abs(u), abs(v)) - 100.0)


@given(st.floats(-0.4, 0.4), st.floats(-0.4, 0.4), st.floats(-50, 50), st.floats(-50, 50))
def test_layers_come_in_order_at_the_distances_of_their_planes(
    a: float, b: float, x: float, y: float
) -> None:
    t = unit((a, b, 1.0))
    ray = cast(stack_of(plates()), (x, y, -5.0), t, 6.0, 0.0)
    path = (np.arange(6) * 10.0 + 5.0) / t[2]
    hit = np.abs(np.array([x, y]) + path[:, None] * np.array(t[:2])).max(axis=1) < 100.0
    assert set(np.flatnonzero(hit)) <= set(ray.row)
    np.testing.assert_allclose(ray.path, path[ray.row])
    np.testing.assert_allclose(ray.cosine, t[2])
    assert (np.diff(ray.path) > 0).all()


@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0])
def test_depths_add_up_to_the_material_passed(slope: float) -> None:
    t = unit((slope, 0.0, 1.0))
    ray = cast(stack_of(plates()), (-20.0, 0.0, -5.0), t, 6.0, 0.0)
    np.testing.assert_allclose(ray.radiation, np.arange(7) / t[2])
    np.testing.assert_allclose(ray.interaction, 0.1 * np.arange(7) / t[2])


def test_the_total_depth_of_unlike_plates_is_shared_by_what_tracks_leave() -> None:
    thick = replace(
        plates(), radiation_lengths=np.array([0.5, 1.5] * 3), interaction_lengths=np.array([0.05, 0.15] * 3)
    )
    ray = cast(stack_of(thick), (0.0, 0.0, -5.0), STRAIGHT, 6.0, 0.0)
    assert ray.radiation[-1] == pytest.approx(6.0, rel=0.15)
    assert (np.diff(ray.radiation) > 0).all()


def test_a_ray_backwards_meets_the_layers_the_other_way_round(stack: Stack) -> None:
    ray = cast(stack, (0.0, 0.0, 60.0), (0.0, 0.0, -1.0), 6.0, 0.0)
    assert ray.row.tolist() == [5, 4, 3, 2, 1, 0]
    np.testing.assert_allclose(ray.cosine, -1.0)


def test_beside_and_behind_there_is_nothing(stack: Stack) -> None:
    assert len(cast(stack, (500.0, 0.0, -5.0), STRAIGHT, 6.0, 0.0).row) == 0
    assert len(cast(stack, (0.0, 0.0, 60.0), STRAIGHT, 6.0, 0.0).row) == 0
    assert len(cast(stack, (0.0, 0.0, -5.0), (1.0, 0.0, 0.0), 6.0, 0.0).row) == 0  # along the plates


def test_a_line_just_past_the_edge_counts_as_a_gap_and_no_spot_lands_there(stack: Stack) -> None:
    ray = cast(stack, (120.0, 0.0, -5.0), STRAIGHT, 6.0, 0.0)  # 20 mm outside, within the margin
    assert len(ray.row) == 6
    assert land(stack, ray, 2, 0.5, 0.0, 0.0) == (-1, 0.0, 0.0)
    inwards = -np.array(ray.across) if ray.across[0] > 0 else np.array(ray.across)
    a, b = 40.0 * inwards @ np.array(ray.across), 0.0
    row, u, v = land(stack, ray, 2, 0.5, a, b)
    assert (row, abs(v)) == (2, pytest.approx(0.0, abs=1e-9)) or (row, u) == (-1, 0.0)


def test_layers_passed_in_a_gap_behind_the_start_count_as_far_back_as_asked() -> None:
    made = plates()
    shifted = replace(made, center=made.center + np.array([[220.0, 0, 0]] * 2 + [[0.0, 0, 0]] * 4))
    start = (100.0, 0.0, 15.0)  # beside the first two plates, and on the rim of the others
    assert cast(stack_of(shifted), start, STRAIGHT, 6.0, 0.0).row.tolist() == [2, 3, 4, 5]
    assert cast(stack_of(shifted), start, STRAIGHT, 6.0, 20.0).row.tolist() == [0, 1, 2, 3, 4, 5]


@given(ANY_DIRECTION, st.floats(-30, 30), st.floats(-30, 30), st.integers(0, 5))
@settings(max_examples=40)
def test_a_spot_lands_where_a_line_beside_the_axis_meets_the_plane(
    t: Vector, a: float, b: float, place: int
) -> None:
    along = unit((t[0] * 0.3, t[1] * 0.3, 1.0))
    stack = stack_of(plates())
    ray = cast(stack, (0.0, 0.0, -5.0), along, 6.0, 0.0)
    start = np.array(ray.x) + a * np.array(ray.across) + b * np.array(ray.along)
    meet = start + (10.0 * ray.row[place] - start[2]) / along[2] * np.array(along)
    row, u, v = land(stack, ray, place, 0.5, a, b)
    assert row == ray.row[place]
    np.testing.assert_allclose([u, v], meet[:2], atol=1e-9)


def test_thick_sensors_see_how_deep_a_spot_lies() -> None:
    stack = stack_of(plates())
    t = unit((1.0, 0.0, 1.0))
    ray = cast(stack, (0.0, 0.0, -5.0), t, 6.0, 0.0)
    front, back = (land(stack, ray, 0, part, 0.0, 0.0)[1] for part in (0.0, 1.0))
    assert back - front == pytest.approx(0.1)  # the sensor's thickness, at 45 degrees


@given(ANY_DIRECTION, st.floats(0.1, 3.0), st.integers(0, 100))
@settings(max_examples=15)
def test_turning_and_moving_all_changes_nothing(axis: Vector, angle: float, seed: int) -> None:
    matrix, shift = (
        Rotation.from_rotvec(angle * np.array(unit(axis))).as_matrix(),
        np.array([11.0, -70.0, 400.0]),
    )
    rng = np.random.default_rng(seed)
    x, t = rng.uniform(-40, 40, 3) - [0, 0, 50], np.array(unit((*rng.uniform(-0.3, 0.3, 2), 1.0)))
    here, there = stack_of(plates()), stack_of(plates().moved(matrix, shift))
    one = cast(here, tuple(x), tuple(t), 6.0, 0.0)
    two = cast(there, tuple(matrix @ x + shift), tuple(matrix @ t), 6.0, 0.0)
    np.testing.assert_array_equal(one.row, two.row)
    np.testing.assert_allclose(one.path, two.path, atol=1e-9)
    np.testing.assert_allclose(one.radiation, two.radiation)
    if len(one.row):
        np.testing.assert_allclose(
            land(here, one, 0, 0.3, 0.0, 0.0), land(there, two, 0, 0.3, 0.0, 0.0), atol=1e-9
        )
