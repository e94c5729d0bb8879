"""The fast simulation learns showers, says the same in torch and in its kernels, and serves several detectors at once."""

# ruff: noqa: F811  # fixtures of another module

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import gnnreco
from gnnreco.bundle import load_bundle, load_engine, load_task
from gnnreco.columns import Event
from gnnreco.errors import BadBundle, BadConfig
from gnnreco.geometry import Detector
from gnnreco.models.fastsim.arrays import fastsim_arrays
from gnnreco.models.state import checked
from gnnreco.simulate import SimulationOptions, simulate
from gnnreco.simulate.showers.learned.numbers import linear, through
from gnnreco.tasks.contract import PreparesFromSamples
from gnnreco.tasks.fastsim import FastSimConfig, FastSimTask
from gnnreco.tasks.fastsim.samples import layers_of, points_of, sample_of
from gnnreco.train import TrainConfig, train
from tests.simulate.showers.test_learned import events, sandwich, task  # noqa: F401  # fixtures

SMALL = FastSimConfig(hidden=8, deposit=8, layers=40, points=4)


def test_a_sample_holds_the_showers(sandwich: Detector, events: list[Event]) -> None:
    sample = sample_of(sandwich, events[0], 0.0)
    layers = layers_of(sample)
    assert len(sample.energy) == 2
    assert len(layers.count) == 2 * 20
    assert layers.count.sum() == len(sample.points)
    assert layers.energy.sum() == pytest.approx(float(sample.points[:, 2].sum()), rel=1e-5)
    assert (sample.before[::20] == -1).all()


def test_points_are_drawn_with_what_they_may_hang_on(sandwich: Detector, events: list[Event]) -> None:
    sample = sample_of(sandwich, events[0], 0.0)
    points = points_of(sample, 10, 3, seed=1)
    assert len(points.features) == 10
    assert torch.bincount(points.layer).max() <= 3
    count = torch.diff(points.first)
    assert (points.rank >= 0).all()
    assert (points.rank < count[points.layer]).all()
    assert len(points.points) == count.sum()
    assert len(points.parents) == points.parent_first[-1]
    again = points_of(sample, 10, 3, seed=1)
    assert torch.equal(points.points, again.points)
    assert not torch.equal(points.rank, points_of(sample, 10, 3, seed=2).rank)


def test_kernels_and_torch_agree(task: FastSimTask, events: list[Event]) -> None:
    engine, sample = task.engine().electromagnetic, task.sample(events[0])
    assert engine is not None
    with torch.no_grad():
        hidden = task.network.layer.trunk(sample.features)
        given = task.network.layer.number(hidden)
    for i in (0, 7, 21):
        mine = through(engine.layer.trunk, sample.features[i].numpy().copy())
        np.testing.assert_allclose(mine, hidden[i].numpy(), atol=1e-5)
        np.testing.assert_allclose(linear(mine, engine.layer.number), given[i].numpy(), atol=1e-5)


def test_training_teaches_it(sandwich: Detector, events: list[Event], tmp_path: Path) -> None:
    learner = FastSimTask(SMALL, sandwich)
    config = TrainConfig(epochs=6, learning_rate=0.01, batch=2)
    train(learner, events[:3], events[3:], config, tmp_path / "bundle")
    rows = (tmp_path / "bundle" / "training" / "metrics.csv").read_text().splitlines()
    column = rows[0].split(",").index("validation_loss")
    assert float(rows[-1].split(",")[column]) < float(rows[1].split(",")[column]) - 0.1
    again = load_task(load_bundle(tmp_path / "bundle"), sandwich)
    assert again.state().keys() == learner.state().keys()
    made = list(
        gnnreco.simulate(
            sandwich, "beam", 1, seed=2, engine=tmp_path / "bundle", particle="photon", energy=(10.0, 12.0)
        )
    )
    assert len(made[0].hits) > 0


def test_scales_come_from_all_detectors(sandwich: Detector, events: list[Event]) -> None:
    thin = replace(sandwich, radiation_lengths=np.full(20, 0.5))
    options = SimulationOptions(particle="photon", energy=(1.0, 20.0), cell_noise=0.0, cell_threshold=0.0)
    others = list(simulate(thin, "beam", 2, seed=1, options=options))
    learner, other = FastSimTask(SMALL, sandwich), FastSimTask(SMALL, thin)
    assert isinstance(learner, PreparesFromSamples)
    learner.prepare_from([*(learner.sample(e) for e in events), *(other.sample(e) for e in others)])
    low, high = learner.ranges[:, 0]
    assert (low, high) == pytest.approx((np.log(0.5), 0.0), abs=1e-5)


def test_what_is_trained_keeps_its_scales_and_widens_its_ranges(
    sandwich: Detector, events: list[Event]
) -> None:
    learner = FastSimTask(SMALL, sandwich)
    learner.prepare(events[:2])
    before, low = learner.state(), learner.energies[0]
    soft = SimulationOptions(particle="photon", energy=(0.2, 0.5), cell_noise=0.0, cell_threshold=0.0)
    learner.prepare(list(simulate(sandwich, "beam", 3, seed=1, options=soft)))
    after = learner.state()
    for name in ("layer.trunk.mean", "points.trunk.scale", "total.trunk.scale"):
        assert np.array_equal(before[f"network.{name}"], after[f"network.{name}"])
    assert learner.energies[0] < low
    assert learner.energies[1] == before["energies"][1]


def test_without_showers_there_is_nothing_to_learn(sandwich: Detector) -> None:
    muons = list(simulate(sandwich, "beam", 1, seed=1, particle="muon", energy=(5.0, 6.0)))
    with pytest.raises(BadConfig, match="no shower"):
        FastSimTask(SMALL, sandwich).prepare(muons)


def test_two_bundles_for_the_same_particles_are_one_too_many() -> None:
    with pytest.raises(BadBundle, match="same particles"):
        load_engine("fastsim", "fastsim-any")


def test_a_bundle_of_another_task_makes_no_showers() -> None:
    with pytest.raises(BadBundle, match="is for tracking"):
        load_engine("tracking-telescope")


@pytest.mark.parametrize("name", ["network.layer.most", "network.total.most"])
def test_a_bundle_cannot_ask_for_endless_points(name: str) -> None:
    bundle = load_bundle("fastsim-any")
    expected = fastsim_arrays(bundle.config["hidden"], bundle.config["deposit"])
    assert checked(bundle.state, expected).keys() == expected.keys()
    with pytest.raises(ValueError, match=name):
        checked({**bundle.state, name: np.full_like(bundle.state[name], 80.0)}, expected)
