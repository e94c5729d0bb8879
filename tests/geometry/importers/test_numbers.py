"""Numbers in words: what is read, and what is refused with the place and what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.errors import BadInput
from gnnreco.files import limits
from gnnreco.geometry.importers.numbers import integer, number, numbers, parsed

FILE = Path("map.txt")


@given(st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=6), st.sampled_from([",", None]))
def test_what_is_written_is_read(values: list[float], sep: str | None) -> None:
    text = (sep or " ").join(map(repr, values))
    assert parsed(FILE, "line 1", text, len(values), sep=sep) == values
    assert parsed(FILE, "line 1", text, None, sep=sep) == values


@pytest.mark.parametrize(
    ("text", "count", "above", "why"),
    [
        ("1,2", 3, None, "line 1: expected 3 numbers between commas, found '1,2'"),
        ("1,x", 2, None, "expected 2 numbers between commas"),
        ("", 1, None, "expected a number, found ''"),
        ("1,", 1, None, "expected a number"),
        ("nan", 1, None, "expected a number"),
        ("inf,1", 2, None, "expected 2 numbers"),
        ("1_0", 1, None, "expected a number, found '1_0'"),
        ("2e15", 1, None, "expected a number"),
        ("0", 1, 0.0, "expected a number above 0, found '0'"),
        ("1,-1", 2, 0.0, "expected 2 numbers above 0 between commas"),
        ("x", None, None, "expected any count of numbers between commas"),
    ],
)
def test_what_is_refused(text: str, count: int | None, above: float | None, why: str) -> None:
    with pytest.raises(BadInput, match=f"map.txt: .*{why.removeprefix('line 1: ')}"):
        parsed(FILE, "line 1", text, count, above)


def test_an_option_is_named() -> None:
    assert number(FILE, "thickness", "0.3", 0.0) == 0.3
    assert numbers(FILE, "pitch", "0.05,0.06", 2) == [0.05, 0.06]
    with pytest.raises(BadInput, match=r"map.txt: option pitch: expected 2 numbers"):
        numbers(FILE, "pitch", "0.05", 2)


@given(st.integers(-50, 50), st.integers(-50, 0), st.integers(0, 50))
def test_a_whole_number_lies_between_two(value: int, low: int, high: int) -> None:
    if low <= value <= high:
        assert integer(FILE, "line 3", f" {value} ", low, high) == value
    else:
        with pytest.raises(BadInput, match=f"line 3: expected a whole number from {low} to {high}, found"):
            integer(FILE, "line 3", str(value), low, high)


@pytest.mark.parametrize("text", ["1.0", "1e3", "", "one", "1_0", "9" * 5000])
def test_what_is_no_whole_number(text: str) -> None:
    with pytest.raises(BadInput, match="expected a whole number") as caught:
        integer(FILE, "line 3", text, 0, 10**9)
    assert len(str(caught.value)) < 200 + limits.DIGITS
