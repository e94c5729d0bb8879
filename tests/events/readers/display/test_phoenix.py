"""JSON of the event display Phoenix: its own way to write, LHCb's, and damage."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gnnreco.errors import BadInput
from gnnreco.events import open_events
from gnnreco.events.readers import bounded
from tests.events.conftest import ROOT

LHCB = ROOT / "examples" / "displays" / "lhcb_2017.json.gz"


def written(folder: Path, content: Any) -> Path:
    file = folder / "made.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


def test_the_real_collision() -> None:
    source = open_events(LHCB, None)
    assert source.numbers == [5296728]
    read = source[0]
    told = read.collections
    assert told is not None
    assert told.names == ("VELOR", "VELOPHI", "TT", "IT", "OT", "MUON", "ECAL", "HCAL")
    assert np.bincount(told.of)[-3:].tolist() == [1322, 1009, 334]
    assert read.hits.energy is not None
    cells = told.of == 6
    assert read.hits.energy[cells].sum() == pytest.approx(677.8, abs=0.1)  # GeV
    assert (np.abs(read.hits.z[cells] - 12650) < 20).all()
    width = np.linalg.norm(told.edges[cells], axis=2)
    assert np.unique(width[:, 0]).tolist() == [40, 60, 121]
    assert (width[:, 2] == 0).all()
    assert np.isnan(read.hits.energy[told.of < 6]).all()
    strips = np.linalg.norm(told.edges[told.of == 4], axis=2)
    assert np.median(strips[:, 0]) == pytest.approx(2421, abs=10)  # the straws of the outer tracker


def test_points_lines_boxes_and_planes(tmp_path: Path) -> None:
    hits = {
        "points": [[1, 2, 3], [4, 5, 6]],
        "more": [{"pos": [7, 8, 9]}],
        "lines": [{"type": "Line", "pos": [0, 0, 0, 0, 10, 0]}],
        "boxes": [{"type": "Box", "pos": [1, 1, 1, 2, 4, 6]}],
    }
    cells = {"wall": {"plane": [0, 0, 1, 500], "cells": [{"cellSize": 40, "energy": 1500, "pos": [10, 20]}]}}
    content = {
        "one": {"event number": 8, "Hits": hits, "PlanarCaloCells": cells},
        "two": {"Hits": {"a": [[1, 1, 1]]}},
    }
    source = open_events(written(tmp_path, content), None)
    assert source.numbers == [8, 1]
    read = source[0]
    told = read.collections
    assert told is not None
    assert told.names == ("points", "more", "lines", "boxes", "wall")
    np.testing.assert_array_equal(read.hits.xyz[2:], [[7, 8, 9], [0, 5, 0], [1, 1, 1], [10, 20, 500]])
    np.testing.assert_array_equal(told.edges[3], [[0, 10, 0], [0, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(told.edges[4], np.diag([2, 4, 6]))
    np.testing.assert_array_equal(told.edges[5], np.diag([40, 40, 0]))
    assert read.hits.energy is not None
    assert read.hits.energy[-1] == 1.5
    assert source[1].hits.energy is None


@pytest.mark.parametrize(
    ("content", "where", "why"),
    [
        ("{", "line 1", "is not JSON"),
        ({"a": 1}, "", "no event of Phoenix"),
        ({"ECAL": [[1, 2, 3]]}, "ECAL", "not rows of 5"),
        ({"ECAL": [[1, 2, 3, 4, "x"]]}, "ECAL", "not rows of 5"),
        ({"ECAL": []}, "", "no hit in it .ECAL"),
        ({"VELOR": [[1, 2, 3, 4, 5, float("nan")]]}, r"VELOR\[0\]", "a position that is no number"),
        ({"e": {"Hits": {"a": [{"type": "Line"}]}}}, "e, Hits, a", "without 'pos'"),
        ({"e": {"Hits": {"a": 3}}}, "e, Hits, a", "not a list"),
        ({"e": {"PlanarCaloCells": {"a": {}}}}, "a", "needs 'plane'"),
        ({"e": {"PlanarCaloCells": {"a": {"plane": [1, 0, 0, 5], "cells": []}}}}, "a", "across z"),
    ],
)
def test_damage(tmp_path: Path, content: Any, where: str, why: str) -> None:
    file = written(tmp_path, content)
    with pytest.raises(BadInput, match=why) as error:
        open_events(file, None)[0]
    assert error.value.file == str(file)
    assert where.replace("\\", "") in error.value.where


def test_gzip_cut_off_or_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.json.gz"
    file.write_bytes(LHCB.read_bytes()[:-3000])
    with pytest.raises(BadInput, match="cut off"):
        open_events(file, None)
    monkeypatch.setattr(bounded, "TEXT_BYTES", 1 << 20)
    file.write_bytes(gzip.compress(b'{"ECAL": [' + b" " * (1 << 21)))
    with pytest.raises(BadInput, match="unpacks to more than 1 MB"):
        open_events(file, None)


def test_texts_beside_events_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    (tmp_path / "event.json.gz").write_bytes(LHCB.read_bytes())
    for name in (tmp_path, tmp_path / "*", tmp_path / "*.json*"):
        assert open_events(name, None).numbers == [5296728]
    (tmp_path / "event.json.gz").unlink()
    with pytest.raises(BadInput, match="no events here"):
        open_events(tmp_path, None)
