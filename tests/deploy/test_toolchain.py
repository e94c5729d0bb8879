"""What is compiled or simulated runs confined: limits, nothing of the user's environment, no network, nothing left behind."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
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


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux sees to it")
def test_it_ends_with_a_process_that_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from gnnreco.deploy.toolchain import run\n"
        "run(['sh', '-c', 'echo $$ > begun; mv begun pid; exec sleep 300'], Path(sys.argv[1]), 300)"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)])
    assert soon((tmp_path / "pid").exists)
    tool = Path("/proc", (tmp_path / "pid").read_text().strip(), "stat")
    assert tool.exists()
    process.kill()
    process.wait()
    assert soon(lambda: not tool.exists() or tool.read_text().rsplit(")", 1)[1].split()[0] == "Z")


def soon(true: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Whether it comes true, on a busy machine too."""
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.05)
    return true()


def test_the_network_is_cut_where_it_can_be(tmp_path: Path) -> None:
    said = subprocess.run(
        [*CONFINED, "5", str(1 << 30), "-"], capture_output=True, text=True, check=True
    ).stdout
    assert said.strip() in ("cut", "open")
    assert network_is_cut() is (said.strip() == "cut")
    if network_is_cut():
        names = "import socket; print(*(name for _, name in socket.if_nameindex()))"
        assert set(run([sys.executable, "-I", "-c", names], tmp_path, 20).split()) <= {"lo"}
