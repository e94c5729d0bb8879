"""What needs no network needs no torch: events are made and drawn where it is not installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
from importlib import metadata

version = metadata.version


def hidden(name):
    if name == "torch":
        raise metadata.PackageNotFoundError(name)
    return version(name)


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)


metadata.version = hidden
sys.meta_path.insert(0, Absent())
from gnnreco.cli import main

beam = ["--process", "beam", "--particle", "muon", "--energy", "1", "2", "--events", "1"]
assert main(["simulate", "--detector", "telescope", *beam, "-o", "events"]) == 0
assert main(["show", "events", "--detector", "telescope", "-o", "event.html"]) == 0
assert main(["detector", "show", "telescope", "-o", "detector.html"]) == 0
assert main(["explore", "events", "--detector", "telescope", "-o", "first.html"]) == 0
"""


def test_a_torch_that_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    why = "libcudnn.so.9: cannot open shared object file"
    (tmp_path / "torch.py").write_text(f"raise ImportError({why!r})\n")
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[1])])
    few = ["detector=telescope", "sample=beam", "sample.events=2", "sample.validation_events=1"]
    for words, status in ((["doctor"], 1), (["train", "tracking", *few, "-o", "b"], 2)):
        done = subprocess.run(
            [sys.executable, "-m", "gnnreco", *words],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": path, "COLUMNS": "250"},  # tables wrap
            capture_output=True,
            text=True,
        )
        told = done.stdout if words == ["doctor"] else done.stderr
        assert done.returncode == status, done.stderr
        assert why in told
        assert "Traceback" not in done.stderr
        assert ("--force-reinstall" if words == ["doctor"] else "gnnreco doctor") in told


def test_events_and_detectors_are_made_and_drawn_without_torch(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "torch" not in done.stderr
    assert (tmp_path / "events" / "events-00000.parquet").is_file()
    assert (tmp_path / "event.html").stat().st_size > 10_000
    assert (tmp_path / "first.html").is_file()
