"""Events as tables: from files of an event, folders and archives; what is missing or damaged is named."""

from __future__ import annotations

import gzip
import shutil
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from gnnreco.errors import BadInput
from gnnreco.trackml import dataset
from gnnreco.trackml.dataset import load_dataset, load_event

SMALL = {
    "hits": "hit_id,x,y,z,volume_id,layer_id,module_id\n1,-64.4,-7.1,-1502.5,7,2,1\n2,-55.3,0.6,-1502.5,7,2,1\n",
    "cells": "hit_id,ch0,ch1,value\n1,209,617,0.013\n1,210,617,0.079\n2,68,446,0.333\n",
    "particles": "particle_id,particle_type,vx,vy,vz,px,py,pz,q,nhits\n4503668346847232,211,0,0,1,1,0,-9,1,1\n",
    "truth": "hit_id,particle_id,tx,ty,tz,tpx,tpy,tpz,weight\n"
    "1,0,-64.4,-7.1,-1502.5,250,0,-9,0\n2,4503668346847232,-55.3,0.6,-1502.5,1,0,-9,1\n",
}


def write(folder: Path, *numbers: int, packed: bool = False, leave_out: str = "") -> Path:
    """Small events in a folder, plain or as gzip."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        for part, text in SMALL.items():
            if part != leave_out:
                file = folder / f"event{number:09d}-{part}.csv{'.gz' * packed}"
                file.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    return folder


def archive(folder: Path, file: Path) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for member in sorted(folder.rglob("*.csv*"), reverse=True):
            packed.write(member, member.relative_to(folder))
    return file


def test_the_parts_come_in_the_order_they_were_asked_for() -> None:
    prefix = "examples/events/event000000001"
    root = Path(__file__).parents[2]
    hits, cells, particles, truth = load_event(str(root / prefix))
    assert [len(table) for table in (hits, cells, particles, truth)] == [5527, 18564, 548, 5527]
    again = load_event(root / prefix, parts=["truth", "hits"])
    pd.testing.assert_frame_equal(again[0], truth)
    pd.testing.assert_frame_equal(again[1], hits)
    for part, table in zip(dataset.DEFAULT_PARTS, (hits, cells, particles, truth), strict=True):
        assert table.dtypes.to_dict() == dataset.DTYPES[part]
        alone = getattr(dataset, f"load_event_{part}")(root / prefix)
        pd.testing.assert_frame_equal(alone, table)


@pytest.mark.parametrize("packed", [False, True])
def test_a_folder_and_an_archive_give_the_same_events_in_order(tmp_path: Path, packed: bool) -> None:
    folder = write(tmp_path / "data" / "train-1", 12, 3, 7, packed=packed)
    (folder / "detectors.csv").write_text("volume_id\n7\n")
    (folder / "._event000000003-hits.csv").write_text("left by macOS")
    zipped = archive(folder.parent, tmp_path / "train.zip")
    for path in (folder, str(folder), zipped, str(zipped)):
        events = list(load_dataset(path))
        assert [event[0] for event in events] == [3, 7, 12]
        for _, *tables in events:
            assert [len(table) for table in tables] == [2, 3, 1, 2]
            assert tables[3].dtypes.to_dict() == dataset.TRUTH_DTYPES


@pytest.mark.parametrize(
    ("skip", "nevents", "numbers"),
    [(None, None, [1, 2, 3]), (1, None, [2, 3]), (1, 1, [2]), (0, 2, [1, 2]), (5, None, []), (None, 0, [])],
)
def test_a_range_of_events(tmp_path: Path, skip: int | None, nevents: int | None, numbers: list[int]) -> None:
    folder = write(tmp_path / "data", 1, 2, 3)
    for path in (folder, archive(folder, tmp_path / "data.zip")):
        events = load_dataset(path, skip=skip, nevents=nevents, parts=["hits"])
        assert [number for number, _ in events] == numbers


def test_an_event_is_read_when_it_is_asked_for(tmp_path: Path) -> None:
    folder = write(tmp_path / "data", 1, 2)
    (folder / "event000000002-truth.csv").write_text("hit_id,particle_id\n1,none\n")
    events = load_dataset(folder)
    assert next(events)[0] == 1
    with pytest.raises(BadInput, match=r"event000000002-truth\.csv: not a whole table of truth"):
        next(events)


def test_the_test_sample_has_hits_and_cells_only(tmp_path: Path) -> None:
    folder = write(tmp_path, 1, leave_out="truth")
    hits, cells = load_event(folder / "event000000001", parts=["hits", "cells"])
    assert (len(hits), len(cells)) == (2, 3)
    with pytest.raises(BadInput, match=r"event000000001-truth\.csv: no such file.*other parts"):
        load_event(folder / "event000000001")
    with pytest.raises(BadInput, match=r"a\.zip: event000000001-truth\.csv: is not in the archive"):
        list(load_dataset(archive(folder, tmp_path / "a.zip")))


def test_two_files_of_one_table_are_refused(tmp_path: Path) -> None:
    write(tmp_path, 1)
    write(tmp_path, 1, packed=True)
    with pytest.raises(
        BadInput, match=r"event000000001-hits\.csv and event000000001-hits\.csv\.gz; keep one"
    ):
        load_event(tmp_path / "event000000001")


def test_brackets_in_a_path_are_no_pattern(tmp_path: Path) -> None:
    folder = write(tmp_path / "run[1]", 1)
    assert len(load_event(folder / "event000000001")[0]) == 2


@pytest.mark.parametrize("bad", [["hit"], "hits", ["hits", "weights"]])
def test_a_part_that_there_is_not(tmp_path: Path, bad: list[str]) -> None:
    write(tmp_path, 1)
    with pytest.raises(ValueError, match="part"):
        load_event(tmp_path / "event000000001", parts=bad)
    with pytest.raises(ValueError, match="part"):
        next(load_dataset(tmp_path, parts=bad))


def test_no_events_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no files of events"):
        next(load_dataset(tmp_path))
    with pytest.raises(BadInput, match="no such folder or zip archive"):
        next(load_dataset(tmp_path / "nowhere"))
    (tmp_path / "text.zip").write_text("text")
    with pytest.raises(BadInput, match="neither a folder nor a whole zip archive"):
        next(load_dataset(tmp_path / "text.zip"))


def test_damaged_files_are_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "data", 1, packed=True)
    file = folder / "event000000001-cells.csv.gz"
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(BadInput, match=r"event000000001-cells\.csv\.gz: not a whole table of cells"):
        load_event(folder / "event000000001")
    with pytest.raises(
        BadInput, match=r"data\.zip: event000000001-cells\.csv\.gz: not a whole table of cells"
    ):
        list(load_dataset(archive(folder, tmp_path / "data.zip")))


def test_an_archive_of_macos_holds_no_more_events(tmp_path: Path) -> None:
    folder = write(tmp_path / "data", 1)
    shutil.copytree(folder, folder / "__MACOSX")
    for file in (folder / "__MACOSX").iterdir():
        file.rename(file.with_name(f"._{file.name}"))
    assert [event[0] for event in load_dataset(archive(folder, tmp_path / "data.zip"))] == [1]
