"""The grid of boxes in space, and the nearest sensor to a point, against every sensor tried."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from shapely import Point, Polygon

from gnnreco.geometry import Detector, GridTemplate, PolarTemplate
from gnnreco.geometry.index import MAX_BOXES, build_index
from tests.geometry.adjacency.plates import plates

TEMPLATES = (
    GridTemplate("small", 2.0, 1.0, 1.0, 6, 4),
    GridTemplate("strip", 0.5, 0.5, 5.0, 40, 1),
    PolarTemplate("ring", 1.0, np.array([3.0, 5.0, 8.0]), (0.0, 2 * np.pi), 12),
)


def scattered(n: int, seed: int) -> Detector:
    """Sensors of three kinds anywhere in a cube of 60 mm."""
    rng = np.random.default_rng(seed)
    return plates(
        TEMPLATES,
        rng.uniform(-30, 30, (n, 3)).tolist(),
        turn=rng.uniform(-180, 180, (n, 3)).tolist(),
        template=rng.integers(0, 3, n).tolist(),
    )


@given(st.integers(1, 60), st.integers(0, 500))
def test_every_box_that_a_sensor_reaches_into_names_it(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    low = rng.uniform(-50, 50, (n, 3))
    high = low + rng.uniform(0, 20, (n, 3))
    index = build_index(low, high)
    assert np.prod(index.shape) <= MAX_BOXES
    for i in range(n):
        for point in rng.uniform(low[i], high[i], (5, 3)):
            x, y, z = ((point - index.origin) / index.size).astype(int)
            box = (x * index.shape[1] + y) * index.shape[2] + z
            assert i in index.sensors[index.offsets[box] : index.offsets[box + 1]]


def test_memory_is_bounded_however_small_the_sensors_are() -> None:
    low = np.array([[0.0, 0, 0], [1e5, 1e5, 1e5], [5e4, 0, 0]])
    index = build_index(low, low + 1e-3)
    assert np.prod(index.shape) <= 1.1 * MAX_BOXES
    assert index.shape.max() <= 1001


def test_no_sensors_no_boxes_to_look_into() -> None:
    index = build_index(np.zeros((0, 3)), np.zeros((0, 3)))
    assert (index.shape.tolist(), len(index.sensors)) == ([1, 1, 1], 0)


def distance(detector: Detector, sensor: int, point: np.ndarray) -> float:
    """From a point to a solid sensor, by shapely."""
    template = detector.templates[detector.template[sensor]]
    u, v, w = (point - detector.center[sensor]) @ detector.rotation[sensor]
    shape = Polygon(template.outline, [template.hole] if len(template.hole) else [])
    return float(np.hypot(max(abs(w) - template.thickness / 2, 0.0), shape.distance(Point(u, v))))


@given(st.integers(1, 12), st.integers(0, 500), st.floats(0.1, 5))
@settings(max_examples=40)
def test_the_nearest_sensor_is_the_nearest_of_all(n: int, seed: int, tolerance: float) -> None:
    detector, rng = scattered(n, seed), np.random.default_rng(seed + 1)
    near = detector.center[rng.integers(n, size=10)] + rng.normal(0, 4, (10, 3))
    found = detector.locate(near, tolerance)
    for point, sensor in zip(near, found, strict=True):
        away = np.array([distance(detector, s, point) for s in range(n)])
        assume(abs(away.min() - tolerance) > 1e-6)
        if away.min() > tolerance:
            assert sensor == -1
        else:
            assert away[sensor] == pytest.approx(away.min(), abs=1e-9)


def test_of_two_that_hold_a_point_the_one_whose_middle_is_nearer() -> None:
    detector = plates(TEMPLATES[:1], [[0, 0, 0], [0, 0, 1.5]])  # 2 mm thick: they overlap
    points = np.array([[0.2, 0.2, 0.6], [0.2, 0.2, 0.9]])
    assert detector.locate(points).tolist() == [0, 1]


def test_a_point_in_the_hole_of_a_ring_is_in_no_sensor() -> None:
    detector = plates(TEMPLATES[2:], [[0, 0, 0]])
    assert detector.locate(np.array([[0.0, 0, 0], [4.0, 0, 0]]), 0.5).tolist() == [-1, 0]


def test_nan_and_far_away_is_nowhere() -> None:
    detector = plates(TEMPLATES[:1], [[0, 0, 0]])
    assert detector.locate(np.array([[np.nan, 0, 0], [1e9, 0, 0], [0, 0, -1e300]])).tolist() == [-1] * 3
