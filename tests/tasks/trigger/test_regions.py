"""Regions of a calorimeter as input buffers: which cells, in which order, with which labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.columns import Event, Hits, Particles, Truth
from gnnreco.deploy.program.lower import lower
from gnnreco.errors import BadConfig
from gnnreco.geometry import load_detector
from gnnreco.models.trigger.network import TriggerNetworkConfig
from gnnreco.simulate import SimulationOptions, simulate
from gnnreco.tasks.trigger.inputs import InputConfig
from gnnreco.tasks.trigger.regions import DEPTH, RegionConfig, regions
from gnnreco.tasks.trigger.task import TriggerConfig, TriggerTask

CLIC, LAR = load_detector("clic_ecal"), load_detector("lar")
NETWORK = TriggerNetworkConfig(
    kind="nodes", messages="senders", slots=6, edge_layers=(4,), node_layers=(3,), head_layers=(4,), outputs=2
)
ONE = RegionConfig(number=1)
PHOTON, PION, MUON = 22, 211, 13


@pytest.fixture(scope="module")
def showers():
    """Two events of the embedded simulation, a detector each."""
    options = SimulationOptions(particle="photon,pion", count=4, energy=(5.0, 50.0))
    return [(d, next(iter(simulate(d, "gun", 1, 0, 3, options)))) for d in (CLIC, LAR)]


def column(n=12, away=0.0):
    """Centers of cells behind one another, layer by layer: sensors, their middles moved across by `away` mm."""
    way = CLIC.center / np.linalg.norm(CLIC.center, axis=1)[:, None]
    first = int(np.argmin(np.linalg.norm(CLIC.center, axis=1)))
    close = [
        rows[np.argmax(way[rows] @ way[first])]
        for rows in (np.flatnonzero(CLIC.layer == k) for k in range(n))
    ]
    sensor = np.array(close, np.int32)
    middle = np.outer(CLIC.center[sensor] @ way[first], way[first])
    across = np.cross(way[first], CLIC.rotation[first, :, 1])
    return sensor, middle + away * across / np.linalg.norm(across)


def event(rows, owners=(), pdgs=(), shares=None):
    """Hits (layer, mm across, GeV over the sampling fraction); `owners`: rows of (hit, particle); `shares`: their GeV."""
    layer, away, energy = np.array(rows, np.float64).reshape(-1, 3).T
    places = [column(int(k) + 1, a) for k, a in zip(layer, away)]
    sensor = np.array([s[-1] for s, _ in places], np.int32)
    place = np.array([xyz[-1] for _, xyz in places]).reshape(-1, 3)
    told = CLIC.sampling_fraction[sensor]
    told = np.where(told > 0, told, 1.0)
    hits = Hits(np.arange(len(layer)), *place.T, sensor, energy=energy * told)
    owners = np.array(owners, np.int64).reshape(-1, 2)
    n, pdg = np.zeros(len(pdgs)), np.array(pdgs, np.int32)
    charge = np.where(pdg == PHOTON, 0.0, 1.0)
    particles = Particles(np.arange(len(pdgs)), pdg, charge, n, n, n, n + 5.0, n, n)
    left = None if shares is None else np.array(shares) * told[owners[:, 0]]
    return Event(0, "test", hits, Truth(particles, owners[:, 0], owners[:, 1], energy=left))


def made(some, config=ONE, network=NETWORK, detector=CLIC, features=5):
    """Buffers of an event."""
    return regions(config, features, network, detector, some)


def equal(a, b):
    """Whether two sets of buffers are the same in every bit."""
    return all(np.array_equal(getattr(a, n), getattr(b, n)) for n in ("x", "valid", "label", "dropped"))


@pytest.mark.parametrize("rows", [[], [(3, 0.0, -4.0), (4, 0.0, 0.0)], [(3, 0.0, 0.4)]])
def test_no_seed_no_region(rows):
    b = made(event(rows))
    assert (b.x.shape, b.valid.shape, b.label.shape, b.dropped) == ((0, 6, 5), (0, 6), (0,), 0)


def test_one_hit_and_a_negative_one():
    b = made(event([(3, 0.0, 2.0), (4, 0.0, -1.0)], [(0, 0)], [PHOTON]))
    assert (b.valid.tolist(), b.label.tolist(), b.dropped) == ([[1, 0, 0, 0, 0, 0]], [0], 0)
    energy, depth, *off = b.x[0, 0]
    assert (energy, off) == (pytest.approx(2.0), pytest.approx([0, 0, 0], abs=1e-9))
    assert depth > 0
    assert not b.x[0, 1:].any()


def test_cells_are_told_in_units_of_showers():
    size = CLIC.moliere_radius[0]
    b = made(event([(2, 0.0, 1.0), (9, 2 * size, 3.0), (9, 3.5 * size, 0.2)]))
    energy, depth, distance, *offset = b.x[0].T
    assert energy[:3].tolist() == pytest.approx([3.0, 1.0, 0.2])  # loudest first
    assert distance[0] == pytest.approx(0.0, abs=1e-9)
    assert 1.5 < distance[1] < 2.0  # nearer to the origin, lines are closer
    assert distance[2] == pytest.approx(1.5, rel=0.01)
    assert np.hypot(*offset) == pytest.approx(distance)
    layers = depth[:2] * DEPTH
    assert layers[0] - layers[1] == pytest.approx(CLIC.radiation_lengths[0] * 7, rel=0.5)


def test_cells_out_of_reach_are_of_the_next_region():
    size = CLIC.moliere_radius[0]
    rows = [(5, 0.0, 3.0), (6, 0.0, 1.0), (5, 6 * size, 2.0)]
    b = made(event(rows, [(0, 0), (1, 0), (2, 1)], [PHOTON, PION]), RegionConfig())
    assert (b.valid.sum(axis=1).tolist(), b.label.tolist()) == ([2, 1], [0, 1])
    assert made(event(rows), RegionConfig(apart=10.0)).valid.sum(axis=1).tolist() == [2]
    assert made(event(rows), RegionConfig(threshold=2.5)).valid.sum(axis=1).tolist() == [2]


def test_the_other_side_is_far():
    some = event([(5, 0.0, 3.0), (5, 0.0, 2.0)])
    hits, there = some.hits, CLIC.center @ some.hits.xyz[1]
    other = np.argmin(there + 1e9 * (CLIC.layer != CLIC.layer[hits.sensor[1]]))
    place = np.stack([hits.xyz[0], CLIC.center[other]]).T
    sensor = np.array([hits.sensor[0], other], np.int32)
    b = made(replace(some, hits=Hits(hits.hit_id, *place, sensor, energy=hits.energy)), RegionConfig())
    assert b.valid.sum(axis=1).tolist() == [1, 1]


def test_cells_that_do_not_fit_are_counted_and_are_the_faintest():
    energies = [0.3, 2.0, 0.5, 0.9, 0.4, 0.8, 0.7, 0.6, 0.35]
    b = made(event([(k, 0.0, e) for k, e in enumerate(energies)]))
    assert (b.valid.sum(), b.dropped) == (6, 3)
    assert b.x[0, :, 0].tolist() == pytest.approx([2.0, 0.9, 0.8, 0.7, 0.6, 0.5])


@pytest.mark.parametrize(
    ("owners", "shares", "outputs", "label"),
    [
        ([(0, 0), (1, 0), (2, 1)], None, 2, 0),
        ([(0, 1), (1, 1), (2, 0)], None, 2, 1),
        ([(0, 2), (1, 2)], None, 3, 2),  # a muon
        ([(0, 2), (1, 2)], None, 2, -1),
        ([(2, 0)], None, 3, 2),  # the rest is noise
        ([(0, 0), (0, 1), (1, 1)], [1.9, 0.1, 1.0], 2, 0),
        ([(0, 0), (0, 1), (1, 1)], [0.9, 1.1, 1.0], 2, 1),
        ([(0, 0), (0, 1), (1, 1)], [1.2, 0.8, 1.0], 2, 1),  # not by the seed alone
    ],
)
def test_labels_of_an_event_made_by_hand(owners, shares, outputs, label):
    some = event([(4, 0.0, 2.0), (5, 0.0, 1.0), (6, 0.0, 0.4)], owners, [PHOTON, PION, MUON], shares)
    network = replace(NETWORK, outputs=outputs)
    assert made(some, network=network).label.tolist() == [label]
    narrow = replace(network, slots=1)  # what does not fit counts
    assert made(some, network=narrow).label.tolist() == [label]
    assert made(replace(some, truth=None), network=network).label.tolist() == [-1]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0, 1]))
def test_the_order_of_hits_does_not_matter(showers, seed, which):
    detector, some = showers[which]
    rows = np.random.default_rng(seed).permutation(len(some.hits))
    hits = some.hits
    bare = Hits(hits.hit_id, hits.x, hits.y, hits.z, hits.sensor, energy=hits.energy)
    mixed = Hits(
        *(getattr(bare, n)[rows] for n in ("hit_id", "x", "y", "z", "sensor")), energy=bare.energy[rows]
    )
    link = np.argsort(rows)[some.truth.hit]
    order = np.lexsort((some.truth.particle, link))
    left = None if some.truth.energy is None else some.truth.energy[order]
    truth = Truth(some.truth.particles, link[order], some.truth.particle[order], energy=left)
    a, b = (
        made(e, RegionConfig(), detector=detector)
        for e in (replace(some, hits=bare), replace(some, hits=mixed, truth=truth))
    )
    assert len(a.x)
    assert a.dropped
    assert equal(a, b)


def test_what_regions_need():
    with pytest.raises(BadConfig, match="kind=nodes"):
        made(event([]), network=replace(NETWORK, kind="dense"))
    with pytest.raises(BadConfig, match="1 to 5"):
        made(event([]), features=6)
    with pytest.raises(BadConfig, match="no calorimeter"):
        made(event([]), detector=load_detector("telescope"))
    with pytest.raises(BadConfig, match="source=regions needs a detector"):
        TriggerTask(TriggerConfig(input=InputConfig("regions", 3), network=NETWORK), None)
    with pytest.raises(ValueError, match="reach"):
        RegionConfig(reach=0.0)


@pytest.mark.parametrize("which", [0, 1])
def test_the_program_of_a_buffer_equals_the_network_on_its_cells(showers, which):
    detector, some = showers[which]
    task = TriggerTask(TriggerConfig(input=InputConfig("regions", 3), network=NETWORK), detector)
    task.prepare([some])
    task.network.train()
    loss, numbers = task.loss(task.sample(some))
    loss.backward()
    assert 0 < numbers["answer_loss"] < 2
    network, b = task.network.double().eval(), task.buffers(some)
    program = lower(network)
    seen = []
    for x, valid in zip(b.x, b.valid, strict=True):
        got = program.answer(program.ported(x[None]), valid[None]).ravel()
        with torch.inference_mode():
            wanted = network.graph(torch.from_numpy(x[valid > 0]), np.zeros((0, 2), np.int64)).numpy()
        assert np.array_equal(got, wanted.ravel())
        seen.append(wanted)
    assert len(seen) > 1
    assert np.concatenate(seen).std() > 0
