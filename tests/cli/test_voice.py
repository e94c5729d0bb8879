"""What is said on stderr and where it is kept: `-q`, `-v`, `--log`, and a line for each epoch without a terminal."""

from __future__ import annotations

import csv
import logging
import sys
from argparse import Namespace
from pathlib import Path

import numba
import pytest

from gnnreco import cli
from gnnreco.cli import progress
from gnnreco.cli.voice import voice
from gnnreco.display import curves_page
from gnnreco.errors import BadInput
from gnnreco.kernels import notice


def said(tmp_path: Path, **how: bool) -> Namespace:
    return Namespace(command="gnnreco verb", log=tmp_path / "logs" / "run.log", **how)


def speak() -> None:
    print("gnnreco: a note", file=sys.stderr)
    sys.stderr.write("\r 10 %|###\n")
    logging.getLogger("gnnreco.train.loop").info("epoch 1 of 2")
    logging.getLogger("gnnreco.train.loop").debug("a detail")


@pytest.mark.parametrize(
    ("how", "lines"),
    [
        ({}, ["gnnreco: a note", "\r 10 %|###", "gnnreco: epoch 1 of 2"]),
        ({"quiet": True}, []),
        ({"verbose": True}, ["gnnreco: a note", "\r 10 %|###", "gnnreco: epoch 1 of 2", "gnnreco: a detail"]),
    ],
)
def test_notes_are_said_or_not_and_kept(
    how, lines, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = said(tmp_path, **how)
    with voice(args):
        speak()
    assert capsys.readouterr().err.split("\n")[:-1] == lines
    kept = [line.split(" ", 2)[2] for line in args.log.read_text().splitlines()]
    assert kept[:3] == ["gnnreco verb", "a note", "epoch 1 of 2"]
    assert kept[-1].startswith("done in ")
    assert not any("%" in line for line in kept)


def test_the_log_is_appended_to_and_has_the_error(tmp_path: Path) -> None:
    args = said(tmp_path)
    for _ in range(2):
        with pytest.raises(BadInput), voice(args):
            raise BadInput("file", "line 3", "is wrong")
    text = args.log.read_text()
    assert text.count("BadInput: file: line 3: is wrong") == 2


def test_a_verbose_verb_says_where_an_error_arose(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["detector", "check", "trackm", "-v"]) == 2
    told = capsys.readouterr().err
    assert "Traceback" in told
    assert told.endswith("did you mean 'trackml'?\n")
    assert cli.main(["detector", "check", "trackm", "-q"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_stderr_and_logging_are_as_before_afterwards(tmp_path: Path) -> None:
    before, logger = sys.stderr, logging.getLogger("gnnreco")
    handlers = list(logger.handlers)
    with voice(said(tmp_path)):
        assert sys.stderr is not before
        assert sys.stderr.encoding == before.encoding
    assert sys.stderr is before
    assert logger.handlers == handlers


def metrics(folder: Path, rows: list[dict[str, float]]) -> Path:
    folder.mkdir(parents=True)
    with (folder / "metrics.csv").open("w") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


def test_the_curves_of_a_training_are_a_page(tmp_path: Path) -> None:
    rows = [
        {
            "epoch": k,
            "learning_rate": 0.1 / k,
            "training_loss": 20.0 / k**2,
            "validation_loss": v,
            "training_right": 0.5,
        }
        for k, v in enumerate((3.0, 1.25, 2.0), 1)
    ]
    page = curves_page(metrics(tmp_path / "my_bundle" / "training", rows))
    assert page == tmp_path / "my_bundle" / "training" / "curves.html"
    text = page.read_text("utf-8")
    assert "my_bundle: 3 epochs" in text
    assert "lowest validation loss 1.25 in epoch 2" in text
    assert "log10(loss)" in text
    assert all(f">{name}<" in text for name in ("loss", "right", "learning rate"))
    assert "<script" not in text


def test_curves_of_nothing_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="name the folder training of a bundle"):
        curves_page(tmp_path)
    with pytest.raises(BadInput, match="holds no rows"):
        curves_page(metrics(tmp_path / "odd", [{"step": 1.0}]))


@pytest.mark.parametrize("waits", [lambda: progress.Progress("event"), progress.compiling])
def test_who_waits_for_the_compiler_is_told(
    waits, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(notice, "PATIENCE", 0.0)
    with waits():
        numba.njit(lambda x: x + 1)(1.0)
    assert "gnnreco: compiling kernels" in capsys.readouterr().err


def test_a_long_step_is_said_where_there_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "LINE_S", 0.0)
    with progress.Progress("event") as told:
        told.named("simulate", 1_500, 2_000)
        told.counted(7, 0)
    assert capsys.readouterr().err.splitlines() == ["gnnreco: simulate: 1,500 of 2,000", "gnnreco: event: 7"]


def test_a_bar_tells_of_the_compiler_and_hands_all_items_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(notice, "PATIENCE", 0.0)
    double = numba.njit(lambda x: x + x)
    assert [double(item) for item in progress.bar(3, "event")(range(3))] == [0, 2, 4]
    assert "gnnreco: compiling kernels" in capsys.readouterr().err
