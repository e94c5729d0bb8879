"""A table of cells: every way to write the same cells gives the same cells, and what is missing is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gnnreco.errors import BadInput
from gnnreco.geometry.importers.cell_table import CellTable, read_cell_table

PLACE = {"x": [0.0, 3.0], "y": [0.0, 1.0], "z": [50.0, 60.0], "layer": [0, 1]}
CORNERS = [[[-1, -1], [1, -1], [1, 1]], [[2, 0], [4, 0], [4, 2], [2, 2]]]


def read(folder: Path, columns: dict[str, Any], unit: str = "mm") -> CellTable:
    pq.write_table(pa.table({**PLACE, **columns}), folder / "cells.parquet")
    return read_cell_table(folder / "cells.parquet", unit, "0.3")


def written(corners: list[list[list[float]]], between: str) -> list[str]:
    return [";".join(between.join(map(str, corner)) for corner in cell) for cell in corners]


FORMS: dict[str, Any] = {
    "words": written(CORNERS, " "),
    "commas": written(CORNERS, ", "),
    "pairs": CORNERS,
    "flat": [[x for corner in cell for x in corner] for cell in CORNERS],
    "space": [[[*corner, z] for corner in cell] for cell, z in zip(CORNERS, PLACE["z"], strict=True)],
    "own": [
        [[x - a, y - b] for x, y in cell] for cell, a, b in zip(CORNERS, PLACE["x"], PLACE["y"], strict=True)
    ],
}


@pytest.mark.parametrize("form", FORMS)
def test_all_ways_to_write_corners_are_one(tmp_path: Path, form: str) -> None:
    found = read(tmp_path, {"polygon": FORMS[form]})
    assert found.counts is not None
    assert found.corners is not None
    assert found.counts.tolist() == [3, 4]
    expected = [[*corner, z] for cell, z in zip(CORNERS, PLACE["z"], strict=True) for corner in cell]
    np.testing.assert_allclose(found.corners, expected)
    assert found.size is None


@pytest.mark.parametrize(("unit", "scale"), [("um", 1e-3), ("mm", 1.0), ("cm", 10.0), ("m", 1000.0)])
def test_lengths_are_in_the_unit_told(tmp_path: Path, unit: str, scale: float) -> None:
    more = {
        "size_u": [1.0, 2.0],
        "size_v": [3.0, 4.0],
        "thickness": [0.5, 0.6],
        "moliere_radius": [9.0, 9.0],
        "radiation_lengths": [1.0, 1.0],
    }
    found = read(tmp_path, more, unit)
    assert found.size is not None
    np.testing.assert_allclose(found.place, scale * np.array([[0, 0, 50], [3, 1, 60]]))
    np.testing.assert_allclose(found.size, scale * np.array([[1, 3], [2, 4]]))
    np.testing.assert_allclose(found.thickness, scale * np.array([0.5, 0.6]))
    np.testing.assert_allclose(found.material["moliere_radius"], scale * 9.0)
    np.testing.assert_allclose(found.material["radiation_lengths"], 1.0)


def test_what_a_table_may_tell_besides(tmp_path: Path) -> None:
    more = {
        "size": [1.0, 1.0],
        "nx": [0.0, 3.0],
        "ny": [0.0, 0.0],
        "nz": [2.0, 4.0],
        "subsystem": ["had", "em"],
        "sensor": ["b", "a"],
        "channel_u": [4, 5],
        "channel_v": [6, 7],
    }
    found = read(tmp_path, more)
    np.testing.assert_allclose(found.normal, [[0, 0, 1], [0.6, 0, 0.8]])
    assert [found.subsystems[s] for s in found.subsystem] == ["had", "em"]
    assert found.sensor is not None
    assert len(set(found.sensor.tolist())) == 2
    assert found.channel is not None
    assert found.channel.tolist() == [[4, 6], [5, 7]]
    np.testing.assert_allclose(found.thickness, 0.3)  # the option


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({}, "missing; a table of cells needs x, y, z, layer and one of: size"),
        ({"size": [1.0, 0.0]}, "row 1, column size: a size must be greater than 0"),
        ({"size": [1.0, 1.0], "thickness": [0.1, -1.0]}, "row 1, column thickness"),
        (
            {"size": [1.0, 1.0], "nx": [0.0, 1.0], "ny": [0.0, 0.0], "nz": [0.0, 0.0]},
            "row 0, column nx: a normal of length 0",
        ),
        ({"polygon": ["0 0;1 0", "0 0;1 0;1 1"]}, "row 0, column polygon: a cell has at least three corners"),
        ({"polygon": ["0 0;1 0;2 0", "0 0;1 0;1 1"]}, "row 0, column polygon: corners on one line"),
        (
            {"polygon": ["0 0;1 0;1 1", "0 0;1 0;1 1 1"]},
            "every corner must have two numbers, or every one three",
        ),
        ({"polygon": ["0 0;1 0;1 x", "0 0;1 0;1 1"]}, "column polygon: not understood"),
        (
            {"polygon": ["0 0;1 0;1 1e20", "0 0;1 0;1 1"]},
            "row 0, column polygon: a corner that is not finite or larger",
        ),
    ],
)
def test_what_cannot_be_says_where(tmp_path: Path, columns: dict[str, Any], why: str) -> None:
    with pytest.raises(BadInput, match=why):
        read(tmp_path, columns)


def test_a_unit_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="'furlong' is none of um, mm, cm, m"):
        read(tmp_path, {"size": [1.0, 1.0]}, "furlong")
