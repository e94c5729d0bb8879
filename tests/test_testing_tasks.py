"""The conformance suite for tasks: every registered one passes, one that breaks the contract is named."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from gnnreco.bundle import load_bundle
from gnnreco.columns import Event, Tracks
from gnnreco.geometry import load_detector
from gnnreco.models.trigger.network import TriggerNetworkConfig
from gnnreco.schema import build
from gnnreco.simulate import SimulationOptions, simulate
from gnnreco.tasks.fastsim import FastSimConfig
from gnnreco.tasks.particleflow import ParticleFlowConfig
from gnnreco.tasks.registry import Kind, find_task, task_names
from gnnreco.tasks.tracking import TrackingConfig, TrackingTask
from gnnreco.tasks.trigger import TriggerConfig
from gnnreco.tasks.trigger.inputs import InputConfig
from gnnreco.testing import TASK_CHECKS, TaskCase, check_task
from tests.conftest import HEAD
from tests.tasks.anomaly.tiny import SETTINGS, photons, tiny
from tests.tasks.particleflow.found import simulated
from tests.tasks.particleflow.whole import WHOLE

SLAB = Path(__file__).parent / "third_party" / "gnnreco_one_shower" / "slab"  # a tracker and a calorimeter
PHOTONS = SimulationOptions(particle="photon", energy=(5.0, 20.0), eta=(2.5, 3.0), count=2)


def of_bundle(name: str, detector: str | Path, events: list[Event]) -> TaskCase:
    bundle = load_bundle(name)
    settings = build(find_task(bundle.task).load()[1], bundle.config)
    return TaskCase(bundle.task, detector, events, settings, bundle.state)


def tracking() -> TaskCase:
    options = SimulationOptions(particle="muon", energy=(2.0, 6.0), count=3, noise_hits=0.2)
    events = list(simulate(load_detector("telescope"), "beam", 2, seed=5, options=options))
    return of_bundle("tracking-telescope", "telescope", events)


def clustering() -> TaskCase:
    return of_bundle(
        "showers-any", SLAB, list(simulate(load_detector(SLAB), "gun", 2, seed=3, options=PHOTONS))
    )


def drift() -> TaskCase:
    options = SimulationOptions(count=2, particle="pion", energy=(0.5, 5.0), eta=(-0.8, 0.8))
    return of_bundle("tpc", "tpc", list(simulate(load_detector("tpc"), "gun", 1, seed=7, options=options)))


def particleflow() -> TaskCase:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "detector.yaml").write_text(HEAD % ("whole", 2) + WHOLE.lstrip("\n"))
        detector = load_detector(folder)
    settings = ParticleFlowConfig(least_score=0.0)  # untrained: every owner is told
    return TaskCase("particleflow", detector, list(simulated(detector, 2)), settings)


def trigger() -> TaskCase:
    network = TriggerNetworkConfig(
        kind="nodes",
        messages="senders",
        slots=6,
        edge_layers=(4,),
        node_layers=(3,),
        head_layers=(4,),
        outputs=2,
    )
    detector = load_detector("clic_ecal")
    options = SimulationOptions(particle="photon,pion", count=4, energy=(5.0, 50.0))
    events = list(simulate(detector, "gun", 1, seed=3, options=options))
    return TaskCase("trigger", detector, events, TriggerConfig(InputConfig("regions", 3), network))


def fastsim() -> TaskCase:
    events = list(simulate(load_detector(SLAB), "gun", 2, seed=3, options=PHOTONS))
    return TaskCase("fastsim", SLAB, events, FastSimConfig(hidden=8, deposit=8, layers=40, points=4))


def anomaly() -> TaskCase:
    return TaskCase("anomaly", SLAB, photons(2, seed=3), SETTINGS, tiny().state())


CASES: dict[str, Callable[[], TaskCase]] = {
    "tracking": tracking,
    "clustering": clustering,
    "drift": drift,
    "particleflow": particleflow,
    "trigger": trigger,
    "fastsim": fastsim,
    "anomaly": anomaly,
}


@pytest.fixture(scope="module", params=task_names())
def case(request: pytest.FixtureRequest) -> TaskCase:
    assert request.param in CASES, "a new task: give it a case here"
    return CASES[request.param]()


@pytest.mark.parametrize("check", TASK_CHECKS, ids=lambda check: check.__name__)
def test_every_task_conforms(case: TaskCase, check: Callable[[TaskCase], None]) -> None:
    check(case)


def test_the_cases_have_something_to_find(case: TaskCase) -> None:
    if case.reconstructs:
        assert all(len(case.task.reconstruct(event)) for event in case.events)


class Broken(TrackingTask):
    """Names hits that are not there, and depends on their order."""

    def reconstruct(self, event: Event) -> Tracks:
        found = super().reconstruct(event)
        return replace(found, hit_index=found.hit_index + 1, d0=found.d0 + event.hits.x[:1].sum())


def test_a_broken_task_is_named_with_all_its_faults() -> None:
    whole = tracking()
    broken = Kind(whole.kind.needs, Tracks, lambda: (Broken, TrackingConfig))
    with pytest.raises(AssertionError, match=r"Broken:\norder_of_hits_does_not_matter: .*\n(.*\n)*hits_are"):
        check_task(broken, "telescope", whole.events, whole.settings, whole.task.state())


@dataclass(frozen=True)
class Needless:
    x: np.ndarray
    number: int


def test_a_sample_of_other_than_tensors_is_refused() -> None:
    from gnnreco.train.flat import flatten

    with pytest.raises(TypeError, match=r"number of a Needless is neither a tensor"):
        flatten(Needless(np.zeros(3), 1))
