"""While one process compiles a kernel, another that needs it waits; but not for one that never ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gnnreco.kernels import turns

NAME = "0123456789abcdef"
OTHER = """
import sys
from pathlib import Path
from gnnreco.kernels.turns import Turns
assert Turns().take(Path(sys.argv[1]), sys.argv[2])
print("taken", flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(turns.fcntl is None, reason="the system has no locks of bytes")
def test_a_turn_is_waited_for_until_patience_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", OTHER, str(tmp_path), NAME]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "taken\n"
        mine = turns.Turns()
        assert mine.take(tmp_path, NAME.replace("0", "f")) is not None  # of another kernel
        monkeypatch.setattr(turns, "PATIENCE", 0.1)
        assert mine.take(tmp_path, NAME) is None
        assert not mine.patient
        other.communicate("")
    end = turns.Turns().take(tmp_path, NAME)
    assert end is not None
    end()


def test_without_a_file_for_turns_nobody_waits(tmp_path: Path) -> None:
    assert turns.Turns().take(tmp_path / "missing", NAME) is None
