"""Input, detector and bundle that do not belong together are said in one line, with status 1."""

from __future__ import annotations

import csv
import gzip
import json
import shutil
from pathlib import Path

import pytest

from gnnreco import cli
from gnnreco.geometry import load_detector
from gnnreco.reconstruct.judge import notes_of, notes_of_hits, warnings_of, warnings_of_tasks
from gnnreco.tasks.registry import find_task

ROOT = Path(__file__).parents[2]
EVENT = ROOT / "examples" / "events" / "event000000001-hits.csv.gz"
TELESCOPE = ROOT / "tests" / "corpus" / "evaluate-root-output" / "tel"
FINE = {
    "task": "tracking",
    "hits": 100,
    "hits_outside": 50,
    "detector": {"measures": {"pixel": ["position"]}},
}


def run(*words: str | Path) -> int:
    return cli.main(["reconstruct", *map(str, words)])


def test_hits_in_centimetres(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with gzip.open(EVENT, "rt") as file:
        rows = list(csv.DictReader(file))
    lines = [
        "hit_id,x,y,z",
        *(f"{r['hit_id']},{','.join(f'{float(r[k]) / 10:.6f}' for k in 'xyz')}" for r in rows),
    ]
    file = tmp_path / "event000000001-hits.csv"
    file.write_text("\n".join(lines) + "\n")
    out = tmp_path / "out"
    assert (
        run(
            file, "--detector", "trackml", "--bundle", "tracking-trackml", "-o", out, "--json", out / "t.json"
        )
        == 1
    )
    line = capsys.readouterr().err
    assert "5,466 of 5,527 hits lie in no sensor: other units or another detector?" in line
    assert "in cm" in line
    assert "Traceback" not in line
    for written in ("manifest.json", "t.json"):
        assert len(json.loads((out / written).read_text())["warnings"]) == 1


def test_a_bundle_for_what_the_detector_does_not_measure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(TELESCOPE, "--detector", "telescope", "--bundle", "showers-any", "-o", tmp_path) == 1
    line = capsys.readouterr().err
    assert "clustering works on energy or charge, but none of 72 hits" in line
    assert "plane: position" in line


def test_a_foreign_file_in_a_glob(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events = Path(shutil.copytree(TELESCOPE, tmp_path / "events"))
    glob = [events / "event00000000*", "--detector", "telescope", "--bundle", "tracking-telescope"]
    (events / "event000000001-seeds.csv").write_text(
        "a\n1\n"
    )  # one more table of an event is no foreign file
    assert run(*glob, "-o", tmp_path / "one") == 0
    (events / "event00000000.log").write_text("of the simulation\n")
    assert run(*glob, "-o", tmp_path / "two") == 1
    line = capsys.readouterr().err
    assert "event00000000.log: no events that gnnreco reads" in line
    assert run(events, *glob[1:], "-o", tmp_path / "three") == 0  # a folder may hold what it likes


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({"hits_outside": 0}, []),
        ({"hits": 0, "hits_outside": 0}, []),
        ({"hits_outside": 51}, ["51 of 100 hits lie in no sensor"]),
        ({"hits_outside": 51, "hits_fit_in": "m"}, ["in m"]),
        ({"hits_of_other_tasks": 49}, []),
        (
            {"hits_of_other_tasks": 50},
            ["none of 50 hits lies in a subsystem that measures that (pixel: position)"],
        ),
        ({"foreign_files": ["a.txt", "b.txt"]}, ["a.txt and 1 more file"]),
    ],
)
def test_what_a_manifest_tells(counts: dict, words: list[str]) -> None:
    warnings = warnings_of(FINE | counts)
    assert len(warnings) == len(words)
    assert all(word in line for word, line in zip(words, warnings, strict=True))


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({"hits_outside": 0}, []),
        ({"hits": 0, "hits_outside": 0}, ["no hit in 3 events, so nothing is found: is it the right file?"]),
        ({"hits": 0, "hits_outside": 0, "events_out": 0}, []),
        (
            {"hits": 9270, "hits_outside": 332, "hits_of_other_tasks": 8747},
            [
                "tracking: 332 of 523 hits in no other subsystem lie in no sensor, and are lost to it: does 'whole' stand"
            ],
        ),
        ({"hits": 900, "hits_outside": 19, "hits_of_other_tasks": 881}, []),
        ({"hits_outside": 5}, []),
        ({"hits_outside": 6}, ["6 of 100 hits lie in no sensor, and are left out: does 'whole' stand"]),
        ({"hits_outside": 51}, []),  # that is a warning
    ],
)
def test_where_hits_are_missing(counts: dict, words: list[str]) -> None:
    there = FINE | {"events_out": 3, "detector": {"name": "whole", "measures": {}}}
    notes = notes_of_hits(there | counts)
    assert len(notes) == len(words)
    assert all(word in line for word, line in zip(words, notes, strict=True))


def test_what_the_field_leaves_unmeasured_is_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = "--detector", "telescope", "--bundle", "tracking-telescope"
    assert run(TELESCOPE, *options, "-o", tmp_path) == 0
    assert capsys.readouterr().err.count("telescope: no field at any sensor of tracks") == 1
    assert len(json.loads((tmp_path / "manifest.json").read_text())["notes"]) == 1
    assert notes_of(find_task("clustering"), load_detector("telescope")) == []
    assert notes_of(find_task("tracking"), load_detector("trackml")) == []


def test_a_silent_part_of_the_detector_is_no_fault_beside_others() -> None:
    silent = FINE | {"task": "clustering", "hits_of_other_tasks": 50}
    for measures, expected in (
        ({"pixel": ["position"], "ecal": ["energy"]}, 0),
        ({"pixel": ["position"]}, 1),
    ):
        parts = [part | {"detector": {"measures": measures}} for part in (FINE, silent)]
        judged = [part | {"warnings": warnings_of(part)} for part in parts]
        assert [len(part["warnings"]) for part in judged] == [0, 1]
        assert len(warnings_of_tasks(judged)) == expected
