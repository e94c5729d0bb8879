"""Layers of identity: older bundles do without, training them leaves energies as they are; errors are scaled by crowding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from gnnreco.bundle import load_bundle, load_task
from gnnreco.columns import Event
from gnnreco.errors import BadConfig
from gnnreco.geometry import Detector, load_detector
from gnnreco.models.showers.network import ClusterCells
from gnnreco.models.showers.weights import ShowerNetworkConfig
from gnnreco.schema import build
from gnnreco.simulate import SimulationOptions, simulate
from gnnreco.tasks.showers.company import COMPANY
from gnnreco.tasks.showers.config import ClusteringConfig, arrays
from gnnreco.tasks.showers.moments import MOMENTS
from gnnreco.tasks.showers.samples import JudgementSample
from gnnreco.tasks.showers.targets import ClusterTargets
from gnnreco.tasks.showers.task import ClusteringTask


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector("lar")


@pytest.fixture(scope="module")
def events(detector: Detector) -> list[Event]:
    options = SimulationOptions(particle="photon,pi0", energy=(5.0, 40.0), count=4)
    return list(simulate(detector, "gun", 2, seed=3, options=options))


def with_identity(detector: Detector) -> ClusteringTask:
    """`showers-lar`, which knows no layers of identity, with such layers."""
    bundle = load_bundle("showers-lar")
    config = build(ClusteringConfig, bundle.config)
    assert config.network.identity_hidden == 0
    network = replace(config.network, identity_hidden=8)
    task = ClusteringTask(replace(config, network=network, frozen=True, identity_only=True), detector)
    task.load_state(bundle.state)
    return task


def test_new_layers_of_identity_say_nothing_yet(detector: Detector, events: list[Event]) -> None:
    plain, task = load_task(load_bundle("showers-lar"), detector), with_identity(detector)
    for event in events:
        one, two = plain.reconstruct(event), task.reconstruct(event)
        assert len(one) > 0
        for name in ("energy", "energy_sigma", "class_probability"):
            np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


def test_axes_of_pieces_say_nothing_yet(detector: Detector, events: list[Event]) -> None:
    bundle = load_bundle("showers-lar")
    config = build(ClusteringConfig, bundle.config)
    network = replace(config.network, piece_axes=True)
    plain, task = load_task(bundle, detector), ClusteringTask(replace(config, network=network), detector)
    task.load_state(bundle.state)
    for event in events:
        one, two = plain.reconstruct(event), task.reconstruct(event)
        np.testing.assert_array_equal(one.hit_index, two.hit_index)
        np.testing.assert_allclose(one.energy, two.energy, rtol=1e-6)
    shapes = {name: array.shape for name, array in task.state().items()}
    assert shapes == {name: numbers.shape for name, numbers in arrays(task.config).items()}


def test_training_identity_changes_classes_and_no_energy(detector: Detector, events: list[Event]) -> None:
    task = with_identity(detector)
    before, old = [task.reconstruct(event) for event in events], task.state()
    optimizer = torch.optim.AdamW(task.network.parameters(), lr=0.01)
    samples = [task.sample(event) for event in events]
    first = [task.loss(sample)[1]["class_loss"] for sample in samples]
    for _ in range(30):
        for sample in samples:
            optimizer.zero_grad()
            task.loss(sample)[0].backward()
            optimizer.step()
    last = [task.loss(sample)[1]["class_loss"] for sample in samples]
    assert sum(last) < 0.8 * sum(first)
    for name, array in task.state().items():
        assert name.startswith("network.identity.") or (array == old[name]).all()
    for event, one in zip(events, before, strict=True):
        two = task.reconstruct(event)
        kept = np.isin(one.energy, two.energy)  # fewer or more may now be noise
        assert kept.sum() > 0.5 * len(one)
        assert np.abs(one.class_probability[kept] - two.class_probability[: kept.sum()]).max() > 0.05


def test_identity_only_without_such_layers_is_refused(detector: Detector) -> None:
    config = ClusteringConfig(finder="edges", network=ShowerNetworkConfig(identity_hidden=8))
    for wrong in (replace(config, frozen=True, network=ShowerNetworkConfig()), config):
        with pytest.raises(BadConfig, match=r"task\.identity_only needs"):
            ClusteringTask(replace(wrong, identity_only=True), detector)


def test_errors_are_scaled_apart_for_showers_that_are_alone_and_others(detector: Detector) -> None:
    task, n, rng = with_identity(detector), 2000, np.random.default_rng(5)
    crowded = rng.random(n) < 0.5
    moments = torch.zeros(n, len(MOMENTS))
    moments[:, MOMENTS.index("foreign")] = torch.from_numpy(np.where(crowded, 0.2, 0.0))
    rows = torch.arange(n + 1)
    shares, company = ClusterCells(rows[:-1], rows[:-1], torch.ones(n), rows), torch.zeros(n, len(COMPANY))
    cells = torch.zeros(n, 24), torch.ones(n)

    def judged() -> tuple[np.ndarray, np.ndarray]:
        with torch.no_grad():
            log_energy, log_sigma, _ = task.network.showers(*cells, shares, moments, company)
        return log_energy.exp().numpy(), log_sigma.exp().numpy()

    energy, _ = judged()
    off = rng.normal(size=n) * np.where(crowded, 0.3, 0.05)  # those in crowds are wrong by six times as much
    targets = ClusterTargets(energy.astype(np.float64) * (1 + off), np.zeros(n, np.int64))
    task.finish([JudgementSample(*cells, shares, moments, company, targets)])
    inside = np.abs(off) < judged()[1]
    assert [inside[crowded].mean(), inside[~crowded].mean()] == pytest.approx([0.6827] * 2, abs=0.01)
