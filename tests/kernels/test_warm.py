"""`gnnreco warm`: what it ran needs no compiler afterwards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import gnnreco
from gnnreco.bundle import default_bundles
from gnnreco.cli import main
from gnnreco.errors import GnnrecoError
from gnnreco.warm import TRAININGS, _steps, kept, warm


def test_after_it_no_event_of_the_detector_waits_for_the_compiler() -> None:
    told: list[tuple[str, int, int]] = []
    rows = warm(["telescope"], lambda *step: told.append(step))
    steps = [f"telescope: {what}" for what in ("simulate", "reconstruct", "show")]
    assert [row["step"] for row in rows] == steps
    assert told == [(name, i, 3) for i, name in enumerate(steps)]
    before = kept()
    detector = gnnreco.load_detector("telescope")
    event = next(iter(gnnreco.simulate(detector, "gun", 1, seed=9, particle="muon")))
    gnnreco.Reconstructor(detector, default_bundles(detector))(event)
    assert kept() == before


def test_by_default_every_detector_and_every_kind_of_training_is_run(tmp_path: Path) -> None:
    names = [name for name, _ in _steps((), tmp_path)]
    assert len(names) == len(set(names)) == 3 * len(gnnreco.list_detectors()) + 1 + len(TRAININGS)


def test_the_verb_writes_what_it_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["warm", "--detector", "telescope", "--json", str(tmp_path / "warm.json")]) == 0
    told = json.loads((tmp_path / "warm.json").read_text())
    assert [step["step"].partition(":")[0] for step in told["steps"]] == 3 * ["telescope"]
    assert f"{told['kept']:,} codes are kept in {told['folder']}" in capsys.readouterr().out


def test_a_detector_that_is_not_there_is_said_before_anything_runs() -> None:
    with pytest.raises(GnnrecoError, match="nowhere"):
        warm(["telescope", "nowhere"])
