"""Towers of calorimeters: what they hold, what belongs to them, what a network makes of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.bundle import load_bundle
from gnnreco.cli import main
from gnnreco.columns import Event, Hits, ReconstructedParticles
from gnnreco.deploy.program.lower import lower
from gnnreco.errors import BadConfig, BadInput
from gnnreco.geometry import load_detector
from gnnreco.models.trigger.network import TriggerNetworkConfig
from gnnreco.simulate import SimulationOptions, simulate
from gnnreco.tasks.trigger.inputs import InputConfig
from gnnreco.tasks.trigger.task import TriggerConfig, TriggerTask
from gnnreco.tasks.trigger.towers import COMPONENTS, TowerConfig
from gnnreco.tasks.trigger.towers_loss import class_weights, tower_loss, turned
from gnnreco.train.settings import compose, run_training

CLD = load_detector("full_cld")
TOWERS = TowerConfig(depths=(24.0,), loudness=(5.0,))
NETWORK = TriggerNetworkConfig(
    kind="slots",
    messages="senders",
    slots=5,
    edge_layers=(4,),
    node_layers=(3,),
    head_layers=(4,),
    outputs=COMPONENTS,
)
NO_HITS = Hits(
    np.zeros(0, np.int64), *np.zeros((3, 0)), np.zeros(0, np.int32), energy=np.zeros(0), time=np.zeros(0)
)


def task(towers: TowerConfig = TOWERS, network: TriggerNetworkConfig = NETWORK) -> TriggerTask:
    """A task that has learned nothing."""
    features = COMPONENTS * towers.classes
    return TriggerTask(TriggerConfig(InputConfig("towers", features, towers=towers), network), CLD)


@pytest.fixture(scope="module")
def events() -> list[Event]:
    """Photons and pions in a whole detector."""
    options = SimulationOptions(particle="photon,pion", count=4, energy=(5.0, 40.0))
    return list(simulate(CLD, "gun", 3, 0, 3, options))


def test_no_energy_is_lost_between_towers(events):
    whole = task(network=replace(NETWORK, slots=1)).buffers(events[0])
    several = task().buffers(events[0])
    assert several.valid.sum() > 2
    assert whole.dropped == several.dropped == 0
    assert whole.x.sum(axis=1) == pytest.approx(several.x.sum(axis=1))
    assert several.x[0, :, 3::4].sum() == pytest.approx(80.0, rel=0.8)
    assert not several.x[several.valid == 0].any()
    near = task(replace(TOWERS, reach=0.05)).buffers(events[0])
    assert near.dropped > 0
    assert near.x[..., 3::4].sum() < several.x[..., 3::4].sum()


def test_classes_of_cells_add_up_to_the_tower(events):
    fine, one = (task(t).buffers(events[0]).x for t in (TOWERS, replace(TOWERS, depths=(), loudness=())))
    parts = fine.reshape(*fine.shape[:2], 4, COMPONENTS)
    assert parts.sum(axis=2) == pytest.approx(one)
    assert (parts[..., 3].sum(axis=(0, 1)) > 0).all(), "a class that no cell is of"
    assert (np.linalg.norm(parts[..., :3], axis=-1) <= parts[..., 3] + 1e-9).all()


def test_offline_particles_belong_to_the_tower_they_point_to(events):
    b = task().buffers(events[0])
    target = b.target[0] * TOWERS.unit
    assert target.shape == (6, COMPONENTS)
    assert target[-1] == pytest.approx(target[:-1].sum(axis=0))
    assert 10 < target[-1, 3] < 165
    loud = target[:-1][target[:-1, 3] > 5]
    towers = b.x[0].reshape(5, -1, COMPONENTS).sum(axis=1)[target[:-1, 3] > 5]
    cosine = (loud[:, :3] * towers[:, :3]).sum(axis=1)
    cosine /= np.linalg.norm(loud[:, :3], axis=1) * np.linalg.norm(towers[:, :3], axis=1)
    assert (cosine > 0.8).all()


def test_what_was_found_can_be_the_target(events):
    found_by = task(replace(TOWERS, offline="found"))
    assert found_by.needs.found == (ReconstructedParticles,)
    assert task().needs.found == ()
    assert found_by.buffers(events[0]).target is None
    with pytest.raises(BadInput, match=r"sample\.bundles"):
        found_by.sample(events[0])
    particle = ReconstructedParticles(
        px=np.array([3.0]), py=np.zeros(1), pz=np.array([4.0]), energy=np.array([5.0])
    )
    there = replace(events[0], found={ReconstructedParticles: particle})
    assert found_by.sample(there).target[0, -1].tolist() == pytest.approx([3 / 32, 0, 4 / 32, 5 / 32])


def test_without_truth_there_is_input_but_nothing_to_learn(events):
    bare = replace(events[0], truth=None)
    assert np.array_equal(task().buffers(bare).x, task().buffers(events[0]).x)
    with pytest.raises(BadInput, match="has no truth"):
        task().sample(bare)


def test_an_event_without_hits_is_answered_with_nothing(events):
    made = task()
    made.prepare(events)
    empty = made.buffers(Event(4, "test", NO_HITS, None))
    assert (empty.x.shape, empty.valid.sum(), empty.dropped) == ((1, 5, 16), 0, 0)
    assert not made.answers(empty).any()
    program = lower(made.network)
    assert not program.answer(program.ported(empty.x), empty.valid).any()


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6))
def test_neither_the_order_of_hits_nor_that_of_slots_matters(events, seed):
    rng, some, made = np.random.default_rng(seed), replace(events[0], truth=None), task()
    made.prepare(events)
    rows = rng.permutation(len(some.hits))
    mixed = made.buffers(replace(some, hits=some.hits[rows]))
    b = made.buffers(some)
    assert mixed.x == pytest.approx(b.x)
    order = rng.permutation(NETWORK.slots)
    straight = made.answers(b)[0]
    other = made.answers(replace(b, x=b.x[:, order], valid=b.valid[:, order]))[0]
    assert np.array_equal(straight[-1], other[-1])
    assert np.array_equal(straight[:-1][order], other[:-1])
    assert straight[-1, 3] > 0


def test_what_is_linear_is_solved_before_anything_is_learned(events):
    rng = np.random.default_rng(1)
    x = rng.exponential(5.0, (200, 8))
    target = 1.5 * x[:, :4] + 0.5 * x[:, 4:]
    assert class_weights(x, target) == pytest.approx([1.5, 0.5])
    made = task()
    made.prepare(events)
    b = made.buffers(events[0])
    assert made.answers(b)[0, -1, 3] == pytest.approx(b.target[0, -1, 3], rel=0.5)


def test_events_are_turned_with_what_is_wanted_of_them(events):
    sample = task().sample(events[0])
    torch.manual_seed(2)
    many = turned(sample, 6)
    assert len(many) == 6
    towers = many.x.unflatten(-1, (-1, 4)).sum(dim=2)
    assert torch.allclose(many.x[..., 3::4], sample.x[..., 3::4].expand(6, -1, -1))
    both = [
        t[0, :, 0] * t[0, :, 0] + t[0, :, 1] ** 2
        for t in (towers, sample.x.unflatten(-1, (-1, 4)).sum(dim=2))
    ]
    assert torch.allclose(*both, rtol=1e-4)
    angles = (torch.einsum("bnc,bnc->bn", rows[..., :3], other[..., :3]) for rows, other in (
        (towers, many.target[:, :-1]), (sample.x.unflatten(-1, (-1, 4)).sum(dim=2), sample.target[:, :-1])
    ))  # fmt: skip
    first, second = angles
    assert torch.allclose(first, second.expand(6, -1), atol=1e-3)
    assert len(set(many.x[:, 0, 0].tolist())) == 6
    loss, error = tower_loss(many.target, many.target, TOWERS.unit)
    assert (float(loss), error) == (0.0, 0.0)


def test_what_towers_need():
    with pytest.raises(BadConfig, match="kind=slots needs"):
        TriggerTask(TriggerConfig(InputConfig("regions", 3), NETWORK), CLD)
    event = Event(4, "test", NO_HITS, None)
    with pytest.raises(BadConfig, match=r"outputs=4"):
        task(network=replace(NETWORK, outputs=2)).buffers(event)
    wrong = TriggerTask(TriggerConfig(InputConfig("towers", 3, towers=TOWERS), NETWORK), CLD)
    with pytest.raises(BadConfig, match="which is 16"):
        wrong.buffers(event)
    with pytest.raises(BadConfig, match="needs a detector"):
        TriggerTask(TriggerConfig(InputConfig("towers", 16, towers=TOWERS), NETWORK), None)
    with pytest.raises(ValueError, match="must rise"):
        TowerConfig(depths=(3.0, 2.0))
    with pytest.raises(ValueError, match="reach"):
        TowerConfig(reach=0.0)
    for ask in (lambda: task().classified(event), task().explainer, lambda: task().baseline([])):
        with pytest.raises(BadConfig, match="four-momenta"):
            ask()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[str]]:
    """Files of a few events, a bundle too small to be good, and what names its sample."""
    folder = tmp_path_factory.mktemp("towers")
    gun = ["--process", "gun", "--particle", "photon,pion", "--energy", "5", "40", "--count", "3"]
    files, bundle = folder / "events", folder / "b"
    assert main(["simulate", "--detector", "full_cld", *gun, "--events", "6", "-o", str(files)]) == 0
    small = ["model.slots=3", "model.edge_layers=[2]", "model.node_layers=[2]", "model.head_layers=[2]"]
    few = ["model.bits.input_bits=8", "task.input.features=8", "task.input.towers.depths=[]"]
    words = [*small, *few, "task.input.towers.loudness=[5.0]", "task.turns=2", "train.epochs=1"]
    sample = [f"sample.inputs=[{files}]", "sample.events=4", "sample.validation_events=2"]
    run_training(
        compose("trigger", ["detector=full_cld", "model=towers", "task=towers", *words, *sample]), bundle
    )
    return files, bundle, sample


@pytest.mark.parametrize("target", ["onnx", pytest.param("rtl", marks=pytest.mark.slow)])
def test_what_was_trained_is_deployed_and_proved_in_every_bit(trained, tmp_path: Path, target, capsys):
    files, bundle, _ = trained
    assert 0 < load_bundle(bundle).manifest["metrics"]["validation_energy_error"] < 1
    out = tmp_path / target
    options = ["--target", target, "-o", str(out), "--synthesis-s", "0"]
    assert main(["deploy", str(bundle), *options]) in (0, 1)  # 1: larger than the default budget
    capsys.readouterr()
    assert main(["deploy", "verify", str(out), "--input", str(files), "--bundle", str(bundle)]) == 0
    said = capsys.readouterr().out
    assert said.endswith("\nproved\n")
    assert "6 of 6" in said
    assert "energy of 6 events: median" in said


def test_four_momenta_are_not_right_or_wrong(trained, tmp_path: Path, capsys):
    _, bundle, sample = trained
    assert main(["deploy", "search", str(bundle), "-o", str(tmp_path / "f"), *sample]) == 2
    assert "none is right or wrong" in capsys.readouterr().err
