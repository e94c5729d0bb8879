"""What is compiled or simulated runs confined: limits, nothing of the user's environment, no network, nothing left behind."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from gnnreco.deploy import toolchain
from gnnreco.deploy.toolchain import CONFINED, ToolFailed, network_is_cut, run


def test_a_program_sees_nothing_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not for others")
    monkeypatch.setenv("CXXFLAGS", "-fplugin=evil.so")
    said = dict(line.split("=", 1) for line in run(["env"], tmp_path, 20).splitlines())
    assert set(said) - {"LC_CTYPE"} == {"PATH", "LANG", "HOME", "TMPDIR"}
    assert said["HOME"] == str(tmp_path)


def test_memory_and_time_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain, "MEMORY", 300 << 20)
    with pytest.raises(ToolFailed, match="MemoryError"):
        run([sys.executable, "-I", "-S", "-c", "bytearray(2 << 30)"], tmp_path, 20)
    with pytest.raises(ToolFailed, match="longer than 1 s"):
        run(["sh", "-c", "(sleep 2; touch escaped) & exec sleep 9"], tmp_path, 1)
    time.sleep(1.5)
    assert not (tmp_path / "escaped").exists(), "what it started ends with it"


def test_the_network_is_cut_where_it_can_be(tmp_path: Path) -> None:
    said = subprocess.run(
        [*CONFINED, "5", str(1 << 30), "-"], capture_output=True, text=True, check=True
    ).stdout
    assert said.strip() in ("cut", "open")
    assert network_is_cut() is (said.strip() == "cut")
    if network_is_cut():
        names = "import socket; print(*(name for _, name in socket.if_nameindex()))"
        assert set(run([sys.executable, "-I", "-c", names], tmp_path, 20).split()) <= {"lo"}
