"""Options that were renamed: their old names work for a release, and one line says the new one."""

from __future__ import annotations

from argparse import Action
from pathlib import Path

import pytest

from gnnreco.cli import build_parser, main
from gnnreco.cli.options import Parser, old_name

RECONSTRUCT = ["reconstruct", "x", "--detector", "d", "-o", "x"]


def switch(parser: Parser) -> Action:
    return parser.add_argument("--no-cells", dest="cells", action="store_false", help="leave cells unread")


def number(parser: Parser) -> Action:
    return parser.add_argument("-n", "--count", type=int, default=3, help="how many")


@pytest.mark.parametrize(
    ("option", "old", "words", "value"),
    [
        (switch, "--no-clusters", [], True),
        (switch, "--no-clusters", ["--no-cells"], False),
        (switch, "--no-clusters", ["--no-clusters"], False),
        (number, "--number", [], 3),
        (number, "--number", ["--count", "4"], 4),
        (number, "--number", ["--number", "4"], 4),
    ],
)
def test_an_old_name_does_what_the_new_one_does(option, old, words, value, capsys) -> None:
    parser = Parser(prog="gnnreco")
    new = option(parser)
    old_name(parser, old, new)
    assert getattr(parser.parse_args(words), new.dest) == value
    said = capsys.readouterr().err
    assert said == (
        f"gnnreco: {old} is now called {new.option_strings[-1]}; the old name goes with the next release\n"
        if old in words
        else ""
    )
    assert old not in parser.format_help()


def test_an_old_name_takes_what_the_new_one_takes(capsys: pytest.CaptureFixture[str]) -> None:
    parser = Parser(prog="gnnreco")
    old_name(parser, "--number", number(parser))
    with pytest.raises(SystemExit):
        parser.parse_args(["--number", "many"])
    assert "invalid int value: 'many'" in capsys.readouterr().err


def test_cells_were_called_clusters(capsys: pytest.CaptureFixture[str]) -> None:
    assert build_parser().parse_args(RECONSTRUCT).cells
    assert not build_parser().parse_args([*RECONSTRUCT, "--no-cells"]).cells
    assert capsys.readouterr().err == ""
    assert not build_parser().parse_args([*RECONSTRUCT, "--no-clusters"]).cells
    assert "--no-clusters is now called --no-cells" in capsys.readouterr().err


def test_seeds_were_called_sectors(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "trigger", "detector=trackml", "model=seed_edges", "--show"]
    assert main([*words, "task=seeds"]) == 0
    now = capsys.readouterr()
    assert main([*words, "task=sectors"]) == 0
    before = capsys.readouterr()
    assert before.out == now.out
    assert (now.err, before.err.count("\n")) == ("", 1)


def test_help_of_train_names_every_task(capsys: pytest.CaptureFixture[str]) -> None:
    from gnnreco.tasks.registry import task_names

    with pytest.raises(SystemExit):
        main(["train", "--help"])
    assert ", ".join(task_names()) in " ".join(capsys.readouterr().out.split())


def test_reconstruct_takes_the_old_name_in_python(tmp_path: Path) -> None:
    from gnnreco.errors import BadInput
    from gnnreco.reconstruct import reconstruct

    with (
        pytest.warns(DeprecationWarning, match="cells="),
        pytest.raises(BadInput, match="does not exist"),
    ):
        reconstruct(tmp_path / "nothing", "telescope", "tracking-telescope", tmp_path, clusters=False)
