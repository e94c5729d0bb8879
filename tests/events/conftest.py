"""Real events, small enough to spoil: an ACTS event cut to 23 particles, the TrackML event that ships."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gnnreco.columns import Deposits, Event, Fates, Hits, Particles, Truth
from gnnreco.geometry import Detector, load_detector

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "events"
CORPUS = ROOT / "tests" / "corpus" / "events"


@pytest.fixture(scope="session")
def detector() -> Detector:
    return load_detector("trackml")


@pytest.fixture
def acts(tmp_path: Path) -> Path:
    """A folder with one ACTS event, number 7, that a test may spoil."""
    return Path(shutil.copytree(CORPUS / "acts", tmp_path / "acts"))


@pytest.fixture
def trackml(tmp_path: Path) -> Path:
    """A folder with the real TrackML event, number 1, as plain CSV, that a test may spoil."""
    folder = tmp_path / "trackml"
    folder.mkdir()
    for file in EXAMPLES.glob("*.csv.gz"):
        (folder / file.name.removesuffix(".gz")).write_bytes(gzip.decompress(file.read_bytes()))
    return folder


@pytest.fixture
def tiny() -> Event:
    """An event made by hand: a shared hit, a noise hit, a hit without deposits, a particle without hits."""
    ones = np.ones(4)
    hits = Hits(
        hit_id=np.array([4, 2, 9, 5]),
        x=np.array([30.0, 31.0, 32.5, 33.25]),
        y=ones * 2,
        z=ones * 3,
        sensor=np.array([0, 1, -1, 2], np.int32),
        var_u=ones * 0.5,
        var_v=np.array([0.5, np.inf, 0.25, 1.0]),
        time=ones * 4,
        energy=ones * 0.125,
        deposits=Deposits(
            np.array([0, 2, 2, 3, 6]),
            np.array([5, 6, 100, 7, 8, 6], np.int32),
            np.array([1, 1, 200, 3, 3, 2], np.int32),
            np.array([0.5, 0.25, 1, 2, 3, 4], np.float32),
        ),
    )
    three = np.arange(3.0)
    particles = Particles(
        np.array([70, 50, 60]), np.array([13, -211, 22], np.int32), np.array([-1.0, -1, 0]), *([three] * 6)
    )
    truth = Truth(particles, np.array([0, 1, 1, 3]), np.array([0, 0, 1, 1]), np.array([0.5, 0.25, 0, 0.25]))
    fates = Fates(np.array([2, -1, -1]), np.array([4, 0, 2], np.int8), *([three * 2] * 4))
    truth = replace(truth, energy=np.array([0.125, 0.0625, 0.0, 0.25]), fates=fates)
    return Event(12, "by hand", hits, truth)


@pytest.fixture(scope="session")
def assert_same() -> Callable[[Event, Event], None]:
    """Compare all columns of two events exactly, but not where they came from and what was left there."""

    def compare(one: object, two: object, where: str = "event") -> None:
        if isinstance(one, np.ndarray):
            np.testing.assert_array_equal(one, two, err_msg=where)
            assert one.dtype == two.dtype, where  # type: ignore[attr-defined]
        elif hasattr(one, "__slots__"):
            assert type(one) is type(two), where
            for name in one.__slots__:
                if name not in ("source", "left_aside"):
                    compare(getattr(one, name), getattr(two, name), f"{where}.{name}")
        else:
            assert one == two, where

    return compare
