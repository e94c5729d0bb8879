"""Every kind that `gnnreco detector new` offers is sound, whatever numbers it is given."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gnnreco.cli import build_parser, main
from gnnreco.errors import BadInput
from gnnreco.geometry import check, load_detector
from gnnreco.geometry.description.new import COUNTS, KINDS, new_detector, next_commands


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_passes_its_check(tmp_path: Path, kind: str) -> None:
    folder = new_detector(tmp_path / "mine", kind, {})
    assert [f for f in check(folder, physics=True) if f.severity != "note"] == []
    assert load_detector(folder).name == "mine"
    text = (folder / "detector.yaml").read_text()
    assert text.count("#") >= 5
    readme = (folder / "README.md").read_text()
    assert all(word in readme for word in ("# mine", "## Source", "## Licence"))


@pytest.mark.parametrize("kind", KINDS)
def test_what_it_says_comes_next_can_be_typed(tmp_path: Path, kind: str) -> None:
    commands = next_commands(tmp_path / "mine", kind)
    assert [command.split()[1] for command in commands][:3] == ["detector", "detector", "simulate"]
    for command in commands:
        args, rest = build_parser().parse_known_args(command.split()[1:])
        assert not [word for word in rest if word.startswith("-")]
        assert args.run


@given(st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_other_numbers_are_as_sound(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["planes", "barrel", "disks", "calorimeter", "tpc"]))
    numbers = {}
    for name, (_, usual) in KINDS[kind].ask.items():
        if name in COUNTS:
            numbers[name] = str(data.draw(st.integers(1, 12)))
        elif name not in ("r_min", "r_max"):
            numbers[name] = str(usual * data.draw(st.floats(0.5, 2)))
    folder = new_detector(tmp_path_factory.mktemp("new") / "d", kind, numbers)
    assert check(folder) == []


def test_numbers_are_taken(tmp_path: Path) -> None:
    folder = new_detector(tmp_path / "a", "barrel", {"layers": "3", "radius": "25.5"})
    detector = load_detector(folder)
    assert detector.n_layers == 3
    assert detector.field.bz == 2
    assert detector.center[:, :2].max() == pytest.approx(125.5, rel=0.02)


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        ("cube", {}, "unknown kind 'cube'; there is planes"),
        ("barel", {}, "unknown kind 'barel'; did you mean 'barrel'?"),
        ("barrel", {"layer": "3"}, "no such number; it has layers, radius"),
        ("barrel", {"layers": "3.5"}, "whole number"),
        ("barrel", {"radius": "-1"}, "greater than 0"),
        ("barrel", {"radius": "ten"}, "expected a number"),
        ("disks", {"r_min": "500"}, "greater than r_min"),
    ],
)
def test_a_wrong_answer_is_refused(tmp_path: Path, kind: str, given: dict[str, str], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        new_detector(tmp_path / "x", kind, given)
    assert not (tmp_path / "x").exists()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    new_detector(tmp_path / "x", "planes", {})
    with pytest.raises(BadInput, match=r"is there already.*overwrite=True"):
        new_detector(tmp_path / "x", "planes", {})


def test_the_command_with_flags_asks_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["detector", "new", str(tmp_path / "t"), "--kind", "tpc", "rows=10"]) == 0
    assert "gnnreco detector check" in capsys.readouterr().out
    assert load_detector(tmp_path / "t").templates[0].n_cells % 10 == 0
    assert main(["detector", "new", str(tmp_path / "u")]) == 2
    assert "--kind: missing; use one of planes" in capsys.readouterr().err


def test_a_terminal_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = iter(["disks", "4"])
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: next(answers, ""))
    assert main(["detector", "new", str(tmp_path / "d")]) == 0
    assert load_detector(tmp_path / "d").n_layers == 8
    assert "a tracker of disks" in capsys.readouterr().out
