"""Errors raised in Python speak Python; the same errors on the command line name its flags."""

from __future__ import annotations

import argparse
import doctest
from pathlib import Path

import pytest

import gnnreco
from gnnreco import cli
from gnnreco.cli import flags
from gnnreco.cli.flags import FLAGS, NEGATIVE, as_flags
from gnnreco.cli.start import build_parser
from gnnreco.errors import BadBundle, BadInput
from gnnreco.geometry import find_detector


def said(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line of a command that fails."""
    capsys.readouterr()
    assert cli.main(words) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    return line


@pytest.fixture
def events(tmp_path: Path) -> Path:
    from gnnreco.events import write_events

    detector = gnnreco.load_detector("telescope")
    write_events(gnnreco.simulate(detector, "beam"), tmp_path / "events", "parquet", detector)
    return tmp_path / "events"


def test_a_bundle_of_another_detector(events: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BadBundle, match="allow it with any_detector=True") as stop:
        gnnreco.reconstruct(events, "telescope", "tracking-odd", events.parent / "out")
    assert "--" not in str(stop.value)
    words = ["reconstruct", str(events), "--detector", "telescope", "--bundle", "tracking-odd", "-o", "out"]
    line = said(words, capsys)
    assert "allow it with --any-detector" in line
    assert "any_detector" not in line


def test_what_is_there_already(events: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from gnnreco.events import write_events

    detector = gnnreco.load_detector("telescope")
    with pytest.raises(BadInput, match="replace what is there with overwrite=True"):
        write_events(gnnreco.simulate(detector, "beam"), events, "parquet", detector)
    words = ["simulate", "--detector", "telescope", "--process", "beam", "--events", "1", "-o", str(events)]
    assert "replace what is there with --overwrite" in said(words, capsys)


def test_a_detector_without_a_bundle(events: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = events.parent / "other"
    other.mkdir()
    text = (find_detector("telescope") / "detector.yaml").read_text()
    (other / "detector.yaml").write_text(text.replace("bz: 0.0", "bz: 1.0"))
    with pytest.raises(BadBundle, match="and name it with bundles=") as stop:
        gnnreco.reconstruct(events, other, None, events.parent / "out")
    assert "--" not in str(stop.value)
    line = said(["reconstruct", str(events), "--detector", str(other), "-o", "out"], capsys)
    assert "and name it with --bundle" in line
    assert "bundles=" not in line


@pytest.mark.parametrize(
    "text", ["train.resume=True", "with train.resume=True", "with detector=odd", "overwrite=True"]
)
def test_only_remedies_are_turned(text: str) -> None:
    assert as_flags(text) == text


def test_every_flag_is_one_of_the_command_line() -> None:
    def options(parser: argparse.ArgumentParser) -> set[str]:
        own = {text for action in parser._actions for text in action.option_strings}
        below = [a.choices.values() for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
        return own.union(*(options(sub) for choices in below for sub in choices))

    assert {*FLAGS.values(), *NEGATIVE.values()} <= options(build_parser())


def test_the_example() -> None:
    assert doctest.testmod(flags).failed == 0
