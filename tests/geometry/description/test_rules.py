"""Placing rules: where the sensors stand, and that nothing collides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from scipy.spatial.transform import Rotation

from gnnreco.errors import BadGeometry
from gnnreco.geometry import Detector, check, load_detector
from gnnreco.geometry.checks.coverage import coverage

GRID = {"kind": "grid", "pitch": [0.1, 0.1], "cells": [200, 400], "thickness": 0.3}


def build(folder: Path, *sensors: dict[str, Any], **templates: Any) -> Detector:
    description = {
        "format": "gnnreco-detector/1",
        "name": "ruled",
        "units": {"length": "mm", "angle": "deg"},
        "templates": templates or {"chip": GRID},
        "subsystems": {"all": {}},
        "sensors": [{"subsystem": "all", **entry} for entry in sensors],
    }
    folder.mkdir(exist_ok=True)
    (folder / "detector.yaml").write_text(yaml.safe_dump(description))
    return load_detector(folder)


def test_a_barrel_faces_outwards_and_does_not_collide(tmp_path: Path) -> None:
    layers = [{"radius": 50, "count": 18, "z": [-40.0, 0, 40], "tilt": 8, "stagger": 1}]
    layers += [{"radius": 90, "count": 32, "z": [-40.0, 0, 40], "tilt": 8, "stagger": 1}]
    detector = build(tmp_path, {"rule": "barrel", "template": "chip", "layers": layers})
    assert detector.n_sensors == 3 * (18 + 32)
    assert check(detector) == []
    radial = detector.center * [1, 1, 0] / np.hypot(*detector.center[:, :2].T)[:, None]
    assert np.allclose((detector.rotation[:, :, 2] * radial).sum(axis=1), np.cos(np.radians(8)))
    assert np.allclose(detector.rotation[:, 2, 1], 1)
    radius = np.hypot(*detector.center[:, :2].T)
    assert set(np.round(radius, 6).tolist()) == {50, 49, 90, 89}
    assert np.linalg.det(detector.rotation) == pytest.approx(1)


def test_planes_are_turned_about_x_then_y_then_z(tmp_path: Path) -> None:
    turn = [[0, 0, 0], [10, -20, 30], [200, 5, -170], [0, 90, 0]]
    detector = build(
        tmp_path, {"rule": "planes", "template": "chip", "z": [0.0, 500, 1000, 1500], "turn": turn}
    )
    expected = Rotation.from_euler("xyz", turn, degrees=True).as_matrix()
    assert np.allclose(detector.rotation, expected, rtol=0, atol=1e-14)
    assert np.array_equal(detector.rotation[0], np.eye(3))


def test_disks_mirror_at_negative_z(tmp_path: Path) -> None:
    rings = [{"template": "chip", "radius": 60, "count": 16, "stagger": 2}]
    rings += [{"template": "chip", "radius": 95, "count": 26, "stagger": 2, "dz": 5}]
    detector = build(tmp_path, {"rule": "disks", "z": [-300.0, 300], "rings": rings})
    assert check(detector) == []
    assert detector.n_layers == 2
    assert np.allclose(
        np.sort(detector.center[detector.layer == 0, 2]),
        -np.sort(detector.center[detector.layer == 1, 2])[::-1],
    )
    outwards = detector.center[:, :2] / np.hypot(*detector.center[:, :2].T)[:, None]
    assert np.allclose(detector.rotation[:, :2, 1], outwards)


def test_phi0_turns_a_layer_and_a_ring(tmp_path: Path) -> None:
    layers = [{"radius": 50, "count": 12, "z": [0.0], "phi0": phi0} for phi0 in (0, 15)]
    rings = [{"template": "chip", "radius": 90, "count": 12, "phi0": 15}]
    entries = [
        {"rule": "barrel", "template": "chip", "layers": layers},
        {"rule": "disks", "z": [300.0], "rings": rings},
    ]
    detector = build(tmp_path, *entries)
    phi = np.degrees(np.arctan2(detector.center[:, 1], detector.center[:, 0])).reshape(3, 12)
    assert np.allclose(phi[0] % 30, 15)
    assert np.allclose((phi[1:] + 1) % 30, 1)
    assert np.allclose(np.cross(detector.rotation[24:, :, 0], detector.rotation[24:, :, 1])[:, 2], 1)


def test_layers_and_ids_run_on_over_entries(tmp_path: Path) -> None:
    planes = {"rule": "planes", "template": "chip", "z": [100.0, 200]}
    turned = {
        "rule": "planes",
        "template": "chip",
        "z": [300.0, 400],
        "x": 5,
        "turn": [[0, 0, 90], [0, 30, 0]],
    }
    detector = build(tmp_path, planes, turned)
    assert detector.layer.tolist() == [0, 1, 2, 3]
    assert detector.sensor_id.tolist() == [0, 1, 2, 3]
    assert np.allclose(detector.rotation[2] @ [1, 0, 0], [0, 1, 0])
    assert detector.center[:, 0].tolist() == [0, 0, 5, 5]


def test_wafers_stay_in_their_ring() -> None:
    detector = load_detector("hex_tracker")
    corners = detector.outline_corners()[detector.template]
    xyz = detector.center[:, None] + np.einsum("nij,nkj->nki", detector.rotation[:, :, :2], corners)
    r = np.hypot(xyz[..., 0], xyz[..., 1])
    assert r.min() >= 60
    assert (r.max(axis=1) <= 480 + (np.abs(detector.center[:, 2]) - 700) * 40 / 60 + 1e-6).all()
    assert len(np.unique(detector.template)) == 4


def test_tracks_cross_enough_disks() -> None:
    """What the README of hex_tracker promises, with straight lines from the origin."""
    detector = load_detector("hex_tracker")
    random = np.random.default_rng(0)
    eta, phi = random.uniform(1.25, 2.9, 500), random.uniform(-np.pi, np.pi, 500)
    z = np.unique(detector.center[detector.center[:, 2] > 0, 2])
    r = z[:, None] / np.sinh(eta)
    xyz = np.stack([r * np.cos(phi), r * np.sin(phi), np.broadcast_to(z[:, None], r.shape)], axis=-1)
    crossed = (detector.locate(xyz.reshape(-1, 3), tolerance=1e-6) >= 0).reshape(r.shape).sum(axis=0)
    assert (crossed >= 8).mean() > 0.9


def test_every_line_crosses_five_layers_on_both_unequal_sides() -> None:
    """What the README of epic_tracker promises."""
    detector = load_detector("epic_tracker")
    seen = coverage(detector, 61, 30)
    inside = seen.layers[np.abs(seen.eta) < 3]
    assert inside.min() >= 5
    assert (inside >= 6).mean() > 0.95
    z = np.unique(
        detector.center[np.array([s.name == "disks" for s in detector.subsystems])[detector.subsystem], 2]
    )
    assert (len(z), z.min(), z.max()) == (10, -1020, 1350)


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ({"rule": "spiral"}, "unknown rule 'spiral'; use one of planes"),
        ({"rule": "planes", "template": "cheap", "z": [1.0]}, "no template 'cheap'; there are: chip"),
        ({"rule": "planes", "template": "chip", "z": "far"}, "expected numbers"),
        ({"rule": "planes", "template": "chip", "z": [1.0], "zz": 1}, "unknown key 'zz'"),
        (
            {"rule": "barrel", "template": "chip", "layers": [{"radius": 0, "count": 3, "z": [0]}]},
            "greater than 0",
        ),
        (
            {"rule": "wafers", "templates": ["chip"], "z": [1.0], "spacing": 50, "r_min": 10, "r_max": 20},
            "no wafer fits",
        ),
    ],
)
def test_a_wrong_entry_says_why(tmp_path: Path, entry: dict[str, Any], why: str) -> None:
    with pytest.raises(BadGeometry, match=why):
        build(tmp_path, entry)
