"""`serve --log-json --prometheus`: a log and numbers for a monitor, as of a batch job."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from tests.serve.conftest import Start, stopped, until


def test_a_server_tells_how_far_it_is(start: Start, place: Path, events: Path) -> None:
    folder, out, log, numbers = place / "in", place / "out", place / "log.jsonl", place / "server.prom"
    folder.mkdir(mode=0o700)
    server = start("--watch", folder, "-o", out, "--log-json", log, "--prometheus", numbers)
    shutil.copy(events, folder / "a.parquet")
    (folder / "b.txt").write_text("nothing")
    until(lambda: len(list(out.glob("*.json"))) == 2)
    stopped(server)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["kind"] for line in lines][:: len(lines) - 1] == ["start", "end"]
    assert (lines[0]["watched"], lines[0]["detector"]) == (str(folder), "telescope")
    last = lines[-1]
    assert (last["requests"], last["requests_failed"], last["waiting"], last["restarts"]) == (2, 1, 0, 0)
    assert (last["state"], last["running"]) == ("done", 0)
    assert 0 < last["p50_seconds"] <= last["p99_seconds"]
    told = dict(re.findall(r"^gnnreco_(\w+)\{[^}]*\} (\S+)$", numbers.read_text(), re.MULTILINE))
    assert (told["requests_total"], told["requests_failed_total"], told["running"]) == ("2", "1", "0")
    assert float(told["memory_bytes"]) > 10e6
    assert f'watched="{folder}"' in numbers.read_text()


def test_a_log_on_standard_output_is_alone_there(start: Start, place: Path) -> None:
    server = start("--socket", place / "s", "--log-json", "-")
    server.terminate()
    out, _ = server.communicate(timeout=240)
    kinds = [json.loads(line)["kind"] for line in out.splitlines()]
    assert (kinds[0], kinds[-1]) == ("start", "end")
