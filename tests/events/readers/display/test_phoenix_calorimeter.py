"""What a calorimeter measured in Phoenix's own format: cells by direction, of any shape, and clusters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gnnreco.errors import BadInput
from gnnreco.events import open_events
from tests.events.conftest import CORPUS

CELLS = CORPUS.parent / "phoenix-calocells-dropped"
CELL = {"eta": 0.0, "phi": 0.0, "energy": 1500.0}


def event(folder: Path, **types: Any):
    """An event with these types of objects."""
    file = folder / "made.json"
    file.write_text(json.dumps({"E": {"event number": 3, **types}}))
    return open_events(file, None)[0]


@pytest.mark.parametrize(("name", "names"), [("both", ("B", "Ecal")), ("cells", ("C",))])
def test_cells_beside_hits_and_alone(name: str, names: tuple[str, ...]) -> None:
    read = open_events(CELLS / f"{name}.json", None)[0]
    assert read.collections.names == names
    cells = read.collections.of == len(names) - 1
    assert np.count_nonzero(cells) == 30
    assert read.hits.energy[cells].sum() == pytest.approx(14.53, abs=0.01)  # GeV
    assert read.left_aside == {}


def test_cells_lie_on_the_cylinder_where_phoenix_draws_them(tmp_path: Path) -> None:
    cells = [
        CELL,
        {**CELL, "phi": np.pi / 2, "eta": -4.0},
        {**CELL, "theta": np.pi / 4, "eta": 9.0, "radius": 100.0, "side": 4.0, "length": 6.0},
        {**CELL, "eta": np.arcsinh(2.0), "radius": 100.0, "z": 200.0},
    ]
    read = event(tmp_path, CaloCells={"a": cells})
    sinh = np.sinh(4.0)
    expected = [[1700, 0, 0], [0, 2000 / sinh, -2000], [100, 0, 100], [100, 0, 200]]
    np.testing.assert_allclose(read.hits.xyz, expected, atol=1e-9)
    assert read.hits.energy.tolist() == [1.5] * 4
    half = np.sqrt(0.5)
    np.testing.assert_allclose(
        read.collections.edges[2], [[0, 4, 0], [-4 * half, 0, 4 * half], [6 * half, 0, 6 * half]], atol=1e-9
    )
    assert np.isnan(read.collections.edges[[0, 1, 3]]).any(axis=(1, 2)).all()


def box(turn: list[int]) -> list[float]:
    """A box of 2 x 4 x 6 at (10, 20, 30), its corners around each face, then in the order `turn`."""
    face = [(-1, -2), (1, -2), (1, 2), (-1, 2)]
    corners = [(10 + x, 20 + y, z) for z in (27, 33) for x, y in face]
    return [value for i in turn for value in corners[i]]


def test_cells_of_eight_corners(tmp_path: Path) -> None:
    cells = [{"vtx": box([0, 1, 2, 3, 4, 5, 6, 7]), "energy": 250}, {"vtx": box([0, 2, 1, 3, 4, 5, 6, 7])}]
    read = event(tmp_path, IrregularCaloCells={"a": cells})
    np.testing.assert_allclose(read.hits.xyz, [[10, 20, 30]] * 2)
    np.testing.assert_allclose(np.sort(np.abs(read.collections.edges[0]).max(axis=1)), [2, 4, 6])
    assert np.isnan(read.collections.edges[1]).all(), "corners in no known order say nothing of the edges"
    assert read.hits.energy[0] == 0.25
    assert np.isnan(read.hits.energy[1])


def test_clusters_are_hits_where_there_are_no_cells(tmp_path: Path) -> None:
    read = event(tmp_path, CaloClusters={"a": [CELL, CELL]}, Hits={"b": [[1, 2, 3]]})
    assert read.collections.names == ("b", "a")
    assert read.hits.energy[1:].tolist() == [1.5, 1.5]
    assert np.hypot(read.hits.x, read.hits.y)[1:].tolist() == [1800, 1800]
    read = event(tmp_path, CaloClusters={"a": [CELL, CELL]}, CaloCells={"c": [CELL]})
    assert read.hits.energy.tolist() == [1.5], "no energy counts twice"
    assert read.left_aside == {"CaloClusters beside cells": 2}


def test_what_was_made_from_hits_is_counted(tmp_path: Path) -> None:
    hits = [{"type": "CircularPoint", "pos": [1, 2, 3], "color": "0xff0000", "charge": 5}]
    jets = {"a": [{"eta": 1, "phi": 2}] * 3, "b": [{"eta": 1, "phi": 2}]}
    cells = {"c": [{**CELL, "id": 7}]}
    read = event(tmp_path, Hits={"h": hits}, Jets=jets, Muons={}, CaloCells=cells, Towers=[1, 2], lumiBlock=4)
    assert read.left_aside == {"Hits.charge": 1, "CaloCells.id": 1, "Jets": 4, "Towers": 2}


def test_null_holds_nothing(tmp_path: Path) -> None:
    read = event(
        tmp_path, Hits={"a": [[1, 2, 3]], "b": None}, CaloCells=None, Jets=None, Tracks={"t": None}, ECAL=None
    )
    assert (len(read.hits), read.collections.names) == (1, ("a",))


def test_objects_of_a_file_that_are_no_events_are_counted_once(tmp_path: Path) -> None:
    file = tmp_path / "made.json"
    one = {"Hits": {"a": [[1, 2, 3]]}}
    file.write_text(json.dumps({"a": one, "b": one, "calibration": [1, 2, 3]}))
    source = open_events(file, None)
    assert [event.left_aside for event in source] == [{"calibration": 3}, {}]
    assert source.left_aside == {"calibration": 3}


def test_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "made.json"
    file.write_bytes(b"\xef\xbb\xbf" + (CELLS / "cells.json").read_bytes())
    assert len(open_events(file, None)[0].hits) == 30
    assert len(open_events(tmp_path / "*", None)) == 1


@pytest.mark.parametrize(
    ("types", "where", "why"),
    [
        ({"Jets": {"a": [{"eta": 1}]}}, "E", r"no hit in it .*left aside: Jets \(1\)"),
        ({"CaloCells": {"a": 3}}, "E, CaloCells, a", "not a list of cells"),
        ({"CaloCells": {"a": [CELL, {"phi": 1}]}}, "a[1]", "needs energy, phi"),
        ({"CaloCells": {"a": [{**CELL, "eta": "x"}]}}, "a", "not rows of 8 numbers"),
        ({"CaloCells": {"a": [{"phi": 1, "energy": 2}]}}, "a[0]", "a position that is no number"),
        ({"IrregularCaloCells": {"a": [{"vtx": [1, 2]}]}}, "a", "not rows of 24 numbers"),
        ({"IrregularCaloCells": [1], "Hits": {}}, "IrregularCaloCells", "not an object of collections"),
        ({"PlanarCaloCells": {"a": {"plane": [0, 0, 0, 5], "cells": []}}}, "a", "across z"),
        (
            {"Hits": {"a": [{"pos": [1, 2, 3]}, {"type": "Line", "pos": [1, 2, 3]}]}},
            "a",
            "a Line among hits of type Point",
        ),
    ],
)
def test_damage(types: dict[str, Any], where: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=why) as error:
        event(tmp_path, **types)
    assert where in error.value.where


def test_a_key_twice(tmp_path: Path) -> None:
    file = tmp_path / "made.json"
    file.write_text('{"E": {"Hits": {"a": [[1, 2, 3]], "a": [[4, 5, 6]]}}}')
    with pytest.raises(BadInput, match="the key 'a' is there twice"):
        open_events(file, None)
