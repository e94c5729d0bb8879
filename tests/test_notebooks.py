"""The notebooks of examples/: their cells run in order, and they are kept without what a run adds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
#: What each writes.
PAGES = {"tracks_first_hour": "first_hour.html", "my_own_detector": "my_block.html"}
#: One process runs all: it imports for seconds what each of them needs.
RUN = """
import json, pathlib, sys
for path in sys.argv[1:]:
    names = {"__name__": "__main__"}
    for number, cell in enumerate(json.loads(pathlib.Path(path).read_text("utf-8"))["cells"]):
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"{pathlib.Path(path).stem}, cell {number}", "exec"), names)
"""


def test_the_cells_of_the_notebooks_run(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    (tmp_path / "events").symlink_to(ROOT / "examples" / "events")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"}
    command = [sys.executable, "-W", "error", "-c", RUN, *map(str, NOTEBOOKS)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for page in PAGES.values():
        assert (tmp_path / page).stat().st_size > 50_000


def test_every_notebook_is_run() -> None:
    assert {notebook.stem for notebook in NOTEBOOKS} == set(PAGES)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_keeps_no_outputs(notebook: Path) -> None:
    for cell in json.loads(notebook.read_text("utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None
