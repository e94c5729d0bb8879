"""A task and a detector of another package work by entry points alone: no line of gnnreco knows them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent / "third_party"
SCRIPT = """
import json
from gnnreco.cli import main
from gnnreco.events import open_events
from gnnreco.geometry import load_detector
from gnnreco.testing import check_detector, check_task

gun = ["--particle", "photon", "--energy", "5", "20", "--eta", "2.5", "3.0", "--count", "1"]
assert main(["simulate", "--detector", "slab", *gun, "--events", "6", "-o", "events"]) == 0
detector = load_detector("slab")
check_detector("slab", cells=50)
check_task("one_shower", "slab", list(open_events("events", detector, truth=True)))
settings = ["sample.inputs=[events]", "sample.validation_events=2", "train.epochs=1"]
assert main(["train", "one_shower", "detector=slab", *settings, "-o", "bundle"]) == 0
assert main(["reconstruct", "events", "--detector", "slab", "--bundle", "bundle", "-o", "out"]) == 0
assert main(["evaluate", "out", "--truth", "events", "--json", "scores.json"]) == 0
assert main(["show", "events", "--found", "out", "-o", "event.html"]) == 0
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """What `pip install` of the package leaves behind: its metadata beside its modules."""
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    info = tmp_path / "site" / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    points = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in named.items())
        for group, named in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(points))
    places = (Path(__file__).parents[1], PACKAGE, info.parent)
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, places))}


def test_a_task_of_another_package_does_all_that_ours_do(environment: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert (scores["task"], scores["events"], scores["clusters"]) == ("one_shower", 6, 6)
    assert scores["efficiency"] > 0.8  # one shower an event is all that it finds
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["hits_in_showers"] > 0
    assert (tmp_path / "event.html").stat().st_size > 10_000


def test_it_is_named_by_the_help_without_being_loaded(environment: dict[str, str], tmp_path: Path) -> None:
    script = "import sys; from gnnreco.cli import main\ntry: main(['train', '--help'])\nfinally: assert 'torch' not in sys.modules"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "tracking, clustering, drift, particleflow, trigger, fastsim, anomaly, one_shower" in " ".join(
        done.stdout.split()
    )


def test_a_task_that_cannot_be_loaded_is_named(environment: dict[str, str], tmp_path: Path) -> None:
    (points,) = (tmp_path / "site").glob("*.dist-info/entry_points.txt")
    points.write_text("[gnnreco.tasks]\none_shower = gnnreco_one_shower.nowhere:TASK\n")
    script = "from gnnreco.cli import main; raise SystemExit(main(['train', 'one_shower', '--show']))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "the task 'one_shower' (entry point gnnreco_one_shower.nowhere:TASK" in done.stderr
