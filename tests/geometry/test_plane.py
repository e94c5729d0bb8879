"""Kernels on polygons in a plane, each against shapely or against all points tried."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from shapely import Point, Polygon

from gnnreco.geometry.plane import (
    area_centroid,
    clip,
    crossing_themselves,
    edges_cross,
    farthest_outside,
    inside_convex,
    inside_depth,
    inside_polygon,
    is_convex,
    mean_squares,
    outside_distance,
    polygon_distance,
)

SEEDS = st.integers(0, 5000)
SQUARE = np.array([[0.0, 0], [2, 0], [2, 2], [0, 2]])
# Not convex: an L of area 3.
BEND = np.array([[0.0, 0], [2, 0], [2, 1], [1, 1], [1, 2], [0, 2]])


def convex(rng: np.random.Generator, around: float = 3.0, corners: int = 6) -> np.ndarray:
    """A convex polygon, counter-clockwise: rising angles on an ellipse."""
    angle = np.sort(rng.uniform(0, 2 * np.pi, corners))
    while np.diff(np.append(angle, angle[0] + 2 * np.pi)).min() < 0.05:
        angle = np.sort(rng.uniform(0, 2 * np.pi, corners))
    ring = np.stack([rng.uniform(0.5, 2) * np.cos(angle), rng.uniform(0.5, 2) * np.sin(angle)], axis=1)
    return ring + rng.uniform(-around, around, 2)


def star(rng: np.random.Generator, corners: int = 7) -> np.ndarray:
    """A polygon that is not convex and does not cross itself."""
    angle = 2 * np.pi * (np.arange(corners) + rng.uniform(0.1, 0.9, corners)) / corners
    radius = rng.uniform(0.3, 2.0, corners)
    return radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1) + rng.uniform(-2, 2, 2)


@given(SEEDS)
def test_what_is_cut_out_is_the_intersection(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, knife = convex(rng), convex(rng)
    corners, count = clip(one[None], knife)
    expected = Polygon(one).intersection(Polygon(knife))
    area, centroid = area_centroid(corners)
    if count[0] == 0:
        assert expected.area < 1e-9
        return
    assert area[0] == pytest.approx(expected.area, abs=1e-9)
    assume(expected.area > 1e-6)
    np.testing.assert_allclose(centroid[0], [expected.centroid.x, expected.centroid.y], atol=1e-6)
    assert (corners[0, count[0] :] == corners[0, count[0] - 1]).all()  # the rest repeats the last corner


def test_a_polygon_inside_the_outline_stays_as_it_is_and_one_outside_is_gone() -> None:
    small, far = SQUARE / 4 + 0.5, SQUARE + 10
    corners, count = clip(np.array([small, far]), SQUARE)
    assert count.tolist() == [4, 0]
    np.testing.assert_array_equal(corners[0, :4], small)
    assert area_centroid(corners)[0].tolist() == pytest.approx([0.25, 0.0])


@given(SEEDS)
def test_area_and_centroid_are_shapelys(seed: int) -> None:
    shape = star(np.random.default_rng(seed)) + 1000.0  # far from the origin, where digits are lost
    padded = np.concatenate([shape, shape[-1:], shape[-1:]])
    area, centroid = area_centroid(np.array([padded, padded[::-1]]))
    expected = Polygon(shape)
    np.testing.assert_allclose(area, [expected.area, -expected.area], rtol=1e-9)
    np.testing.assert_allclose(centroid, [[expected.centroid.x, expected.centroid.y]] * 2, atol=1e-9)


def test_a_polygon_without_area_has_its_first_corner_for_a_centroid() -> None:
    area, centroid = area_centroid(np.full((1, 4, 2), 3.0))
    assert (area[0], centroid[0].tolist()) == (0.0, [3.0, 3.0])


def test_mean_squares_are_those_of_a_rectangle_whichever_way_round() -> None:
    corners = np.array([[1.0, 2], [4, 2], [4, 4], [1, 4], [1, 4]])  # padded
    both = np.array([corners, corners[::-1], np.full((5, 2), 3.0)])
    found = mean_squares(both, np.array([[2.5, 3], [2.5, 3], [0, 0]]))
    np.testing.assert_allclose(found, [[9 / 12, 4 / 12]] * 2 + [[0, 0]], rtol=1e-12)
    beside = mean_squares(both[:1], np.array([[3.5, 3.0]]))
    np.testing.assert_allclose(beside, [[9 / 12 + 1, 4 / 12]], rtol=1e-12)


@given(SEEDS, st.floats(-5, 5), st.floats(-5, 5))
def test_distances_to_a_convex_polygon_from_both_sides(seed: int, u: float, v: float) -> None:
    outline = convex(np.random.default_rng(seed))
    shape, point = Polygon(outline), Point(u, v)
    assert outside_distance(u, v, outline, len(outline)) == pytest.approx(shape.distance(point), abs=1e-9)
    depth = shape.exterior.distance(point) if shape.contains(point) else 0.0
    assert inside_depth(u, v, outline, len(outline)) == pytest.approx(depth, abs=1e-9)
    assume(shape.exterior.distance(point) > 1e-6)
    assert inside_convex(np.array([u]), np.array([v]), outline)[0] == shape.contains(point)


def test_nan_is_outside_and_the_edge_is_inside() -> None:
    assert not inside_convex(np.array([np.nan, 1.0]), np.array([1.0, np.nan]), SQUARE).any()
    on_edge = inside_convex(np.array([0.0, 2.0, 1.0, 2 + 5e-10]), np.array([0.0, 1.0, 2.0, 1.0]), SQUARE)
    assert on_edge.all()
    assert inside_depth(0.0, 0.0, SQUARE, 0) == 0.0  # no hole at all


@given(SEEDS, st.floats(-4, 4), st.floats(-4, 4))
def test_inside_any_polygon_whichever_way_round(seed: int, u: float, v: float) -> None:
    shape = star(np.random.default_rng(seed))
    whole = Polygon(shape)
    assume(whole.exterior.distance(Point(u, v)) > 1e-9)
    expected = whole.contains(Point(u, v))
    assert inside_polygon(u, v, shape, len(shape)) == expected
    assert inside_polygon(u, v, np.ascontiguousarray(shape[::-1]), len(shape)) == expected


@given(st.integers(0, 4), st.integers(0, 4))
def test_a_point_on_a_shared_edge_lies_in_exactly_one(i: int, j: int) -> None:
    # Four triangles that tile the square, and points on all their edges but the far ones of the square.
    middle = [1.0, 1.0]
    parts = [np.array([SQUARE[k], SQUARE[(k + 1) % 4], middle]) for k in range(4)]
    u, v = 0.4 * i, 0.4 * j
    assert sum(inside_polygon(u, v, part, 3) for part in parts) == 1


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (SQUARE, True),
        (SQUARE[::-1], False),
        (BEND, False),
        (SQUARE[[0, 0, 1, 2, 3]], False),
        (SQUARE[[0, 2, 1, 3]], False),
        (np.tile(SQUARE, (2, 1)), False),
    ],
)
def test_what_is_convex(shape: np.ndarray, expected: bool) -> None:
    assert is_convex(shape) == expected


@given(SEEDS)
def test_random_convex_polygons_are_convex_and_their_turns_are_not(seed: int) -> None:
    shape = convex(np.random.default_rng(seed))
    assert is_convex(shape)
    assert is_convex(np.roll(shape, 2, axis=0))
    assert not is_convex(shape[::-1])


@given(SEEDS, SEEDS)
@settings(max_examples=60)
def test_the_distance_of_two_polygons_is_shapelys(seed: int, other: int) -> None:
    rng = np.random.default_rng([seed, other])
    a, b = star(rng) * 0.7, star(rng) * 0.7
    one, two = Polygon(a), Polygon(b)
    assume(not one.contains(two))
    assume(not two.contains(one))
    found = polygon_distance(a, len(a), b, len(b))
    assert found == pytest.approx(one.distance(two), abs=1e-9)
    assert polygon_distance(b, len(b), a, len(a)) == found
    overlap = one.intersection(two).area
    assume(overlap == 0 or overlap > 1e-4)
    assert edges_cross(a, len(a), b, len(b)) == (overlap > 0)


def test_touching_is_not_crossing() -> None:
    assert not edges_cross(SQUARE, 4, np.add(SQUARE, [2, 0]), 4)  # by an edge
    assert not edges_cross(SQUARE, 4, np.add(SQUARE, [2, 2]), 4)  # by a corner
    assert not edges_cross(SQUARE, 4, SQUARE, 4)
    assert edges_cross(SQUARE, 4, np.add(SQUARE, [1, 1]), 4)
    assert polygon_distance(SQUARE, 4, np.add(SQUARE, [2, 0]), 4) == 0.0


def test_polygons_that_cross_themselves() -> None:
    bow = SQUARE[[0, 2, 1, 3]]
    pinched = np.array([[0.0, 0], [2, 0], [1, 1], [2, 2], [0, 2], [1, 1]])  # touches itself in a point
    shapes = np.zeros((4, 6, 2))
    for i, shape in enumerate((SQUARE, bow, BEND, pinched)):
        shapes[i, : len(shape)], shapes[i, len(shape) :] = shape, shape[-1]
    assert crossing_themselves(shapes, np.array([4, 4, 6, 6])).tolist() == [False, True, False, False]


@given(SEEDS)
def test_the_farthest_corner_outside_an_outline(seed: int) -> None:
    rng = np.random.default_rng(seed)
    outline, shape = convex(rng), star(rng)
    expected = max(Polygon(outline).distance(Point(*corner)) for corner in shape)
    padded = np.concatenate([shape, [[1e6, 1e6]]])  # what is behind the count is no corner
    found = farthest_outside(padded[None], np.array([len(shape)]), outline)
    assert found[0] == pytest.approx(expected, abs=1e-9)
