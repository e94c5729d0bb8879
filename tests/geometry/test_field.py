"""Fields: constant, and maps on a grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gnnreco.errors import BadGeometry
from gnnreco.geometry import ConstantField, load_detector

DESCRIPTION = """
format: gnnreco-detector/1
name: mapped
units: {length: cm, field: kG}
field: {kind: map, table: field.csv}
templates:
  chip: {kind: grid, pitch: [0.1, 0.1], cells: [10, 10], thickness: 0.03}
subsystems: {all: {}}
sensors:
  - {rule: planes, template: chip, subsystem: all, z: [1, 2]}
"""


def write(folder: Path, points: np.ndarray, bz: np.ndarray) -> Path:
    (folder / "detector.yaml").write_text(DESCRIPTION)
    lines = [f"{x},{y},{z},0.0,1.0,{b}" for (x, y, z), b in zip(points.tolist(), bz.tolist(), strict=True)]
    (folder / "field.csv").write_text("\n".join(["x,y,z,bx,by,bz", *lines]) + "\n")
    return folder


def grid() -> np.ndarray:
    axis = np.linspace(-10, 10, 5)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)


def test_a_solenoid_is_constant() -> None:
    assert ConstantField(2.0).at(np.ones((3, 3))).tolist() == [[0, 0, 2]] * 3


def test_a_map_is_linear_between_its_points_and_nothing_outside(tmp_path: Path) -> None:
    points = np.random.default_rng(0).permutation(grid())
    field = load_detector(write(tmp_path, points, 20 + points[:, 2])).field
    assert field.bz == pytest.approx(2.0)
    found = field.at(np.array([[13.0, -20, 50], [0, 0, -33], [0, 0, 101]]))
    assert np.allclose(found, [[0, 0.1, 2.5], [0, 0.1, 1.67], [0, 0, 0]])


@pytest.mark.parametrize("change", ["lack", "repeat", "nan"])
def test_a_bad_map_is_refused(tmp_path: Path, change: str) -> None:
    points, bz = grid(), np.full(125, 20.0)
    if change == "lack":
        points, bz = points[1:], bz[1:]
    if change == "repeat":
        points[0] = points[1]
    if change == "nan":
        bz[0] = np.nan
    with pytest.raises(BadGeometry, match="NaN" if change == "nan" else "not the 5 x 5 x 5 points"):
        load_detector(write(tmp_path, points, bz))
