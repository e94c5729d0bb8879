"""Whatever dies, every other event comes out: an event that kills or hangs its process is found, left out and reported."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from gnnreco.events.tracks_file import read_tracks
from gnnreco.reconstruct import reconstruct
from tests.reconstruct.batch.mortal import TOY_PROCESSES
from tests.reconstruct.toy import DETECTOR, N, contents, save

ROOT = Path(__file__).parents[3]
SECONDS = 240.0  # of patience with a busy machine


@pytest.fixture
def toy_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Worker processes that know the task of the tests."""
    monkeypatch.setattr("gnnreco.reconstruct.run.processes", TOY_PROCESSES)


def command(inputs: Path, bundle: Path, out: Path, *more: str) -> subprocess.Popen[bytes]:
    """The program in a process of its own."""
    words = ["reconstruct", inputs, "--detector", DETECTOR, "--bundle", bundle, "-o", out, *more]
    place = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from tests.reconstruct.batch import mortal; mortal.entry()",
            *map(str, words),
        ],
        env={**os.environ, "PYTHONPATH": place},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def hidden(folder: Path) -> list[str]:
    """What should be gone when a job is done."""
    return sorted(f.name for f in folder.iterdir() if f.name.startswith((".", "partial", "journal")))


@pytest.mark.parametrize("how", [{"workers": 2}, {"memory_gib": 8.0}], ids=["two", "one"])
@pytest.mark.usefixtures("toy_workers")
def test_an_event_that_kills_is_quarantined_and_the_others_go_on(
    inputs: Path, bundle: Path, tmp_path: Path, how: dict[str, Any]
) -> None:
    """A process that is alone has its next lot at hand when it dies."""
    deadly, out = tmp_path / "deadly", tmp_path / "out"
    deadly.touch()
    model = save(bundle, kill_at=[11], deadly=str(deadly))
    result = reconstruct(inputs, DETECTOR, model, out, **how)
    assert (result["events_in"], result["events_out"], result["events_quarantined"]) == (N, N - 1, 1)
    (failure,) = result["failures"]
    assert (failure["event"], failure["kind"]) == (11, "Quarantined")
    assert "SIGKILL" in failure["reason"]
    assert [row[0] for row in read_tracks(out)] == [i for i in range(N) if i != 11]
    assert hidden(out) == []
    before = contents(out)
    again = reconstruct(inputs, DETECTOR, model, out, resume=True, **how)
    assert (again["events_timed"], again["events_quarantined"]) == (0, 1)  # it is not tried again
    assert contents(out) == before
    deadly.unlink()
    healed = reconstruct(inputs, DETECTOR, model, out, resume=True, redo_failed=True)
    assert (healed["events_out"], healed["failures"], healed["events_timed"]) == (N, [], 8)
    reconstruct(inputs, DETECTOR, model, tmp_path / "clean")
    assert contents(out) == contents(tmp_path / "clean")


@pytest.mark.usefixtures("toy_workers")
def test_hanging_and_greedy_events(inputs: Path, bundle: Path, tmp_path: Path) -> None:
    model = save(bundle, hang_at=[2], eat_at=[17])
    limits: dict[str, Any] = {"event_timeout": 6.0, "memory_gib": 4.0}
    result = reconstruct(inputs, DETECTOR, model, tmp_path / "out", **limits)
    assert result["events_out"] == N - 2
    hung, greedy = result["failures"]
    assert (hung["event"], hung["kind"], "hung" in hung["reason"]) == (2, "Quarantined", True)
    assert (greedy["event"], greedy["kind"]) == (17, "MemoryError")
    assert "give more (--memory)" in greedy["reason"]


def test_what_killed_the_only_process_is_found_by_the_next_run(
    inputs: Path, bundle: Path, tmp_path: Path
) -> None:
    model, out = save(bundle, kill_at=[11]), tmp_path / "out"
    first = command(inputs, model, out)
    first.communicate(timeout=SECONDS)
    assert first.returncode == -signal.SIGKILL
    second = command(inputs, model, out, "--resume")
    told = second.communicate(timeout=SECONDS)[1].decode()
    assert second.returncode == 1
    assert "event 11: a worker process died" in told
    manifest = json.loads((out / "manifest.json").read_text())
    assert (manifest["events_out"], manifest["events_quarantined"]) == (N - 1, 1)
    assert hidden(out) == []


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sigterm_ends_the_event_and_keeps_what_is_done(
    inputs: Path, bundle: Path, tmp_path: Path, workers: str
) -> None:
    slow, out = tmp_path / "slow", tmp_path / "out"
    slow.touch()
    model = save(bundle, seconds=0.5, deadly=str(slow))
    job = command(inputs, model, out, "--workers", workers)
    end = time.monotonic() + SECONDS
    marks: list[str] = []
    while not any(int(mark) >= 2 for mark in marks) and time.monotonic() < end:
        time.sleep(0.05)
        marks = [f.read_text() or "-1" for f in out.glob(".gnnreco-event-*")] if out.exists() else []
    job.terminate()
    told = job.communicate(timeout=SECONDS)[1].decode()
    assert job.returncode == 128 + signal.SIGTERM, told
    assert "go on with --resume" in told
    assert list(out.glob("partial-*"))
    assert not (out / "manifest.json").exists()
    assert not list(out.glob(".gnnreco-*"))
    slow.unlink()
    result = reconstruct(inputs, DETECTOR, model, out, resume=True)
    assert (result["events_in"], result["events_out"]) == (N, N)
    assert 0 < result["events_timed"] < N  # what was done is not done again
    assert hidden(out) == []
    reconstruct(inputs, DETECTOR, model, tmp_path / "clean")
    assert contents(out) == contents(tmp_path / "clean")


def test_a_job_is_done_by_one_process_at_a_time(inputs: Path, bundle: Path, tmp_path: Path) -> None:
    model, out = save(bundle, hang_at=[9]), tmp_path / "out"
    job = command(inputs, model, out)
    end = time.monotonic() + SECONDS
    while not list(out.glob("shard-*")) and time.monotonic() < end:
        time.sleep(0.05)
    second = command(inputs, model, out, "--resume")
    told = second.communicate(timeout=SECONDS)[1].decode()
    assert second.returncode == 2
    assert "a process does this job now" in told
    job.kill()
    job.communicate(timeout=SECONDS)
