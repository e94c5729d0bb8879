"""The calibration curve by hand; a bundle that is calibrated: same weights, scores that hold, noise that scores low."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from gnnreco.bundle import find_bundle, load_bundle, load_task
from gnnreco.bundle.files import WEIGHTS
from gnnreco.columns import Event
from gnnreco.errors import BadConfig
from gnnreco.evaluate import calibrate, calibration_curve, plots, table
from gnnreco.evaluate.clustering import score_clusters
from gnnreco.evaluate.confidence import calibrated_if_enough
from gnnreco.geometry import Detector, load_detector
from gnnreco.simulate import SimulationOptions, simulate


def test_a_curve_by_hand() -> None:
    score = np.array([0.05, 0.05, 0.15, 0.92, 0.94, 1.0])
    right = np.array([False, True, False, True, True, True])
    curve = calibration_curve(score, right)
    assert curve is not None
    assert curve["count"] == [2, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1]
    assert curve["score_mean"][:2] == pytest.approx([0.05, 0.15])
    assert curve["matched"][9] == 1
    assert curve["matched"][2] is None
    assert curve["ece"] == pytest.approx((2 * 0.45 + 0.15 + 2 * 0.07) / 6)


@pytest.mark.parametrize("score", [[], [0.5], [0.5, 1.5], [0.5, np.nan]])
def test_what_is_no_probability_has_no_curve(score: list[float]) -> None:
    assert calibration_curve(np.array(score), np.zeros(2, bool)) is None


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector("voronoi")


def shots(detector: Detector, seed: int, events: int, noise: float) -> list[Event]:
    options = SimulationOptions(particle="photon", energy=(2.0, 30.0), count=2, noise_hits=noise)
    return list(simulate(detector, "gun", events, seed=seed, options=options))


@pytest.fixture(scope="module")
def bundle(detector: Detector, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("calibrated") / "density"
    events = shots(detector, 1, 22, 2.0)
    row = calibrate("clusters-density", [(detector, events)], folder, "by hand", [{"name": "toy"}])
    assert row["found"] > 50
    return folder


def test_only_the_score_of_a_calibrated_bundle_changes(bundle: Path, detector: Detector) -> None:
    assert (bundle / WEIGHTS).read_bytes() == (find_bundle("clusters-density") / WEIGHTS).read_bytes()
    made = load_bundle(bundle).manifest["training"]["calibration"]
    assert (made["command"], made["data"]) == ("by hand", [{"name": "toy"}])
    event = shots(detector, 2, 1, 0.1)[0]
    one, two = (load_task(load_bundle(b), detector).reconstruct(event) for b in ("clusters-density", bundle))
    assert len(one) > 0
    assert one.energy.tobytes() == two.energy.tobytes()
    assert one.hit_index.tobytes() == two.hit_index.tobytes()


def test_showers_score_high_and_noise_low_in_events_it_never_saw(
    bundle: Path, detector: Detector, tmp_path: Path
) -> None:
    task, events = load_task(load_bundle(bundle), detector), shots(detector, 3, 8, 2.0)
    pairs = [(event, task.reconstruct(event)) for event in events]
    result = score_clusters(pairs, detector)
    curve = result["calibration"]
    assert curve["ece"] < 0.1
    assert curve["matched"][-1] is None or curve["matched"][-1] > 0.8
    low = curve["count"][:5]
    assert sum(low) > 10
    assert sum(n * (part or 0) for n, part in zip(low, curve["matched"][:5], strict=True)) < 0.35 * sum(low)
    result |= {"task": "clustering", "cpu_seconds_per_event": None}
    assert f"calibration error {100 * curve['ece']:.2f} %" in table(result)
    page = plots({"toy": result}, tmp_path, formats=("svg",))
    assert f"error {100 * curve['ece']:.1f} %" in (tmp_path / "calibration.svg").read_text()
    assert "calibration error" in page.read_text()


def test_what_cannot_be_calibrated_says_why(detector: Detector, tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="needed to calibrate with"):
        calibrate("clusters-density", [(detector, shots(detector, 4, 1, 0.0))], tmp_path / "b")
    assert not (tmp_path / "b").exists()
    hgcal = load_detector("hgcal")
    with pytest.raises(BadConfig, match="no score to calibrate"):
        calibrate("region-hgcal", [(hgcal, [])], tmp_path / "b")


def test_what_a_bundle_was_calibrated_on_is_said(bundle: Path, detector: Detector, tmp_path: Path) -> None:
    mine, events = shutil.copytree(bundle, tmp_path / "mine"), shots(detector, 2, 22, 2.0)
    said = calibrated_if_enough(mine, [(detector, events)], "by hand", [{"name": "toy"}])
    assert re.fullmatch(r"calibrated on \d+ clusters", said)


def test_a_bundle_without_scores_is_left_as_it_is() -> None:
    said = calibrated_if_enough("region-hgcal", [(load_detector("hgcal"), [])], "", [])
    assert said == "not calibrated: the task 'trigger' gives no score"
