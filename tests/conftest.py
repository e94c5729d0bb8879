"""What every test shares: hypothesis draws the same examples on every run and has no clock; small detectors from text."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# There is a process of the tests for each core: threads of one wait for threads of the others, and burn time while they do.
for library in ("OMP", "OPENBLAS"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

# Where a test does not say how many, a quick run draws 30 examples; `--hypothesis-profile=thorough` draws 100.
settings.register_profile("thorough", derandomize=True, deadline=None, database=None)
settings.register_profile("repeatable", settings.get_profile("thorough"), max_examples=30)
settings.load_profile("repeatable")

HEAD = """format: gnnreco-detector/1
name: %s
units: {length: mm, angle: deg, field: T}
field: {kind: solenoid, bz: %s}
"""


@pytest.fixture(scope="session")
def detector_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Called as ``detector_folder(name, text, bz=0)``: a folder with a ``detector.yaml`` of a head and this text.

    The head holds format, name, units (mm, degrees, tesla) and a solenoid; the text begins with the templates.
    """

    def write(name: str, text: str, bz: float = 0) -> Path:
        folder = tmp_path_factory.mktemp(name)
        (folder / "detector.yaml").write_text(HEAD % (name, bz) + text.lstrip("\n"))
        return folder

    return write
