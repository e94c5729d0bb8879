"""Lines through showers and through drifting charge."""

from dataclasses import replace

import numpy as np
import pytest

from gnnreco.columns import Event, Hits
from gnnreco.display.event.curves import Helices
from gnnreco.display.event.waypoints import CHARGE, ENERGY, POINT, kinds_of_hits, waypoints
from gnnreco.geometry import Subsystem

STRAIGHT = Helices(np.zeros((1, 3)), np.zeros(1), np.full(1, np.pi / 2), np.zeros(1))


def line_of_hits(n, spread=0.0, energy=None):
    x = np.linspace(100, 500, n)
    y = spread * np.random.default_rng(3).normal(size=n)
    return Event(0, "line", Hits(np.arange(n), x, y, np.zeros(n), np.zeros(n, np.int32), energy=energy))


def test_kinds(made):
    bench = made.detector()
    for measures, kind in (("position",), POINT), (("energy", "time"), ENERGY), (("charge",), CHARGE):
        detector = replace(bench, subsystems=(Subsystem("inner", measures), Subsystem("outer")))
        event = line_of_hits(3)
        assert kinds_of_hits(event, detector).tolist() == [kind] * 3


def test_a_shower_ends_a_line_at_its_middle():
    event = line_of_hits(5, energy=np.array([0, 0, 1.0, 3.0, 0]))
    kinds = np.full(5, ENERGY, np.uint8)
    offsets, points = waypoints(STRAIGHT, np.array([0, 5]), np.arange(5), event, kinds, 1000.0)
    assert offsets.tolist() == [0, 1]
    assert points[0, 0] == pytest.approx((300 + 3 * 400) / 4)


def test_a_track_is_not_bent_towards_its_shower():
    event = line_of_hits(5, energy=np.ones(5))
    kinds = np.array([POINT, POINT, POINT, ENERGY, ENERGY], np.uint8)
    offsets, points = waypoints(STRAIGHT, np.array([0, 5]), np.arange(5), event, kinds, 1000.0)
    assert offsets.tolist() == [0, 3]
    assert points[:, 0].tolist() == [100, 200, 300]


def test_charge_becomes_a_smooth_line():
    event = line_of_hits(400, spread=5.0, energy=np.ones(400))
    kinds = np.full(400, CHARGE, np.uint8)
    offsets, points = waypoints(STRAIGHT, np.array([0, 400]), np.arange(400), event, kinds, 1000.0)
    assert 18 <= offsets[1] <= 22
    assert np.abs(points[:, 1]).max() < 5.0
    assert np.abs(points[:, 1]).std() < 2.0
