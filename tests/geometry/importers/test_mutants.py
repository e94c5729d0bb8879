"""Damaged descriptions of every format are read or refused: only gnnreco's own errors come out."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.errors import GnnrecoError
from tests.geometry.importers.seeds import SEEDS
from tests.mutants import mutant


@pytest.mark.parametrize("name", SEEDS)
def test_the_sound_file_is_read(tmp_path: Path, name: str) -> None:
    seed = SEEDS[name]
    found = seed.read(tmp_path, seed.files[seed.damaged].encode())
    assert [finding.code for finding in found if finding.code == "description"] == []


@pytest.mark.parametrize("name", SEEDS)
@given(number=st.integers(0, 2**32))
@settings(max_examples=12)
def test_a_damaged_file_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, number: int
) -> None:
    seed = SEEDS[name]
    try:
        seed.read(tmp_path_factory.mktemp("mutant"), mutant(seed.files[seed.damaged].encode(), number))
    except GnnrecoError as error:
        said = str(error)
    else:
        said = "read"
    assert "\n" not in said
