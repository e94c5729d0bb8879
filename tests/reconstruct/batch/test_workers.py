"""No worker outlives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("how", [pytest.param(signal.SIGTERM, marks=pytest.mark.slow), signal.SIGKILL])
def test_no_worker_outlives_its_parent(tmp_path: Path, how: signal.Signals) -> None:
    name = __package__ or ""
    script = (
        f"from gnnreco.cli import start; from {name} import mortal; start.main = mortal.main; start.entry()"
    )
    place = os.pathsep.join([str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", "")])
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
