"""Sectors of a tracker as input buffers: which layers, which hits, in which order, with which labels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.bundle import load_bundle, load_task
from gnnreco.columns import Event, Hits, Particles, Truth
from gnnreco.deploy.program.lower import lower
from gnnreco.errors import BadConfig
from gnnreco.geometry import load_detector
from gnnreco.models.trigger.network import TriggerNetworkConfig
from gnnreco.simulate import simulate
from gnnreco.tasks.trigger.inputs import InputConfig
from gnnreco.tasks.trigger.sectors import SectorConfig, sectors, stacks
from gnnreco.tasks.trigger.task import VECTORS, TriggerConfig, TriggerTask

DETECTORS = {name: load_detector(name) for name in ("trackml", "odd", "hex_tracker", "telescope")}
TRACKML = DETECTORS["trackml"]
NETWORK = TriggerNetworkConfig(
    kind="edges", slots=12, groups=3, edge_layers=(4,), node_layers=(3,), head_layers=(4,), outputs=1
)
FINE, ONE = SectorConfig(), SectorConfig(azimuth=4, slices=1, origins=1)


def event(points, owners=(), pts=(), detector=TRACKML):
    """Points (layer of the stack, azimuth, place along the layer; mm, rad) as hits; `owners`: rows of (hit, particle)."""
    frame, (stack, *_) = stacks(detector, 3)
    group, phi, along = np.array(points, np.float64).reshape(-1, 3).T
    layer = stack.layers[group.astype(int)]
    sensor = np.array([np.flatnonzero(detector.layer == k)[0] for k in layer], np.int32)
    center = (detector.center[sensor] - frame.origin) @ frame.rotation.T
    r, z = (np.hypot(*center.T[:2]), along) if stack.barrel else (along, center[:, 2])
    place = np.stack([r * np.cos(phi), r * np.sin(phi), z], axis=1) @ frame.rotation + frame.origin
    hits = Hits(np.arange(len(phi)), *place.T, sensor)
    owners, n = np.array(owners, np.int64).reshape(-1, 2), np.zeros(len(pts))
    particles = Particles(np.arange(len(pts)), n.astype(np.int32), n + 1, n, n, n, np.array(pts, float), n, n)
    return Event(0, "test", hits, Truth(particles, owners[:, 0], owners[:, 1]))


def made(some, config=FINE, network=NETWORK, detector=TRACKML):
    """Buffers of an event of one detector."""
    return sectors(config, 3, network, detector, some)


def same(a, b):
    """Whether two sets of buffers hold the same ones, in any order."""
    tables = [np.concatenate([s.x.reshape(len(s.x), -1), s.valid, s.label], axis=1) for s in (a, b)]
    by = np.random.default_rng(0).normal(size=tables[0].shape[1])
    first, second = (t[np.argsort(t @ by)] for t in tables)
    return a.dropped == b.dropped and first.shape == second.shape and np.allclose(first, second, atol=1e-9)


@pytest.fixture(scope="module")
def collision():
    """An event of the embedded simulation."""
    return next(iter(simulate(TRACKML, "ttbar", 1, 5, 1)))


def test_layers_come_from_the_detector():
    (barrel,) = stacks(TRACKML, 3)[1]
    assert (barrel.barrel, barrel.low) == (True, -barrel.high)
    assert barrel.depth == pytest.approx(72, abs=1)
    (barrel,) = stacks(DETECTORS["odd"], 4)[1]
    parts = {DETECTORS["odd"].subsystem[DETECTORS["odd"].layer == k][0] for k in barrel.layers}
    assert {DETECTORS["odd"].subsystems[p].name for p in parts} == {"pixel_barrel"}
    ahead, behind = stacks(DETECTORS["hex_tracker"], 3)[1]
    assert (ahead.side, behind.side) == (1, -1)
    assert not set(ahead.layers) & set(behind.layers)
    (planes,) = stacks(DETECTORS["telescope"], 6)[1]
    assert planes.layers.tolist() == [0, 1, 2, 3, 4, 5]


def test_too_few_layers_are_refused():
    with pytest.raises(BadConfig, match="telescope has no 7 layers"):
        stacks(DETECTORS["telescope"], 7)
    with pytest.raises(BadConfig, match="that divide"):
        made(event([]), network=TriggerNetworkConfig(kind="edges", slots=10, groups=3))
    with pytest.raises(ValueError, match="azimuth"):
        SectorConfig(azimuth=0)


@pytest.mark.parametrize("points", [[], [(1, 0.1, 3.0)]])
def test_nothing_to_answer(points):
    b = made(event(points))
    assert (b.x.shape, b.label.shape, b.dropped) == ((0, 12, 3), (0, 32), 0)


def test_labels_of_an_event_made_by_hand():
    """A fast particle, a slow one, noise, and a hit that two share."""
    phi = np.pi / 4
    points = [(0, phi, 1.0), (1, phi, 2.0), (2, phi, 3.0), (0, phi, -1.0), (1, phi, -2.0), (2, phi, 30.0)]
    owners = [(0, 0), (1, 0), (2, 0), (1, 2), (3, 1), (4, 1), (5, 2)]
    b = made(event(points, owners, [5.0, 0.5, 2.0]), ONE)
    assert len(b.x) == 1
    right = {tuple(b.x[0, ends, 2].round(6)) for ends in NETWORK.pairs()[b.label[0] == 1]}
    assert right == {(1.0, 2.0), (2.0, 3.0), (2.0, 30.0)}
    full = b.valid[0, NETWORK.pairs()].all(axis=1)
    assert full.sum() == 8
    assert np.array_equal(b.label[0] >= 0, full)


def test_hits_that_do_not_fit_are_counted_and_are_the_farthest():
    along = [50.0, 3.0, -4.0, 1.0, 90.0, 2.0]
    b = made(event([(0, np.pi / 4, s) for s in along] + [(1, np.pi / 4, 0.0)]), ONE)
    assert (b.dropped, b.valid[0].tolist()) == (2, [1] * 5 + [0] * 7)
    assert b.x[0, :4, 2].tolist() == pytest.approx([1.0, 2.0, 3.0, -4.0])
    assert not b.x[0][b.valid[0] == 0].any()


@settings(max_examples=15)
@given(st.randoms(use_true_random=False))
def test_the_order_of_hits_does_not_matter(random):
    rows = list(range(60))
    random.shuffle(rows)
    rng = np.random.default_rng(random.randint(0, 99))
    points = np.stack([np.arange(60) % 3, rng.uniform(0, 0.4, 60), rng.uniform(-100, 100, 60)], axis=1)
    owners = np.stack([np.arange(60), np.arange(60) // 3], axis=1)
    back = np.argsort(rows)
    a = made(event(points, owners, [2.0] * 20))
    b = made(event(points[rows], np.stack([back, owners[:, 1]], axis=1), [2.0] * 20))
    assert all(np.array_equal(getattr(a, n), getattr(b, n)) for n in ("x", "valid", "label", "dropped"))


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.integers(1, 15), st.sampled_from(["trackml", "hex_tracker"]))
def test_a_turn_by_whole_sectors_moves_the_buffers(seed, steps, name):
    rng, detector, config = np.random.default_rng(seed), DETECTORS[name], SectorConfig(16, 4, origins=2)
    (stack, *_) = stacks(detector, 3)[1]
    reach = stack.along(np.array([stack.low, stack.high]))
    points = np.stack([np.arange(30) % 3, rng.uniform(-3, 3, 30), rng.uniform(*reach, 30)], axis=1)
    turned = points + np.array([0, 2 * np.pi * steps / config.azimuth, 0])
    owners, pts = np.stack([np.arange(30), np.arange(30) // 3], axis=1), [2.0] * 10
    a, b = (made(event(p, owners, pts, detector), config, detector=detector) for p in (points, turned))
    assert len(a.x)
    assert same(a, b)


@settings(max_examples=60)
@given(
    st.sampled_from([("trackml", 1.0), ("hex_tracker", 3.0)]),
    st.floats(0, 0.99),
    st.sampled_from([-1, 1]),
    st.floats(-3.1, 3.1),
    st.floats(0.01, 0.99),
    st.floats(-0.99, 0.99),
)
def test_a_track_is_whole_in_one_sector(where, slow, charge, azimuth, eta, origin):
    """Any helix of enough momentum from the beam region, near whichever borders."""
    detector, least = DETECTORS[where[0]], where[1]
    frame, (stack, *_) = stacks(detector, 3)
    radius = least / (1 - slow) / frame.kappa_per_gev
    z0 = origin * FINE.beam
    along = float(stack.along(np.array(stack.low + (stack.high - stack.low) * eta)))
    r, z = (stack.depth, along) if stack.barrel else (along, stack.depth)
    pitch = (z - z0) / np.arcsin(r / (2 * radius))
    points = []
    for group, layer in enumerate(stack.layers):
        center = (
            detector.center[np.flatnonzero(detector.layer == layer)[0]] - frame.origin
        ) @ frame.rotation.T
        half = np.arcsin(np.hypot(*center[:2]) / (2 * radius)) if stack.barrel else (center[2] - z0) / pitch
        place = z0 + pitch * half if stack.barrel else 2 * radius * np.sin(half)
        points.append((group, azimuth + charge * half, place))
    some = event(points, [(0, 0), (1, 0), (2, 0)], [5.0], detector)
    assert (made(some, detector=detector).label == 1).sum(axis=1).max() == 2


def test_the_task_learns_from_sectors_and_keeps_examples_of_all(collision):
    task = TriggerTask(TriggerConfig(input=InputConfig("sectors", 3), network=NETWORK), TRACKML)
    task.prepare([collision])
    sample = task.sample(collision)
    task.network.train()
    loss, numbers = task.loss(sample)
    loss.backward()
    assert 0 < numbers["answer_loss"] < 1
    task.finish([sample])
    assert task.examples is not None
    assert VECTORS / 2 < len(task.examples.x) <= VECTORS
    assert len(sample) > VECTORS
    assert len(np.unique(task.examples.x, axis=0)) > 0.9 * len(task.examples.x)
    with pytest.raises(BadConfig, match="needs a detector"):
        TriggerTask(TriggerConfig(input=InputConfig("sectors", 3), network=NETWORK), None)


def test_the_program_of_a_buffer_equals_the_network_on_its_graph(collision):
    task = TriggerTask(TriggerConfig(input=InputConfig("sectors", 3), network=NETWORK), TRACKML)
    task.prepare([collision])
    task.network.train()
    task.loss(task.sample(collision))
    network, b, pairs = task.network.double().eval(), task.buffers(collision), NETWORK.pairs()
    program, seen = lower(network), []
    for x, valid in zip(b.x[::40], b.valid[::40], strict=True):
        got = program.answer(program.ported(x[None]), valid[None])[0]
        on = valid > 0
        real = on[pairs].all(axis=1)
        edges = (np.cumsum(on) - 1)[pairs[real]]
        with torch.inference_mode():
            wanted = network.graph(torch.from_numpy(x[on]), edges).numpy()
        assert np.array_equal(got[real], wanted)
        assert not got[~real].any()
        seen.append(wanted)
    assert np.concatenate(seen).std() > 0


def test_the_shipped_bundle_tells_pairs_apart_and_equals_its_program():
    task = load_task(load_bundle("seeds-trackml"), TRACKML)
    b = task.examples
    answers, known = task.answers(b), b.label >= 0
    program = lower(task.network)
    assert np.array_equal(program.answer(program.ported(b.x.astype(np.float64)), b.valid), answers)
    right, wrong = (answers[known & (b.label == k), 0] for k in (1, 0))
    assert len(right) > 100
    above = (right[:, None] > wrong).mean() + (right[:, None] == wrong).mean() / 2  # area under the ROC curve
    assert above > 0.95
