"""Showers by the network that ships: better than without training, the same whichever way the detector is turned, and
clear about cells that are wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gnnreco.bundle import load_bundle, load_task
from gnnreco.columns import Clusters, Event, Hits
from gnnreco.errors import BadInput, OverBudget
from gnnreco.evaluate import ShowerTarget, score_clusters
from gnnreco.events.select import select_hits
from gnnreco.geometry import Detector, load_detector
from gnnreco.graphs.showers.cells import hit_cells
from gnnreco.simulate import SimulationOptions, simulate
from gnnreco.tasks.showers.task import ClusteringTask

FORWARD = (1.8, 2.6)


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector("hgcal")


@pytest.fixture(scope="module")
def task(detector: Detector) -> ClusteringTask:
    found: ClusteringTask = load_task(load_bundle("showers-hgcal"), detector)
    return found


@pytest.fixture(scope="module")
def crowd(detector: Detector) -> list[Event]:
    options = SimulationOptions(
        particle="photon,pion", energy=(3.0, 60.0), count=12, eta=FORWARD, cone=0.6, noise_hits=0.02
    )
    return list(simulate(detector, "gun", 8, seed=77, options=options))


def same(one: Clusters, two: Clusters) -> None:
    """Equal but for rounding."""
    assert len(one) == len(two) > 0
    for name in ("energy", "energy_sigma", "class_probability", "score"):
        np.testing.assert_allclose(getattr(one, name), getattr(two, name), rtol=1e-4, atol=1e-5)


def test_the_network_finds_more_than_density(task: ClusteringTask, crowd: list[Event]) -> None:
    plain = load_task(load_bundle("clusters-density"), task.detector)
    ours, theirs = (
        score_clusters([(e, t.reconstruct(e)) for e in crowd], task.detector, ShowerTarget(min_energy=2.0))
        for t in (task, plain)
    )
    assert ours["efficiency"] > theirs["efficiency"]
    assert ours["merge_rate"] < theirs["merge_rate"]
    assert ours["energy_resolution"] < 0.6 * theirs["energy_resolution"]
    assert 0.5 < ours["pull_sigma"] < 1.5
    assert ours["class_auc"] > 0.8
    assert theirs["class_auc"] is None


def test_every_hit_gives_its_energy_once(task: ClusteringTask, crowd: list[Event]) -> None:
    for event in crowd[:3]:
        found = task.reconstruct(event)
        given = np.bincount(found.hit_index, found.hit_weight, len(event.hits))
        assert given.max() == pytest.approx(1.0)
        assert (np.bincount(found.hit_index, minlength=len(event.hits)) > 1).any()
        assert (found.hit_weight > 0).all()


def test_a_turned_event_has_turned_showers(task: ClusteringTask, detector: Detector) -> None:
    options = SimulationOptions(particle="photon", energy=(20.0, 60.0), count=4, eta=(1.9, 2.3))
    (event,) = simulate(detector, "gun", 1, seed=5, options=options)
    angle = np.deg2rad(120)
    x, y = (
        np.cos(angle) * event.hits.x - np.sin(angle) * event.hits.y,
        np.sin(angle) * event.hits.x + np.cos(angle) * event.hits.y,
    )
    bare = replace(event.hits, deposits=None, var_u=None, var_v=None)
    sensor = detector.locate(np.stack([x, y, event.hits.z], axis=1))
    moved = replace(event, hits=replace(bare, x=x, y=y, sensor=sensor))
    assert (sensor >= 0).all()
    one, two = task.reconstruct(replace(event, hits=bare)), task.reconstruct(moved)
    same(one, two)
    np.testing.assert_allclose(np.hypot(one.x, one.y), np.hypot(two.x, two.y), rtol=1e-6)
    np.testing.assert_array_equal(one.hit_index, two.hit_index)


@pytest.mark.parametrize(("degrees", "swapped"), [(120, False), (240, False), (0, True), (120, True)])
def test_a_symmetry_of_the_detector_changes_nothing(
    task: ClusteringTask, detector: Detector, crowd: list[Event], degrees: float, swapped: bool
) -> None:
    """Read from the cells that the turned hits fall into, as a real event would be; `swapped`: on the other side."""
    turn = about_z(degrees) @ (np.diag([-1.0, 1.0, -1.0]) if swapped else np.eye(3))
    for event in crowd[:2]:
        bare = replace(event.hits, deposits=None, var_u=None, var_v=None)
        sensor = detector.locate(bare.xyz @ turn)
        cell = hit_cells(detector, placed(bare, bare.xyz @ turn, sensor))
        assert (cell >= 0).all()
        xyz = detector.cell_position(sensor, cell)
        assert np.abs(xyz - bare.xyz @ turn).max() < 1e-9  # of rounded wafers 5e-3
        one, two = (task.reconstruct(replace(event, hits=hits)) for hits in (bare, placed(bare, xyz, sensor)))
        exact(one, two)


def test_an_event_and_its_detector_may_be_turned_by_any_angle(
    task: ClusteringTask, detector: Detector, crowd: list[Event]
) -> None:
    turn = about_z(37.0)
    turned = replace(detector, center=detector.center @ turn, rotation=turn.T @ detector.rotation)
    other = ClusteringTask(task.config, turned)
    other.load_state(task.state())
    for event in crowd[:2]:
        bare = replace(event.hits, deposits=None, var_u=None, var_v=None)
        moved = placed(bare, bare.xyz @ turn, bare.sensor)
        exact(task.reconstruct(replace(event, hits=bare)), other.reconstruct(replace(event, hits=moved)))


def about_z(degrees: float) -> np.ndarray:
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])


def placed(hits: Hits, xyz: np.ndarray, sensor: np.ndarray) -> Hits:
    x, y, z = np.ascontiguousarray(xyz.T)
    return replace(hits, x=x, y=y, z=z, sensor=sensor)


def exact(one: Clusters, two: Clusters) -> None:
    """Equal but for the last bits of float32."""
    np.testing.assert_array_equal(one.hit_index, two.hit_index)
    assert len(one) > 0
    for name in ("energy", "energy_sigma", "class_probability", "score"):
        np.testing.assert_allclose(getattr(one, name), getattr(two, name), rtol=5e-6, atol=5e-6)


def test_the_order_of_hits_does_not_matter(task: ClusteringTask, crowd: list[Event]) -> None:
    event = crowd[0]
    order = np.random.default_rng(3).permutation(len(event.hits))
    hits = event.hits
    mixed = replace(
        hits,
        hit_id=hits.hit_id[order],
        x=hits.x[order],
        y=hits.y[order],
        z=hits.z[order],
        sensor=hits.sensor[order],
        energy=None if hits.energy is None else hits.energy[order],
        deposits=None,
        var_u=None,
        var_v=None,
        time=None,
    )
    bare = replace(hits, deposits=None, var_u=None, var_v=None, time=None)
    same(task.reconstruct(replace(event, hits=bare)), task.reconstruct(replace(event, hits=mixed)))


def with_energy(event: Event, rows: np.ndarray, value: float) -> Event:
    assert event.hits.energy is not None
    energy = event.hits.energy.copy()
    energy[rows] = value
    return replace(event, hits=replace(event.hits, energy=energy))


def test_dead_cells_are_counted_and_cost_little(task: ClusteringTask, crowd: list[Event]) -> None:
    event = crowd[0]
    dead = np.flatnonzero(np.random.default_rng(1).random(len(event.hits)) < 0.03)
    broken = with_energy(event, dead, -0.001)
    found = task.reconstruct(broken)
    assert task.tally(broken, found)["hits_not_positive"] == len(dead)
    assert not np.isin(found.hit_index, dead).any()
    assert abs(len(found) - len(task.reconstruct(event))) <= 2


def test_a_hot_cell_alone_is_no_shower(task: ClusteringTask, crowd: list[Event]) -> None:
    alone = select_hits(crowd[0], np.arange(len(crowd[0].hits)) == 5)
    hot = with_energy(alone, np.array([0]), 5.0)
    found = task.reconstruct(hot)
    assert len(found) == 0
    assert task.tally(hot, found)["hits_unclustered"] == 1


def test_a_saturated_cell_leaves_finite_energies(task: ClusteringTask, crowd: list[Event]) -> None:
    event = crowd[1]
    assert event.hits.energy is not None
    top = np.argsort(event.hits.energy)[-5:]
    for value in (float(event.hits.energy[top[0]]), 1e4):
        found = task.reconstruct(with_energy(event, top, value))
        assert np.isfinite(found.energy).all()
        assert np.isfinite(found.energy_sigma).all()


def test_a_missing_layer_is_survived(task: ClusteringTask, crowd: list[Event]) -> None:
    layers = task.detector.layer[crowd[2].hits.sensor]
    busiest = np.bincount(layers).argmax()
    whole, cut = task.reconstruct(crowd[2]), task.reconstruct(select_hits(crowd[2], layers != busiest))
    assert abs(len(whole) - len(cut)) <= 3
    assert cut.energy.sum() == pytest.approx(whole.energy.sum(), rel=0.25)


def test_noise_alone_makes_hardly_a_cluster(
    task: ClusteringTask, detector: Detector, crowd: list[Event]
) -> None:
    assert crowd[3].truth is not None
    noise = np.ones(len(crowd[3].hits), bool)
    noise[crowd[3].truth.hit] = False
    assert noise.sum() > 10
    assert len(task.reconstruct(select_hits(crowd[3], noise))) <= 1
    assert len(task.reconstruct(select_hits(crowd[3], noise & False))) == 0


def test_a_cell_that_the_detector_lacks_is_counted(task: ClusteringTask, crowd: list[Event]) -> None:
    hits = replace(crowd[0].hits, deposits=None)
    away = replace(crowd[0], hits=replace(hits, x=hits.x + np.where(np.arange(len(hits)) < 7, 5e3, 0.0)))
    found = task.reconstruct(away)
    assert task.tally(away, found)["hits_without_cell"] == 7
    assert (found.hit_index >= 7).all()


def test_an_energy_that_is_no_number_is_an_error(task: ClusteringTask, crowd: list[Event]) -> None:
    with pytest.raises(BadInput, match="not a finite number"):
        task.reconstruct(with_energy(crowd[0], np.array([3]), np.nan))


def test_too_many_pairs_are_refused(task: ClusteringTask, crowd: list[Event]) -> None:
    config = replace(task.config, graph=replace(task.config.graph, max_edges=1000))
    small = ClusteringTask.from_config(config, task.detector)
    with pytest.raises(OverBudget, match="pairs of close cells"):
        small.reconstruct(crowd[0])


def test_clusters_that_are_hardly_a_particle_are_dropped(task: ClusteringTask, detector: Detector) -> None:
    options = SimulationOptions(particle="muon", energy=(30.0, 30.0), eta=FORWARD, noise_hits=60.0)
    (event,) = simulate(detector, "gun", 1, seed=12, options=options)
    everything, sure = (
        ClusteringTask.from_config(replace(task.config, least_score=least), detector) for least in (0.0, 0.1)
    )
    for one in (everything, sure):
        one.load_state(task.state())
    before, after = everything.reconstruct(event), sure.reconstruct(event)
    some = before.score >= 0.1
    assert 0 < some.sum() < len(before)
    np.testing.assert_array_equal(after.energy, before.energy[some])
    np.testing.assert_array_equal(after.hit_index, before[some].hit_index)
    assert len(sure.found(event)[0]) == len(before)  # a calibration learns from all of them
    assert sure.tally(event, after)["hits_unclustered"] > everything.tally(event, before)["hits_unclustered"]
    assert len(sure.explainer().read(event).work.order) == len(after)
