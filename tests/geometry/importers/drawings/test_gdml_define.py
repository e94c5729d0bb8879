"""Definitions of GDML and the steps of its loops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gnnreco.errors import BadInput
from gnnreco.files import limits
from gnnreco.geometry.importers.drawings.gdml_define import Steps, indexed, values
from gnnreco.geometry.importers.drawings.xml_tree import Node, read_xml


def root(folder: Path, text: str) -> Node:
    (folder / "some.gdml").write_text(f"<gdml>{text}</gdml>")
    return read_xml(folder / "some.gdml")


def test_constants_follow_one_another_and_quantities_have_units(tmp_path: Path) -> None:
    found = values(
        root(
            tmp_path,
            """<define>
        <constant name="n" value="4"/><variable name="m" value="2*n"/>
        <quantity name="gap" unit="cm" value="n/2"/><quantity name="tilt" unit="deg" value="90"/>
        <quantity name="odd" unit="furlong" value="3"/></define>
        <define><constant name="late" value="m+gap"/></define>""",
        )
    )
    assert (found["n"], found["m"], found["gap"], found["late"]) == (4.0, 8.0, 20.0, 28.0)
    assert found["tilt"] == pytest.approx(np.pi / 2)
    assert found["odd"] == 3.0


def test_what_cannot_be_computed_is_left_out(tmp_path: Path) -> None:
    found = values(
        root(
            tmp_path,
            """<define><constant name="a" value="b+1"/><constant name="b" value="2"/>
        <constant value="3"/><constant name="c" value="1/0"/><position name="p" x="1"/></define>""",
        )
    )
    assert found["b"] == 2.0
    assert not {"a", "c", "p"} & set(found)


def test_a_matrix_is_named_by_row_and_column(tmp_path: Path) -> None:
    found = values(
        root(
            tmp_path,
            """<define><constant name="n" value="5"/>
        <matrix name="m" coldim="3" values="1 2 3 n n+1 7"/><matrix name="v" coldim="1" values="8 9"/>
        <matrix name="w" coldim="2" values="3 4"/><matrix name="bad" coldim="0" values="1"/></define>""",
        )
    )
    assert [found[f"m[{i},{j}]"] for i in (1, 2) for j in (1, 2, 3)] == [1, 2, 3, 5, 6, 7]
    assert (found["v[2]"], found["v[2,1]"], found["w[2]"], found["w[1,2]"]) == (9, 9, 4, 4)
    assert "m[1]" not in found
    assert not any(name.startswith("bad") for name in found)


def test_an_index_in_a_name_counts_from_nought(tmp_path: Path) -> None:
    node = root(tmp_path, '<a ref="box[i]"/><a ref="box[i+1,2]_x"/><a ref="plain"/><a ref="box[k]"/>')
    assert [indexed(child, "ref", {"i": 1.0}) for child in node.children[:3]] == [
        "box_0",
        "box_1_1_x",
        "plain",
    ]
    with pytest.raises(BadInput, match="ref: 'k' is not defined"):
        indexed(node.children[3], "ref", {"i": 1.0})


def run(node: Node, names: dict[str, float], *variables: str) -> list[tuple[float, ...]]:
    return [tuple(inner[v] for v in variables) for _, inner in Steps().unrolled(node, names)]


def test_a_loop_is_its_children_once_for_each_step(tmp_path: Path) -> None:
    loop = '<loop for="i" to="{}" step="{}"><p/></loop>'
    assert run(root(tmp_path, loop.format(3, 1)), {"i": 1.0}, "i") == [(1,), (2,), (3,)]
    assert run(root(tmp_path, loop.format(3.5, 1)), {"i": 1.0}, "i") == [(1,), (2,), (3,)]
    rounded = run(root(tmp_path, loop.format(0.3, 0.1)), {}, "i")
    np.testing.assert_allclose(rounded, [[0], [0.1], [0.2], [0.3]])
    assert run(root(tmp_path, loop.format(0, 1)), {"i": 1.0}, "i") == []


def test_loops_in_loops_may_ask_the_outer_one(tmp_path: Path) -> None:
    text = (
        '<loop for="i" from="1" to="2" step="1"><loop for="j" from="1" to="i" step="1"><p/></loop></loop><q/>'
    )
    steps = list(Steps().unrolled(root(tmp_path, text), {"i": 9.0, "j": 9.0}))
    assert [(node.tag, names["i"], names["j"]) for node, names in steps] == [
        ("p", 1, 1),
        ("p", 2, 1),
        ("p", 2, 2),
        ("q", 9, 9),
    ]


@pytest.mark.parametrize("step", ["0", "-1"])
def test_a_loop_goes_forward(tmp_path: Path, step: str) -> None:
    with pytest.raises(BadInput, match="its step must be greater than 0"):
        run(root(tmp_path, f'<loop for="i" from="1" to="2" step="{step}"><p/></loop>'), {})


def test_all_loops_together_have_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "STEPS", 10)
    text = '<loop for="i" from="1" to="6" step="1"><p/></loop>'
    assert len(run(root(tmp_path, text), {})) == 6
    with pytest.raises(BadInput, match="6 steps, which with all others are more than 10"):
        run(root(tmp_path, text * 2), {})
    with pytest.raises(BadInput, match="1,000,000 steps"):
        run(root(tmp_path, text.replace('"6"', '"1e6"')), {})
