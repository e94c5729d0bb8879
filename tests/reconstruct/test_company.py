"""A second process compiles the network and the fit while the first one builds the graph; what it compiles is used."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numba
import pytest

from gnnreco.geometry import load_detector
from gnnreco.reconstruct import company
from gnnreco.reconstruct.company import Company

REPOSITORY = Path(__file__).parents[2]


def stages(task: str, engine: str = "native") -> Any:
    return [SimpleNamespace(bundle=SimpleNamespace(task=task), engine=engine)]


def compiled() -> None:
    @numba.njit
    def kernel(x: Any) -> Any:
        return x + 1

    assert kernel(1) == 2


@pytest.fixture(autouse=True)
def many_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(company, "processors", lambda: 2)
    monkeypatch.setattr(company, "LAST", "this")  # `python -m this` ends at once


def test_it_starts_with_the_first_compilation_and_ends_with_the_block() -> None:
    seen: list[subprocess.Popen[bytes] | None] = []
    with Company(load_detector("telescope"), stages("tracking")) as mine:
        for _ in range(3):
            seen.append(mine.process)
            compiled()
    before, first, second = seen
    assert before is None
    assert first is not None
    assert first is second is mine.process
    assert first.returncode is not None


@pytest.mark.parametrize(("task", "engine"), [("clustering", "native"), ("tracking", "sum of a model")])
def test_who_needs_other_kernels_has_none(task: str, engine: str) -> None:
    with Company(load_detector("telescope"), stages(task, engine)) as mine:
        compiled()
        assert mine.process is None


def test_one_processor_has_no_use_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(company, "processors", lambda: 1)
    with Company(load_detector("telescope"), stages("tracking")) as mine:
        compiled()
        assert mine.process is None


def test_the_second_process_leaves_with_the_first() -> None:
    command = [sys.executable, "-m", "gnnreco.reconstruct.last", "nowhere"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, timeout=60)
    assert done.returncode == 0  # its input had ended before it came to the detector that is not there


SCRIPT = """
import sys
from gnnreco.cli import main
from gnnreco.fit.trackfit import _fit_range
from gnnreco.models.inference import _infer
from gnnreco.reconstruct.last import compile_last
from pathlib import Path

if sys.argv[1] == "last":
    compile_last(Path(sys.argv[2]))
else:
    given = [sys.argv[2], "--detector", "trackml", "--bundle", "tracking-trackml"]
    assert main(["reconstruct", *given, "-o", "found"]) == 0
print(*(sum(kernel.stats.cache_misses.values()) for kernel in (_fit_range, _infer)))
"""


def test_what_it_compiles_is_what_tracks_need(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    detector = REPOSITORY / "detector_geometries" / "trackml"
    events = REPOSITORY / "examples" / "events" / "acts-ttbar-pu20.parquet"
    for argument in (("last", str(detector)), ("first", str(events))):
        command = [sys.executable, "-c", SCRIPT, *argument]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "0 0"
