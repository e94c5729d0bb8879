"""Shuffled columns: what the target was made of comes first, what is ignored changes nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.report import ranking
from tests.report.toy import Toy, reading


def test_the_column_that_the_target_was_made_of_comes_first() -> None:
    rows = ranking(Toy(), [reading(60, seed) for seed in range(4)])
    assert [row["feature"] for row in rows] == ["signal", "echo", "ignored"]
    # The loss of a shuffled column is twice its variance times the square of its weight.
    assert rows[0]["rise"] == pytest.approx(8.0, rel=0.3)
    assert rows[0]["interval"][0] < rows[0]["rise"] < rows[0]["interval"][1]
    assert rows[1]["rise"] == pytest.approx(0.02, rel=0.5)
    assert rows[2]["rise"] == 0.0


@given(st.integers(0, 1000))
def test_the_same_seed_shuffles_the_same_way(seed: int) -> None:
    readings = [reading(12, 1), reading(5, 2)]
    assert ranking(Toy(), readings, seed) == ranking(Toy(), readings, seed)


def test_one_event_has_no_interval_and_none_has_no_rows() -> None:
    assert {row["interval"] for row in ranking(Toy(), [reading()])} == {None}
    assert ranking(Toy(), []) == []
