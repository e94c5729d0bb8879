"""The pages of docs/tutorials, and some others, followed as they are written.

A block without a language holds commands, a block of ``python`` a program, a block of ``yaml`` the detector of its name; they are taken in
the order of the page, in an empty folder beside ``examples``. Blocks of ``text`` show something and are not run; those of ``bash`` ask for
what a reader has, and `tests/test_pages_in_small.py` follows them.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml

from gnnreco.cli import main

ROOT = Path(__file__).parent.parent
HOW_TO = ("describe_detector", "tables", "compare_results", "explore", "report")
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.md"))
PAGES = [
    *TUTORIALS,
    *(ROOT / "docs" / "how_to" / f"{name}.md" for name in HOW_TO),
    ROOT / "docs" / "reference" / "bundles.md",
    ROOT / "docs" / "gallery.md",
]
#: Pages that are followed in seconds; the others train, or simulate many cells.
QUICK = {"first_tracks", "my_data", "explore", "bundles"}


def blocks(page: Path) -> list[tuple[str, str]]:
    """The language and the text of each block of a page."""
    return re.findall(r"^```(\w*)\n(.*?)^```", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


def follow(commands: str) -> None:
    """Type one command after the other."""
    for line in commands.replace("\\\n", " ").strip().splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["python"]:
            subprocess.run([sys.executable, str(ROOT / words[1]), *words[2:]], check=True)
        elif words:
            assert words[0] == "gnnreco", line
            assert main(words[1:]) == 0, line


def shell(commands: str, seconds: float | None = None) -> None:
    """Run a block of shell, whose `gnnreco` and `python` are these."""
    place = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    with TemporaryDirectory() as programs:
        for name, module in {"gnnreco": "-m gnnreco", "python": ""}.items():
            program = Path(programs) / name
            program.write_text(f'#!/bin/sh\nexec {sys.executable} {module} "$@"\n')
            program.chmod(0o755)
        done = subprocess.run(
            ["bash", "-ec", commands],
            env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": place},
            timeout=seconds,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=False,
        )
    assert done.returncode == 0, commands


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder beside the examples and scripts, to work in."""
    for name in ("examples", "scripts"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "page",
    [pytest.param(p, marks=() if p.stem in QUICK else pytest.mark.slow, id=p.stem) for p in PAGES],
)
def test_a_tutorial_can_be_followed(page: Path, folder: Path) -> None:
    names: dict[str, object] = {}
    for language, text in blocks(page):
        if not language:
            follow(text)
        elif language == "yaml":
            place = folder / yaml.safe_load(text)["name"]
            place.mkdir()
            (place / "detector.yaml").write_text(text)
        elif language == "python":
            exec(compile(text, page.name, "exec"), names)  # noqa: S102 - a page of our own


def test_the_examples_show_the_commands_of_a_page() -> None:
    examples, page = ROOT / "examples" / "displays" / "README.md", ROOT / "docs" / "how_to" / "explore.md"
    assert blocks(examples) == blocks(page)


@pytest.mark.slow  # three events, one with 200 pile-up collisions
def test_the_commands_of_the_readme_print_what_it_shows_and_what_the_page_on_evaluate_explains(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = [
        text
        for _, text in [*blocks(ROOT / "README.md"), *blocks(ROOT / "docs" / "reference" / "evaluate.md")]
    ]
    follow(next(text for text in shown if text.startswith("gnnreco reconstruct")))
    printed = {line[:20].strip(): line[20:].split() for line in capsys.readouterr().out.splitlines() if line}
    tables = [text.partition("matching  ") for text in shown if "matching  " in text]
    assert len(tables) == 2
    for line in "".join("".join(table[1:]) for table in tables).splitlines():
        name, numbers = line[:20].strip(), line[20:].split()
        if name == "matching":
            assert printed[name] == numbers
        else:  # efficiency and fakes, %
            for column in (0, 4):
                assert float(printed[name][column]) == pytest.approx(float(numbers[column]), abs=0.15), name


def commands(page: str) -> list[str]:
    """The blocks of commands of a tutorial."""
    return [text for language, text in blocks(ROOT / "docs" / "tutorials" / page) if not language]


def test_from_an_empty_folder_to_showers(folder: Path) -> None:
    follow(commands("my_detector.md")[0])
    assert main(["evaluate", "clusters", "--truth", "showers", "--json", "scores.json"]) == 0
    scores = json.loads(Path("scores.json").read_text())
    assert scores["efficiency"] > 0.9
    assert abs(scores["energy_response_mean"] - 1) < 0.1
    assert Path("my_calorimeter.html").stat().st_size > 10_000


@pytest.mark.slow  # it trains for a minute; that of showers stays
def test_from_an_empty_folder_to_tracks(folder: Path) -> None:
    follow(commands("my_detector.md")[2])
    assert main(["evaluate", "tracks", "--truth", "events", "--min-hits", "5", "--json", "scores.json"]) == 0
    scores = json.loads(Path("scores.json").read_text())
    assert scores["all_tracks"]["acts"]["efficiency"] > 0.95
    assert scores["acts"]["fake_rate"] < 0.02
    assert Path("event.html").stat().st_size > 10_000
