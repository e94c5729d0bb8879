"""Tracks straight from charge: every particle once, whatever the order or the sector; crossings, kinks and curls."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gnnreco.bundle import load_bundle, load_task
from gnnreco.columns import Event, Hits, Ints, Particles, Truth
from gnnreco.errors import BadInput, OverBudget
from gnnreco.evaluate import match, true_perigee
from gnnreco.events.select import select_hits
from gnnreco.geometry import load_detector
from gnnreco.simulate import SimulationOptions, simulate
from gnnreco.simulate.drift.charge import drift
from gnnreco.simulate.transport import Paths
from gnnreco.tasks.drift.points import energy_loss
from gnnreco.tasks.drift.task import DriftConfig, DriftTask, main_particle

PION = 0.13957


@pytest.fixture(scope="module")
def task() -> DriftTask:
    return load_task(load_bundle("tpc"), load_detector("tpc"))


@pytest.fixture(scope="module")
def event(task: DriftTask) -> Event:
    options = SimulationOptions(count=12, particle="pion", energy=(0.4, 5.0), eta=(-0.8, 0.8))
    return next(simulate(task.detector, "gun", 1, seed=7, options=options))


def straight(task: DriftTask, *lines: tuple[tuple[float, ...], tuple[float, ...]]) -> Event:
    """Charge of fast muons along straight lines (start, end), mm; one particle each."""
    start, end = (np.array([line[k] for line in lines], float) for k in range(2))
    length = np.linalg.norm(end - start, axis=1)
    p = 100.0 * (end - start) / length[:, None]
    rows, ones = np.arange(len(lines)), np.ones(len(lines))
    paths = Paths(rows, *start.T, *p.T, ones, 0.10566 * ones, 0 * ones, length)
    hits, hit, particle, energy = drift(task.detector, paths, SimulationOptions(), np.random.default_rng(3))
    particles = Particles(rows + 1, np.full(len(rows), 13, np.int32), ones, *start.T, *p.T)
    return Event(0, "lines", hits, Truth(particles, hit, particle, energy=energy))


def at(r: float, phi: float, z: float) -> tuple[float, float, float]:
    return r * np.cos(np.radians(phi)), r * np.sin(np.radians(phi)), z


def moved(hits: Hits, order: Ints) -> Hits:
    names = ("hit_id", "x", "y", "z", "sensor", "var_u", "var_v", "time", "energy")
    return Hits(**{name: getattr(hits, name)[order] for name in names})


def test_every_particle_is_one_track_with_its_parameters(task: DriftTask, event: Event) -> None:
    tracks, points = task.tracks_and_points(event)
    assert event.truth is not None
    matching = match(tracks, event.truth, len(event.hits))
    good = matching.matched("acts")
    assert set(np.flatnonzero(matching.particle_hits > 300)) <= set(matching.particle[good].tolist())
    assert (np.diff(tracks.offsets)[~good] < 300).all()
    assert len(tracks.hit_index) > 0.97 * len(event.hits)
    assert len(np.unique(tracks.hit_index)) == len(tracks.hit_index)
    truth = true_perigee(event.truth.particles, task.detector.field)[matching.particle[good]]
    primary = matching.particle[good] < 12
    off = np.stack([tracks.d0, tracks.z0, tracks.phi, tracks.theta, tracks.q_over_p], axis=1)[good] - truth
    error = np.sqrt(tracks.covariance[good][:, [0, 2, 5, 9, 14]])
    off[:, 2] = (off[:, 2] + np.pi) % (2 * np.pi) - np.pi
    assert np.median(np.abs(off / error)[primary]) < 1.5
    assert (np.abs(off[primary, 4] / truth[primary, 4]) < 0.1).mean() > 0.9
    assert ((tracks.score > 0) & (tracks.score <= 1)).all()
    loss = energy_loss(points)[points.piece_of_track]
    assert len(loss) == len(tracks)
    assert (loss > 0).all()


def test_the_order_of_hits_does_not_matter(task: DriftTask, event: Event) -> None:
    order = np.random.default_rng(1).permutation(len(event.hits))
    one = task.reconstruct(event)
    two = task.reconstruct(replace(event, hits=moved(event.hits, order), truth=None))
    np.testing.assert_array_equal(one.q_over_p, two.q_over_p)
    np.testing.assert_array_equal(one.offsets, two.offsets)
    np.testing.assert_array_equal(one.hit_index, order[two.hit_index])


def test_another_sector_gives_the_same_tracks(task: DriftTask, event: Event) -> None:
    turn = np.radians(20.0)
    hits = event.hits
    x, y = (
        np.cos(turn) * hits.x - np.sin(turn) * hits.y,
        np.sin(turn) * hits.x + np.cos(turn) * hits.y,
    )
    turned = replace(
        hits, x=x, y=y, sensor=task.detector.locate(np.stack([x, y, hits.z], axis=1)), deposits=None
    )
    one, two = task.reconstruct(event), task.reconstruct(replace(event, hits=turned))
    assert len(one) == len(two)
    np.testing.assert_allclose(np.sort(one.q_over_p), np.sort(two.q_over_p), rtol=1e-3)
    np.testing.assert_allclose(np.sort(one.d0), np.sort(two.d0), atol=0.05)


@pytest.mark.parametrize("apart", [3.0, 2.0])
def test_two_tracks_that_cross_stay_two(task: DriftTask, apart: float) -> None:
    """Through one point at 1.6 m, in the middle of a sector, at twice `apart` degrees."""
    lines = []
    for side in (-1, 1):
        middle, way = np.array(at(1600, 10, 600)), np.array(at(1600, 10 + side * apart, 600))
        unit = way / np.linalg.norm(way)
        lines.append((tuple(middle - 760 * unit), tuple(middle + 760 * unit)))
    event = straight(task, *lines)
    assert event.truth is not None
    matching = match(task.reconstruct(event), event.truth, len(event.hits))
    assert sorted(matching.particle[matching.matched("acts")].tolist()) == [0, 1]
    assert (2 * matching.common > 1.8 * matching.track_hits).all()


@pytest.mark.parametrize("gap", [12.0, 18.0])
def test_two_tracks_side_by_side_stay_two(task: DriftTask, gap: float) -> None:
    lines = [(at(850, 10, 500), at(2450, 10, 900)), (at(850, 10, 500 + gap), at(2450, 10, 900 + gap))]
    event = straight(task, *lines)
    assert event.truth is not None
    matching = match(task.reconstruct(event), event.truth, len(event.hits))
    assert sorted(matching.particle[matching.matched("acts")].tolist()) == [0, 1]


def test_a_kink_parts_two_tracks(task: DriftTask) -> None:
    knee = np.array(at(1600, 10, 600))
    way = knee / np.linalg.norm(knee)
    aside = np.cross(way, [0, 0, 1.0])
    event = straight(
        task, (tuple(knee - 740 * way), tuple(knee)), (tuple(knee), tuple(knee + 700 * way + 130 * aside))
    )
    tracks = task.reconstruct(event)
    assert event.truth is not None
    matching = match(tracks, event.truth, len(event.hits))
    assert sorted(matching.particle[matching.matched("acts")].tolist()) == [0, 1]


def test_a_particle_that_curls_back_is_one_track(task: DriftTask) -> None:
    options = SimulationOptions(
        count=3, particle="muon", energy=(0.19, 0.2), eta=(0.1, 0.4), neutrals=False, decays=False
    )
    whole = 0
    for event in simulate(task.detector, "gun", 4, seed=5, options=options):
        assert event.truth is not None
        matching = match(task.reconstruct(event), event.truth, len(event.hits))
        whole += len(np.unique(matching.particle[matching.matched("acts")]))
    assert whole >= 9


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_next_to_nothing_gives_no_track(task: DriftTask, event: Event, rows: int) -> None:
    few = select_hits(event, np.arange(len(event.hits)) < rows)
    assert len(task.reconstruct(few)) == 0
    assert task.tally(few, task.reconstruct(few))["hits_on_no_track"] == rows


def test_noise_alone_gives_no_track(task: DriftTask) -> None:
    options = SimulationOptions(count=3, particle="muon", energy=(1.0, 2.0), eta=(-0.5, 0.5), noise_hits=0.5)
    event = next(simulate(task.detector, "gun", 1, seed=3, options=options))
    assert event.truth is not None
    noise = main_particle(event.truth, len(event.hits)) < 0
    assert noise.sum() > 500
    assert len(task.reconstruct(select_hits(event, noise))) == 0
    matching = match(task.reconstruct(event), event.truth, len(event.hits))
    assert {0, 1, 2} <= set(matching.particle[matching.matched("acts")].tolist())


def test_broken_charge_is_refused_or_counted(task: DriftTask, event: Event) -> None:
    assert event.hits.energy is not None
    energy = event.hits.energy.copy()
    energy[:50] = -1e-9
    odd = replace(event, hits=replace(event.hits, energy=energy))
    assert task.tally(odd, task.reconstruct(odd))["hits_not_positive"] == 50
    energy[7] = np.nan
    with pytest.raises(BadInput, match="not a finite number"):
        task.reconstruct(replace(event, hits=replace(event.hits, energy=energy)))
    with pytest.raises(BadInput, match="without energy"):
        task.reconstruct(replace(event, hits=replace(event.hits, energy=None)))
    off = replace(
        event.hits, x=event.hits.x + np.where(np.arange(len(event.hits)) < 20, 1e5, 0.0), deposits=None
    )
    far = replace(event, hits=off)
    assert task.tally(far, task.reconstruct(far))["hits_without_cell"] == 20


def test_an_event_over_budget_is_refused(task: DriftTask, event: Event) -> None:
    cells = replace(task.config.graph.cells, max_edges=1000)
    config = replace(task.config, graph=replace(task.config.graph, cells=cells))
    with pytest.raises(OverBudget):
        DriftTask.from_config(config, task.detector).graph(event)


def test_a_training_sample_holds_what_is_hard(task: DriftTask, event: Event) -> None:
    fresh = DriftTask.from_config(DriftConfig(), task.detector)
    fresh.prepare([event])
    sample = fresh.sample(event)
    graph = sample.graph
    assert len(graph.edges) == len(sample.same) == len(graph.inner)
    assert (np.diff(graph.inner.numpy()) >= 0).all()
    loss, beside = fresh.loss(sample)
    loss.backward()  # type: ignore[no-untyped-call]
    assert np.isfinite(loss.item())
    assert set(beside) == {"joined_wrongly", "cut_wrongly"}
    state: dict[str, Any] = fresh.state()
    other = DriftTask.from_config(DriftConfig(seed=1), task.detector)
    other.load_state(state)
    assert all((other.state()[name] == value).all() for name, value in state.items())
