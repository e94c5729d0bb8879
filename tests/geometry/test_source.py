"""The source of a detector: how it is told, and what follows it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gnnreco.errors import BadGeometry
from gnnreco.geometry import between_layers, check, load_detector
from gnnreco.geometry.source import Source
from gnnreco.geometry.subsystem import PassiveCylinder
from tests.geometry.description.builders import build, describe, write

PLANES = {"rule": "planes", "template": "chip", "z": [100, 150, 200]}
ELSEWHERE = {"position": [10, 20, 30], "direction": [0, 2, 2], "spread": [0.1, 0.1, 50]}


def test_no_source_is_the_origin_and_z(tmp_path: Path) -> None:
    bare = build(tmp_path / "bare", PLANES)
    told = build(
        tmp_path / "told", PLANES, source={"position": [0, 0, 0], "direction": [0, 0, 3], "spread": [1, 1, 1]}
    )
    assert bare.source.is_default
    assert told.source.is_default
    assert bare.hash == told.hash
    assert bare.at_source() is bare


def test_a_source_elsewhere(tmp_path: Path) -> None:
    detector = build(tmp_path, PLANES, source=ELSEWHERE, units={"length": "cm", "angle": "deg", "field": "T"})
    source = detector.source
    assert source.position.tolist() == [100.0, 200.0, 300.0]
    np.testing.assert_allclose(source.direction, [0, 0.5**0.5, 0.5**0.5])
    assert source.across.tolist() == [1.0, 0.0, 0.0]
    assert source.spread is not None
    assert source.spread.tolist() == [1.0, 1.0, 500.0]
    point = np.array([[100.0, 201.0, 301.0]])
    np.testing.assert_allclose(source.into(point), [[0, 0, 2**0.5]], atol=1e-12)
    np.testing.assert_allclose(source.out_of(source.into(point)), point)
    there = detector.at_source()
    assert there.source.is_default
    assert there is detector.at_source()
    assert there.origin_hash == detector.hash != build(tmp_path / "bare", PLANES).hash
    notes = [finding for finding in check(tmp_path, physics=True) if finding.code == "source"]
    assert [note.severity for note in notes] == ["note"]
    assert "(100, 200, 300) mm, along (0, 0.707107, 0.707107)" in notes[0].message


PIPE = PassiveCylinder("pipe", 20.0, 100.0, 0.01, 0.001)


@pytest.mark.parametrize(
    ("position", "direction", "middle"),
    [
        ([0, 0, 300], [0, 0, 1], -300.0),
        ([0, 0, 300], [0, 0, -1], 300.0),
        ([1, 2, -50], [0.01, 0, 1], 50.0),
        ([0, 30, 0], [0, 0, 1], None),  # the axis of the source runs outside the pipe
        ([0, 0, 0], [1, 0, 0], None),  # and through its wall
    ],
)
def test_cylinders_follow_where_they_surround_the_axis_of_the_source(
    position: list[float], direction: list[float], middle: float | None, tmp_path: Path
) -> None:
    detector = build(tmp_path, PLANES, source={"position": position, "direction": direction})
    found = replace(detector, passive=(PIPE,)).at_source().passive
    if middle is None:
        assert found == ()
    else:
        assert found == (replace(PIPE, middle=found[0].middle),)
        assert found[0].middle == pytest.approx(middle, abs=0.1)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ({"direction": [0, 0, 0]}, r"source\.direction: the direction has no length"),
        ({"across": [0, 0, 2]}, r"source\.across: across must not be along the direction"),
        ({"position": [0, 0]}, r"source\.position: expected 3"),
        ({"spread": [0, -1, 0]}, r"source\.spread: a spread cannot be negative"),
        ({"place": [0, 0, 0]}, r"unknown key 'place'; known here: across, direction, position, spread"),
    ],
)
def test_a_source_that_is_none(source: dict[str, object], why: str, tmp_path: Path) -> None:
    with pytest.raises(BadGeometry, match=why):
        load_detector(write(tmp_path, describe(PLANES, source=source)))


def test_along_x_the_y_axis_is_across() -> None:
    assert Source.of(np.zeros(3), np.array([-2.0, 0.0, 0.0])).across.tolist() == [0.0, 1.0, 0.0]


def test_neighbours_in_depth_are_seen_from_the_source(tmp_path: Path) -> None:
    detector = build(tmp_path / "far", {**PLANES, "z": [100, 200]}, source={"position": [0, 0, -1e6]})
    near = build(tmp_path / "near", {**PLANES, "z": [100, 200]})
    cell = np.array([120 * 400 + 240])
    at = [d.cell_position(np.zeros(1, int), cell)[0, :2] for d in (detector, near)]
    for which, scale in ((detector, 1.0), (near, 2.0)):
        _, found = between_layers(which, which.cell_id(np.zeros(1, int), cell))
        behind = which.cell_position(*which.split_cell_id(found))[:, :2].mean(axis=0)
        np.testing.assert_allclose(behind, scale * at[0], atol=0.1)
