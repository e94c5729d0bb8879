"""Archives of the CMS event display: what is read of them, and that damaged ones are refused."""

from __future__ import annotations

import json
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gnnreco.errors import BadInput
from gnnreco.events import open_events
from gnnreco.events.readers import bounded
from gnnreco.events.select import select_hits
from tests.events.conftest import ROOT

CMS = ROOT / "examples" / "displays" / "cms_met_2012.ig"
CORNERS = [[0, 0, 2], [0.02, 0, 2], [0.02, 0.03, 2], [0, 0.03, 2]]
BOX = [[f"{face}_{n}", "v3d"] for face in ("front", "back") for n in (1, 2, 3, 4)]
CELL = [0.5, 7.0, *CORNERS, *[[x, y, 2.4] for x, y, _ in CORNERS]]


def event(**changed: Any) -> dict[str, Any]:
    """One cell of 20 x 30 x 400 mm, two points, and a thing made from hits."""
    types = {
        "EBRecHits_V2": [["energy", "double"], ["time", "double"], *BOX],
        "SiPixelClusters_V1": [["detid", "int"], ["pos", "v3d"]],
        "SuperClusters_V1": [["energy", "double"], ["pos", "v3d"], ["rawEnergy", "double"]],
    }
    collections = {
        "EBRecHits_V2": [CELL],
        "SiPixelClusters_V1": [[1, [0.1, 0.2, 0.3]], [2, [0.1, 0.2, -0.3]]],
        "SuperClusters_V1": [[1.0, [0, 0, 2.0], 0.9]],
    }
    return {"Types": types, "Collections": {**collections, **changed}, "Associations": {}}


@pytest.fixture
def archive(tmp_path: Path) -> Callable[..., Path]:
    def write(*texts: Any, names: tuple[str, ...] = ()) -> Path:
        file = tmp_path / "made.ig"
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
            out.writestr("Header", '"made"')
            for i, text in enumerate(texts):
                name = names[i] if names else f"Events/Run_1/Event_{i + 5}"
                out.writestr(name, text if isinstance(text, str) else json.dumps(text))
        return file

    return write


def test_units_collections_and_cells(archive: Callable[..., Path]) -> None:
    source = open_events(archive(event(), event()), None)
    assert source.numbers == [5, 6]
    read = source[1]
    told = read.collections
    assert told is not None
    assert told.names == ("EBRecHits", "SiPixelClusters")
    assert told.of.tolist() == [0, 1, 1]
    np.testing.assert_allclose(read.hits.xyz, [[10, 15, 2200], [100, 200, 300], [100, 200, -300]])
    np.testing.assert_allclose(np.linalg.norm(told.edges[0], axis=1), [20, 30, 400])
    assert np.isnan(told.edges[1:]).all()
    assert read.hits.energy is not None
    assert read.hits.time is not None
    np.testing.assert_array_equal(read.hits.energy, [0.5, np.nan, np.nan])
    np.testing.assert_array_equal(read.hits.time, [7.0, np.nan, np.nan])
    assert (read.hits.sensor == -1).all()


def test_the_real_collisions() -> None:
    source = open_events(CMS, None)
    assert source.numbers == [20657260, 20831924]
    first = source[0]
    assert first.collections is not None
    count = dict(zip(first.collections.names, np.bincount(first.collections.of).tolist(), strict=True))
    assert count == {
        "EBRecHits": 523,
        "EERecHits": 391,
        "ESRecHits": 164,
        "HBRecHits": 71,
        "HERecHits": 1,
        "HFRecHits": 0,
        "HORecHits": 0,
        "MuonChambers": 39,
    }
    assert first.hits.energy is not None
    barrel = first.collections.of == 0
    radius = np.hypot(first.hits.x, first.hits.y)[barrel]
    assert radius.min() > 1300  # the crystals of the barrel begin at 1.29 m
    assert radius.max() < 1800
    assert first.hits.energy[barrel].max() == pytest.approx(39.2363)
    width = np.linalg.norm(first.collections.edges[barrel], axis=2)
    np.testing.assert_allclose(np.median(width, axis=0), [24.5, 23.7, 230.0], atol=0.1)


