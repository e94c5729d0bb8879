"""A folder that is watched: each file is answered once, the oldest first, also by a server that is started again."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from gnnreco.errors import BadInput
from gnnreco.events.tracks_file import read_tracks
from gnnreco.serve import serve
from tests.reconstruct.toy import DETECTOR, N
from tests.serve.conftest import SECONDS, Start, stopped, until


def test_files_are_answered_in_order_and_once(start: Start, place: Path, events: Path) -> None:
    folder, out = place / "in", place / "out"
    folder.mkdir(mode=0o700)
    for i, name in enumerate(("c.parquet", "a.parquet", "b.parquet")):
        shutil.copy(events, folder / name)
        os.utime(folder / name, (i, i))
    (folder / "d.parquet.part").write_bytes(b"half")
    (folder / ".e.parquet").write_bytes(b"half")
    (folder / "link.parquet").symlink_to(events)
    os.mkfifo(folder / "pipe.parquet")
    out.mkdir(mode=0o700)
    (out / "c.parquet.one-track.parquet").write_bytes(b"of a server that was killed")
    server = start("--watch", folder, "-o", out)
    until(lambda: len(list(out.glob("*.json"))) == 3)
    answers = [out / f"{name}.parquet.json" for name in "cab"]
    assert [file.stat().st_mtime_ns for file in answers] == sorted(
        file.stat().st_mtime_ns for file in answers
    )
    told = json.loads(answers[0].read_text())
    assert (told["id"], told["ok"], len(told["events"])) == ("c.parquet", True, N)
    assert [row[0] for row in read_tracks(told["files"]["one-track"])] == list(range(N))
    (folder / "no events.txt").write_text("nothing")
    until(lambda: (out / "no events.txt.json").exists())
    assert not json.loads((out / "no events.txt.json").read_text())["ok"]
    assert "4" in stopped(server)
    before = {file: file.stat().st_mtime_ns for file in out.iterdir()}
    second = start("--watch", folder, "-o", out)
    (folder / "d.parquet.part").write_bytes(events.read_bytes())
    (folder / "d.parquet.part").rename(folder / "d.parquet")
    until(lambda: (out / "d.parquet.json").exists())
    stopped(second)
    assert {file: file.stat().st_mtime_ns for file in before} == before
    assert len(list(out.iterdir())) == len(before) + 2


def test_folders_must_be_our_own(place: Path) -> None:
    (place / "in").mkdir()
    (place / "in").chmod(0o775)
    (place / "own").mkdir(mode=0o700)
    wrongs: list[tuple[str, str | None, str]] = [
        ("in", "out", "others may write"),
        ("own", "own", "cannot get the answers as well"),
        ("own", None, "no folder for its answers; name one with output="),
        ("nowhere", "out", "nowhere"),
    ]
    for watched, output, why in wrongs:
        with pytest.raises(BadInput, match=why):
            serve(DETECTOR, watched=place / watched, output=output and place / output)


def test_a_folder_that_goes_ends_the_server(start: Start, place: Path) -> None:
    folder = place / "in"
    folder.mkdir(mode=0o700)
    server = start("--watch", folder, "-o", place / "out")
    folder.rmdir()
    _, err = server.communicate(timeout=SECONDS)
    assert server.returncode == 2
    assert "in: No such file" in err
