"""Several bundles for anomalies run in one pass, and what a bundle looks at decides what has to run before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gnnreco.bundle import save_bundle
from gnnreco.columns import Event
from gnnreco.errors import BadBundle
from gnnreco.events import write_events
from gnnreco.events.anomalies_file import read_anomalies
from gnnreco.geometry import Detector
from gnnreco.pipeline import Reconstructor, Stage, choose
from gnnreco.reconstruct import reconstruct
from gnnreco.schema import plain
from gnnreco.tasks.anomaly import AnomalyTask
from tests.tasks.particleflow.whole import WHOLE

from .conftest import SMALL


@pytest.fixture
def bundles(tmp_path: Path, task: AnomalyTask) -> list[Path]:
    """The same task twice, in folders of two names."""
    folders = [tmp_path / "anomaly-one", tmp_path / "anomaly-two"]
    for folder in folders:
        save_bundle(folder, "anomaly", plain(task.config), task.state(), task.detector, {}, {})
    return folders


def test_two_bundles_score_in_one_pass(
    bundles: list[Path], detector: Detector, events: list[Event], tmp_path: Path
) -> None:
    found = Reconstructor(detector, bundles)(events[0])
    assert list(found) == ["anomaly-one", "anomaly-two"]
    assert found["anomaly-one"] == found["anomaly-two"]
    alone = Reconstructor(detector, bundles[0])(events[0])
    assert list(alone) == ["anomaly"]


def test_each_writes_into_a_folder_of_its_name(
    bundles: list[Path],
    detector: Detector,
    detector_folder: Callable[..., Path],
    events: list[Event],
    tmp_path: Path,
) -> None:
    write_events(events[:3], tmp_path / "events")
    folder = detector_folder("whole", WHOLE, 2)
    manifest = reconstruct(tmp_path / "events", folder, bundles, tmp_path / "out")
    assert list(manifest["tasks"]) == ["anomaly-one", "anomaly-two"]
    assert [part["task"] for part in manifest["tasks"].values()] == ["anomaly", "anomaly"]
    rows = [list(read_anomalies(tmp_path / "out" / name)) for name in manifest["tasks"]]
    assert [number for number, _, _ in rows[0]] == [event.number for event in events[:3]]
    assert all(one[2] == two[2] for one, two in zip(*rows, strict=True))
    again = reconstruct(tmp_path / "events", folder, bundles, tmp_path / "out", overwrite=True)
    assert again["events_out"] == 3


def test_two_bundles_of_one_name_are_refused(bundles: list[Path], detector: Detector) -> None:
    with pytest.raises(BadBundle, match="one bundle for each task"):
        choose(detector, [bundles[0], bundles[0]])


@pytest.mark.parametrize("level", ["particles", "jets"])
def test_what_it_looks_at_must_be_found_before(tmp_path: Path, detector: Detector, level: str) -> None:
    config = replace(SMALL, level=level)  # type: ignore[arg-type]  # one of them
    state = {
        name: np.zeros([n if isinstance(n, int) else 1 for n in numbers.shape], numbers.dtype)
        for name, numbers in AnomalyTask.arrays(config, detector).items()
    }
    save_bundle(tmp_path / "bundle", "anomaly", plain(config), state, detector, {}, {})
    assert Stage.open(tmp_path / "bundle").needs == config.needs
    with pytest.raises(
        BadBundle, match="needs tracks and clusters and reconstructedparticles; name a bundle"
    ):
        choose(detector, [tmp_path / "bundle"])
