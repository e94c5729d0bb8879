"""What a job tells of itself: lines of a log, numbers for Prometheus, a report that is no part of the output."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnnreco import cli
from gnnreco.cli.progress import News
from gnnreco.errors import BadInput, Stopped
from gnnreco.latencies import ACCURACY, Latencies
from gnnreco.reconstruct import reconstruct
from gnnreco.reconstruct.integrity import verify
from gnnreco.reconstruct.observe import JobReport, JsonLog, Textfile, in_short, read_reports
from gnnreco.reconstruct.status import status
from gnnreco.reconstruct.workers import stop
from tests.reconstruct.batch.mortal import TOY_PROCESSES
from tests.reconstruct.toy import DETECTOR, N, contents, save


@pytest.fixture
def toy_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Worker processes that know the task of the tests."""
    monkeypatch.setattr("gnnreco.reconstruct.run.processes", TOY_PROCESSES)


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def numbers(file: Path) -> dict[str, float]:
    """What a text file for Prometheus says, by name."""
    rows = [line.split(" ") for line in file.read_text().splitlines() if not line.startswith("#")]
    return {name.partition("{")[0].removeprefix("gnnreco_"): float(value) for name, value in rows}


@given(st.lists(st.floats(1e-5, 1e4), min_size=1, max_size=200), st.sampled_from([1, 50, 90, 99, 100]))
def test_percentiles_are_those_of_numpy_within_their_accuracy(seconds: list[float], percent: float) -> None:
    halves = Latencies(), Latencies()
    for i, s in enumerate(seconds):
        halves[i % 2].add(s)
    halves[0].merge(Latencies.of(json.loads(json.dumps(halves[1].plain()))))
    found = halves[0].percentile(percent)
    assert found == pytest.approx(np.percentile(seconds, percent, method="inverted_cdf"), rel=1.01 * ACCURACY)
    assert halves[0].count == len(seconds)


def test_no_duration_has_no_percentile() -> None:
    assert Latencies().told() == dict.fromkeys(("mean", "p50", "p90", "p99", "max")) | {"count": 0}


@pytest.mark.usefixtures("toy_workers")
def test_the_log_of_workers_has_each_file_and_each_failure_once(
    inputs: Path, bundle: Path, tmp_path: Path
) -> None:
    model, file = save(bundle, fail_at=[3], kill_at=[11]), tmp_path / "job.jsonl"
    log = JsonLog(file)
    result = reconstruct(inputs, DETECTOR, model, tmp_path / "out", workers=2, log=log)
    log.close()
    told = lines(file)
    assert (told[0]["kind"], told[-1]["kind"], told[-1]["state"]) == ("start", "end", "done")
    assert (told[0]["total"], told[0]["done"], told[0]["call"]["inputs"]) == (N, 0, [str(inputs)])
    assert all(line["time"].endswith("Z") for line in told)
    files = {line["file"]: line for line in told if line["kind"] == "shard"}
    assert sorted(files) == [shard["file"] for shard in result["shards"]]
    assert sum(line["events_out"] for line in files.values()) == N - 2
    (failed,) = (line for line in told if line["kind"] == "failed")
    assert (failed["event"], failed["error"], failed["file"]) == (3, "OverBudget", "events-00000.parquet")
    (killed,) = (line for line in told if line["kind"] == "quarantined")
    assert (killed["event"], killed["error"]) == (11, "Quarantined")
    report = told[-1]["report"]
    assert report["failures"] == {"OverBudget": 1, "Quarantined": 1}
    assert (told[-1]["done"], told[-1]["failed"], told[-1]["quarantined"]) == (N, 2, 1)
    assert report["events"] == N
    assert len(report["peak_memory_gib"]) >= 2
    assert all(0.01 < gib < 4 for gib in report["peak_memory_gib"].values())


