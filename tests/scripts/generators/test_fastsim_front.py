"""The plot of CPU time against AUC: all submissions whose time is known, and what the bench measured."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).parents[3] / "scripts"
ROW = {"ms_100": 2.0, "classifier": {key: {"auc": 0.6, "auc_spread": 0.02} for key in ("low", "high")}}


@pytest.fixture
def front(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("fastsim_front")


def test_the_submissions_of_the_challenge_are_there(front: ModuleType) -> None:
    points = front.challenge()
    assert len(points) == 59
    (calo_inn,) = [p for p in points if (p.sample, p.name) == ("1, photons", "CaloINN")]
    assert calo_inn.milliseconds == 2.7764
    assert calo_inn.auc["low"] == (0.62592, 0.0041761)
    assert all(0.49 < auc <= 1 for p in points for auc, _ in p.auc.values())


def test_nobody_beats_those_at_the_front(front: ModuleType) -> None:
    points = [p for p in front.challenge() if p.sample == "1, photons"]
    for point in front.best(points, "low"):
        faster = [p for p in points if p.milliseconds < point.milliseconds]
        assert all(p.auc["low"] > point.auc["low"] for p in faster)


def test_rows_without_a_classifier_are_no_points(front: ModuleType, tmp_path: Path) -> None:
    none = {"ms_100": 1.0, "classifier": {"high": None}}
    found = {"plates": {"geant4": {"ms": 200.0}, "mine": ROW, "none": none}}
    (point,) = front.measured(found)
    assert (point.sample, point.name, point.auc["high"]) == ("plates", "mine", (0.6, 0.02))
    file, plot = tmp_path / "bench.json", tmp_path / "front.svg"
    file.write_text(json.dumps(found))
    front.main([str(file), str(file), "-o", str(plot)])
    drawn = plot.read_text()
    assert drawn.count("mine, plates") == 2
    assert "CaloDREAM" in drawn
