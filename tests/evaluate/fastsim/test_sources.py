"""`gnnreco evaluate` of generated events: from files to the table, the JSON and the figures, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gnnreco
from gnnreco import cli
from gnnreco.columns import Event
from gnnreco.errors import BadConfig, BadInput
from gnnreco.evaluate.fastsim import Comparison, Training, compare, shower_sample
from gnnreco.events import write_events
from gnnreco.geometry import Detector, load_detector

from .made import larger

GUN: dict[str, Any] = {"particle": "photon", "energy": (1, 3), "eta": (-0.2, 0.2)}


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector("clic_ecal")


@pytest.fixture(scope="module")
def shot(detector: Detector) -> Callable[..., list[Event]]:
    return lambda events, seed, count=2: list(
        gnnreco.simulate(detector, events=events, seed=seed, count=count, **GUN)
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, detector: Detector, shot: Callable) -> Path:
    folder = tmp_path_factory.mktemp("fastsim")
    for name, events, seed in (("generated", 2, 1), ("truth", 3, 2)):
        write_events(shot(events, seed), folder / name, detector=detector)
    return folder


def test_showers_of_one_simulation_are_alike_and_larger_ones_are_not(
    detector: Detector, shot: Callable
) -> None:
    one, other = shower_sample(shot(6, 3, 9), detector), shower_sample(shot(12, 4, 9), detector)
    assert len(other) + other.left_nothing == 108
    assert (np.diff(other.energy) >= 0).all()
    assert (other.mips >= 0.5).all()
    quick = Comparison(training=Training(trainings=1, width=32, epochs=15))
    found = compare(larger(one, 2.0), other, quick)
    assert found["classifier"]["high"]["auc"] > 0.8
    assert 0.2 < found["floor"]["classifier"]["high"]["auc"] < 0.8
    assert found["response"]["all"]["truth"]["mean"] == pytest.approx(1, abs=0.3)
    assert found["response"]["all"]["mean_ratio"] == pytest.approx(2, abs=0.2)
    assert found["profiles"]["longitudinal"]["chi2"] > 3 * found["floor"]["profiles"]["longitudinal"]["chi2"]


def test_the_order_of_events_changes_nothing(detector: Detector, shot: Callable) -> None:
    events = shot(3, 5)
    one, other = shower_sample(events, detector), shower_sample(events[::-1], detector)
    for name in ("energy", "offsets", "place", "a", "b", "mips", "visible"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name


def test_the_command_line_prints_writes_and_draws(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, plots = tmp_path / "scores.json", tmp_path / "plots"
    words = ["evaluate", str(place / "generated"), "--truth", str(place / "truth"), "--detector", "clic_ecal"]
    assert cli.main([*words, "--json", str(file), "--plots", str(plots), "--trainings", "1"]) == 0
    said = capsys.readouterr()
    assert "4 generated showers, 6 true ones, compared: 3 a side" in said.out
    assert "too few for classifiers" in said.err
    written = json.loads(file.read_text())
    assert (written["task"], written["events"]) == ("fastsim", 2)
    assert set(written["classifier"]) == {"low", "low_normalised", "high", "cells"}
    assert set(written["floor"]) >= {
        "classifier",
        "separation",
        "fpd",
        "kpd",
        "coverage",
        "response",
        "profiles",
    }
    assert {path.name for path in plots.iterdir()} >= {"report.html", "showers.png", "profiles.png"}
    again = gnnreco.evaluate(place / "generated", place / "truth", "clic_ecal", trainings=1)
    assert json.loads(json.dumps(again)).items() <= written.items()


def test_generated_events_need_their_detector(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BadConfig, match="name their detector with detector="):
        gnnreco.evaluate(place / "generated", place / "truth")
    assert cli.main(["evaluate", str(place / "generated"), "--truth", str(place / "truth")]) == 2
    assert "--detector" in capsys.readouterr().err


def test_a_folder_of_neither_kind_is_refused_with_both_names(place: Path, tmp_path: Path) -> None:
    with pytest.raises(
        BadInput, match=r"nor is it what `gnnreco reconstruct` wrote: manifest\.json is missing"
    ):
        gnnreco.evaluate(tmp_path, place / "truth", "clic_ecal")


def test_events_without_truth_or_without_showers_are_refused(
    detector: Detector, shot: Callable, place: Path, tmp_path: Path
) -> None:
    (event,) = shot(1, 6)
    write_events([replace(event, truth=None)], tmp_path / "blind", detector=detector)
    with pytest.raises(BadInput, match="has no truth"):
        gnnreco.evaluate(tmp_path / "blind", place / "truth", detector)
    with pytest.raises(BadInput, match="no particle left a shower"):
        gnnreco.evaluate(place / "generated", place / "truth", detector, threshold=1e9)
