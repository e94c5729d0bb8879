"""Bad detectors: each fault has its own code and says where it is and what to do."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from gnnreco.errors import BadGeometry
from gnnreco.geometry import check, load_detector

CORPUS = Path(__file__).parents[2] / "corpus" / "detectors"

# folder: the codes that `check` must find, and a word of the message, of the place, and of the suggestion.
FAULTS = {
    "duplicate_ids": ({"duplicate-id"}, "2 sensor ids", "(id 7)", "number every sensor once"),
    "duplicate_labels": ({"duplicate-id"}, "1 names (barrel, module)", "sensors 0 (id 0), 2", "once"),
    "no_rotation": ({"not-a-rotation"}, "orthogonal", "sensor 1", "columns u, v, w"),
    "mirrored": ({"mirrored-rotation"}, "mirror image", "sensor 1", "sign of one axis"),
    "overlapping_sensors": ({"overlapping-sensors"}, "share space", "rows 0 and 1", "centre"),
    "asymmetric_neighbours": ({"asymmetric-neighbours"}, "one direction", "1 and 2", "(b, a)"),
    "cell_outside": ({"cell-outside-sensor"}, "outside the outline", "template pads, cell 1", "cut the cell"),
    "overlapping_cells": ({"overlapping-cells"}, "cover the same place", "0 and 1", "once"),
    "flat_cell": ({"flat-cell"}, "without area", "cell 1", "draw it again"),
    "nan_table": ({"not-a-number"}, "NaN", "sensor 1 (id 1), center", "finite"),
    "nan_yaml": ({"not-a-number"}, "not finite", "line 5", "must be"),
    "unknown_unit": ({"unknown-unit"}, "'inch'", "line 3", "um, mm, cm, m"),
    "unknown_unit_and_overlap": ({"unknown-unit", "overlapping-sensors"}, "", "", ""),
    "many_faults": (
        {"duplicate-id", "not-a-rotation", "not-a-number", "overlapping-sensors", "negative-material"},
        *("", "", ""),
    ),
    "bare_outline": ({"sensor-without-cells"}, "beyond the cells", "template pixel", "number of cells"),
    "misspelt_key": ({"description"}, "unknown key 'pich'", "line 6", "known here"),
    "twice_the_key": ({"description"}, "appears twice", "line 5", "keep one"),
    "not_yaml": ({"description"}, "not readable as YAML", "line 3", ""),
    "empty": ({"description"}, "empty", "", ""),
    "unknown_template": ({"unreadable"}, "'pixle'", "row 1, column template", ""),
    "missing_column": ({"unreadable"}, "missing", "column zw", "needs"),
    "missing_table": ({"unreadable"}, "no such table", "", "relative"),
    "not_convex": ({"description"}, "not convex", "line 8", "split"),
    "wrong_shape": ({"description"}, "expected 2", "line 6", ""),
    "code_in_yaml": ({"description"}, "", "", ""),
}


def test_the_corpus_and_the_table_agree() -> None:
    assert {folder.name for folder in CORPUS.iterdir() if folder.is_dir()} == set(FAULTS)


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_found_and_named(name: str) -> None:
    codes, message, where, suggestion = FAULTS[name]
    findings = check(CORPUS / name)
    assert {finding.code for finding in findings} == codes
    assert all(finding.severity == "error" and finding.suggestion for finding in findings)
    assert message in findings[0].message
    assert where in findings[0].where
    assert not findings[0].where.endswith(": ")
    assert suggestion in findings[0].suggestion


@pytest.mark.parametrize("name", sorted(set(FAULTS) - {"overlapping_sensors", "asymmetric_neighbours"}))
def test_what_cannot_be_used_is_not_loaded(name: str) -> None:
    later = {
        "overlapping-sensors",
        "cell-outside-sensor",
        "overlapping-cells",
        "flat-cell",
        "sensor-without-cells",
    }
    if FAULTS[name][0] <= later:
        load_detector(CORPUS / name)
        return
    with pytest.raises(BadGeometry) as error:
        load_detector(CORPUS / name)
    assert str(CORPUS / name) in str(error.value)


def test_yaml_runs_nothing(tmp_path: Path) -> None:
    shutil.copytree(CORPUS / "code_in_yaml", tmp_path / "code")
    with pytest.raises(BadGeometry):
        load_detector(tmp_path / "code")
    assert not Path("/tmp/gnnreco_code_ran").exists()


def test_a_sound_detector_of_polygons_by_hand(tmp_path: Path) -> None:
    square, triangle = [[0, 0], [2, 0], [2, 2], [0, 2]], [[2, 0], [4, 1], [2, 2]]
    description = {
        "format": "gnnreco-detector/1",
        "name": "mine",
        "units": {"length": "cm"},
        "templates": {"odd": {"kind": "polygons", "thickness": 0.1, "cells": [square, triangle]}},
        "subsystems": {"all": {"measures": ["position", "energy"]}},
        "sensors": [{"rule": "planes", "template": "odd", "subsystem": "all", "z": [1, 2, 3]}],
    }
    (tmp_path / "detector.yaml").write_text(yaml.safe_dump(description))
    detector = load_detector(tmp_path)
    assert check(detector) == []
    assert detector.center[:, 2].tolist() == [10, 20, 30]
    assert detector.cell_at([0, 1, 2], [1, 25, 39], [1, 10, 19]).tolist() == [0, 1, -1]
    offsets, indices = detector.templates[0].neighbours()
    assert offsets.tolist() == [0, 1, 2]
    assert indices.tolist() == [1, 0]
