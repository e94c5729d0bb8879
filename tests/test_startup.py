"""A short run is mostly imports: what reconstructs tracks from a Parquet file imports nothing that only others need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

NOT_NEEDED = (
    "awkward",
    "h5py",
    "gnnreco.simulate",
    "matplotlib",
    "onnx",
    "pandas",
    "particle",
    "scipy.linalg",
    "scipy.optimize",
    "scipy.spatial",
    "scipy.stats",
    "sympy",
    "torch",
    "uproot",
    "vector",
)
EVENTS = Path(__file__).parents[1] / "examples" / "events" / "acts-ttbar-pu20.parquet"
SCRIPT = f"""
import sys
from gnnreco.cli import main

given = [sys.argv[1], "--detector", "trackml", "--bundle", "tracking-trackml"]
assert main(["reconstruct", *given, "-o", "found"]) == 0
print([name for name in {NOT_NEEDED!r} if name in sys.modules])
"""


def test_tracks_are_found_with_few_imports(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", SCRIPT, str(EVENTS)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
