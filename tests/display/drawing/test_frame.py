"""A panel: millimetres become pixels and the second axis points up; axes carry round numbers."""

from __future__ import annotations

import xml.etree.ElementTree as Tree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.display.drawing.frame import Frame, draw_axes, plain
from gnnreco.display.drawing.svg import Drawing

SVG = "{http://www.w3.org/2000/svg}"


def panel() -> Frame:
    return Frame(50.0, 20.0, 400.0, 200.0, np.array([-1000.0, 0.0]), np.array([1000.0, 500.0]))


def test_corners_of_the_panel() -> None:
    mapped = panel().map(np.array([[-1000.0, 0], [1000, 500], [0, 250]]))
    np.testing.assert_allclose(mapped, [[50, 220], [450, 20], [250, 120]])


@given(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4), st.floats(0, 1))
def test_what_lies_between_is_drawn_between(x: float, y: float, part: float) -> None:
    frame, one, two = panel(), np.array([x, y]), np.array([100.0, 200.0])
    between = frame.map(one + part * (two - one))
    np.testing.assert_allclose(between, frame.map(one) + part * (frame.map(two) - frame.map(one)), atol=1e-6)


def test_a_number_on_an_axis_lies_at_its_place() -> None:
    sheet, frame = Drawing(500, 260), panel()
    draw_axes(sheet, frame, "z, mm", "r, mm")
    texts = list(Tree.fromstring(sheet.standalone()).iter(f"{SVG}text"))
    assert {"z, mm", "r, mm"} <= {t.text for t in texts}
    below = [t for t in texts if t.attrib.get("text-anchor") == "middle"]
    assert len(below) >= 3
    for text in below:
        assert text.text is not None
        value = float(text.text.replace("−", "-"))
        assert float(text.attrib["x"]) == pytest.approx(frame.map(np.array([value, 0.0]))[0], abs=0.06)


@pytest.mark.parametrize(("value", "text"), [(-0.0, "0"), (-1500.0, "−1500"), (0.25, "0.25"), (1e6, "1e+06")])
def test_numbers_have_a_true_minus_and_no_negative_nought(value: float, text: str) -> None:
    assert plain(value) == text
