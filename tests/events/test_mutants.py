"""Files made wrong in every way: an event that is sound, or `BadInput`, and nothing else. `scripts/fuzz.py` tries more."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.errors import BadInput
from tests.events.seeds import seeds
from tests.mutants import mutant


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mutants")


@pytest.mark.parametrize("name", seeds())
def test_the_seeds_themselves_are_read(name: str, tmp_path: Path) -> None:
    assert seeds()[name].read(tmp_path, seeds()[name].content) > 0


@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32))
@pytest.mark.parametrize("name", seeds())
def test_mutants(folder: Path, name: str, seed: int) -> None:
    place = folder / name.replace(" ", "_")
    place.mkdir(exist_ok=True)
    with contextlib.suppress(BadInput):
        seeds()[name].read(place, mutant(seeds()[name].content, seed))
