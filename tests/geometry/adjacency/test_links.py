"""Sensors that follow one another in depth: stacks, gaps, cracks, and the same from any side."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from gnnreco.geometry import Detector
from gnnreco.geometry.adjacency.links import Links, crossing, face, linked_sensors, project
from gnnreco.geometry.adjacency.shapes import frames
from tests.geometry.adjacency.plates import grid, plates


def linked(links: Links, ahead: bool | None = None) -> set[tuple[int, int]]:
    row = np.repeat(np.arange(len(links.offsets) - 1), np.diff(links.offsets))
    keep = np.ones(len(row), bool) if ahead is None else links.ahead == ahead
    return set(zip(row[keep].tolist(), links.sensor[keep].tolist(), strict=True))


def stack(z: list[float], x: list[float] | None = None, layer: list[int] | None = None) -> Detector:
    """Plates of 20 mm across z."""
    place = [[a, 0.0, b] for a, b in zip(x or [0.0] * len(z), z, strict=True)]
    return plates([grid(20, 20)], place, layer=layer or list(range(len(z))))


@pytest.mark.parametrize("projective", [True, False])
def test_each_plate_of_a_stack_is_linked_to_the_next_and_to_no_other(projective: bool) -> None:
    links = linked_sensors(stack([100.0, 110.0, 120.0, 130.0]), projective)
    assert linked(links, ahead=True) == {(0, 1), (1, 2), (2, 3)}
    assert linked(links, ahead=False) == {(1, 0), (2, 1), (3, 2)}
    assert not links.screened.any()


@given(st.permutations(range(4)))
@settings(max_examples=8)
def test_the_order_of_the_sensors_does_not_matter(order: list[int]) -> None:
    z = [100.0, 110.0, 120.0, 130.0]
    links = linked_sensors(stack([z[i] for i in order], layer=order), True)
    assert {(order[a], order[b]) for a, b in linked(links, ahead=True)} == {(0, 1), (1, 2), (2, 3)}


def test_through_a_hole_one_sees_the_layer_behind() -> None:
    # Two plates with 20 mm between them, before a third and a fourth that lie side by side.
    detector = stack([100.0, 100.0, 110.0, 120.0], x=[-20.0, 20.0, 20.0, -10.0], layer=[0, 0, 1, 2])
    ahead = linked(linked_sensors(detector, False), ahead=True)
    assert (1, 2) in ahead
    assert (0, 3) in ahead  # nothing of layer 1 lies before it
    assert (0, 2) not in ahead


def test_sensors_of_one_layer_are_never_linked() -> None:
    assert linked(linked_sensors(stack([100.0, 110.0], layer=[0, 0]), True)) == set()


def test_a_sensor_behind_two_layers_is_screened() -> None:
    # The first plate looks at the second with one half and past it at the third with the other.
    detector = stack([100.0, 110.0, 120.0], x=[0.0, 11.0, -5.0])
    links = linked_sensors(detector, False)
    assert {(0, 1), (0, 2), (1, 2)} <= linked(links, ahead=True)
    assert links.screened.any()


@given(st.integers(0, 99))
@settings(max_examples=10)
def test_turning_about_the_origin_changes_no_link(seed: int) -> None:
    rng = np.random.default_rng(seed)
    detector = stack([100.0, 112.0, 127.0, 131.0], x=rng.uniform(-8, 8, 4).tolist())
    turned = detector.moved(Rotation.random(random_state=seed).as_matrix(), np.zeros(3))
    for projective in (True, False):
        one, two = (linked_sensors(d, projective) for d in (detector, turned))
        assert linked(one, ahead=True) == linked(two, ahead=True)


@given(st.floats(-30, 30), st.floats(-30, 30), st.floats(50, 300), st.floats(50, 300))
def test_a_point_is_seen_where_the_line_from_the_origin_goes(
    u: float, v: float, one: float, two: float
) -> None:
    sensors = frames(stack([one, two]))
    hit, seen_u, seen_v = project(sensors, 0, u, v, 0.0, 1, 0.0, True)
    assert hit
    np.testing.assert_allclose([seen_u, seen_v], [u * two / one, v * two / one])
    assert project(sensors, 0, u, v, 0.0, 1, 0.0, False) == (True, pytest.approx(u), pytest.approx(v))


def test_what_lies_behind_the_origin_or_along_the_ray_is_not_seen() -> None:
    sensors = frames(stack([100.0, -100.0]))
    assert not project(sensors, 0, 3.0, 4.0, 0.0, 1, 0.0, True)[0]
    upright = plates([grid(20, 20)], [[0, 0, 100], [0, 50, 0]], layer=[0, 1], turn=[[0, 0, 0], [90, 0, 0]])
    assert not project(frames(upright), 0, 3.0, 0.0, 0.0, 1, 0.0, False)[0]


def test_the_outer_face_is_the_one_away_from_the_origin() -> None:
    sensors = frames(stack([100.0, -100.0]))
    assert face(sensors, 0, 0.0, 0.0, 100.0, True) == pytest.approx(0.15)
    assert face(sensors, 0, 0.0, 0.0, 100.0, False) == pytest.approx(-0.15)
    assert face(sensors, 1, 0.0, 0.0, -100.0, True) == pytest.approx(-0.15)


@pytest.mark.parametrize(
    ("x", "margin", "far", "met"),
    [(0.0, 0.0, 200.0, True), (10.5, 0.0, 200.0, False), (10.5, 1.0, 200.0, True), (0.0, 0.0, 99.0, False)],
)
def test_a_ray_meets_a_sensor_within_its_margin_and_reach(
    x: float, margin: float, far: float, met: bool
) -> None:
    sensors, way = frames(stack([100.0])), np.array([0.0, 0.0, 1.0])
    hit, length = crossing(sensors, 0, np.array([x, 0.0, 0.0]), way, margin, far)
    assert hit == met
    assert length == pytest.approx(100.0)
    assert not crossing(sensors, 0, np.array([x, 0.0, 0.0]), -way, margin, far)[0]
