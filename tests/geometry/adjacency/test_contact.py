"""Pairs of cells: shared area against shapely, nearness in space against points tried all over."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from shapely import Polygon, contains_xy

from gnnreco.geometry.adjacency.contact import polygons_within, shared_area
from tests.geometry.test_plane import BEND, SQUARE, convex, star

SEEDS = st.integers(0, 5000)


@given(SEEDS, st.booleans(), st.booleans())
def test_what_two_polygons_share_is_what_shapely_says(seed: int, around: bool, bent: bool) -> None:
    rng = np.random.default_rng(seed)
    a, b = star(rng), star(rng) if bent else convex(rng, 2.0)
    one, two = Polygon(a), Polygon(b)
    if around:
        a = np.ascontiguousarray(a[::-1])
    area, u, v, area_a, area_b = shared_area(a, len(a), b, len(b))
    both = one.intersection(two)
    assert area == pytest.approx(both.area, abs=1e-9)
    assert (area_a, area_b) == (pytest.approx(one.area), pytest.approx(two.area))
    assume(both.area > 1e-6)
    np.testing.assert_allclose([u, v], [both.centroid.x, both.centroid.y], atol=1e-5)


def test_polygons_share_nothing_where_they_only_touch_and_all_where_they_are_one() -> None:
    assert shared_area(SQUARE, 4, np.add(SQUARE, [2, 0]), 4)[0] == 0.0
    area, u, v, _, _ = shared_area(BEND, 6, BEND, 6)
    assert area == pytest.approx(3.0)
    assert (u, v) == (pytest.approx(5 / 6), pytest.approx(5 / 6))


@given(SEEDS)
def test_sharing_is_mutual(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = star(rng), star(rng)
    one, two = shared_area(a, len(a), b, len(b)), shared_area(b, len(b), a, len(a))
    np.testing.assert_allclose(one[:1] + one[3:], two[:1] + two[:2:-1], atol=1e-9)


def flat(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A flat polygon in space, and points all over it."""
    shape = star(rng, 5)
    turn, shift = Rotation.random(random_state=int(rng.integers(1 << 30))).as_matrix(), rng.uniform(-2, 2, 3)
    low, high = shape.min(axis=0), shape.max(axis=0)
    grid = np.stack(np.meshgrid(*np.linspace(low, high, 40).T), axis=-1).reshape(-1, 2)
    whole = Polygon(shape)
    edge = [
        np.array(whole.exterior.interpolate(s, normalized=True).coords[0]) for s in np.linspace(0, 1, 200)
    ]
    inside = np.concatenate([grid[contains_xy(whole, *grid.T)], edge])
    place = [np.column_stack([points, np.zeros(len(points))]) @ turn.T + shift for points in (shape, inside)]
    return place[0], place[1]


@given(SEEDS)
@settings(max_examples=20)
def test_polygons_in_space_are_as_near_as_their_nearest_points(seed: int) -> None:
    rng = np.random.default_rng(seed)
    (a, over_a), (b, over_b) = flat(rng), flat(rng)
    nearest = np.sqrt(((over_a[:, None] - over_b) ** 2).sum(axis=2).min())
    spacing = 0.15  # of the points tried
    assert polygons_within(a, 5, b, 5, nearest + 1e-9)
    if nearest > 2 * spacing:
        assert not polygons_within(a, 5, b, 5, nearest - 2 * spacing)


@pytest.mark.parametrize(("height", "near"), [(0.9, True), (1.0, True), (1.1, False)])
def test_a_small_cell_over_the_middle_of_a_large_one(height: float, near: bool) -> None:
    large = np.column_stack([SQUARE * 10 - 10, np.zeros(4)])
    small = np.column_stack([SQUARE / 10, np.full(4, height)])
    assert polygons_within(large, 4, small, 4, 1.0) == near
    assert polygons_within(small, 4, large, 4, 1.0) == near


def test_cells_that_go_through_one_another_are_near_at_any_gap() -> None:
    lying = np.column_stack([SQUARE - 1, np.zeros(4)])
    standing = np.column_stack([np.full(4, 0.1), SQUARE - 1])
    assert polygons_within(lying, 4, standing, 4, 0.0)
    assert not polygons_within(lying, 4, np.add(standing, [0, 0, 1.5]), 4, 0.4)
    assert polygons_within(lying, 4, np.add(standing, [0, 0, 1.5]), 4, 0.6)


@given(SEEDS, st.floats(0.01, 3))
@settings(max_examples=50)
def test_nearness_is_mutual_and_knows_no_place(seed: int, gap: float) -> None:
    rng = np.random.default_rng(seed)
    a, b = flat(rng)[0], flat(rng)[0]
    near = polygons_within(a, 5, b, 5, gap)
    assert polygons_within(b, 5, a, 5, gap) == near
    turn, shift = Rotation.random(random_state=seed).as_matrix(), rng.uniform(-50, 50, 3)
    assume(polygons_within(a, 5, b, 5, gap * 0.999) == polygons_within(a, 5, b, 5, gap * 1.001))
    assert polygons_within(a @ turn.T + shift, 5, b @ turn.T + shift, 5, gap) == near