def test_the_report_times_every_event_and_names_the_slow_ones(
    inputs: Path, bundle: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    reconstruct(inputs, DETECTOR, save(bundle, seconds=0.02, fail_at=[3]), out)
    report = read_reports(out)
    assert report is not None
    told = report.told()
    assert (told["events"], told["runs"]) == (N, 1)
    assert told["hits"] == sum(3 + i for i in range(N) if i != 5)
    latency = told["latency_seconds"]
    assert latency["count"] + told["cold_latency_seconds"]["count"] == N
    assert 0.02 <= latency["p50"] <= latency["p90"] <= latency["p99"] <= latency["max"] < 5
    stages = told["stage_seconds"]
    assert 0.02 * (N - 1) <= stages["one-track"] < told["seconds"]
    assert all(stages[name] >= 0 for name in ("start", "compile", "read", "write", "other"))
    assert sum(stages.values()) < told["seconds"]  # one process
    slow = told["slowest"]
    assert [s["seconds"] for s in slow] == sorted((s["seconds"] for s in slow), reverse=True)
    assert all(s["hits"] == 3 + s["event"] for s in slow)
    short = "\n".join(in_short(told))
    assert "20 events in" in short
    assert "p99" in short
    assert "failed: 1 OverBudget" in short
    (line, *_) = in_short(told | {"events": 1})
    assert line.startswith("1 event in")


def test_a_report_is_no_part_of_the_output(inputs: Path, bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    reconstruct(inputs, DETECTOR, bundle, out)
    before, sound = contents(out), verify(out)
    assert sound["whole"]
    for damage in (b"", b"{", b"[]", b'{"version": 1, "job": 3}', b'{"version": 1, "slowest": [1]}', None):
        report = out / "report.json"
        if damage is None:
            report.unlink()
        else:
            report.write_bytes(damage)
        assert status(out)["report"] is None
        assert verify(out) == sound
    again = reconstruct(inputs, DETECTOR, bundle, out, resume=True)
    assert (again["events_timed"], contents(out)) == (0, before)


def test_runs_and_parts_of_a_job_add_up(inputs: Path, bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    def stopping(news: Mapping[str, Any]) -> None:
        if news["kind"] == "shard":
            stop.ask()

    with pytest.raises(Stopped):
        reconstruct(inputs, DETECTOR, bundle, out, shard=(0, 2), log=stopping)
    assert status(out)["report"]["events"] == 8
    reconstruct(inputs, DETECTOR, bundle, out, shard=(0, 2), resume=True)
    reconstruct(inputs, DETECTOR, bundle, out, shard=(1, 2))
    told = status(out)["report"]
    assert (told["events"], told["runs"]) == (N, 3)
    assert sorted(f.name for f in out.glob("report*")) == [
        "report-00000-of-00002.json",
        "report-00001-of-00002.json",
    ]
    reconstruct(inputs, DETECTOR, bundle, out, shard=(1, 2), overwrite=True)  # begins anew
    assert status(out)["report"]["runs"] == 3
    part = JobReport.read(out / "report-00001-of-00002.json")
    assert part is not None
    assert (part.runs, part.events) == (1, N // 2)


def test_numbers_for_prometheus(inputs: Path, bundle: Path, tmp_path: Path) -> None:
    file, out = tmp_path / "job.prom", tmp_path / 'o"ut'
    seen: list[dict[str, float]] = []
    textfile = Textfile(file)

    def log(news: Mapping[str, Any]) -> None:
        textfile(news)
        seen.append(numbers(file))

    reconstruct(inputs, DETECTOR, save(bundle, fail_at=[3]), out, log=log)
    assert (seen[0]["events"], seen[0]["events_done_total"], seen[0]["running"]) == (N, 0, 1)
    last = seen[-1]
    assert (last["events_done_total"], last["events_failed_total"], last["running"]) == (N, 1, 0)
    assert last["start_time_seconds"] <= last["last_progress_time_seconds"]
    assert last["memory_bytes"] > 1e7
    assert 'output="' + str(out).replace('"', '\\"') + '"' in file.read_text()
    assert file.stat().st_mode & 0o044 == 0o044 & ~umask()
    assert not list(tmp_path.glob(".gnnreco-*"))
    assert Textfile("job.prom").file == Path.cwd() / "job.prom"
    for wrong in (tmp_path / "job.txt", tmp_path / "nowhere" / "job.prom"):
        with pytest.raises(BadInput, match="name"):
            Textfile(wrong)


def umask() -> int:
    now = os.umask(0)
    os.umask(now)
    return now


def test_the_command_line_logs_and_says_in_short(
    inputs: Path, bundle: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["reconstruct", str(inputs), "--detector", DETECTOR, "--bundle", str(bundle)]
    out = str(tmp_path / "out")
    assert cli.main([*words, "-o", out, "--log-json", "-"]) == 0
    printed = capfd.readouterr()
    assert [json.loads(line)["kind"] for line in printed.out.splitlines()][-1] == "end"
    assert "p99" in printed.err
    assert cli.main(["status", out]) == 0
    assert "p99" in capfd.readouterr().out
    log = tmp_path / "job.jsonl"
    for _ in range(2):
        assert cli.main([*words, "-o", out, "--overwrite", "--log-json", str(log)]) == 0
    assert [line["kind"] for line in lines(log)].count("start") == 2  # it is added to
    assert cli.main([*words, "-o", out, "--log-json", str(tmp_path / "nowhere" / "log")]) == 2
    assert "name another file" in capfd.readouterr().err


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_speed_time_left_and_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    news = {"kind": "progress", "done": 1200, "total": 4000, "failed": 3, "events_per_second": 2.0}
    terminal, log = Terminal(), io.StringIO()
    monkeypatch.setattr("sys.stderr", terminal)
    with News(None, None) as tell:
        tell(news | {"seconds_left": 4000.0})
    assert "30 %" in terminal.getvalue()
    assert "1,200 of 4,000 events, 3 failed, 2 events/s, 1:06:40 left" in terminal.getvalue()
    monkeypatch.setattr("sys.stderr", log)
    monkeypatch.setattr("gnnreco.cli.progress.LINE_S", 0.0)
    with News(None, None) as tell:
        tell(news | {"seconds_left": None, "failed": 0})
    assert log.getvalue() == "gnnreco: 1,200 of 4,000 events, 2 events/s\n"


def test_a_log_on_a_full_disk_ends_nothing(
    inputs: Path, bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    result = reconstruct(inputs, DETECTOR, bundle, tmp_path / "out", log=JsonLog("/dev/full"))
    assert result["events_out"] == N
    assert capsys.readouterr().err.count("the log cannot be written") == 1
