"""What an importer writes is what is loaded; matrices of few digits become rotations."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from gnnreco.geometry import load_detector
from gnnreco.geometry.description.placement import AXES
from gnnreco.geometry.importers.folder import placed
from gnnreco.geometry.importers.written import Imported, orthonormal, write_imported

GRID = {"kind": "grid", "pitch": [0.1, 0.2], "cells": [100, 50], "thickness": 0.3}


def imported(n: int = 3) -> Imported:
    return Imported(
        templates={"chip": GRID},
        subsystems={"inner": {"measures": ["position"]}, "outer": {"measures": ["position", "time"]}},
        template=["chip"] * n,
        subsystem=["inner", *["outer"] * (n - 1)],
        layer=np.arange(n),
        center=np.arange(3.0 * n).reshape(n, 3) * 30,
        rotation=Rotation.random(n, random_state=1).as_matrix(),
        labels={"module": np.arange(n) * 11},
        identify=[["module"]],
        columns={"radiation_lengths": np.full(n, 0.01)},
        bz=1.5,
        notes=["The field: a guess."],
    )


def test_what_is_written_is_loaded(tmp_path: Path) -> None:
    source = tmp_path / "drawing.gdml"
    source.write_bytes(b"<gdml/>")
    made = imported()
    (tmp_path / "mine").mkdir()
    write_imported(made, tmp_path / "mine", "mine", source, "gdml")
    detector = load_detector(tmp_path / "mine")
    np.testing.assert_array_equal(detector.center, made.center)
    np.testing.assert_array_equal(detector.rotation, made.rotation)
    assert detector.labels["module"].tolist() == [0, 11, 22]
    assert [detector.subsystems[s].name for s in detector.subsystem] == ["inner", "outer", "outer"]
    np.testing.assert_allclose(detector.field.at(np.zeros((1, 3))), [[0, 0, 1.5]])
    np.testing.assert_allclose(detector.radiation_lengths, 0.01)


def test_the_readme_names_the_source_by_its_sum_and_says_what_was_assumed(tmp_path: Path) -> None:
    source = tmp_path / "drawing.gdml"
    source.write_bytes(b"<gdml/>")
    (tmp_path / "mine").mkdir()
    write_imported(imported(), tmp_path / "mine", "mine", source, "gdml")
    text = (tmp_path / "mine" / "README.md").read_text()
    assert "3 sensors, made by `gnnreco detector import gdml` from `drawing.gdml`" in text
    assert hashlib.sha256(b"<gdml/>").hexdigest() in text
    assert "- The field: a guess." in text


def test_the_same_drawing_gives_the_same_bytes(tmp_path: Path) -> None:
    source = tmp_path / "drawing.gdml"
    source.write_bytes(b"<gdml/>")
    contents = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_imported(imported(), tmp_path / name, "mine", source, "gdml")
        contents.append({file.name: file.read_bytes() for file in (tmp_path / name).iterdir()})
    assert contents[0] == contents[1]
    assert set(contents[0]) == {"detector.yaml", "sensors.parquet", "README.md"}


def test_columns_of_places_and_axes_have_no_negative_zeros() -> None:
    columns = placed(np.array([[-0.0, 1, 2]]), -np.zeros((1, 3, 3)))
    assert list(columns) == [*"xyz", *AXES]
    assert not any(np.signbit(column).any() for column in columns.values())
    rotation = np.arange(9.0).reshape(1, 3, 3)
    assert [placed(np.zeros((1, 3)), rotation)[axis][0] for axis in AXES] == list(range(9))


@given(st.integers(0, 999), st.integers(3, 8), st.booleans())
def test_a_matrix_of_few_digits_becomes_the_nearest_rotation(seed: int, digits: int, mirror: bool) -> None:
    exact = Rotation.random(5, random_state=seed).as_matrix()
    if mirror:
        exact = exact * np.array([1.0, 1.0, -1.0])
    found = orthonormal(np.round(exact, digits))
    np.testing.assert_allclose(found @ found.swapaxes(1, 2), np.tile(np.eye(3), (5, 1, 1)), atol=1e-12)
    np.testing.assert_allclose(found, exact, atol=3 * 10.0**-digits)
    assert np.linalg.det(found) == pytest.approx(np.full(5, -1.0 if mirror else 1.0))
