"""Fields: constant, and maps on a grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator
from scipy.spatial.transform import Rotation

from gnnreco.cli import main
from gnnreco.errors import BadGeometry
from gnnreco.geometry import (
    ConstantField,
    Detector,
    MapField,
    Subsystem,
    along_z,
    check,
    field_findings,
    load_detector,
)
from gnnreco.geometry.field.grid import field_and_slope

TURN = Rotation.from_euler("xyz", [0.3, -1.1, 2.0]).as_matrix()

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


def test_a_constant_field_has_any_direction(tmp_path: Path) -> None:
    text = DESCRIPTION.replace("{kind: map, table: field.csv}", "{kind: constant, b: [20, 0, -5]}")
    (tmp_path / "detector.yaml").write_text(text)
    field = load_detector(tmp_path).field
    assert field == ConstantField(-0.5, bx=2.0)
    assert along_z(field) is None
    assert along_z(ConstantField(2.0)) == 2.0
    assert np.allclose(field.in_frame(TURN, np.ones(3)).at(np.zeros((1, 3))), TURN @ [2.0, 0, -0.5])


def random_map(seed: int) -> MapField:
    rng = np.random.default_rng(seed)
    axes = [np.cumsum(rng.uniform(0.5, 30.0, n)) - 20 for n in (4, 2, 7)]
    return MapField((axes[0], axes[1], axes[2]), rng.normal(size=(4, 2, 7, 3)))


def test_an_uneven_map_is_what_scipy_makes_of_it() -> None:
    field = random_map(1)
    points = np.random.default_rng(2).uniform(-40, 120, (500, 3))
    corners = np.stack(np.meshgrid(*field.axes, indexing="ij"), -1).reshape(-1, 3)
    points = np.concatenate([points, corners])
    expected = RegularGridInterpolator(field.axes, field.values, bounds_error=False, fill_value=0.0)(points)
    assert np.allclose(field.at(points), expected, atol=1e-12)
    assert np.array_equal(field.holds(points), expected.any(axis=1))
    assert field.holds(points).sum() > len(corners)


def test_a_field_seen_from_another_frame() -> None:
    field, origin = random_map(3), np.array([5.0, -7.0, 11.0])
    points = np.random.default_rng(4).uniform(-40, 120, (500, 3))
    local = (points - origin) @ TURN.T
    seen = field.in_frame(TURN, origin)
    assert np.allclose(seen.at(local), field.at(points) @ TURN.T, atol=1e-9)
    assert np.array_equal(seen.holds(local), field.holds(points))
    back = seen.in_frame(TURN.T, -TURN @ origin)
    assert np.allclose(back.at(points), field.at(points), atol=1e-9)


@pytest.mark.parametrize("seen", [False, True], ids=["as it is", "from another frame"])
def test_the_slopes_of_a_map_are_its_differences(seen: bool) -> None:
    field = random_map(5).in_frame(TURN, np.array([1.0, 2.0, 3.0])) if seen else random_map(5)
    middle = np.array([[field.axes[0][1] + 0.1, field.axes[1][0] + 0.2, field.axes[2][3] + 0.15]])
    at = ((middle - field.shift) @ field.turn)[0]
    found = np.array(field_and_slope(field.grid, *at))
    assert np.allclose(found[:3], field.at(at[None])[0])
    steps = 1e-3 * np.eye(3)
    assert np.allclose(
        found[3:].reshape(3, 3), ((field.at(at + steps) - field.at(at - steps)) / 2e-3).T, atol=1e-9
    )


def mapped(tmp_path: Path, bz: Callable[[np.ndarray], np.ndarray], reach: float = 10.0) -> Detector:
    points = grid() * reach / 10
    return load_detector(write(tmp_path, points, bz(points)))


def test_the_whole_map_is_in_the_hash(tmp_path: Path) -> None:
    one = mapped(tmp_path, lambda points: 20 + 0 * points[:, 2])
    other = mapped(tmp_path, lambda points: 20 + (points[:, 2] > 7))  # beyond the sensors
    assert np.array_equal(one.field.at(one.center), other.field.at(other.center))
    assert one.hash != other.hash
    assert one.moved(TURN, np.array([1.0, 2, 3])).at_source().hash == one.hash


def codes(detector: Detector, physics: bool = True) -> set[str]:
    return {finding.code for finding in field_findings(detector) if physics or finding.severity != "note"}


def test_what_the_field_does_not_let_one_measure_is_said(tmp_path: Path) -> None:
    assert codes(mapped(tmp_path, lambda points: 20 + points[:, 2])) == set()
    short = mapped(tmp_path, lambda points: 20 + points[:, 2], reach=1.5)  # of planes at 1 and 2 cm
    (finding,) = field_findings(short)
    assert (finding.severity, finding.code) == ("warning", "outside-field-map")
    assert "holds 50% of the 2 sensors of tracks, but not 1 of 2 in all (layer 1);" in finding.message
    assert "outside-field-map" in {found.code for found in check(short)}
    none = replace(short, field=ConstantField(0.0))
    assert codes(none) == {"no-field"}
    assert codes(none, physics=False) == set()
    assert "no-field" not in {found.code for found in check(none)}
    assert codes(replace(short, field=ConstantField(0.0, bx=np.nan))) == {"not-a-number"}
    outside = short.moved(np.eye(3), np.zeros(3))
    outside = replace(outside, center=outside.center + np.array([0, 0, 500.0]))
    assert codes(outside) == {"outside-field-map", "no-field"}
    calorimeter = replace(outside, subsystems=(Subsystem("all", ("energy", "position")),))
    assert codes(calorimeter) == set()


def test_who_simulates_beyond_a_map_is_told_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write(tmp_path, grid() * 0.15, 20 + 0 * grid()[:, 2])
    gun = ["--particle", "muon", "--energy", "1", "2", "--count", "2", "--eta", "3", "4"]
    command = ["simulate", "--detector", str(folder), *gun, "--events", "1", "-o", str(tmp_path / "events")]
    assert main(command) == 0
    assert "but not 1 of 2 in all (layer 1); the field is 0 there" in capsys.readouterr().err


def test_a_coil_of_finite_length_is_a_sum_of_loops(tmp_path: Path) -> None:
    text = DESCRIPTION.replace(
        "{kind: map, table: field.csv}", "{kind: solenoid, bz: 20, length: 400, radius: 100}"
    )
    (tmp_path / "detector.yaml").write_text(text)
    field = load_detector(tmp_path).field
    z = np.linspace(-3500, 3500, 41)
    axis = np.zeros((41, 3))
    axis[:, 2] = z
    ends = [(z + sign * 2000) / np.hypot(z + sign * 2000, 1000) for sign in (1, -1)]
    assert np.allclose(field.at(axis)[:, 2], 2 * (ends[0] - ends[1]) / (4 / np.sqrt(5)), atol=2e-3)
    assert np.abs(field.at(axis)[:, :2]).max() < 1e-9
    # Off the axis against Biot and Savart, summed over loops of straight pieces.
    point = np.array([420.0, -310.0, 1700.0])
    turn = (np.arange(400) + 0.5) * 2 * np.pi / 400
    height = (np.arange(800) + 0.5) * 5 - 2000
    place = (
        np.stack([1000 * np.cos(turn), 1000 * np.sin(turn), 0 * turn], -1)[:, None]
        + np.array([0, 0, 1.0]) * height[:, None]
    )
    way = np.stack([-np.sin(turn), np.cos(turn), 0 * turn], -1)[:, None]

    def summed(at: np.ndarray) -> np.ndarray:
        away = at - place
        return (np.cross(way, away) / np.linalg.norm(away, axis=-1)[..., None] ** 3).sum((0, 1))

    assert np.allclose(field.at(point[None])[0], 2 * summed(point) / summed(np.zeros(3))[2], atol=3e-3)


@pytest.mark.parametrize(
    ("size", "why"),
    [("length: 400", "radius"), ("length: 4, radius: -1", "radius"), ("length: 1e12, radius: 1", "40 radii")],
)
def test_a_coil_that_is_none_is_refused(tmp_path: Path, size: str, why: str) -> None:
    text = DESCRIPTION.replace("{kind: map, table: field.csv}", f"{{kind: solenoid, bz: 20, {size}}}")
    (tmp_path / "detector.yaml").write_text(text)
    with pytest.raises(BadGeometry, match=why):
        load_detector(tmp_path)
