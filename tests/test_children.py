"""Processes that work for this one: not run from the user's own program, gone from the pipe when they end."""

from __future__ import annotations

import os
import subprocess
import sys
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from gnnreco.children import started

ROOT = Path(__file__).parents[1]
SECONDS = 120.0  # of patience with a busy machine


def double(connection: Connection, given: int) -> None:
    connection.send(2 * given)


def test_what_is_given_comes_back_and_the_pipe_ends_with_the_process() -> None:
    main = sys.modules["__main__"]
    process, connection = started(double, 21)
    assert sys.modules["__main__"] is main
    assert connection.poll(SECONDS)
    assert connection.recv() == 42
    process.join(SECONDS)
    assert process.exitcode == 0
    with pytest.raises(EOFError):
        connection.recv()


@pytest.mark.parametrize("how", ["script", "from stdin"])
def test_a_script_needs_no_guard(tmp_path: Path, how: str) -> None:
    """A process that ran the script again would start one of its own, and so on."""
    text = (
        "from gnnreco.children import started\nfrom tests.test_children import double\nprint('ran')\n"
        "process, connection = started(double, 21)\nprint(connection.recv())\n"
    )
    (tmp_path / "script.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "script.py" if how == "script" else "-"],
        input=text,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.stdout.split() == ["ran", "42"], done.stderr