def test_a_part_of_an_event_keeps_its_collections(archive: Callable[..., Path]) -> None:
    part = select_hits(open_events(archive(event()), None)[0], np.array([False, True, True]))
    assert part.collections is not None
    assert part.collections.of.tolist() == [1, 1]
    assert part.collections.edges.shape == (2, 3, 3)


def test_a_folder_and_what_lies_in_it(archive: Callable[..., Path]) -> None:
    archive(event())
    folder = archive(event()).parent
    (folder / "manifest.json").write_text("{}")
    assert open_events(folder, None).numbers == [5]


def test_words_for_no_number(archive: Callable[..., Path]) -> None:
    text = json.dumps(event(EBRecHits_V2=[[float("nan"), float("-inf"), *CELL[2:]]]))
    read = open_events(archive(text.replace("NaN", "nan").replace("-Infinity", "-inf")), None)[0]
    assert read.hits.energy is not None
    assert read.hits.time is not None
    assert np.isnan(read.hits.energy[0])
    assert read.hits.time[0] == -np.inf


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[1, 2]", "not an object"),
        ('{"Types": {}, ', "line 1.*is not JSON"),
        ("[" * 100_000, "nested too deep"),
        ({"Types": {}}, "no 'Collections'"),
        ({"Types": {}, "Collections": {}}, "no hit in it"),
        (event(EBRecHits_V2=[], SiPixelClusters_V1=[]), "no hit in it .EBRecHits, SiPixelClusters"),
        (event(EBRecHits_V2=3), "EBRecHits_V2: declared in Types"),
        (event(EBRecHits_V2=[CELL[:4]]), "a row without 'front_3'"),
        (event(EBRecHits_V2=[["x", *CELL[1:]]]), "EBRecHits_V2, energy: not rows of 1"),
        (event(EBRecHits_V2=[[*CELL[:-1], [1, 2]]]), "back_4: not rows of 3"),
        (
            event(SiPixelClusters_V1=[[1, [0, 0, float("nan")]]]),
            r"SiPixelClusters\[0\]: a position that is no number",
        ),
        ({"Types": {"A": 3}, "Collections": {"A": []}}, "Types of A"),
    ],
)
def test_damaged_events(archive: Callable[..., Path], text: Any, why: str) -> None:
    file = archive(text)
    with pytest.raises(BadInput, match=why) as error:
        open_events(file, None)[0]
    assert error.value.file == str(file)
    assert "Event_5" in error.value.where


def test_archives_of_something_else(archive: Callable[..., Path]) -> None:
    with pytest.raises(BadInput, match=r"is it an \.ig file"):
        open_events(archive("{}", names=("word/document.xml",)), None)
    file = archive(event())
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(BadInput, match="zip archive damaged"):
        open_events(file, None)


def test_a_text_that_fills_the_memory(archive: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "TEXT_BYTES", 1 << 20)
    file = archive(" " * (1 << 21) + "{}")
    assert file.stat().st_size < 5000
    with pytest.raises(BadInput, match="unpacks to more than 1 MB"):
        open_events(file, None)[0]
    monkeypatch.setattr(bounded, "MEMBERS", 1)
    with pytest.raises(BadInput, match="2 members, more than 1"):
        open_events(file, None)


def test_flipped_bytes_are_told_or_harmless(tmp_path: Path) -> None:
    whole, chance = CMS.read_bytes(), random.Random(3)
    told = 0
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 20)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        file = tmp_path / "flipped.ig"
        file.write_bytes(data)
        try:
            for one in open_events(file, None):
                assert len(one.hits) > 0
        except BadInput:
            told += 1
    assert told > 50
