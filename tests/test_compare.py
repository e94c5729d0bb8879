"""Detectors compared: a test beam is tuned too, events scale every training, and what is done is not done again."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest

from gnnreco import compare
from gnnreco.bundle import load_bundle
from gnnreco.compare import compare_detectors
from gnnreco.graphs.tracking import train_gate as gates

BEAM = 10  # events to adapt with for each event of a sample: fewer than a user gets, for a quick test


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("comparison")


@pytest.fixture(scope="module")
def report(folder: Path) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as quick:
        quick.setattr(compare, "ADAPT_BEAM", BEAM)
        quick.setattr(gates, "train_gate", functools.partial(gates.train_gate, steps=200))
        return compare_detectors(["telescope"], folder, events=1)


def test_a_test_beam_is_adapted_and_tuned_with_events_in_proportion(
    report: dict[str, Any], folder: Path
) -> None:
    sample = report["detectors"][0]["samples"]["muons"]
    assert "failure" not in sample
    assert set(sample["efficiency"]) == {"trained", "zero_shot", "fine_tuned"}
    assert all(
        "fake_rate" in entry for entry in sample["efficiency"].values()
    )  # None where one finds nothing
    assert sample["target"] == "charged particles, at least 5 hits"  # of six layers, and no pt in a beam
    adapted, tuned = (
        load_bundle(folder / f"telescope-{how}").manifest["training"] for how in ("zero-shot", "tuned")
    )
    assert adapted["simulation"]["events"] == BEAM
    assert tuned["events"] == compare.TUNE
    assert report["sample"]["tuning_events"] == compare.TUNE
    assert report["sample"]["samples"].startswith("muons (5 of 2 to 20 GeV), photons (1 of 10 to 100 GeV)")


def test_a_second_run_takes_what_is_done_and_another_number_of_events_does_not(
    report: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    (folder / "done" / "telescope-photons.json").write_text('{"key": ')  # the run was stopped while it wrote
    made: list[int] = []
    simulate = compare.simulate
    monkeypatch.setattr(compare, "simulate", lambda *a, **k: made.append(a[2]) or simulate(*a, **k))
    assert compare_detectors(["telescope"], folder, events=1, say=lines.append) == report
    assert made == [1]
    assert sum("kept from an earlier run" in line for line in lines) == len(lines) - 1
    compare_detectors(["telescope"], folder, events=2, transfer=False)
    assert made == [1, 2, 2, 2]
