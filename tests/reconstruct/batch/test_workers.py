"""No worker outlives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gnnreco.events import write_events
from gnnreco.geometry import load_detector
from gnnreco.reconstruct.workers.processes import processes
from gnnreco.simulate import SimulationOptions, simulate
from tests.reconstruct.batch import mortal

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


def test_a_script_needs_no_guard(tmp_path: Path) -> None:
    """Workers of a script that says nothing of ``__main__`` began the job anew, until every event was lost."""
    detector = load_detector("telescope")
    options = SimulationOptions(particle="muon", energy=(2.0, 10.0))
    events = simulate(detector, "beam", 10, seed=1, options=options)
    write_events(events, tmp_path / "events", detector=detector)
    (tmp_path / "script.py").write_text(
        "import gnnreco\nprint('ran')\n"
        "found = gnnreco.reconstruct('events', 'telescope', 'tracking-telescope', 'out', workers=2)\n"
        "print(found['events_out'], found['events_failed'])\n"
    )
    place = os.pathsep.join([str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", "")])
    told = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": place},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert told.stdout.split() == ["ran", "10", "0"], told.stderr


def test_long_lots_and_long_answers_do_not_wait_for_each_other(tmp_path: Path) -> None:
    """A process is given its next lot while it works: a pipe holds less than either of these."""
    of_files = [replace(lot, files=("name of a file" * 200_000,)) for lot in mortal.lots(tmp_path, 5)]
    signal.alarm(int(SECONDS))  # it would wait for ever
    try:
        results = list(processes(1, mortal.talk)(mortal.NOTHING, of_files))
    finally:
        signal.alarm(0)
    assert [shard.start for ((shard, _, _),) in results] == list(range(5))
