"""YAML as a tree: plain values are what PyYAML makes of them, and each node knows its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gnnreco.files import limits
from gnnreco.geometry.description.yaml_tree import Fault, plain, read_tree

WORDS = st.text(st.characters(codec="ascii", categories=["L", "N"]), max_size=8)
NUMBERS = st.integers(-(10**6), 10**6) | st.floats(allow_nan=False, allow_infinity=False, width=32)
VALUES: st.SearchStrategy[Any] = st.recursive(
    WORDS | NUMBERS | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS.filter(bool), inner, max_size=4),
    max_leaves=12,
)


def read(folder: Path, text: str) -> yaml.Node:
    (folder / "some.yaml").write_text(text, encoding="utf-8")
    return read_tree(folder / "some.yaml")


@given(VALUES, st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_pyyaml_writes_comes_back(tmp_path: Path, value: Any, flow: bool) -> None:
    text = yaml.safe_dump(value, default_flow_style=flow)
    again = plain(read(tmp_path, text))
    assert again == value
    assert type(again) is type(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e3", 1000.0),
        ("-2E-2", -0.02),
        ("1.e+1", 10.0),
        ("0x1F", 31),
        ("1_000", 1000),
        (".inf", float("inf")),
        ("yes", True),
        ("~", None),
        ("2024-01-31", "2024-01-31"),
        ("'1e3'", "1e3"),
        ("<<", "<<"),
        ("!!str 12", "12"),
    ],
)
def test_single_words(tmp_path: Path, text: str, value: Any) -> None:
    assert plain(read(tmp_path, f"a: {text}")) == {"a": value}


def test_each_node_knows_its_line(tmp_path: Path) -> None:
    node = read(tmp_path, "a: 1\nb:\n  - 2\n  - c: 3\n")
    (_, one), (_, many) = node.value
    assert (one.start_mark.line, [item.start_mark.line for item in many.value]) == (0, [2, 3])


def test_an_alias_is_what_it_stands_for_and_counts_as_often_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "a: &x [1, 2, 3]\nb: [*x, *x]\n"
    assert plain(read(tmp_path, text))["b"] == [[1, 2, 3]] * 2
    monkeypatch.setattr(limits, "YAML_VALUES", 8)
    with pytest.raises(Fault, match="line 2: aliases that stand for more than 8 values"):
        read(tmp_path, text)


def test_a_missing_a_large_and_a_broken_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Fault, match=r"no such file; a detector is a folder with a detector\.yaml"):
        read_tree(tmp_path / "none.yaml")
    with pytest.raises(Fault, match="line 3: not readable as YAML"):
        read(tmp_path, "a: 1\nb: [1, 2\n")
    monkeypatch.setattr(limits, "YAML_BYTES", 10)
    with pytest.raises(Fault, match="put cells and sensors into tables"):
        read(tmp_path, "a: [1, 2, 3]\n")
