"""XML as a tree with line numbers: what is kept, which files may stand in it, and what is refused."""

from __future__ import annotations

import xml.etree.ElementTree as Tree
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gnnreco.errors import BadInput
from gnnreco.files import limits
from gnnreco.geometry.importers.drawings.xml_tree import MOST_NESTED, Node, beside, read_xml

NAME = st.text("abcde", min_size=1, max_size=4)
ELEMENT = st.recursive(
    st.builds(
        lambda tag, attributes: (tag, attributes, []),
        NAME,
        st.dictionaries(NAME, st.text("xyz<&\"' ", max_size=4)),
    ),
    lambda inner: st.builds(lambda tag, kids: (tag, {}, kids), NAME, st.lists(inner, max_size=4)),
    max_leaves=10,
)


def build(drawn) -> Tree.Element:  # type: ignore[no-untyped-def]
    tag, attributes, children = drawn
    element = Tree.Element(tag, attributes)
    element.extend(map(build, children))
    return element


def same(node: Node, element: Tree.Element) -> bool:
    return (
        node.tag == element.tag
        and node.attributes == element.attrib
        and len(node.children) == len(element)
        and all(map(same, node.children, element))
    )


def written(folder: Path, text: str, name: str = "some.xml") -> Path:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


@given(ELEMENT)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_tree_is_that_of_the_standard_library(tmp_path: Path, drawn) -> None:  # type: ignore[no-untyped-def]
    element = build(drawn)
    assert same(read_xml(written(tmp_path, Tree.tostring(element, "unicode"))), element)


def test_lines_texts_and_questions(tmp_path: Path) -> None:
    root = read_xml(written(tmp_path, '<a>\n <b name="x" n="1">\n one </b>\n <c/>\n <b/>\n</a>'))
    assert [(child.tag, child.line) for child in root.children] == [("b", 2), ("c", 4), ("b", 5)]
    assert [child.line for child in root.all("b")] == [2, 5]
    assert [child.tag for child in root.all()] == ["b", "c", "b"]
    first = root.first("c", "b")
    assert first is not None
    assert first.content == "one"
    assert root.first("d") is None
    assert (first.text("n"), first.text("m", "2")) == ("1", "2")
    with pytest.raises(BadInput, match="line 2, <b> x: has no attribute 'm'; add it"):
        first.text("m")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<a>\n<b>\n</a>", "line 3: not XML: mismatched tag"),
        ("", "not XML: no element found"),
        ('<?xml version="1.0" encoding="klingon"?><a/>', "line 1: not"),
        ('<!DOCTYPE a SYSTEM "a.dtd"><a/>', "names a document type outside"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "declares an entity, which is refused"),
        ('<!DOCTYPE a [<!ENTITY b SYSTEM "b.xml">]><a>&b;</a>', "declares an entity, which is refused"),
        ('<!DOCTYPE a [<!ENTITY % b "c">]><a/>', "declares an entity, which is refused"),
    ],
)
def test_what_is_refused_names_its_line(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        read_xml(written(tmp_path, text))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        read_xml(tmp_path / "none.xml")
    with pytest.raises(BadInput, match="not readable"):
        read_xml(tmp_path)


def entity(name: str) -> str:
    return f'<!DOCTYPE a [<!ENTITY b SYSTEM "{name}">]>\n<a>&b;</a>'


def test_a_file_beside_stands_in_place_of_its_entity(tmp_path: Path) -> None:
    inner = written(tmp_path, "<c/>\n<d/>", "parts/b.xml")
    root = read_xml(written(tmp_path, entity("parts/b.xml")), entities=True)
    assert [(child.tag, child.line, child.file) for child in root.children] == [
        ("c", 1, inner),
        ("d", 2, inner),
    ]


@pytest.mark.parametrize(
    "name", ["../b.xml", "/etc/passwd", "file:///etc/passwd", "http://x/b.xml", "none.xml", ""]
)
def test_no_other_file_is_opened(tmp_path: Path, name: str) -> None:
    written(tmp_path, "<c/>", "b.xml")
    with pytest.raises(BadInput, match="line 2: an entity"):
        read_xml(written(tmp_path, entity(name), "inside/some.xml"), entities=True)


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    secret = written(tmp_path, "<c/>", "b.xml")
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "b.xml").symlink_to(secret)
    with pytest.raises(ValueError, match="lies outside the folder"):
        beside(tmp_path / "inside", tmp_path / "inside" / "some.xml", "b.xml")
    assert beside(tmp_path, tmp_path / "inside" / "some.xml", "../b.xml") == secret.resolve()


def test_limits_of_size_depth_and_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = written(tmp_path, "<a>" * 40 + "</a>" * 40)
    assert read_xml(deep).tag == "a"
    monkeypatch.setattr(limits, "DEPTH", 20)
    with pytest.raises(BadInput, match="more than 20 levels"):
        read_xml(deep)
    monkeypatch.setattr(limits, "ELEMENTS", 10)
    with pytest.raises(BadInput, match="more than 10 elements"):
        read_xml(written(tmp_path, "<a>" + "<b/>" * 20 + "</a>"))
    monkeypatch.setattr(limits, "TEXT_BYTES", 50)
    with pytest.raises(BadInput, match="of XML, which is refused"):
        read_xml(deep)


def test_files_that_stand_for_one_another_without_end(tmp_path: Path) -> None:
    # Only the document itself declares entities, so the circle needs one file that names itself.
    written(tmp_path, "<c>&b;</c>", "b.xml")
    with pytest.raises(BadInput, match=r"recursive entity reference|too many files"):
        read_xml(written(tmp_path, entity("b.xml")), entities=True)
    assert MOST_NESTED < limits.DEPTH
