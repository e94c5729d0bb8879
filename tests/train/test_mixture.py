"""Training on two detectors at once: each event goes to its own, and the bundle serves any."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from gnnreco.bundle import load_bundle
from gnnreco.columns import Event
from gnnreco.errors import BadBundle, BadConfig
from gnnreco.events import write_events
from gnnreco.geometry import load_detector
from gnnreco.simulate import SimulationOptions, simulate
from gnnreco.train import TrainConfig, train
from gnnreco.train.mixture import Everywhere, Mixture, apart, elsewhere, place_of
from gnnreco.train.settings import SampleConfig, compose, run_training
from tests.train.toy import ToySample, ToyTask, events

STACK = """
templates:
  pads: {kind: grid, pitch: [PITCH, PITCH], cells: [30, 30], thickness: 0.3}
subsystems:
  calo:
    measures: [energy]
    material: {radiation_lengths: 2.5, interaction_lengths: 0.1, moliere_radius: 24, sampling_fraction: 0.02}
sensors:
  - {rule: planes, template: pads, subsystem: calo, z: [1000, 1012, 1024, 1036, 1048, 1060, 1072, 1084]}
"""
SMALL = (
    "sample.events=2",
    "sample.validation_events=1",
    "sample.simulation.count=2",
    "sample.simulation.eta=[2.5,3.0]",
    "sample.simulation.energy=[5,10]",
    "sample.simulation.particle=photon",
    "model.hidden=8",
    "model.shower_hidden=8",
    "train.epochs=1",
    "train.threads=1",
)


@pytest.fixture(scope="module")
def three(detector_folder: Callable[..., Path]) -> list[Path]:
    pitches = {"fine": "12", "coarse": "20", "other": "16"}
    return [detector_folder(name, STACK.replace("PITCH", pitch)) for name, pitch in pitches.items()]


class Placed(ToyTask):
    """Counts the events that it prepares samples of."""

    def __init__(self, place: int) -> None:
        super().__init__(dropout=0.0)
        self.place, self.seen = place, set[int]()

    def sample(self, event: Event) -> ToySample:
        assert place_of(event) == self.place
        self.seen.add(event.number)
        return super().sample(event)


def test_an_event_of_elsewhere_is_the_same_event() -> None:
    (event,) = events(1)
    moved = elsewhere(event, 3)
    assert moved.place == 3
    for field in fields(Event):
        assert getattr(moved, field.name) is getattr(event, field.name)


def test_events_go_to_their_own_task_and_the_first_learns(tmp_path: Path) -> None:
    tasks = [Placed(0), Placed(1), Placed(2)]
    before = [{k: v.clone() for k, v in t.network.state_dict().items()} for t in tasks]
    mixed = (
        events(4) + [elsewhere(e, 1) for e in events(3, 1, 10)] + [elsewhere(e, 2) for e in events(2, 2, 20)]
    )
    train(Mixture(tasks), mixed, [elsewhere(e, 1) for e in events(1, 3, 30)], TrainConfig(epochs=2), tmp_path)
    assert [t.seen for t in tasks] == [{0, 1, 2, 3}, {10, 11, 12, 30}, {20, 21}]
    assert [t.prepared for t in tasks] == [1, 0, 0]
    changed = [
        any((t.network.state_dict()[k] != v).any() for k, v in b.items()) for t, b in zip(tasks, before)
    ]
    assert changed == [True, False, False]
    assert load_bundle(tmp_path).manifest["training"]["events"] == 9


def test_a_bundle_of_two_detectors_serves_a_third(three: list[Path], tmp_path: Path) -> None:
    one, two, third = three
    settings = compose("clustering", [f"detector={one}", f"sample.detectors=['{two}']", *SMALL])
    row = run_training(settings, tmp_path)
    assert np.isfinite(row["validation_loss"])
    bundle, other = load_bundle(tmp_path), load_detector(third)
    assert bundle.manifest["detector"]["hash"] == "any"
    assert bundle.manifest["training"]["events"] == 4
    assert bundle.manifest["training"]["data"]["sample"]["detectors"] == [two.name]
    bundle.check_detector(other)
    alone = compose("clustering", [f"detector={one}", *SMALL])
    run_training(alone, tmp_path / "alone")
    with pytest.raises(BadBundle, match="trained on detector 'fine'"):
        load_bundle(tmp_path / "alone").check_detector(other)


def test_files_of_the_first_detector_are_told(three: list[Path], tmp_path: Path) -> None:
    detector = load_detector(three[0])
    options = SimulationOptions(particle="photon", energy=(5.0, 10.0), eta=(2.5, 3.0))
    write_events(simulate(detector, "gun", 3, options=options), tmp_path / "events", "parquet", detector)
    words = [
        f"detector={three[0]}",
        f"sample.detectors=['{three[1]}']",
        f"sample.inputs=['{tmp_path}/events']",
    ]
    run_training(compose("clustering", [*words, *SMALL]), tmp_path / "bundle")
    data = load_bundle(tmp_path / "bundle").manifest["training"]["data"]
    assert data["files"]
    assert all(len(file["sha256"]) == 64 for file in data["files"])


def test_files_go_to_the_detector_that_they_were_made_for(three: list[Path], tmp_path: Path) -> None:
    detectors = [load_detector(folder) for folder in three[:2]]
    options = SimulationOptions(particle="photon", energy=(5.0, 10.0), eta=(2.5, 3.0))
    for detector, count in zip(detectors, (3, 4)):
        made = simulate(detector, "gun", count, options=options)
        write_events(made, tmp_path / detector.name, "parquet", detector)
    sample = SampleConfig(
        inputs=(f"{tmp_path}/coarse", f"{tmp_path}/fine"), validation=(f"{tmp_path}/coarse",)
    )
    first, second = apart(sample, detectors)
    assert [Path(name).parent.name for name in (*first.inputs, *second.inputs)] == ["fine", "coarse"]
    assert not first.validation
    assert second.validation == second.inputs
    with pytest.raises(BadConfig, match="of coarse stands alone"):
        apart(SampleConfig(inputs=(f"{tmp_path}/fine",), validation=(f"{tmp_path}/coarse",)), detectors)
    words = [f"detector={three[0]}", f"sample.detectors=['{three[1]}']"]
    words.append(f"sample.inputs=['{tmp_path}/fine','{tmp_path}/coarse']")
    run_training(compose("clustering", [*words, *SMALL]), tmp_path / "bundle")
    training = load_bundle(tmp_path / "bundle").manifest["training"]
    assert len(training["data"]["files"]) == 2
    assert training["events"] == 4


def test_events_of_several_detectors_are_read_when_asked_for() -> None:
    parts = [events(2), [], events(3, 1, 10)]
    everywhere = Everywhere(parts)
    assert [(e.number, place_of(e)) for e in everywhere] == [(0, 0), (1, 0), (10, 2), (11, 2), (12, 2)]
    with pytest.raises(IndexError):
        everywhere[5]


def test_a_task_of_one_detector_refuses_others(tmp_path: Path) -> None:
    settings = compose("tracking", ["detector=telescope", "sample.detectors=[trackml]", "sample.events=1"])
    with pytest.raises(BadConfig, match=r"sample\.detectors: the task 'tracking' learns from one detector"):
        run_training(settings, tmp_path / "bundle")
