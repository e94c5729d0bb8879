"""A short run is mostly imports: what reconstructs tracks from a Parquet file imports nothing that only others need."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gnnreco.events import write_events
from gnnreco.geometry import load_detector
from gnnreco.simulate import simulate
from tests.events.conftest import CORPUS

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
    "scipy.sparse",
    "scipy.spatial",
    "scipy.special",
    "scipy.stats",
    "sympy",
    "torch",
    "uproot",
    "vector",
)
EXAMPLES = Path(__file__).parents[1] / "examples" / "events"
#: Functions of Arrow, which take a tenth of a second: dictionaries in Parquet need them, text does not.
FUNCTIONS = "pyarrow.compute"
SCRIPT = f"""
import json, sys
from gnnreco.cli import main

events, detector, bundle = sys.argv[1:]
assert main(["reconstruct", events, "--detector", detector, "--bundle", bundle, "-o", "found"]) == 0
print(json.dumps([name for name in {(*NOT_NEEDED, FUNCTIONS)!r} if name in sys.modules]))
"""


def reconstructed(events: Path, detector: str, bundle: str, place: Path) -> set[str]:
    """What was imported and should not be."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", SCRIPT, str(events), detector, bundle]
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_tracks_are_found_with_few_imports(tmp_path: Path) -> None:
    events = EXAMPLES / "acts-ttbar-pu20.parquet"
    assert reconstructed(events, "trackml", "tracking-trackml", tmp_path) <= {FUNCTIONS}


@pytest.mark.parametrize("events", [CORPUS / "acts", EXAMPLES / "event000000001"])
def test_text_is_read_with_fewer(events: Path, tmp_path: Path) -> None:
    assert not reconstructed(events, "trackml", "tracking-trackml", tmp_path)


def test_events_of_our_own_in_a_detector_of_planes(tmp_path: Path) -> None:
    """Files that tell the numbers of their events, and sensors that are placed by a rule."""
    detector = load_detector("telescope")
    write_events(simulate(detector, "beam", 2, seed=1), tmp_path / "events", detector=detector)
    found = reconstructed(tmp_path / "events", "telescope", "tracking-telescope", tmp_path)
    assert found <= {FUNCTIONS}
