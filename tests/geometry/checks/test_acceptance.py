"""Holes, cracks and figures that straight lines find."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gnnreco.cli import main
from gnnreco.geometry import Detector, Finding, check, list_detectors, load_detector
from tests.geometry.description.builders import build, describe, write

STAVE = {"kind": "grid", "pitch": [8.3714, 10], "cells": [10, 20], "thickness": 10}
MATERIAL = {"material": {"radiation_lengths": 0.5, "interaction_lengths": 0.1}}


def barrel(folder: Path, **more: Any) -> Detector:
    rule = {"rule": "barrel", "template": "stave", "layers": [{"radius": 120.0, "count": 9, "z": [0.0]}]}
    return build(folder, rule, templates={"stave": STAVE}, subsystem=MATERIAL, **more)


def said(detector: Detector, severity: str) -> dict[str, Finding]:
    return {f.code: f for f in check(detector, physics=True) if f.severity == severity}


def test_a_closed_barrel_has_no_hole(tmp_path: Path) -> None:
    detector = barrel(tmp_path)
    assert check(detector) == []
    assert said(detector, "warning") == {}
    notes = said(detector, "note")
    assert notes["layers"].message.startswith("layers crossed on average: 1 at 0.1")
    assert "radiation lengths: 0.49" in notes["depth"].message


def test_a_missing_stave_is_a_hole_that_is_named(tmp_path: Path) -> None:
    detector = barrel(tmp_path)
    hole = said(detector.select(np.arange(9) != 4), "warning")["hole"]
    assert "phi -0.3" in hole.where
    assert "eta" in hole.where
    assert float(hole.message.split()[0]) == pytest.approx(100 / 9, abs=1)


def test_many_equal_cracks_are_a_note(tmp_path: Path) -> None:
    thin = {**STAVE, "pitch": [8.0, 10]}
    rule = {"rule": "barrel", "template": "stave", "layers": [{"radius": 120.0, "count": 9, "z": [0.0]}]}
    detector = build(tmp_path, rule, templates={"stave": thin}, subsystem=MATERIAL)
    assert said(detector, "warning") == {}
    assert "and 3 more" in said(detector, "note")["hole"].where


def test_a_crack_between_barrels(tmp_path: Path) -> None:
    layers = [{"radius": 120.0, "count": 9, "z": [-105.0, 105.0]}]
    rule = {"rule": "barrel", "template": "stave", "layers": layers}
    detector = build(tmp_path, rule, templates={"stave": STAVE}, subsystem=MATERIAL)
    assert "eta" in said(detector, "warning")["crack"].where


def test_a_hole_across_a_beam_and_none_around_a_disk(tmp_path: Path) -> None:
    disk = {"kind": "polar", "r": [0, 50], "phi": [0, 360, 40], "thickness": 1}
    plane = {"rule": "planes", "template": "disk", "z": [10.0]}
    detector = build(tmp_path / "disk", plane, templates={"disk": disk}, subsystem=MATERIAL)
    assert said(detector, "warning") == {}
    pad = {"kind": "grid", "pitch": [10, 10], "cells": [2, 2], "thickness": 1}
    places = [(x, y) for x in range(-60, 61, 20) for y in range(-60, 61, 20) if (x, y) != (20, 20)]
    tiles = [{"rule": "planes", "template": "pad", "z": [10.0], "x": x, "y": y} for x, y in places]
    tiled = build(tmp_path / "tiles", *tiles, templates={"pad": pad}, subsystem=MATERIAL)
    hole = said(tiled, "warning")["hole"]
    assert "x 11." in hole.where
    assert "y 11." in hole.where


def test_material_in_percent_and_a_size_of_kilometres(tmp_path: Path) -> None:
    percent = {"material": {"radiation_lengths": 2, "interaction_lengths": 0.5}}
    rule = {"rule": "planes", "template": "chip", "z": [100.0, 3e6]}
    codes = {f.code for f in check(build(tmp_path, rule, subsystem=percent))}
    assert codes == {"thick-tracker", "strange-size"}


def test_iron_behind_a_calorimeter_is_no_mistake_and_percent_before_it_is(tmp_path: Path) -> None:
    thick = {"measures": ["position"], "material": {"radiation_lengths": 2, "interaction_lengths": 0.5}}
    parts = {"iron": thick, "calorimeter": {**thick, "measures": ["energy"]}}

    def codes(name: str, z: float) -> set[str]:
        planes = [("calorimeter", 100.0), ("iron", z)]
        entries = [
            {"rule": "planes", "template": "chip", "subsystem": part, "z": [place]} for part, place in planes
        ]
        return set(said(build(tmp_path / name, *entries, subsystems=parts), "warning"))

    assert codes("behind", 200.0) == set()
    assert codes("before", 50.0) == {"thick-tracker"}


def test_a_calorimeter_without_material(tmp_path: Path) -> None:
    rule = {"rule": "planes", "template": "chip", "z": [100.0, 200.0]}
    detector = build(tmp_path, rule, subsystem={"measures": ["energy"]})
    assert set(said(detector, "warning")) == {"no-material"}


#: Warnings that are true of the real detector.
MEANT = {"belle2_ecl": {"crack"}}


@pytest.mark.parametrize("name", list_detectors())
def test_shipped_detectors_have_no_fault_and_few_notes(name: str) -> None:
    found = check(load_detector(name), physics=True)
    assert {f.code for f in found if f.severity != "note"} == MEANT.get(name, set())
    assert 2 <= len(found) <= 5


LOAD = """
import resource, sys, time
from gnnreco.geometry import load_detector
load_detector("telescope").hash
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.process_time()
detector = load_detector(sys.argv[1])
print(time.process_time() - start, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hgcal", "odd", "tpc", "voronoi"])
def test_a_million_cells_load_in_a_second_and_200_mb(name: str) -> None:
    load_detector(name)  # compiles what is not yet
    done = subprocess.run([sys.executable, "-c", LOAD, name], capture_output=True, text=True, check=True)
    seconds, megabytes = (float(word) for word in done.stdout.split())
    assert seconds < 1
    assert megabytes < 200


def test_the_command_prints_notes_and_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rule = {"rule": "planes", "template": "chip", "z": [100.0, 200.0]}
    folder = write(tmp_path / "planes", describe(rule))
    assert main(["detector", "check", str(folder), "--json", str(tmp_path / "found.json")]) == 0
    printed = capsys.readouterr().out
    assert "no fault found" in printed
    assert "note: x -9.9" in printed
    assert '"severity": "note"' in (tmp_path / "found.json").read_text()


def test_the_command_counts_faults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write(tmp_path / "planes", describe({"rule": "planes", "template": "chip", "z": "here"}))
    assert main(["detector", "check", str(folder)]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "1 error, 0 warnings"
