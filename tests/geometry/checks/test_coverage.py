"""Straight lines through detectors, counted against what `locate` and plain geometry say."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from gnnreco.geometry import Detector, coverage, load_detector
from tests.geometry.description.builders import build

MATERIAL = {"material": {"radiation_lengths": 0.5, "interaction_lengths": 0.1}}


def test_planes_across_a_beam(tmp_path: Path) -> None:
    detector = build(
        tmp_path, {"rule": "planes", "template": "chip", "z": [10.0, 20, 30]}, subsystem=MATERIAL
    )
    found = coverage(detector, 20, 10)
    assert found.axes == ("x", "y")
    assert np.abs(found.eta).max() < 10 < np.abs(found.phi).max() < 20
    assert (found.layers == 3).all()
    assert np.allclose(found.radiation_lengths, 1.5)
    assert np.allclose(found.interaction_lengths, 0.3)


def test_a_barrel_and_its_beam_pipe(tmp_path: Path) -> None:
    # Eight staves that close the circle; 200 mm long, 40 mm thick, entered at 100 mm from the axis.
    side = float(2 * 100 * np.tan(np.pi / 8))
    stave = {"kind": "grid", "pitch": [side, 20], "cells": [1, 10], "thickness": 40}
    sizes = {"radius": 20, "half_length": 500, "radiation_lengths": 0.1, "interaction_lengths": 0.05}
    rule = {"rule": "barrel", "template": "stave", "layers": [{"radius": 120.0, "count": 8, "z": [0.0]}]}
    detector = build(
        tmp_path, rule, templates={"stave": stave}, subsystem=MATERIAL, passive=[{"name": "pipe", **sizes}]
    )
    found = coverage(detector, 40, 72)
    assert found.axes == ("eta", "phi")
    from_normal = (found.phi + np.pi) % (np.pi / 4) - np.pi / 8
    inner = np.abs(from_normal) < 0.99 * np.arctan(side / 2 / 140)
    slope, cosine = np.abs(np.sinh(found.eta))[:, None], np.cos(from_normal[inner])
    enter, leave = 100 / cosine, np.minimum(140 / cosine, 100 / slope)
    path = np.maximum(leave - enter, 0) * np.hypot(1, slope)
    assert (path == 0).any()
    assert ((path > 0) & (leave < 140 / cosine)).any()
    assert np.allclose(found.radiation_lengths[:, inner], 0.5 * path / 40 + 0.1 * np.hypot(1, slope))
    assert np.allclose(found.interaction_lengths[:, inner], 0.1 * path / 40 + 0.05 * np.hypot(1, slope))
    assert (found.layers[:, inner] == (path > 0)).all()


def test_a_ring_has_a_hole_and_a_thick_sensor_counts_once(tmp_path: Path) -> None:
    ring = {"kind": "polar", "r": [100, 150, 200], "phi": [0, 360, 90], "thickness": 60}
    rule = {"rule": "planes", "template": "ring", "z": [500.0, 570]}
    detector = build(tmp_path, rule, templates={"ring": ring}, subsystem=MATERIAL)
    found = coverage(detector, 200, 12)
    assert found.axes == ("eta", "phi")
    slope = 1 / np.sinh(found.eta)
    inside = (slope * 470 > 100.2) & (slope * 600 < 199)
    assert inside.any()
    assert (found.layers[inside] == 2).all()
    assert np.allclose(found.radiation_lengths[inside], np.hypot(1, slope)[inside, None])
    outside = (slope * 600 < 99) | (slope * 470 > 200.1)
    assert outside.any()
    assert found.layers[outside].sum() == 0


def test_towers_that_point_home_leave_no_gap(tmp_path: Path) -> None:
    """Blocks whose walls point to the origin: every line crosses exactly one of them, whole."""
    side = 200.0
    block = {
        "kind": "grid",
        "pitch": [side / 4, side / 4],
        "cells": [4, 4],
        "thickness": 80,
        "focus": [0, 0, -100],
    }
    rule = {"rule": "planes", "template": "block", "x": [0.0], "z": [100.0], "turn": [[0, 0, 0]]}
    cube = [
        {**rule, "z": [0.0], "x": [100.0], "turn": [[0, 90, 0]]},
        {**rule, "z": [0.0], "x": [-100.0], "turn": [[0, -90, 0]]},
        {**rule, "z": [0.0], "x": [0.0], "y": [100.0], "turn": [[-90, 0, 0]]},
        {**rule, "z": [0.0], "x": [0.0], "y": [-100.0], "turn": [[90, 0, 0]]},
    ]
    detector = build(tmp_path, *cube, templates={"block": block}, subsystem=MATERIAL)
    found = coverage(detector, 60, 60)
    inside = np.abs(np.sinh(found.eta))[:, None] < np.maximum(
        np.abs(np.cos(found.phi)), np.abs(np.sin(found.phi))
    )
    assert (found.layers[inside] == 1).all()
    assert (found.radiation_lengths[inside] >= 0.5).all()
    assert (found.radiation_lengths[inside] <= 0.5 * np.sqrt(3) + 1e-6).all()
    assert (found.layers[~inside] == 0).all()


@pytest.mark.parametrize("name", ["trackml", "hex_tracker"])
def test_lines_and_located_points_agree(name: str) -> None:
    detector = load_detector(name)
    found = coverage(detector, 9, 11)
    for i in range(0, 9, 2):
        for j in range(0, 11, 5):
            assert found.layers[i, j] == len(layers_by_points(detector, found.eta[i], found.phi[j]))


def layers_by_points(detector: Detector, eta: float, phi: float) -> set[int]:
    """The layers of the sensors on a line, found point by point every 0.05 mm."""
    direction = np.array([np.cos(phi) / np.cosh(eta), np.sin(phi) / np.cosh(eta), np.tanh(eta)])
    low, high = detector.bounds
    length = min(
        np.abs(np.concatenate([low, high])[:, 2]).max() / abs(np.tanh(eta) + 1e-9),
        np.hypot(high[:, 0], high[:, 1]).max() * np.cosh(eta),
    )
    points = np.arange(0, length * 1.1, 0.05)[:, None] * direction
    sensor = detector.locate(points, tolerance=1e-9)
    return set(detector.layer[sensor[sensor >= 0]].tolist())


def test_lines_are_fast() -> None:
    detector = load_detector("trackml")
    coverage(detector, 2, 2)
    start = time.process_time()
    coverage(detector)
    assert time.process_time() - start < 2
