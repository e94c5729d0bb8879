"""What programs import is there; it starts light, needs pandas only where a table is made, and the page of it runs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from gnnreco import trackml
from gnnreco.columns import Tracks
from gnnreco.events.tracks_file import COLUMNS, write_tracks
from tests.test_tutorials import follow

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how_to" / "trackml.md").read_text("utf-8")

ABSENT = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "pandas":
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
sys.meta_path.insert(0, Absent())
from gnnreco.trackml import dataset, randomize, score, utils, weights
dataset.load_event("examples/events/event000000001")
"""


def python(code: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )


def test_the_names_of_the_page_are_there() -> None:
    table = re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGE, flags=re.MULTILINE)
    assert {module for module, _ in table} == set(trackml.__all__)
    for module, functions in table:
        for name in re.findall(r"`(\w+)`", functions):
            assert callable(getattr(import_module(f"gnnreco.trackml.{module}"), name))


def test_modules_are_there_without_an_import_of_their_own() -> None:
    done = python("import gnnreco.trackml as trackml; print(trackml.dataset.DEFAULT_PARTS, dir(trackml))")
    assert done.returncode == 0, done.stderr
    with pytest.raises(AttributeError, match="no attribute 'scores'; it has dataset"):
        trackml.scores  # noqa: B018


def test_it_starts_light() -> None:
    heavy = "{'numpy', 'pandas', 'torch', 'scipy', 'numba', 'matplotlib'}"
    done = python(f"import sys, gnnreco.trackml; print({heavy} & set(sys.modules))")
    assert done.stdout == "set()\n", done.stderr
    done = python(f"import sys, gnnreco.trackml.dataset; print({heavy} & set(sys.modules))")
    assert done.stdout == "set()\n", done.stderr


def test_without_pandas_the_error_says_how_to_get_it() -> None:
    done = python(ABSENT)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "ModuleNotFoundError: gnnreco.trackml reads and gives pandas tables; pip install 'gnnreco[pandas]'"
    )


@pytest.mark.slow  # its functions have tests of their own
def test_the_page_runs_as_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    write_shard(tmp_path / "out" / "shard-00000000.parquet")
    first, second = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    done = python(first, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].startswith("5527 hits, ")
    assert done.stdout.splitlines()[-2:] == ["event 1 has 5527 hits", "weights sum to 1.0"]
    assert len(first.splitlines()) <= 20
    done = python(second, tmp_path)
    assert float(done.stdout) == pytest.approx(1), done.stderr


FINDER = """#!{python}
import csv, sys
with open(sys.argv[1]) as file, open(sys.argv[2], "w") as out:
    out.write("hit_id,track_id\\n")
    out.writelines(f"{{row['hit_id']}},{{row['module_id']}}\\n" for row in csv.DictReader(file))
"""


@pytest.mark.slow  # it finds the tracks of a whole event twice
def test_the_commands_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "finder").write_text(FINDER.format(python=sys.executable))
    (tmp_path / "finder").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```(\w*)\n(.*?)```", PAGE, flags=re.DOTALL)
    install, *commands = [text for language, text in blocks if not language]
    assert install.startswith("pip install")
    for command in commands:
        follow(command)
    scores = python([text for language, text in blocks if language][1], tmp_path)
    assert float(scores.stdout) > 0.9, scores.stderr
    ours, theirs = json.loads(Path("figures.json").read_text())["rows"]
    assert theirs["trackml_score"] < 0.5 < ours["trackml_score"]


def write_shard(file: Path) -> None:
    """The true tracks of the event, as `reconstruct` would write them had it found these."""
    file.parent.mkdir()
    truth = trackml.dataset.load_event_truth(ROOT / "examples" / "events" / "event000000001")
    truth = truth[truth["particle_id"] != 0].sort_values("particle_id")
    lengths = truth["particle_id"].value_counts(sort=False)
    n = len(lengths)
    tracks = Tracks(
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        hit_index=truth.index.to_numpy(np.int64),
        hit_id=truth["hit_id"].to_numpy(np.int64),
        covariance=np.zeros((n, 15)),
        **{attribute: np.zeros(n) for attribute in COLUMNS.values()},
    )
    write_tracks(file, [(1, "event000000001", tracks)])
