"""The tutorial of the README, run as it is written there."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from gnnreco.cli import main

README = Path(__file__).parent.parent / "README.md"
CALORIMETER, TRACKER = re.findall(
    r"```\n(gnnreco detector new.*?)```", README.read_text("utf-8"), flags=re.DOTALL
)


def follow(commands: str) -> None:
    """Type one command after the other."""
    for line in commands.strip().splitlines():
        assert main(shlex.split(line)[1:]) == 0, line


def test_from_an_empty_folder_to_showers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    follow(CALORIMETER)
    assert main(["evaluate", "clusters", "--truth", "showers", "--json", "scores.json"]) == 0
    scores = json.loads(Path("scores.json").read_text())
    assert scores["efficiency"] > 0.9
    assert abs(scores["energy_response_mean"] - 1) < 0.1
    assert Path("my_calorimeter.html").stat().st_size > 10_000


@pytest.mark.slow  # it trains for a minute; that of showers stays
def test_from_an_empty_folder_to_tracks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    follow(TRACKER)
    assert main(["evaluate", "tracks", "--truth", "events", "--min-hits", "5", "--json", "scores.json"]) == 0
    scores = json.loads(Path("scores.json").read_text())
    assert scores["all_tracks"]["acts"]["efficiency"] > 0.95
    assert scores["acts"]["fake_rate"] < 0.02
    assert Path("event.html").stat().st_size > 10_000
