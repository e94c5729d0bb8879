"""Straight flights: all sensors at once are the sensors one by one."""

from __future__ import annotations

import numpy as np
import pytest

from gnnreco.geometry import load_detector
from gnnreco.simulate.sensor_tree import next_sensor, sensor_tree, sensors_ahead
from tests.simulate.conftest import planes


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
