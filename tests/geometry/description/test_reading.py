"""Questions to a section of ``detector.yaml``: units, shapes, limits, and the line of what is wrong."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gnnreco.geometry.description.reading import ANGLE, FIELD, LENGTH, Section, read_description
from gnnreco.geometry.description.yaml_tree import Fault


def section(folder: Path, text: str, units: str = "{length: cm, angle: deg, field: kG}") -> Section:
    """The mapping ``here`` of a description, which begins in line 3."""
    (folder / "detector.yaml").write_text(f"units: {units}\nhere:\n{text}\n")
    return read_description(folder / "detector.yaml").section("here")


@given(
    st.floats(-1e3, 1e3),
    st.sampled_from(list(LENGTH)),
    st.sampled_from(list(ANGLE)),
    st.sampled_from(list(FIELD)),
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_lengths_come_in_mm_angles_in_rad_and_fields_in_tesla(
    tmp_path: Path, value: float, length: str, angle: str, field: str
) -> None:
    one = section(tmp_path, f"  a: {value!r}", f"{{length: {length}, angle: {angle}, field: {field}}}")
    in_mm = {"um": 1e-3, "mm": 1, "cm": 10, "m": 1e3}[length]
    in_rad = {"rad": 1, "mrad": 1e-3, "deg": math.radians(1)}[angle]
    assert one.number("a", "length") == pytest.approx(value * in_mm)
    assert one.number("a", "angle") == pytest.approx(value * in_rad)
    assert one.number("a", "field") == pytest.approx(value * (0.1 if field == "kG" else 1))
    assert one.number("a") == value


def test_a_default_is_in_the_units_of_the_house(tmp_path: Path) -> None:
    one = section(tmp_path, "  a: 1")
    assert one.number("b", "length", default=2.0) == 2.0
    assert one.number("a", "length", default=2.0) == 10.0


def test_units_that_nobody_told_are_remembered_once_they_matter(tmp_path: Path) -> None:
    (tmp_path / "detector.yaml").write_text("units: {length: cm}\nhere: {a: 3}\n")
    top = read_description(tmp_path / "detector.yaml")
    assert top.section("here").number("a", "length") == 30.0
    assert top.units.assumed == set()
    assert top.section("here").number("a", "angle") == 3.0
    assert top.units.assumed == {"angle"}


def test_numbers_of_a_shape(tmp_path: Path) -> None:
    one = section(tmp_path, "  a: [[1, 2], [3, 4], [5, 6]]\n  none: []")
    assert one.numbers("a", (-1, 2), "length").tolist() == [[10, 20], [30, 40], [50, 60]]
    assert one.numbers("none", (-1,)).shape == (0,)
    with pytest.raises(Fault, match=r"line 3, here.a: expected any x 3, found an array of shape \(3, 2\)"):
        one.numbers("a", (-1, 3))
    with pytest.raises(Fault, match="expected one number"):
        one.number("a")


@pytest.mark.parametrize(
    ("text", "ask", "why"),
    [
        ("a: [1, x]", lambda s: s.numbers("a", (2,)), "expected numbers, found"),
        ("a: [1, [2]]", lambda s: s.numbers("a", (2,)), "expected numbers, found"),
        ("a: true", lambda s: s.number("a"), "expected numbers, found True"),
        ("a: .nan", lambda s: s.number("a"), "nan is not finite"),
        ("a: [1, .inf]", lambda s: s.numbers("a", (2,)), "is not finite"),
        ("a: 1e15", lambda s: s.number("a", "length"), r"larger than 1e\+15; check it and its unit"),
        ("a: 0", lambda s: s.number("a", above=0.0), "must be greater than 0, found 0"),
        ("a: 1e-12", lambda s: s.number("a", "length", above=0.0), "shorter than 1e-09 mm; check the unit"),
        ("a: 2.0", lambda s: s.count("a"), "expected a whole number from 1 to"),
        ("a: true", lambda s: s.count("a"), "expected a whole number"),
        ("a: 0", lambda s: s.count("a"), "expected a whole number"),
        ("a: 7", lambda s: s.count("a", at_most=6), "from 1 to 6, found 7"),
        ("a: 3", lambda s: s.text("a"), "expected a word, found 3"),
        (
            "a: red",
            lambda s: s.text("a", choices=("blue", "green")),
            "unknown a 'red'; use one of blue, green",
        ),
        ("a: word", lambda s: s.words("a"), "expected a list of words, found 'word'"),
        ("a: [x, 1]", lambda s: s.words("a"), "expected a list of words"),
        ("a: 1", lambda s: s.value("b"), "here.b: missing key 'b'; add it"),
        ("a: 1", lambda s: s.section("a"), "expected keys and values"),
        ("a: 1", lambda s: s.section("b"), "missing section 'b'; add it"),
        ("a: 1", lambda s: list(s.sections("a")), "expected a list with at least one entry"),
        ("a: []", lambda s: list(s.sections("a")), "expected a list with at least one entry"),
        ("a: [{b: 1}, 2]", lambda s: list(s.sections("a")), r"here.a\[1\]: expected keys and values"),
        ("a: 1\n  b: 2\n  a: 3", lambda s: s, "line 5: key 'a' appears twice; keep one"),
    ],
)
def test_a_wrong_answer_names_its_line_and_what_was_expected(
    tmp_path: Path, text: str, ask, why: str
) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(Fault, match=why) as caught:
        ask(section(tmp_path, f"  {text}"))
    assert caught.value.where.startswith(("line 3", "line 5"))


def test_a_key_that_nothing_asked_for_is_a_spelling_mistake(tmp_path: Path) -> None:
    one = section(tmp_path, "  pitch: 1\n  thicknes: 2")
    one.number("pitch")
    one.number("thickness", default=1.0)
    with pytest.raises(
        Fault, match=r"line 4, here.thicknes: unknown key 'thicknes'; known here: pitch, thickness"
    ):
        one.done()
    one.number("thicknes")
    one.done()


def test_sections_in_lists_name_their_place(tmp_path: Path) -> None:
    first, second = section(tmp_path, "  many:\n    - {a: 1}\n    - {a: x}").sections("many")
    assert first.number("a") == 1.0
    with pytest.raises(Fault, match=r"line 5, here.many\[1\].a"):
        second.number("a")


def test_an_optional_section_may_be_missing(tmp_path: Path) -> None:
    empty = section(tmp_path, "  a: 1").section("b", optional=True)
    assert list(empty) == []
    assert empty.number("c", default=4.0) == 4.0


def test_a_long_value_is_not_repeated_whole(tmp_path: Path) -> None:
    with pytest.raises(Fault) as caught:
        section(tmp_path, f"  a: {'x' * 5000}").number("a")
    assert len(str(caught.value)) < 300 + len(str(tmp_path))
