"""Sensors and cells that share space: mirrored, nested, leaning, crossing themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gnnreco.geometry import check
from gnnreco.geometry.checks.collisions import overlapping_sensors
from tests.geometry.description.builders import build, describe, write


def pair(folder: Path, one: dict[str, Any], two: dict[str, Any], apart: float = 0.0) -> list[list[int]]:
    rules = [
        {"rule": "planes", "template": name, "z": [z]} for name, z in (("one", 10.0), ("two", 10.0 + apart))
    ]
    return overlapping_sensors(build(folder, *rules, templates={"one": one, "two": two})).tolist()


def ring(low: float, high: float, *phi: float) -> dict[str, Any]:
    return {
        "kind": "polar",
        "r": [low, (low + high) / 2, high],
        "phi": list(phi) or [0, 360, 24],
        "thickness": 4,
    }


def test_an_overlap_names_layers_subsystems_and_depth(tmp_path: Path) -> None:
    """Two chips of 0.3 mm whose planes are 0.1 mm apart press 0.2 mm into one another."""
    rules: list[dict[str, Any]] = [
        {"rule": "planes", "template": "chip", "z": [10.0, 20.0]},
        {"rule": "planes", "template": "chip", "subsystem": "outer", "z": [20.1]},
    ]
    description = describe(*rules)
    description["subsystems"]["outer"] = {}
    (finding,) = check(write(tmp_path, description))
    assert finding.where == "rows 1 and 2 (all layer 1, outer layer 2)"
    assert (
        "1 pair of sensors share space, up to 0.2 mm deep, between all layer 1 and outer layer 2"
        in finding.message
    )


def test_a_ring_in_a_ring_is_apart(tmp_path: Path) -> None:
    assert pair(tmp_path / "a", ring(10, 20), ring(20, 30)) == []
    assert pair(tmp_path / "b", ring(10, 20.2), ring(20, 30)) == [[0, 1]]
    assert pair(tmp_path / "c", ring(10, 20), ring(20, 30), apart=3) == []
    assert pair(tmp_path / "d", ring(10, 20), ring(10, 20), apart=3) == [[0, 1]]
    assert pair(tmp_path / "e", ring(10, 20), ring(10, 20), apart=4) == []


def test_sectors_of_rings_are_apart(tmp_path: Path) -> None:
    assert pair(tmp_path / "a", ring(10, 20, 0, 60, 6), ring(20, 30, 0, 60, 6)) == []
    assert pair(tmp_path / "b", ring(10, 20, 0, 60, 6), ring(10, 20, 60, 120, 6)) == []
    assert pair(tmp_path / "c", ring(10, 20, 0, 60, 6), ring(10, 20, 59, 120, 6)) == [[0, 1]]


def test_whole_rings_are_cells(tmp_path: Path) -> None:
    assert pair(tmp_path / "a", ring(0, 20, 0, 360, 1), ring(20, 30, 0, 360, 72)) == []
    assert pair(tmp_path / "b", ring(0, 21, 0, 360, 1), ring(20, 30, 0, 360, 72)) == [[0, 1]]


def test_blocks_that_lean_away_from_one_another(tmp_path: Path) -> None:
    """Two blocks side by side on a circle: they fit when their walls point to its centre, else their inner edges meet."""
    block = {"kind": "grid", "pitch": [10, 10], "cells": [4, 4], "thickness": 40}
    layers = [{"radius": 60.0, "count": 8, "z": [0.0]}]
    rule = {"rule": "barrel", "template": "block", "layers": layers}
    wide = {**block, "pitch": [12.3, 10]}
    leaning = {**wide, "focus": [0, 0, -60]}
    assert len(overlapping_sensors(build(tmp_path / "a", rule, templates={"block": wide}))) == 8
    assert len(overlapping_sensors(build(tmp_path / "b", rule, templates={"block": leaning}))) == 0


@pytest.mark.parametrize(
    ("cells", "code", "cell"),
    [
        ([[[0, 0], [2, 0], [2, 2], [0, 2]], [[4, 0], [6, 2], [6, 0], [4, 3]]], "crossing-cell", "cell 1"),
        (
            [[[0, 0], [2, 0], [2, 2], [0, 2]], [[1, 0], [3, 0], [3, 2], [1, 2]]],
            "overlapping-cells",
            "cell 0 and 1",
        ),
        ([[[0, 0], [2, 0], [2, 2], [0, 2]], [[2, 0], [3, 0], [4, 0]]], "flat-cell", "cell 1"),
    ],
)
def test_cells_that_cannot_be(tmp_path: Path, cells: list[Any], code: str, cell: str) -> None:
    odd = {"kind": "polygons", "thickness": 1, "cells": cells}
    rule = {"rule": "planes", "template": "odd", "z": [10.0]}
    (finding,) = check(write(tmp_path, describe(rule, templates={"odd": odd})))
    assert (finding.severity, finding.code) == ("error", code)
    assert finding.where == f"template odd, {cell}"


def test_a_polygon_may_touch_itself(tmp_path: Path) -> None:
    """A keyhole: round the outside, then round the inside, along the same bridge."""
    keyhole = [[0, 0], [6, 0], [6, 6], [0, 6], [0, 0], [2, 2], [2, 4], [4, 4], [4, 2], [2, 2]]
    inner = [[2, 2], [4, 2], [4, 4], [2, 4]]
    odd = {"kind": "polygons", "thickness": 1, "cells": [keyhole, inner]}
    detector = build(tmp_path, {"rule": "planes", "template": "odd", "z": [10.0]}, templates={"odd": odd})
    assert check(detector) == []
    assert detector.cell_at([0, 0, 0], [3, 1, 5], [3, 1, 2]).tolist() == [1, 0, 0]
