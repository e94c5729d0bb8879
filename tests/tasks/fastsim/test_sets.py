"""Points of a whole shower at once, by a flow or a GAN: energies kept exactly, order and direction say nothing."""

# ruff: noqa: F811  # fixtures of another module

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.bundle import load_bundle, load_engine, load_task, save_bundle
from gnnreco.columns import Event
from gnnreco.errors import BadBundle, BadConfig
from gnnreco.geometry import Detector
from gnnreco.models.fastsim.arrays import fastsim_arrays
from gnnreco.models.fastsim.sets import PointGan
from gnnreco.models.state import checked
from gnnreco.simulate import simulate
from gnnreco.simulate.showers.learned import Engine, Engines
from gnnreco.simulate.showers.learned.points import DEPOSIT, A, B
from gnnreco.simulate.showers.learned.sets import hidden_layers, laid_out, place_sets, velocity
from gnnreco.simulate.showers.learned.weights import FLOW, GAN
from gnnreco.tasks.fastsim import FastSimConfig, FastSimTask
from gnnreco.tasks.fastsim.sets import pair, scaled, sets_of
from gnnreco.train import TrainConfig, train
from gnnreco.train.settings import compose
from tests.simulate.showers.test_learned import PHOTONS, events, sandwich  # noqa: F401  # fixtures

BOTH = (FLOW, GAN)
SMALL = FastSimConfig(hidden=8, deposit=8, layers=40, width=8, steps=2)
LAYERS = 6


@pytest.fixture(scope="module")
def tasks(sandwich: Detector, events: list[Event]) -> dict[str, FastSimTask]:
    """Scaled to the events, but not trained, and with a preference for one direction: what must hold holds for any weights."""
    made = {name: FastSimTask(replace(SMALL, generator=name, seed=3), sandwich) for name in BOTH}
    for task in made.values():
        task.prepare(events)
        with torch.no_grad():
            task.network.points.sets.out.bias[:] = torch.tensor([2.0, 0.5, 0.3])
    return made


@pytest.fixture(scope="module")
def engines(tasks: dict[str, FastSimTask]) -> dict[str, Engine]:
    made = {name: task.engine().electromagnetic for name, task in tasks.items()}
    return {name: engine for name, engine in made.items() if engine is not None}


