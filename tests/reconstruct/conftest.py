"""Events, and a bundle of the task in `toy`."""

from __future__ import annotations

from pathlib import Path

import pytest

from gnnreco.events import write_events
from gnnreco.geometry import load_detector
from gnnreco.tasks import registry
from tests.reconstruct.toy import DETECTOR, KIND, N, event, save


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("events")
    write_events(
        (event(i, 3 + i if i != 5 else 0) for i in range(N)), folder, detector=load_detector(DETECTOR)
    )
    return folder


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(registry.TASKS, "one-track", KIND)
    return save(tmp_path / "model")
