"""Events, a bundle of the toy task, and servers in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gnnreco.events import write_events
from gnnreco.geometry import load_detector
from gnnreco.tasks import registry
from tests.reconstruct.toy import DETECTOR, KIND, N, event, save

ROOT = Path(__file__).parents[2]
SECONDS = 240.0  # of patience with a busy machine

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("events")
    write_events(
        (event(i, 3 + i if i != 5 else 0) for i in range(N)), folder, detector=load_detector(DETECTOR)
    )
    (file,) = folder.glob("*.parquet")
    return file


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder that is ours alone, whose path is short enough for a socket."""
    tmp_path.chmod(0o700)
    return tmp_path


@pytest.fixture
def bundle(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(registry.TASKS, "one-track", KIND)
    return save(place / "model")


@pytest.fixture
def start(bundle: Path) -> Iterator[Start]:
    """Starts a server with the words given and waits until it is ready; all end with the test."""
    servers: list[subprocess.Popen[str]] = []

    def begin(*words: object, ready: bool = True) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", "from tests.serve import mortal; mortal.entry()", "serve"]
        command += ["--detector", DETECTOR, "--bundle", str(bundle), *map(str, words)]
        server = subprocess.Popen(
            command,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        servers.append(server)
        if ready:
            assert server.stderr is not None
            line = server.stderr.readline()
            assert "ready" in line, line
        return server

    yield begin
    for server in servers:
        if server.poll() is None:
            server.kill()
        server.communicate(timeout=SECONDS)


def stopped(server: subprocess.Popen[str]) -> str:
    """Stop a server in the orderly way; what it printed."""
    server.send_signal(signal.SIGTERM)
    out, err = server.communicate(timeout=SECONDS)
    assert server.returncode == 0, err
    return out + err


def until(true: Callable[[], object]) -> None:
    """Wait for something."""
    end = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)
