"""Whatever dies, all else goes on or ends: a worker costs its own shard only, and no worker outlives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gnnreco.reconstruct.workers import processes
from tests.reconstruct.mortal import NOTHING, lots, work

SECONDS = 120.0  # of patience with a busy machine


def soon(true: Callable[[], bool]) -> bool:
    end = time.monotonic() + SECONDS
    while not true() and time.monotonic() < end:
        time.sleep(0.05)
    return true()


def runs(process: int) -> bool:
    """Whether it is there and no zombie that nobody has asked after."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_worker_that_dies_loses_its_own_shard_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[1])  # workers find their work as this process does
    answers = processes(2, work)(NOTHING, lots(tmp_path, 3))
    results = {shard.start: account for answer in answers for shard, account, _ in answer}
    assert sorted(results) == [0, 1, 2]
    assert [f["event"] for f in results[1].failures] == [11]
    assert "died of it twice" in results[1].failures[0]["reason"]
    assert not any(results[i].failures for i in (0, 2))
    files = sorted(file.name for file in tmp_path.iterdir())
    assert files == ["shard-0", "shard-1.tried", "shard-2", "shard-2.tried"]


@pytest.mark.parametrize("how", [pytest.param(signal.SIGTERM, marks=pytest.mark.slow), signal.SIGKILL])
def test_no_worker_outlives_its_parent(tmp_path: Path, how: signal.Signals) -> None:
    name = __package__ or ""
    script = (
        f"from gnnreco.cli import start; from {name} import mortal; start.main = mortal.main; start.entry()"
    )
    place = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], env={**os.environ, "PYTHONPATH": place}
    )
    assert soon(lambda: len(list(tmp_path.glob("*.pid"))) == 2)
    workers = [int(file.stem) for file in tmp_path.glob("*.pid")]
    parent.send_signal(how)
    parent.wait(SECONDS)
    if how == signal.SIGTERM:
        assert parent.returncode == 128 + how
    assert soon(lambda: not any(map(runs, workers)))
    assert soon(lambda: {file.suffix for file in tmp_path.iterdir()} == {".pid"})
