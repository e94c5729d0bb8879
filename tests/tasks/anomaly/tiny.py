"""A small anomaly task that learned from few events of a tracker and a calorimeter, and has a p-value for any event."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from gnnreco.bundle import save_bundle
from gnnreco.columns import Event
from gnnreco.geometry import load_detector
from gnnreco.schema import plain
from gnnreco.simulate import SimulationOptions, simulate
from gnnreco.tasks.anomaly import AnomalyConfig, AnomalyTask

SLAB = Path(__file__).parents[2] / "third_party" / "gnnreco_one_shower" / "slab"
PHOTONS = SimulationOptions(particle="photon", energy=(5.0, 20.0), eta=(2.5, 3.0), count=2)
SETTINGS = AnomalyConfig(hidden=4, width=4, mixtures=1, fitted=0.5)


def photons(events: int, seed: int) -> list[Event]:
    """Normal events."""
    return list(simulate(load_detector(SLAB), "gun", events, seed=seed, options=PHOTONS))


@cache
def tiny() -> AnomalyTask:
    """The task: its network is that of the start, its head and its p-values are those of 20 events each."""
    task = AnomalyTask.from_config(SETTINGS, load_detector(SLAB))
    samples = [task.sample(event) for event in photons(40, seed=1)]
    task.prepare_from(samples)
    task.finish(samples)
    return task


def tiny_bundle(folder: Path) -> Path:
    """The same as a bundle."""
    save_bundle(folder, "anomaly", plain(SETTINGS), tiny().state(), load_detector(SLAB), {}, {})
    return folder
