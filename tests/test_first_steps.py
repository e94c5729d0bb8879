"""`examples/first_steps.py`, run as a reader runs it; its first cell is what README.md shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "examples" / "first_steps.py"


def test_the_readme_shows_the_first_cell() -> None:
    cell = SCRIPT.read_text("utf-8").split("\n# %%")[1].partition("\n")[2].strip()
    shown = re.findall(
        r"^```python\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    assert cell in [block.strip() for block in shown]
    assert len([line for line in cell.splitlines() if line]) == 5


def test_the_first_steps(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"}
    done = subprocess.run(
        [sys.executable, "-W", "error", str(SCRIPT)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found, score = re.search(r"Found\(tracking: (\d+) tracks\) (0\.\d+)", done.stdout).groups()  # type: ignore[union-attr]
    assert int(found) > 300
    assert float(score) > 0.9
    assert re.search(rf"^{found} tracks; 100\.0% of the particles", done.stdout, re.MULTILINE)
    assert (tmp_path / "first_steps.html").stat().st_size > 100_000
    assert (tmp_path / "first_steps.png").read_bytes().startswith(b"\x89PNG")
