"""Particle flow from elements to particles: what must not matter, what must not break it, and that it learns."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
import torch

from gnnreco.columns import Clusters, Event, Floats, ReconstructedParticles, Tracks
from gnnreco.geometry import Detector
from gnnreco.graphs.elements.graph import ElementConfig
from gnnreco.tasks.particleflow import ParticleFlowConfig, ParticleFlowTask
from tests.tasks.particleflow.found import simulated

DECIDED = 0.0  # every owner is told, so that what changes shows


@pytest.fixture(scope="module")
def events(detector: Detector) -> list[Event]:
    return list(simulated(detector, 6))


def prepared(
    detector: Detector, events: list[Event], showers: Literal["clusters", "cells"]
) -> ParticleFlowTask:
    config = ParticleFlowConfig(ElementConfig(showers=showers), least_score=DECIDED)
    task = ParticleFlowTask(config, detector)
    task.prepare(events)
    task.network.eval()
    return task


@pytest.fixture(scope="module")
def task(detector: Detector, events: list[Event]) -> ParticleFlowTask:
    return prepared(detector, events, "clusters")


@pytest.fixture(scope="module")
def by_cells(detector: Detector, events: list[Event]) -> ParticleFlowTask:
    return prepared(detector, events, "cells")


def table(found: ReconstructedParticles) -> Floats:
    """Numbers of particles, in an order that does not depend on where they are."""
    columns = (found.energy, found.energy_sigma, found.charge, found.pz, found.pt, found.score)
    rows = np.column_stack([*columns, found.class_probability])
    return rows[np.lexsort((rows[:, 3], rows[:, 0]))]


def test_something_is_found_and_is_sane(task: ParticleFlowTask, events: list[Event]) -> None:
    for event in events:
        found = task.reconstruct(event)
        assert len(found) >= len(event.found[Tracks])
        assert (found.energy > 0).all()
        assert (found.energy_sigma > 0).all()
        np.testing.assert_allclose(found.class_probability.sum(axis=1), 1)
        assert np.isfinite(table(found)).all()
        assert (np.diff(found.energy) <= 0).all()


def test_cells_alone_are_elements_too(by_cells: ParticleFlowTask, events: list[Event]) -> None:
    found = by_cells.reconstruct(events[0])
    assert np.isfinite(table(found)).all()
    assert len(found) > len(events[0].found[Tracks])
    assert not len(found.cluster_index)


def test_the_order_of_tracks_and_clusters_does_not_matter(
    task: ParticleFlowTask, events: list[Event]
) -> None:
    for event in events:
        rng = np.random.default_rng(event.number)
        mixed = {kind: columns[rng.permutation(len(columns))] for kind, columns in event.found.items()}
        before, after = (task.reconstruct(one) for one in (event, replace(event, found=mixed)))
        np.testing.assert_allclose(table(after), table(before), rtol=1e-4, atol=1e-6)


def turned(event: Event, angle: float) -> Event:
    """The event turned about the beam."""
    cos, sin = np.cos(angle), np.sin(angle)
    hits, (tracks, clusters) = event.hits, (event.found[kind] for kind in (Tracks, Clusters))
    axis = clusters.axis @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
    found = {
        Tracks: replace(tracks, phi=tracks.phi + angle),
        Clusters: replace(
            clusters,
            x=cos * clusters.x - sin * clusters.y,
            y=sin * clusters.x + cos * clusters.y,
            axis=axis,
        ),
    }
    return replace(
        event,
        hits=replace(hits, x=cos * hits.x - sin * hits.y, y=sin * hits.x + cos * hits.y),
        found=found,
    )


def test_an_event_turned_about_the_beam_has_the_same_particles(
    task: ParticleFlowTask, events: list[Event]
) -> None:
    for event in events:  # a quarter turn, so that hits still lie in their cells
        before, after = task.reconstruct(event), task.reconstruct(turned(event, np.pi / 2))
        np.testing.assert_allclose(table(after), table(before), rtol=2e-3, atol=1e-4)
        np.testing.assert_allclose(np.sort(after.px), np.sort(-before.py), rtol=2e-3, atol=1e-3)


@pytest.mark.parametrize("off", ["tracker", "calorimeter", "both"])
def test_a_part_that_is_off_leaves_the_other(task: ParticleFlowTask, events: list[Event], off: str) -> None:
    event = events[0]
    found = dict(event.found)
    keep = np.ones(len(event.hits), bool)
    energy = np.array(["energy" in s.measures for s in task.detector.subsystems])
    if off in ("tracker", "both"):
        found[Tracks] = Tracks()
    if off in ("calorimeter", "both"):
        found[Clusters] = Clusters()
        keep = ~energy[task.detector.subsystem][event.hits.sensor]
        rows = np.cumsum(keep) - 1
        tracks = found[Tracks]
        found[Tracks] = replace(tracks, hit_index=rows[tracks.hit_index])
    one = replace(event, hits=event.hits[keep], truth=None, found=found)
    particles = task.reconstruct(one)
    assert np.isfinite(table(particles)).all()
    if off == "calorimeter":
        assert len(particles) == len(found[Tracks])
    if off == "both":
        assert len(particles) == 0
    if off == "tracker":
        assert len(particles)
        assert (particles.charge == 0).all()


@pytest.mark.parametrize(
    ("column", "value"),
    [("q_over_p", 1e-12), ("q_over_p", 1e6), ("q_over_p", np.nan), ("d0", np.inf), ("covariance", np.nan)],
)
def test_an_absurd_track_makes_no_energy(
    task: ParticleFlowTask, events: list[Event], column: str, value: float
) -> None:
    event = events[0]
    tracks = event.found[Tracks]
    changed = getattr(tracks, column).copy()
    changed[0] = value
    odd = replace(event, found={**event.found, Tracks: replace(tracks, **{column: changed})})
    found = task.reconstruct(odd)
    assert np.isfinite(table(found)).all()
    if not np.isfinite(value):
        with_it = found.energy.sum()
        assert with_it < task.reconstruct(event).energy.sum() + 1.0


def test_the_other_sign_of_the_field_is_survived(events: list[Event], detector: Detector) -> None:
    event = events[0]
    tracks = event.found[Tracks]
    wrong = replace(event, found={**event.found, Tracks: replace(tracks, q_over_p=-tracks.q_over_p)})
    task = ParticleFlowTask(ParticleFlowConfig(), detector)
    assert np.isfinite(table(task.reconstruct(wrong))).all()


def test_twenty_thousand_elements(detector: Detector) -> None:
    rng, n = np.random.default_rng(3), 20_000
    z = detector.center[8:24, 2]
    layer = rng.integers(len(z), size=n)
    from gnnreco.columns import Hits

    x, y = rng.uniform(-790, 790, (2, n))
    hits = Hits(
        np.arange(n),
        x,
        y,
        z[layer],
        (8 + layer).astype(np.int32),
        np.ones(n),
        np.ones(n),
        energy=np.full(n, 2e-3),
    )
    event = Event(0, "many", hits, found={Tracks: Tracks(), Clusters: Clusters()})
    task = ParticleFlowTask(ParticleFlowConfig(ElementConfig(showers="cells"), least_score=0.0), detector)
    found = task.reconstruct(event)
    assert len(found)
    assert np.isfinite(table(found)).all()


def test_it_learns(detector: Detector, events: list[Event]) -> None:
    task = ParticleFlowTask(ParticleFlowConfig(), detector)
    task.prepare(events)
    samples = [task.sample(event) for event in events[:2]]
    optimizer = torch.optim.Adam(task.network.parameters(), 3e-3)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        total = sum((task.loss(sample)[0] for sample in samples), torch.zeros(()))
        total.backward()
        optimizer.step()
        losses.append(float(total.detach()))
    assert losses[-1] < 0.5 * losses[0]
    task.finish(samples)
    assert (task.network.temperature > 0).all()


def test_a_good_track_stays_what_it_is(detector: Detector, events: list[Event]) -> None:
    task = ParticleFlowTask(ParticleFlowConfig(least_score=0.0), detector)
    for event in events:
        found, tracks = task.reconstruct(event), event.found[Tracks]
        p = np.sqrt(found.px**2 + found.py**2 + found.pz**2)
        owner = np.repeat(np.arange(len(found)), np.diff(found.track_offsets))
        for row, track in zip(owner, found.track_index, strict=True):
            electron = found.class_probability[row, 3]
            room = 2e-3 * (1 - electron) + 0.7 * electron
            assert abs(np.log(p[row] * abs(tracks.q_over_p[track]))) <= room + 1e-6
