"""The writer of SVG: well-formed whatever the text, paths that say where the points are, round ticks."""

from __future__ import annotations

import re
import xml.etree.ElementTree as Tree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.display.drawing.svg import (
    HUES_DARK,
    HUES_LIGHT,
    Drawing,
    box_path,
    closed_path,
    hue,
    number,
    open_path,
    ticks,
)

SVG = "{http://www.w3.org/2000/svg}"
TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"),
    max_size=20,
)


def moves(path: str) -> list[list[tuple[float, float]]]:
    """The lines of a path of M and L alone."""
    parts = [part for part in path.replace("Z", "").split("M") if part]
    return [[tuple(map(float, pair.split())) for pair in part.split("L")] for part in parts]  # type: ignore[misc]


@settings(max_examples=25)
@given(TEXT, st.floats(-1e4, 1e4), st.floats(-1e4, 1e4))
def test_any_text_is_text(text: str, x: float, y: float) -> None:
    sheet = Drawing(200, 100)
    sheet.text(x, y, text, anchor="end", turn=-90)
    root = Tree.fromstring(sheet.standalone())
    (element,) = root.iter(f"{SVG}text")
    assert (element.text or "") == text.replace("\r", "\n")
    assert len(list(element)) == 0
    assert float(element.attrib["x"]) == pytest.approx(x, abs=0.051)
    assert root.attrib["viewBox"] == "0 0 200 100"


@given(st.floats(-1e6, 1e6))
def test_a_coordinate_has_one_decimal_at_most_and_no_negative_nought(value: float) -> None:
    text = number(value)
    assert re.fullmatch(r"-?\d+(\.[1-9])?", text)
    assert float(text) == pytest.approx(value, abs=0.0501)
    assert not text.startswith("-0") or text.startswith("-0.")


@given(st.lists(st.tuples(st.floats(-500, 500), st.floats(-500, 500), st.booleans()), max_size=15))
def test_a_line_breaks_where_it_is_not_finite(rows: list[tuple[float, float, bool]]) -> None:
    points = np.array([(x, y if good else np.nan) for x, y, good in rows]).reshape(-1, 2)
    runs: list[list[tuple[float, float]]] = []
    before = False
    for x, y, good in rows:
        if good:
            runs = runs if before else [*runs, []]
            runs[-1].append((x, y))
        before = good
    found = moves(open_path(points))
    assert [len(run) for run in found] == [len(run) for run in runs]
    for one, two in zip(found, runs, strict=True):
        np.testing.assert_allclose(one, two, atol=0.0501)


def test_corners_that_repeat_are_left_out_and_a_point_stays_one() -> None:
    square = np.array([[0, 0], [10, 0], [10, 10], [10, 10], [0, 10]], float)
    dot = np.full((5, 2), 3.0)
    assert moves(closed_path(np.array([square, dot]))) == [[(0, 0), (10, 0), (10, 10), (0, 10)], [(3, 3)]]
    assert closed_path(np.zeros((0, 4, 2))) == ""


def test_a_thin_box_is_drawn_wide_enough_to_be_seen_about_its_middle() -> None:
    assert box_path(np.array([[1.0, 2, 4, 8]])) == "M1 2h3v6h-3z"
    assert box_path(np.array([[5.0, 2, 5, 8]]), least=2.0) == "M4 2h2v6h-2z"


def test_a_path_of_nothing_is_not_drawn() -> None:
    sheet = Drawing(10, 10)
    sheet.path("", "red")
    sheet.line(np.full((3, 2), np.nan), "red")
    assert sheet.inner() == ""


def test_hues_follow_the_theme_and_begin_again() -> None:
    assert len(HUES_LIGHT) == len(HUES_DARK) == len(set(HUES_LIGHT)) == len(set(HUES_DARK))
    assert hue(0) == hue(len(HUES_LIGHT)) == "var(--s0)"
    assert all(f"--s{i}:" in Drawing(1, 1).standalone() for i in range(len(HUES_LIGHT)))


@given(st.floats(-1e5, 1e5), st.floats(0.01, 1e5), st.integers(2, 12))
def test_ticks_are_round_evenly_spaced_and_about_as_many_as_asked(
    low: float, span: float, parts: int
) -> None:
    found = ticks(low, low + span, parts)
    assert parts / 2.6 - 1 <= len(found) <= parts + 1
    assert (found >= low - 1e-6 * span).all()
    assert (found <= low + span * (1 + 1e-6)).all()
    if len(found) > 1:
        step = found[1] - found[0]
        np.testing.assert_allclose(np.diff(found), step, rtol=1e-6)
        mantissa = step / 10.0 ** np.floor(np.log10(step) + 1e-9)
        assert min(abs(mantissa - m) for m in (1, 2, 5)) < 1e-6
        np.testing.assert_allclose(found / step, np.rint(found / step), atol=1e-6)
