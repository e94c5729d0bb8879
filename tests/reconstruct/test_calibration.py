"""Whether p-values can be believed: what `reconstruct` says and writes of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gnnreco import cli
from gnnreco.columns import Anomalies
from gnnreco.events import write_events
from gnnreco.events.anomalies_file import write_anomalies
from gnnreco.geometry import load_detector
from gnnreco.reconstruct.calibration import (
    MOST,
    calibration_again,
    drift_of,
    notes_of_calibration,
    p_values_of,
)
from tests.tasks.anomaly.tiny import SLAB, photons, tiny_bundle

HERE = {"detector": {"name": "slab"}}
TOLD = {"events": 999, "detector": "slab", "of_this_detector": True}
UNIFORM = np.random.default_rng(3).integers(1, 1001, 400) / 1000


def test_p_values_of_normal_events_are_no_news() -> None:
    manifest = HERE | {"calibration": TOLD | {"drift": drift_of(UNIFORM, 999)}}
    assert notes_of_calibration(manifest) == []
    assert notes_of_calibration(HERE) == []


def test_a_drift_is_said_with_numbers() -> None:
    test = drift_of(np.maximum(UNIFORM / 2, 1e-3).round(3), 999)
    (line,) = notes_of_calibration(HERE | {"calibration": TOLD | {"drift": test}})
    assert line.startswith(
        "the p-values of 400 events do not look like those of normal events of the calibration"
    )
    assert f"p = {test['p_value']:.2g}" in line


def test_few_events_say_nothing_and_of_many_some_are_tested() -> None:
    assert drift_of(UNIFORM[:49], 999) is None
    many = drift_of(np.resize(UNIFORM, 2 * MOST + 1), 999)
    assert many["events"] <= MOST
    assert many["event"] <= 2 * MOST + 1


def test_another_detector_is_said_first() -> None:
    told = TOLD | {"detector": "odd", "of_this_detector": False, "drift": drift_of(UNIFORM**3, None)}
    (line,) = notes_of_calibration(HERE | {"calibration": told})
    assert "calibrated on detector 'odd': on 'slab' they are no probabilities" in line


def test_parts_of_a_job_are_tested_together(tmp_path: Path) -> None:
    files = []
    for i, p in enumerate(np.array_split(UNIFORM, 2)):
        none = np.zeros(0, np.int64), np.zeros(0), np.ones(1)
        found = [Anomalies(np.zeros(2, np.int64), *none, np.array([v]), np.ones((1, 6))) for v in p]
        files.append(tmp_path / f"{i}.parquet")
        write_anomalies(files[-1], [(row, "a", each) for row, each in enumerate(found)])
    np.testing.assert_array_equal(p_values_of(files), UNIFORM)
    told = calibration_again({"calibration": TOLD | {"drift": None}}, files)
    assert told["calibration"]["drift"] == drift_of(UNIFORM, 999)


def test_reconstruct_writes_what_calibrated_its_p_values(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = tiny_bundle(tmp_path / "bundle")
    write_events(photons(2, seed=9), tmp_path / "events", "parquet", load_detector(SLAB))
    words = ["reconstruct", str(tmp_path / "events"), "--detector", str(SLAB), "--bundle", str(bundle)]
    assert cli.main([*words, "-o", str(tmp_path / "out")]) == 0
    told = json.loads((tmp_path / "out" / "manifest.json").read_text())["calibration"]
    assert told == {"events": 20, "detector": "slab", "of_this_detector": True, "drift": None}
    assert cli.main(["evaluate", str(tmp_path / "out")]) == 0
    assert "too few to judge" in capsys.readouterr().out


def test_of_another_detector_the_run_says_that_p_values_are_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = tiny_bundle(tmp_path / "bundle")
    write_events(photons(1, seed=9), tmp_path / "events", "parquet", load_detector(SLAB))
    other = tmp_path / "other"
    other.mkdir()
    text = (SLAB / "detector.yaml").read_text()
    (other / "detector.yaml").write_text(text.replace("name: slab", "name: other").replace("1084", "1085"))
    words = ["reconstruct", str(tmp_path / "events"), "--detector", str(other), "--bundle", str(bundle)]
    assert cli.main([*words, "-o", str(tmp_path / "out")]) == 2
    assert "--any-detector" in capsys.readouterr().err
    assert cli.main([*words, "-o", str(tmp_path / "out"), "--any-detector"]) == 0
    said = "calibrated on detector 'slab': on 'other' they are no probabilities"
    assert said in capsys.readouterr().err
    assert cli.main(["evaluate", str(tmp_path / "out")]) == 0
    assert said in capsys.readouterr().err
