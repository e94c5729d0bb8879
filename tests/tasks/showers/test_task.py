"""Showers by density, with nothing learned: one for a photon, one for a muon, two for two; bad cells are counted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gnnreco.columns import Event
from gnnreco.evaluate import score_clusters
from gnnreco.events.select import seen
from gnnreco.geometry import Detector, load_detector
from gnnreco.simulate import SimulationOptions, simulate
from gnnreco.tasks.showers.config import ClusteringConfig
from gnnreco.tasks.showers.task import ClusteringTask

FORWARD = (1.9, 2.3)


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector("hgcal")


@pytest.fixture(scope="module")
def task(detector: Detector) -> ClusteringTask:
    return ClusteringTask.from_config(ClusteringConfig(), detector)


def shoot(detector: Detector, particle: str, energy: float, events: int, count: int = 1) -> list[Event]:
    options = SimulationOptions(particle=particle, energy=(energy, energy), count=count, eta=FORWARD)
    return list(simulate(detector, "gun", events=events, seed=11, options=options))


def total(task: ClusteringTask, event: Event) -> float:
    assert event.hits.energy is not None
    return float((event.hits.energy / task.frame.fraction[event.hits.sensor]).sum())


@pytest.mark.parametrize("energy", [5.0, 50.0])
def test_a_photon_is_one_shower(task: ClusteringTask, energy: float) -> None:
    for event in shoot(task.detector, "photon", energy, 4):
        clusters = task.reconstruct(event)
        assert clusters.energy[0] > 0.85 * total(task, event)
        assert clusters.energy[0] == pytest.approx(energy, abs=4 * 0.25 * energy**0.5)
        assert (clusters.energy[1:] < 0.05 * energy).all()
        assert event.truth is not None
        p = event.truth.particles
        way = np.array([p.px[0], p.py[0], p.pz[0]])
        assert clusters.axis[0] @ way / np.linalg.norm(way) > 0.99
        assert 0 < clusters.energy_sigma[0] < 0.5 * energy


def test_a_muon_is_one_path(task: ClusteringTask) -> None:
    whole = 0
    for event in shoot(task.detector, "muon", 30.0, 6):
        clusters = task.reconstruct(event)
        size = np.diff(clusters.offsets)
        whole += bool(len(size)) and size.max() > 0.7 * len(event.hits)
    assert whole >= 5


def both(one: Event, two: Event, shift: float, task: ClusteringTask) -> Event:
    """Two events in one, the second moved by whole millimetres; cells are told by position, as in data."""
    hits = [one.hits, replace(two.hits, x=two.hits.x + shift)]
    joined = {
        name: np.concatenate([getattr(h, name) for h in hits]) for name in ("x", "y", "z", "energy", "sensor")
    }
    xyz = np.stack([joined["x"], joined["y"], joined["z"]], axis=1)
    joined["sensor"] = task.detector.locate(xyz)
    n = len(xyz)
    return Event(
        1,
        "",
        replace(one.hits, hit_id=np.arange(n), time=None, var_u=None, var_v=None, deposits=None, **joined),
    )


def test_two_photons_five_moliere_radii_apart_are_two(task: ClusteringTask) -> None:
    (event,) = shoot(task.detector, "photon", 50.0, 1)
    moliere = float(np.median(task.frame.unit[event.hits.sensor]))
    clusters = task.reconstruct(both(event, event, 5 * moliere, task))
    assert (clusters.energy > 30).sum() == 2
    assert clusters.energy[:2].sum() > 0.9 * 2 * total(task, event)


def test_the_order_of_the_hits_does_not_matter(task: ClusteringTask) -> None:
    (event,) = shoot(task.detector, "pion", 40.0, 1)
    one = task.reconstruct(replace(event, hits=replace(event.hits, deposits=None)))
    order = np.random.default_rng(0).permutation(len(event.hits))
    names = ("hit_id", "x", "y", "z", "sensor", "energy")
    shuffled = replace(event.hits, deposits=None, time=None, var_u=None, var_v=None)
    shuffled = replace(shuffled, **{name: getattr(event.hits, name)[order] for name in names})
    two = task.reconstruct(replace(event, hits=shuffled))
    np.testing.assert_allclose(one.energy.sum(), two.energy.sum(), rtol=0.02)
    np.testing.assert_allclose(one.energy[0], two.energy[0], rtol=0.05)


def test_bad_cells_are_counted_and_harm_nobody(task: ClusteringTask) -> None:
    (event,) = shoot(task.detector, "photon", 50.0, 1)
    good = task.reconstruct(event)
    energy, deposits = event.hits.energy, event.hits.deposits
    assert energy is not None
    assert deposits is not None
    rng = np.random.default_rng(1)
    dead = rng.choice(len(energy), len(energy) // 20, replace=False)  # one cell in twenty gives nothing
    broken = energy.copy()
    broken[dead] = 0.0
    channel = deposits.u.copy()
    channel[0] = 10_000
    hits = replace(event.hits, energy=broken, deposits=replace(deposits, u=channel))
    event = replace(event, hits=hits)
    clusters = task.reconstruct(event)
    assert clusters.energy[0] > 0.8 * good.energy[0]
    tally = task.tally(event, clusters)
    assert tally["hits_without_cell"] == 1
    assert tally["hits_not_positive"] == len(np.setdiff1d(dead, [0]))
    in_clusters = len(np.unique(clusters.hit_index))
    assert sum(tally.values()) + in_clusters == len(hits)


def test_a_hot_cell_is_no_shower(task: ClusteringTask) -> None:
    (event,) = shoot(task.detector, "photon", 50.0, 1)
    rows = np.array([int(np.argmax(event.hits.energy))])
    names = ("hit_id", "x", "y", "z", "sensor", "energy")
    one = replace(event.hits, deposits=None, time=None, var_u=None, var_v=None)
    one = replace(one, **{name: getattr(event.hits, name)[rows] for name in names})
    clusters = task.reconstruct(replace(event, hits=one))
    assert len(clusters) == 0
    assert clusters.axis.shape == (0, 3)


def test_noise_alone_makes_few_clusters(task: ClusteringTask) -> None:
    rng = np.random.default_rng(2)
    detector = task.detector
    sensor = rng.integers(0, detector.n_sensors, 5000).astype(np.int32)
    xyz = detector.center[sensor]
    _, first = np.unique(sensor, return_index=True)
    sensor, xyz = sensor[first], xyz[first]
    layer = task.frame.radiation_lengths[task.frame.group[sensor]]
    energy = task.frame.fraction[sensor] * task.config.graph.mip * layer * rng.exponential(0.5, len(sensor))
    n = len(sensor)
    hits = replace(
        shoot(detector, "photon", 5.0, 1)[0].hits,
        hit_id=np.arange(n),
        x=xyz[:, 0],
        y=xyz[:, 1],
        z=xyz[:, 2],
        sensor=sensor,
        energy=energy,
        time=None,
        var_u=None,
        var_v=None,
        deposits=None,
    )
    clusters = task.reconstruct(Event(1, "", hits))
    assert len(clusters) < 0.01 * n


@pytest.mark.parametrize(
    ("name", "eta"),
    [("clic_ecal", (-0.9, 0.9)), ("lar", (-0.8, 0.8)), ("voronoi", (2.0, 2.4)), ("odd", (-0.8, 0.8))],
)
def test_the_same_settings_serve_other_detectors(name: str, eta: tuple[float, float]) -> None:
    detector = load_detector(name)
    task = ClusteringTask.from_config(ClusteringConfig(), detector)
    options = SimulationOptions(particle="photon", energy=(40.0, 40.0), count=1, eta=eta)
    events = list(simulate(detector, "gun", 4, seed=5, options=options))
    for event in events:
        energy = task.reconstruct(event).energy
        assert energy[0] > 0.85 * total(task, seen(event, detector, task.needs.measures).event)
    assert score_clusters([(e, task.reconstruct(e)) for e in events], detector)["energy_response_mean"] > 0.8


def test_the_path_of_a_particle_in_a_drift_chamber_is_few_pieces() -> None:
    detector = load_detector("tpc")
    task = ClusteringTask.from_config(ClusteringConfig(), detector)
    options = SimulationOptions(particle="pion", energy=(5.0, 5.0), count=1, eta=(-0.5, 0.5))
    for event in simulate(detector, "gun", 2, seed=5, options=options):
        clusters = task.reconstruct(event)
        assert 1 <= len(clusters) <= 4
        assert len(clusters.hit_index) > 0.95 * len(event.hits)
        assert clusters.energy.sum() == pytest.approx(event.hits.energy.sum(), rel=0.05)


def test_clusters_outside_the_window_in_time_are_dropped(task: ClusteringTask) -> None:
    (event,) = shoot(task.detector, "photon", 30.0, 1, count=3)
    found = task.reconstruct(event)
    energy, time = event.hits.energy, event.hits.time
    assert energy is not None
    assert time is not None
    assert len(found) >= 2
    loudest = [
        max(range(low, high), key=lambda k: found.hit_weight[k] * energy[found.hit_index[k]])
        for low, high in zip(found.offsets[:-1], found.offsets[1:], strict=True)
    ]
    rows = found.hit_index[loudest]
    late = time.copy()
    late[rows[0]] = -70.0
    late[np.setdiff1d(found.hit_index, rows)] = 500.0  # only the loudest hit of each tells its time
    timely = ClusteringTask(replace(task.config, window=60.0), task.detector)
    kept = timely.reconstruct(replace(event, hits=replace(event.hits, time=late)))
    np.testing.assert_array_equal(kept.energy, found.energy[1:])
    late[rows[0]] = np.nan
    whole = timely.reconstruct(replace(event, hits=replace(event.hits, time=late)))
    assert len(whole) == len(found)
    assert len(timely.reconstruct(replace(event, hits=replace(event.hits, time=None)))) == len(found)