def drawn(engine: Engine, counts: list[int], seed: int, energy: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Points of a shower with so many in each layer, and the layer of each."""
    assert engine.sets is not None
    numbers = np.array(counts)
    x = np.zeros((len(numbers), len(engine.sets.trunk.mean)), np.float32)
    x[:, -2] = np.log1p(numbers)
    means, moliere = np.full(len(numbers), energy), np.full(len(numbers), 20.0)
    points = place_sets(np.random.default_rng(seed), x, numbers, means, moliere, engine.sets)
    return points, np.repeat(np.arange(len(numbers)), numbers)


@pytest.mark.parametrize("name", BOTH)
@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 60), min_size=1, max_size=9), st.floats(0.1, 50.0), st.integers(0, 1 << 30))
def test_the_points_of_each_layer_share_its_energy_exactly(
    engines: dict[str, Engine], name: str, counts: list[int], mean: float, seed: int
) -> None:
    points, layer = drawn(engines[name], counts, seed, mean)
    assert points.shape == (sum(counts), 3)
    assert np.isfinite(points).all()
    assert (points[:, DEPOSIT] > 0).all()
    sums = np.bincount(layer, points[:, DEPOSIT], minlength=len(counts))
    np.testing.assert_allclose(sums, np.array(counts) * mean, rtol=1e-12)


@pytest.mark.parametrize("name", BOTH)
def test_no_direction_around_the_axis_is_special(engines: dict[str, Engine], name: str) -> None:
    sums = np.zeros(4, complex)
    for seed in range(400):
        points, _ = drawn(engines[name], [10, 10], seed)
        sums += np.exp(1j * np.arange(1, 5)[:, None] * np.arctan2(points[:, B], points[:, A])).mean(axis=1)
    assert (abs(sums / 400) < 0.13).all()  # one direction of 400 showers: four deviations are 0.1


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1 << 30))
def test_the_order_of_points_says_nothing(engines: dict[str, Engine], seed: int) -> None:
    rng, weights = np.random.default_rng(seed), engines[FLOW].sets
    assert weights is not None
    counts = rng.integers(0, 12, LAYERS)
    first, layer = np.append(0, np.cumsum(counts)), np.repeat(np.arange(LAYERS), counts)
    z = rng.standard_normal((len(layer), 3)).astype(np.float32)
    hidden = rng.standard_normal((LAYERS, SMALL.hidden)).astype(np.float32)
    order = np.lexsort([rng.random(len(layer)), layer])
    straight = velocity(z, first, hidden, 1, weights)
    np.testing.assert_allclose(
        velocity(z[order], first, hidden, 1, weights), straight[order], rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("name", BOTH)
def test_kernels_and_torch_agree(tasks: dict[str, FastSimTask], events: list[Event], name: str) -> None:
    task = tasks[name]
    sets = sets_of(task.sample(events[0]), 1000, False, seed=1)
    engine = task.engine().electromagnetic
    assert engine is not None
    weights, counts = engine.sets, np.bincount(sets.layer.numpy(), minlength=len(sets.shower))
    assert weights is not None
    for shower in (0, 1):
        rows = sets.shower.numpy() == shower
        points = rows[sets.layer.numpy()]
        hidden = hidden_layers(sets.features.numpy()[rows], counts[rows], weights)
        ours = velocity(sets.noise.numpy()[points], np.append(0, np.cumsum(counts[rows])), hidden, 0, weights)
        with torch.no_grad():
            theirs = task.network.points.sets(sets.noise, sets, torch.zeros_like(sets.shower)).numpy()
        np.testing.assert_allclose(ours, theirs[points], atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 50), st.integers(0, 1 << 30))
def test_points_come_back_from_the_scale_of_the_network(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    before = np.abs(rng.standard_normal((n, 3))).astype(np.float32) + 1e-3
    mean = np.full(n, before[:, 2].mean())
    z = scaled(before, np.full(n, 20.0, np.float32), mean)
    after = laid_out(rng, z, np.array([0, n]), mean[:1], np.array([20.0]))
    np.testing.assert_allclose(np.hypot(after[:, A], after[:, B]), np.hypot(*before[:, :2].T), rtol=1e-4)
    np.testing.assert_allclose(after[:, DEPOSIT], before[:, 2], rtol=1e-4)
    turn = (after[:, A] + 1j * after[:, B]) / (before[:, 0] + 1j * before[:, 1])
    mirrored = (after[:, A] + 1j * after[:, B]) / (before[:, 0] - 1j * before[:, 1])
    assert min(np.ptp(turn.real), np.ptp(mirrored.real)) < 1e-3  # all were turned alike


def test_noise_is_paired_within_layers() -> None:
    rng = np.random.default_rng(1)
    z, noise = (rng.standard_normal((90, 3)).astype(np.float32) for _ in range(2))
    first = np.array([0, 1, 1, 30, 90])
    paired = pair(z, noise, first)
    for begin, end in pairwise(first):
        assert np.array_equal(np.sort(paired[begin:end], axis=0), np.sort(noise[begin:end], axis=0))
    assert ((z - paired) ** 2).sum() < 0.5 * ((z - noise) ** 2).sum()


def test_the_generator_leaves_the_critic_alone(tasks: dict[str, FastSimTask], events: list[Event]) -> None:
    gan = tasks[GAN].network.points
    assert isinstance(gan, PointGan)
    parts = gan.eval()(sets_of(tasks[GAN].sample(events[0]), 40, False, seed=1))
    weights = list(gan.critic.parameters())
    assert all(
        g is None for g in torch.autograd.grad(parts["generator"], weights, None, True, allow_unused=True)
    )
    own = list(gan.sets.parameters())
    assert all(g is None for g in torch.autograd.grad(parts["critic"], own, None, True, allow_unused=True))
    assert tasks[GAN].adversarial
    assert not tasks[FLOW].adversarial


# Whole events compile all kernels of showers once more, for generators that no shipped bundle has.
@pytest.mark.slow
@pytest.mark.parametrize("name", BOTH)
def test_an_event_depends_on_the_seed_and_its_number_alone(
    sandwich: Detector, engines: dict[str, Engine], name: str
) -> None:
    def made(first: int, n: int, seed: int = 5) -> list[Event]:
        engine = Engines(engines[name])
        return list(simulate(sandwich, "beam", n, 0, seed, PHOTONS, first, engine, beam_width=20.0))

    both, last = made(0, 2), made(1, 1)
    assert both[1].hits == last[0].hits
    assert both[0].hits != both[1].hits
    assert made(0, 1, seed=6)[0].hits != both[0].hits
    assert both[0].hits.energy is not None
    assert (both[0].hits.energy > 0).all()


@pytest.mark.parametrize("name", BOTH)
def test_training_moves_it_and_a_bundle_keeps_it(
    sandwich: Detector, events: list[Event], tmp_path: Path, name: str
) -> None:
    learner = FastSimTask(replace(SMALL, generator=name), sandwich)
    before = learner.state()
    config = TrainConfig(epochs=6, learning_rate=0.01, batch=1)
    train(learner, events[:3], events[3:], config, tmp_path / "bundle")
    after = learner.state()
    moved = {part for part in before if not np.array_equal(before[part], after[part])}
    assert "network.points.sets.out.weight" in moved
    rows = (tmp_path / "bundle" / "training" / "metrics.csv").read_text().splitlines()
    if name == FLOW:
        column = rows[0].split(",").index("validation_loss")
        assert float(rows[-1].split(",")[column]) < float(rows[1].split(",")[column]) - 0.1
    else:
        assert "network.points.critic.score.weight" in moved
    again = load_task(load_bundle(tmp_path / "bundle"), sandwich)
    assert all(np.array_equal(again.state()[key], after[key]) for key in after)
    kept, learned = (made.electromagnetic for made in (load_engine(tmp_path / "bundle"), learner.engine()))
    assert kept is not None
    assert learned is not None
    for one, other in zip(drawn(kept, [9, 0, 30], 5), drawn(learned, [9, 0, 30], 5), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_bundle_that_ships_is_a_cascade() -> None:
    assert load_bundle("fastsim-any").config["generator"] == "cascade"
    shipped = load_engine("fastsim").electromagnetic
    assert shipped is not None
    assert shipped.sets is None


def test_an_unknown_generator_is_refused(
    tasks: dict[str, FastSimTask], sandwich: Detector, tmp_path: Path
) -> None:
    with pytest.raises(BadConfig, match=r"task\.generator must be one of cascade, flow, gan, not 'vae'"):
        FastSimConfig(generator="vae")  # type: ignore[arg-type]
    with pytest.raises(BadConfig, match=r"task\.steps 1 to 100"):
        FastSimConfig(generator=FLOW, steps=0)
    with pytest.raises(BadConfig, match="vae"):
        compose("fastsim", ["task.generator=vae"])
    flow = tasks[FLOW]
    for config, what in (({"generator": "vae"}, "'vae' is not known"), ({"steps": 3}, "sets.time")):
        known = {"hidden": 8, "deposit": 8, "generator": FLOW, "width": 8, "steps": 2}
        folder = tmp_path / next(iter(config))
        save_bundle(folder, "fastsim", {**known, **config}, flow.state(), sandwich, {}, {})
        with pytest.raises(BadBundle, match=what):
            load_engine(folder)
    expected = fastsim_arrays(8, 8, FLOW, 8, 2)
    with pytest.raises(ValueError, match=r"lacks the weight 'network\.points\.sets\.out\.weight'"):
        checked({k: v for k, v in flow.state().items() if not k.endswith("sets.out.weight")}, expected)
