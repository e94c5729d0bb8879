"""Files whose names are not UTF-8, and a terminal that knows ASCII only."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gnnreco.columns import Event
from gnnreco.events import open_events, open_jets, write_events
from gnnreco.events.output_file import read_output, write_output
from gnnreco.events.tracks_file import TRACKS
from tests.events.conftest import CORPUS, ROOT
from tests.events.seeds import seeds

BAD = os.fsdecode(b"\xff")
FORMATS = ["parquet", "parquet, a row a hit", "jets", "phoenix", "ispy, archive", "hgcal ntuple"]


@pytest.mark.parametrize("name", FORMATS)
def test_files_of_several_events(name: str, tmp_path: Path) -> None:
    seed = seeds()[name]
    file = tmp_path / f"{BAD}-{seed.name}"
    file.write_bytes(seed.content)
    for event in open_jets(file) if name == "jets" else open_events(file, None):
        assert event.source.startswith(f"{tmp_path}/\\xff-"), "a name that can be written into an output"


def test_csv_in_and_out(tiny: Event, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(CORPUS / "acts", tmp_path / BAD))
    assert open_events(folder, None)[0].source == f"{tmp_path}/\\xff/event000000007"
    for format in ("parquet", "trackml"):
        write_events([tiny], tmp_path / f"{BAD}-{format}", format)
        assert len(open_events(tmp_path / f"{BAD}-{format}", None)[0].hits) == 4


def test_output(tmp_path: Path) -> None:
    file = tmp_path / f"{BAD}.parquet"
    write_output(TRACKS, file, [(3, "\\xff", TRACKS.kind())])
    assert [row[:2] for row in read_output(TRACKS, file)] == [(3, "\\xff")]


def test_a_terminal_that_knows_ascii_only(tmp_path: Path) -> None:
    shutil.copy(CORPUS / "acts" / "event000000007-hits.csv", tmp_path / "\u00e9vent.csv")
    environment = {
        **os.environ,
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONPATH": str(ROOT),
    }
    command = [
        sys.executable,
        "-m",
        "gnnreco.cli",
        "convert",
        "--detector",
        "telescope",
        "-o",
        str(tmp_path / "out"),
        "*",
    ]
    ended = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, timeout=60, check=False
    )
    assert ended.returncode == 2
    assert ended.stderr.count(b"\n") == 1, ended.stderr
