"""What particle flow tells a report: its columns by name, its own loss and scores, the hits behind them, and a simple rule."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from gnnreco.columns import PARTICLE_CLASSES, Clusters, Event, Tracks
from gnnreco.geometry import Detector
from gnnreco.graphs.elements.graph import ElementConfig
from gnnreco.tasks.contract import Comparable, Explainable
from gnnreco.tasks.particleflow import ParticleFlowConfig, ParticleFlowTask
from tests.tasks.particleflow.found import simulated


@pytest.fixture(scope="module")
def events(detector: Detector) -> list[Event]:
    return list(simulated(detector, 2))


@pytest.fixture(scope="module", params=["clusters", "cells"])
def task(request: pytest.FixtureRequest, detector: Detector, events: list[Event]) -> ParticleFlowTask:
    config = ParticleFlowConfig(ElementConfig(showers=request.param), least_score=0.4)
    task = ParticleFlowTask(config, detector)
    task.prepare(events)
    task.network.temperature.copy_(torch.tensor([0.7, 1.4]))
    task.network.eval()
    return task


def test_it_reads_what_the_network_reads_and_answers_what_the_task_scores(
    task: ParticleFlowTask, events: list[Event]
) -> None:
    assert isinstance(task, Explainable)
    explainer = task.explainer()
    for event in events:
        reading, found = explainer.read(event), task.reconstruct(event)
        assert {k: len(v) for k, v in reading.names.items()} == {
            k: rows.shape[1] for k, rows in reading.features.items()
        }
        with torch.no_grad():
            score = torch.sigmoid(explainer.answers(reading, reading.features)).numpy()
            loss, own = explainer.loss(reading, reading.features), task.loss(task.sample(event))[0]
        np.testing.assert_allclose(score, found.score, rtol=1e-4)
        assert float(loss) == pytest.approx(float(own), rel=1e-5)


def test_rows_describe_the_hits_they_are_made_of(task: ParticleFlowTask, events: list[Event]) -> None:
    event = events[0]
    reading, tracks = task.explainer().read(event), event.found[Tracks]
    for track in range(len(tracks)):
        row, hit = reading.hits["track"].T
        mine = tracks.hit_index[tracks.offsets[track] : tracks.offsets[track + 1]]
        assert set(hit[row == track]) == set(mine)
        row, hit = reading.hits["particle"].T  # owners begin with all tracks
        assert set(mine) <= set(hit[row == track])
    clusters = set(event.found[Clusters].hit_index) if task.config.graph.showers == "clusters" else None
    assert clusters is None or set(reading.hits["shower"][:, 1]) <= clusters
    for kind, links in reading.hits.items():
        assert 0 <= links[:, 0].min(initial=0) <= links[:, 0].max(initial=0) < len(reading.features[kind])
        assert links[:, 1].max() < len(event.hits)
    energetic = event.hits.energy[reading.hits["shower"][:, 1]]
    assert (energetic > 0).all()


def test_nothing_found_is_nothing_to_explain(task: ParticleFlowTask, events: list[Event]) -> None:
    event = replace(events[0], found={Tracks: Tracks(), Clusters: Clusters()})
    if task.config.graph.showers == "clusters":
        reading = task.explainer().read(event)
        assert len(task.explainer().answers(reading, reading.features)) == 0
    assert len(task.baseline(())[1].reconstruct(event)) == 0


def test_the_simple_method_takes_tracks_as_they_are_and_uses_each_cluster_once(
    task: ParticleFlowTask, events: list[Event]
) -> None:
    assert isinstance(task, Comparable)
    words, simple = task.baseline(())
    assert "nearest" in words
    for event in events:
        found, tracks, clusters = simple.reconstruct(event), event.found[Tracks], event.found[Clusters]
        charged = found.charge != 0
        assert np.count_nonzero(charged) == len(tracks)
        assert sorted(found.cluster_index) == list(range(len(clusters)))
        momentum = np.sqrt(found.px**2 + found.py**2 + found.pz**2)
        owner = np.repeat(np.arange(len(found)), np.diff(found.track_offsets))
        np.testing.assert_allclose(momentum[owner], 1 / np.abs(tracks.q_over_p[found.track_index]), rtol=1e-5)
        names = {PARTICLE_CLASSES[k] for k in found.class_index[~charged]}
        assert names <= {"photon", "neutral_hadron"}
