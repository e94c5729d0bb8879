"""Which sensor comes next: the tree against loops over all sensors; helices and planes against plain formulas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.linalg import expm
from scipy.spatial.transform import Rotation

from gnnreco.geometry import ConstantField, Detector, GridTemplate, load_detector
from gnnreco.simulate.sensor_tree import (
    helix,
    inside,
    local,
    next_sensor,
    plane_crossing,
    sensor_tree,
    sensors_ahead,
)
from tests.simulate.conftest import build, planes


@pytest.mark.parametrize("name", ["trackml", "hex_tracker"])
def test_all_sensors_ahead_are_those_met_one_by_one(name: str) -> None:
    tree, stack, random = sensor_tree(load_detector(name)), np.empty((64, 2)), np.random.default_rng(1)
    met = 0
    for _ in range(200):
        x = tuple(random.normal(0, 20, 3))
        t = random.normal(0, 1, 3) * [1, 1, 3]
        t = tuple(t / np.linalg.norm(t))
        paths, sensors = sensors_ahead(tree, stack, x, t, 5000.0)
        gone, one_by_one = 0.0, []
        while True:
            sensor, s = next_sensor(tree, stack, x, t, (0.0, 0.0, 1.0), 0.0, gone + 1e-6, 5000.0)
            if sensor < 0:
                break
            one_by_one.append((s, sensor))
            gone = s
        np.testing.assert_array_equal([row[1] for row in one_by_one], sensors)
        np.testing.assert_allclose([row[0] for row in one_by_one], paths, rtol=1e-12)
        met += len(sensors)
    assert met > 1000


def test_more_sensors_than_there_is_room_for_at_first() -> None:
    tree = sensor_tree(planes([10.0 * (i + 1) for i in range(100)]))
    paths, sensors = sensors_ahead(tree, np.empty((64, 2)), (0.0, 0.0, 0.0), (0.0, 0.0, 1.0), 2000.0)
    np.testing.assert_allclose(paths, 10.0 * np.arange(1, 101))
    np.testing.assert_array_equal(sensors, np.arange(100))


def test_nothing_ahead() -> None:
    tree = sensor_tree(planes([]))
    paths, sensors = sensors_ahead(tree, np.empty((64, 2)), (0.0, 0.0, 0.0), (0.0, 0.0, 1.0), 2000.0)
    assert len(paths) == len(sensors) == 0


def scattered(n: int, seed: int) -> Detector:
    """Sensors of 20 mm in a cube of 200 mm, turned at random."""
    rng = np.random.default_rng(seed)
    rotation = Rotation.random(n, random_state=seed).as_matrix() if n else np.zeros((0, 3, 3))
    template = GridTemplate("square", 0.1, 1.0, 1.0, 20, 20)
    return build(template, rng.uniform(-100, 100, (n, 3)), rotation, ConstantField(0.0))


def by_trying_all(
    detector: Detector, x: np.ndarray, t: np.ndarray, h: np.ndarray, k: float, step: float
) -> dict[int, float]:
    """Sensors whose plane a densely sampled helix crosses inside their outline, and the path to each."""
    s = np.linspace(0, step, 4001)
    track = np.array([helix(tuple(x), tuple(t), tuple(h), k, at)[0] for at in s])
    found: dict[int, float] = {}
    for i in range(detector.n_sensors):
        uvw = (track - detector.center[i]) @ detector.rotation[i]
        for j in np.flatnonzero(uvw[:-1, 2] * uvw[1:, 2] < 0):
            part = uvw[j, 2] / (uvw[j, 2] - uvw[j + 1, 2])
            u, v = uvw[j, :2] + part * (uvw[j + 1, :2] - uvw[j, :2])
            assume(abs(abs(u) - 10) > 1e-2 and abs(abs(v) - 10) > 1e-2)  # no verdict on the rim
            if max(abs(u), abs(v)) < 10:
                found.setdefault(i, s[j] + part * (s[1] - s[0]))
    return found


@given(st.integers(0, 40), st.floats(-0.004, 0.004), st.integers(0, 500))
@settings(max_examples=15)
def test_the_next_sensor_on_a_helix_is_the_first_of_all(n: int, k: float, seed: int) -> None:
    detector, rng = scattered(n, seed), np.random.default_rng(seed)
    x, t, h = rng.uniform(-50, 50, 3), rng.normal(size=3), rng.normal(size=3)
    t, h = t / np.linalg.norm(t), h / np.linalg.norm(h)
    found = by_trying_all(detector, x, t, h, k, 150.0)
    sensor, path = next_sensor(
        sensor_tree(detector), np.empty((64, 2)), tuple(x), tuple(t), tuple(h), k, 1e-6, 150.0
    )
    if not found:
        assert (sensor, path) == (-1, 150.0)
        return
    first = min(found, key=found.__getitem__)
    assert (sensor, path) == (first, pytest.approx(found[first], abs=1e-3))


@given(st.integers(0, 300), st.integers(0, 9))
@settings(max_examples=30)
def test_each_sensor_has_one_leaf_and_lies_in_the_box_of_each_node_above(n: int, seed: int) -> None:
    detector = scattered(n, seed)
    tree, (low, high) = sensor_tree(detector), detector.bounds
    assert sorted(tree.order[tree.order >= 0].tolist()) == list(range(n))
    first_leaf = len(tree.low) // 2
    for place in np.flatnonzero(tree.order >= 0):
        node, sensor = first_leaf + place // 2, tree.order[place]
        while True:
            assert (tree.low[node] <= low[sensor]).all()
            assert (tree.high[node] >= high[sensor]).all()
            if node == 0:
                break
            node = (node - 1) // 2


@given(st.floats(-0.05, 0.05), st.floats(-60, 60), st.integers(0, 99))
def test_a_helix_is_the_flow_of_its_equation(k: float, s: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, t, h = rng.uniform(-50, 50, 3), rng.normal(size=3), rng.normal(size=3)
    t, h = t / np.linalg.norm(t), h / np.linalg.norm(h)
    # dx/ds = t, dt/ds = k t x h: linear, so the matrix exponential solves it.
    cross = np.array([[0, h[2], -h[1]], [-h[2], 0, h[0]], [h[1], -h[0], 0]])
    flow = np.zeros((6, 6))
    flow[:3, 3:], flow[3:, 3:] = np.eye(3), k * cross
    expected = expm(flow * s) @ np.concatenate([x, t])
    position, direction = helix(tuple(x), tuple(t), tuple(h), k, s)
    np.testing.assert_allclose(position, expected[:3], atol=1e-8)
    np.testing.assert_allclose(direction, expected[3:], atol=1e-10)


@given(st.floats(-9, 9), st.floats(-3, 3), st.floats(-1, 1), st.floats(0, 2), st.floats(2, 20))
def test_a_plane_is_crossed_at_the_first_root_in_reach(
    f: float, a: float, b: float, least: float, limit: float
) -> None:
    s = plane_crossing(f, a, b, least, limit)
    assume(abs(b) > 1e-6 or b == 0)
    assume(abs(a) > 1e-6)
    coefficients = [b / 2, a, f] if b else [a, f]
    roots = [r.real for r in np.roots(coefficients) if r.imag == 0]
    assume(all(min(abs(r - least), abs(r - limit)) > 1e-6 for r in roots))
    assume(a * a - 2 * b * f > 1e-9 or a * a - 2 * b * f < -1e-9)
    expected = min((r for r in roots if least < r < limit), default=np.inf)
    assert s == pytest.approx(expected, rel=1e-6)


@given(st.integers(0, 99), st.floats(-15, 15), st.floats(-15, 15))
def test_local_places_and_outlines_are_the_detectors(seed: int, u: float, v: float) -> None:
    detector = scattered(3, seed)
    tree = sensor_tree(detector)
    point = detector.center[1] + detector.rotation[1] @ [u, v, 0.0]
    np.testing.assert_allclose(local(tree, 1, tuple(point)), [u, v], atol=1e-9)
    assume(abs(max(abs(u), abs(v)) - 10) > 1e-6)
    assert inside(tree, 1, tuple(point)) == (max(abs(u), abs(v)) < 10)
