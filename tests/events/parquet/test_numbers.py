"""Numbers of events in the footer: what is told comes back, and what does not fit the file is not believed."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.errors import BadInput
from gnnreco.events import open_events, write_events
from gnnreco.events.parquet import reader
from gnnreco.events.parquet.numbers import KEY, MOST, numbers_by_footer, told
from gnnreco.geometry import load_detector
from tests.reconstruct.toy import DETECTOR, event

NUMBERS = [7, 8, 9, 3, 4, 100, -5]


@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 5)))
def test_numbers_come_back(numbers: list[int]) -> None:
    assert numbers_by_footer(told(numbers), len(numbers)) == numbers or not numbers


def test_numbers_in_many_runs_are_left_to_the_rows() -> None:
    assert told(range(0, MOST, 2)) == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "[[0,3]]",
        "[[0,-1],[0,3]]",
        "[[0,1e9]]",
        "[[0.5,2]]",
        "[1,2]",
        "{}",
        "[[9223372036854775807,2]]",
        "[" * 9999,
    ],
)
def test_what_does_not_fit_tells_nothing(text: str) -> None:
    assert numbers_by_footer({KEY: text.encode()}, 2) is None


def written(folder: Path) -> Path:
    (file,) = write_events((event(n, 5) for n in NUMBERS), folder, detector=load_detector(DETECTOR))
    return file


def test_a_file_is_planned_by_its_footer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(tmp_path)
    source = open_events(file, None)
    monkeypatch.setattr(reader, "event_numbers", None)  # no row is read
    assert open_events(file, None).numbers == source.numbers == NUMBERS
    assert [one.number for one in source] == NUMBERS


def test_a_table_that_was_written_again_is_read_by_its_rows(tmp_path: Path) -> None:
    file = written(tmp_path)
    table = pq.read_table(file)
    pq.write_table(table.take([4, 0, 2]), file)
    assert open_events(file, None).numbers == [4, 7, 9]


def test_a_footer_that_tells_other_numbers_is_found_out(tmp_path: Path) -> None:
    file = written(tmp_path)
    data = file.read_bytes()
    assert data.count(b"[[7,3],[3,2]") == 1
    file.write_bytes(data.replace(b"[[7,3],[3,2]", b"[[6,3],[3,2]"))
    source = open_events(file, None)
    with pytest.raises(BadInput, match="event 6"):
        source[0]
