"""`docs/how_to/pyg.md` and `examples/pyg_scorer.py`, run as they are written."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from gnnreco.cli import main

ROOT = Path(__file__).parents[2]


def run(*words: str, folder: Path) -> str:
    """What a Python program of its own prints."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow  # the functions on it have tests of their own
def test_the_page(geometric, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    page = (ROOT / "docs" / "how_to" / "pyg.md").read_text("utf-8")
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", page, flags=re.DOTALL | re.MULTILINE)
    commands, python = ([text for kind, text in blocks if kind == wanted] for wanted in ("", "python"))
    assert (len(commands), len(python)) == (1, 4)
    monkeypatch.chdir(tmp_path)
    for line in commands[0].strip().splitlines():
        assert main(shlex.split(line)[1:]) == 0, line
    (tmp_path / "page.py").write_text("\n".join(python))
    said = run("page.py", folder=tmp_path)
    assert re.search(r"particles of the nodes: \[\s*-?13", said)
    assert said.count("10 events,") == 2


@pytest.mark.slow  # it trains one
def test_a_network_of_torch_geometric_finds_the_tracks(geometric, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    run(str(ROOT / "examples" / "pyg_scorer.py"), "work", folder=tmp_path)
    scores = json.loads((tmp_path / "work" / "scores.json").read_text())
    assert scores["acts"]["efficiency"] > 0.95
    assert scores["acts"]["fake_rate"] < 0.03
    assert json.loads((tmp_path / "work" / "tracks" / "manifest.json").read_text())["scorer"][
        "path"
    ].endswith("scorer.onnx")
