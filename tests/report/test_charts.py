"""The pictures of a report are sound SVG in which lengths, sides and colours say what the numbers say."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.display.drawing.svg import Drawing
from gnnreco.evaluate.confidence import calibration_curve
from gnnreco.report.charts import AGAINST, BAR, FOR, MOST_HITS, MOST_ROWS, bars, calibration, seen

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=8)


def drawn(sheet: Drawing) -> ElementTree.Element:
    """The picture, read as XML."""
    return ElementTree.fromstring(sheet.standalone())


def texts(sheet: Drawing) -> list[str]:
    return [node.text or "" for node in drawn(sheet).iter() if node.tag.endswith("text")]


def fill(node: ElementTree.Element) -> str:
    return node.get("style", "").removeprefix("fill:").partition(";")[0]


def boxes(sheet: Drawing) -> list[tuple[float, float, str]]:
    """Left end, width and colour of each bar."""
    found = []
    for node in drawn(sheet).iter():
        data = re.fullmatch(r"M(\S+) \S+h(\S+)v\S+h-\S+z", node.get("d", ""))
        if data:
            found.append((float(data[1]), float(data[2]), fill(node)))
    return found


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=12))
@settings(max_examples=40)
def test_bars_are_as_long_as_their_values_and_on_their_side(values: list[float]) -> None:
    found = boxes(bars("rise", [{"name": str(k), "value": v} for k, v in enumerate(values)], "value", "name"))
    assert len(found) == len(values)
    scale = BAR / max(max([0.0, *values]) - min([0.0, *values]), 1e-30)
    zero = 260 - min([0.0, *values]) * scale
    for value, (left, width, colour) in zip(values, found, strict=True):
        assert width == pytest.approx(max(abs(value) * scale, 0.5), abs=0.06)
        assert colour == (FOR if value >= 0 else AGAINST)
        if abs(value) * scale > 1:
            assert (left + width if value < 0 else left) == pytest.approx(zero, abs=0.15)


def test_intervals_and_names_are_drawn_beside_their_bars() -> None:
    rows = [{"name": "<pt> & more", "value": 2.0, "interval": [1.5, 4.0]}, {"name": "b", "value": -1.0}]
    sheet = bars("rise of the loss", rows, "value", "name")
    assert {"rise of the loss", "<pt> & more", "b", "+2", "-1"} <= set(texts(sheet))
    plain = bars("rise of the loss", [{**row, "interval": None} for row in rows], "value", "name")
    assert len(list(drawn(sheet).iter())) == len(list(drawn(plain).iter())) + 1


def test_bars_of_nothing_are_a_title() -> None:
    assert texts(bars("none", [], "value", "name")) == ["none"]
    assert boxes(bars("flat", [{"name": "a", "value": 0.0}], "value", "name"))[0][1] == 0.5


@given(st.lists(st.tuples(TEXTS, st.floats(0, 1)), min_size=1, max_size=4))
@settings(max_examples=25)
def test_any_name_is_text(rows: list[tuple[str, float]]) -> None:
    shown = texts(bars("t", [{"name": name, "value": v} for name, v in rows], "value", "name"))
    assert {name for name, _ in rows} - {""} <= set(shown)


def test_a_curve_has_a_point_for_each_bin_that_holds_something() -> None:
    rng = np.random.default_rng(0)
    score = rng.uniform(0.35, 0.95, 500)
    curve: Any = calibration_curve(score, rng.random(500) < score)
    sheet = calibration({"first_one": curve, "second": curve})
    some = sum(1 for n in curve["count"] if n)
    circles = [node for node in drawn(sheet).iter() if re.search(r"a3\.5 3\.5", node.get("d", ""))]
    assert len(circles) == 2 * some
    assert f"first one: expected error {100 * curve['ece']:.1f} %" in texts(sheet)
    assert {"what it says", "what happens"} <= set(texts(sheet))


def view(n: int, mine: list[int], part: list[float]) -> dict[str, Any]:
    rng = np.random.default_rng(n)
    xyz = rng.normal(0, 1, (n, 3)) * 100
    xyz[mine] *= 0.5
    return {"xyz": xyz, "mine": np.array(mine), "part": np.array(part)}


def disks(sheet: Drawing) -> list[tuple[float, str]]:
    """Radius and colour of each hit of the object."""
    found = []
    for node in drawn(sheet).iter():
        data = re.search(r"a(\d+\.\d) \1 0 1 0", node.get("d", ""))
        if data:
            found.append((float(data[1]), fill(node)))
    return found


def test_hits_of_an_object_are_as_large_as_their_part_and_coloured_by_its_sign() -> None:
    sheet = seen(view(40, [3, 5, 7], [4.0, -1.0, 0.0]))
    assert disks(sheet) == 2 * [(10.0, FOR), (6.0, AGAINST), (2.0, FOR)]
    assert {"x [mm]", "y [mm]", "z [mm]", "r [mm]"} <= set(texts(sheet))


def test_a_crowd_of_other_hits_is_thinned() -> None:
    crowd = view(5 * MOST_HITS, [0, 1], [1.0, 1.0])
    crowd["xyz"][:] = np.random.default_rng(0).normal(0, 1, crowd["xyz"].shape)
    crowd["xyz"][:2] = [[-5.0, -5.0, -5.0], [5.0, 5.0, 5.0]]
    data = max((node.get("d", "") for node in drawn(seen(crowd)).iter()), key=len)
    assert MOST_HITS / 2 < data.count("M") <= MOST_HITS


def test_an_object_without_hits_shows_the_rows_that_were_read() -> None:
    """The largest parts, named by kind and by a number that counts from one."""
    parts = {"track": np.array([0.0, 3.0, 0.0]), "shower": np.linspace(-1, 1, 41)}
    sheet = seen({"rows": parts})
    names = [text for text in texts(sheet) if re.fullmatch(r"(track|shower) \d+", text)]
    assert len(names) == len(boxes(sheet)) == MOST_ROWS
    assert names[0].startswith("track")
    assert sorted(int(name.split()[1]) for name in names) == list(range(1, MOST_ROWS + 1))
    assert boxes(sheet)[0][2] == FOR
    assert boxes(seen({"rows": {"track": np.zeros(3)}})) == []
