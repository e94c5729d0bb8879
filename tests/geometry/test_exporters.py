"""What is exported to ACTS holds the same sensors, nested as ACTS can take them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gnnreco.errors import BadInput
from gnnreco.geometry import ConstantField, Detector, import_detector, load_detector
from gnnreco.geometry.exporters import export_detector

MADE_UP = """
templates:
  chip: {kind: grid, pitch: [0.1, 0.2], cells: [200, 100], thickness: 0.3}
  wedge: {kind: grid, pitch: [0.1, 0.2], cells: [300, 100], thickness: 0.2,
          outline: [[-10, -10], [10, -10], [15, 10], [-15, 10]]}
  pad: {kind: grid, pitch: [5, 5], cells: [4, 4], thickness: 1}
  tile: {kind: polygons, thickness: 0.4, cells: [[[0, 0], [9, 1], [8, 9]], [[0, 0], [8, 9], [1, 7]]],
         outline: [[0, 0], [9, 1], [8, 9], [1, 7]]}
subsystems:
  barrel: {measures: [position], material: {radiation_lengths: 0.01, interaction_lengths: 0.003}}
  disk: {measures: [position], material: {radiation_lengths: 0.02, interaction_lengths: 0.005}}
  calorimeter: {measures: [energy]}
sensors:
  - rule: barrel
    template: chip
    subsystem: barrel
    layers: [{radius: 40, count: 16, z: [-20.5, 0, 20.5], tilt: 8}, {radius: 80, count: 32, z: [-20.5, 0, 20.5], tilt: 8}]
  - rule: disks
    subsystem: disk
    z: [-100, 100, 150]
    rings: [{template: wedge, radius: 60, count: 20, stagger: 1}]
  - {rule: planes, template: tile, subsystem: disk, z: [200]}
  - {rule: planes, template: pad, subsystem: calorimeter, z: [300]}
"""


@pytest.fixture
def made_up(detector_folder: Callable[..., Path]) -> Detector:
    return load_detector(detector_folder("made_up", MADE_UP, bz=1.5))


def outlines(detector: Detector) -> list[Any]:
    """The global corners of every sensor, in an order of their own."""
    corners = detector.outline_corners()[detector.template]
    place = detector.center[:, None] + np.einsum("nij,nkj->nki", detector.rotation[:, :, :2], corners)
    counts = detector.outline_counts[detector.template]
    return sorted(sorted(map(tuple, np.round(p[:n], 6) + 0.0)) for p, n in zip(place, counts, strict=True))


def test_exported_and_imported_again_the_sensors_are_the_same(made_up: Detector, tmp_path: Path) -> None:
    folder = tmp_path / "acts"
    export_detector("acts", made_up, folder)
    options = {"digitization": str(folder / "digitization.json"), "field": "1.5"}
    target = import_detector("acts-json", folder / "surfaces.json", tmp_path / "back", None, options)
    back = load_detector(target)
    tracker = made_up.select(made_up.subsystem < 2)
    assert outlines(back) == outlines(tracker)
    for column in ("thickness", "pitch_u", "pitch_v", "radiation_lengths", "interaction_lengths"):
        assert np.allclose(np.sort(getattr(back, column)), np.sort(getattr(tracker, column)), rtol=1e-9)
    assert back.n_layers == tracker.n_layers - 1  # that of the calorimeter is gone


def test_containers_part_all_layers(made_up: Detector, tmp_path: Path) -> None:
    files = {f.name: json.loads(f.read_text()) for f in export_detector("acts", made_up, tmp_path / "acts")}
    layers = files["layers.json"]["layers"]
    assert [layer["kind"] for layer in layers] == ["disc", "cylinder", "cylinder", "disc", "disc", "disc"]
    tree = files["layers.json"]["containers"]
    assert tree["direction"] == "z"
    assert tree["children"][1] == {"direction": "r", "children": [{"layer": 1}, {"layer": 2}]}
    for child in tree["children"]:
        if "layer" in child:
            assert layers[child["layer"]]["kind"] == "disc"
    ids = [tuple(s["geo_id"].values()) for s in files["surfaces.json"]["Surfaces"]["entries"]]
    assert len(set(ids)) == len(ids) == made_up.n_sensors - 1
    cells = {
        tuple(e[k] for k in ("volume", "layer")): e["value"] for e in files["digitization.json"]["entries"]
    }
    assert set(cells) == {(layer["volume"], layer["layer"]) for layer in layers}
    assert cells[1, 1]["geometric"]["segmentation"]["binningdata"][0]["bins"] == 200
    assert {tuple(one.values()) for one in files["seeding.json"]} <= set(cells)


def test_the_axis_through_a_sensor_is_inside_it(tmp_path: Path) -> None:
    files = {f.name: f for f in export_detector("acts", load_detector("telescope"), tmp_path / "acts")}
    layers = json.loads(files["layers.json"].read_text())["layers"]
    assert [layer["r"][0] for layer in layers] == [0.0] * 6


def test_what_cannot_be_exported_says_so(made_up: Detector, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no sensor measures positions"):
        export_detector("acts", made_up.select(made_up.subsystem == 2), tmp_path / "a")
    with pytest.raises(BadInput, match="there are: acts"):
        export_detector("gdml", made_up, tmp_path / "b")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "mine").touch()
    with pytest.raises(BadInput, match="not empty"):
        export_detector("acts", made_up, tmp_path / "c")
    crossing = made_up.moved(np.eye(3), np.zeros(3))
    crossing.layer[crossing.layer == 2] = 0  # a disk and a cylinder as one layer may go, but not interleaved
    crossing.center[crossing.layer == 3, 2] = 5.0
    with pytest.raises(BadInput, match="interleave"):
        export_detector("acts", crossing, tmp_path / "d")
    bent = replace(made_up, field=ConstantField(1.0, bx=0.5))
    with pytest.raises(BadInput, match="not along z and the same everywhere"):
        export_detector("acts", bent, tmp_path / "e")
