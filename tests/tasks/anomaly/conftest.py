"""A small detector with a tracker and a calorimeter, normal events in it, and a task that has seen them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gnnreco.columns import Event
from gnnreco.geometry import Detector, load_detector
from gnnreco.simulate import SimulationOptions, simulate
from gnnreco.tasks.anomaly import AnomalyConfig, AnomalyTask
from tests.tasks.particleflow.whole import WHOLE

SMALL = AnomalyConfig(hidden=4, width=16, mixtures=2)
NORMAL = SimulationOptions(particle="pion,photon", energy=(2.0, 10.0), count=4, eta=(1.8, 2.6))


@pytest.fixture(scope="session")
def detector(detector_folder: Callable[..., Path]) -> Detector:
    return load_detector(detector_folder("whole", WHOLE, 2))


@pytest.fixture(scope="session")
def events(detector: Detector) -> list[Event]:
    return list(simulate(detector, "gun", 60, seed=3, options=NORMAL))


@pytest.fixture(scope="session")
def task(detector: Detector, events: list[Event]) -> AnomalyTask:
    """Its network is as it was born, scaled to the events; head and calibration are fitted."""
    task = AnomalyTask(SMALL, detector)
    samples = [task.sample(event) for event in events]
    task.prepare_from(samples)
    task.finish(samples[:55])
    return task
