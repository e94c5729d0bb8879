"""The event that ships as tables, and numbers that the challenge's own library gave for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gnnreco.trackml.dataset import load_event

ROOT = Path(__file__).parents[2]
EVENT = ROOT / "examples" / "events" / "event000000001"
GOLDEN = ROOT / "tests" / "golden" / "trackml_library.json"


@pytest.fixture(scope="session")
def library() -> dict[str, Any]:
    return json.loads(GOLDEN.read_text())


@pytest.fixture(scope="session")
def shipped() -> tuple[pd.DataFrame, ...]:
    return load_event(EVENT)


@pytest.fixture
def hits(shipped: tuple[pd.DataFrame, ...]) -> pd.DataFrame:
    return shipped[0].copy()


@pytest.fixture
def particles(shipped: tuple[pd.DataFrame, ...]) -> pd.DataFrame:
    return shipped[2].copy()


@pytest.fixture
def truth(shipped: tuple[pd.DataFrame, ...]) -> pd.DataFrame:
    """With weights in double precision, as those of the library were for its numbers."""
    return shipped[3].astype({"weight": "f8"})
