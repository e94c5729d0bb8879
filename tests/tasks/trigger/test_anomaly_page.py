"""The page on anomalies in a trigger: its commands, as they are written there."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from gnnreco.bundle import load_bundle
from gnnreco.cli import main

HOME = Path(__file__).parents[3]
PAGE = (HOME / "docs" / "explanation" / "trigger_anomaly.md").read_text("utf-8")
RATE, FIRMWARE, TRAINING, BENCH = re.findall(r"```\n((?:gnnreco|python) .*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder where the examples lie."""
    (tmp_path / "examples").symlink_to(HOME / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def follow(commands: str) -> None:
    """Type one command after the other."""
    for line in commands.strip().splitlines():
        assert main(shlex.split(line)[1:]) == 0, line


def test_what_ships_lets_strange_events_pass(here: Path) -> None:
    follow(RATE)
    table = {row["what"]: row for row in json.loads((here / "rate.json").read_text())}
    assert table["normal"]["fraction"] < 0.005
    for name in ("top", "higgs", "dark"):
        assert table[name]["low"] > 0.1
        assert table[name]["auc"] > 0.9


def test_training_one(here: Path) -> None:
    follow(TRAINING)
    metrics = load_bundle(here / "mine").manifest["metrics"]
    assert metrics["rate_low"] < metrics["rate"] <= 0.02 < metrics["rate_high"]


@pytest.mark.slow  # Verilator compiles for a minute
def test_firmware(here: Path) -> None:
    follow(FIRMWARE)


@pytest.mark.slow  # it trains six networks, for a moment each
def test_figures(here: Path) -> None:
    for part, kind, copies in (("train", "normal", 3), ("test", "normal", 1), ("strange", "strange", 1)):
        for number in range(copies):
            file = here / "EVENTS" / part / f"{number}.parquet"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.symlink_to(HOME / "examples" / "jets" / f"{kind}-events.parquet")
    _, script, *words = shlex.split(BENCH, comments=True)
    command = [sys.executable, str(HOME / script), *words, "--no-hardware", "--json", "figures.json"]
    subprocess.run(command, env={**os.environ, "PYTHONPATH": str(HOME)}, check=True)
    table = {row["model"]: row for row in json.loads((here / "figures.json").read_text())}
    assert len(table) == 8
    assert table["trigger-anomaly"]["AUC higgs"] > 0.9
