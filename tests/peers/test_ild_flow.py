"""Our particle flow on events of ILD that hold tracks and clusters, but no hits: it runs, it is told the truth, it learns."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from gnnreco.columns import PARTICLE_CLASSES, Clusters, ReconstructedParticles, Tracks
from gnnreco.events.readers.lcio import DstEvent, read_dst
from gnnreco.geometry import load_detector
from gnnreco.graphs.elements.showers import SHOWER_FEATURES
from gnnreco.tasks.particleflow import ParticleFlowConfig, ParticleFlowTask
from tests.tasks.particleflow.whole import WHOLE

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", autouse=True)
def beside() -> Iterator[None]:
    """Scripts import those beside them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(ROOT / "scripts" / "peers"), *sys.path])
        yield


@pytest.fixture(scope="module")
def script(beside: None) -> ModuleType:
    import ild_flow

    return ild_flow


@pytest.fixture(scope="module")
def elements(beside: None) -> ModuleType:
    import ild_elements

    return ild_elements


@pytest.fixture(scope="module")
def events() -> list[DstEvent]:
    return list(read_dst(ROOT / "tests" / "corpus" / "events" / "lcio" / "ild_dst.slcio"))


@pytest.fixture(scope="module")
def task(detector_folder: Callable[..., Path]) -> ParticleFlowTask:
    """One that has learned nothing."""
    task = ParticleFlowTask(
        ParticleFlowConfig(least_score=0.0), load_detector(detector_folder("whole", WHOLE, 2))
    )
    task.network.eval()
    return task


def test_toy_showers_keep_energy_and_place(
    elements: ModuleType, events: list[DstEvent], task: ParticleFlowTask
) -> None:
    for event in events:
        clusters, found = event.event.found[Clusters], elements.elements_of(event, task)
        told = elements.energy_in(event, elements.EM + elements.HADRON)
        np.testing.assert_allclose(found.showers.visible[told > 0], told[told > 0])
        middle = np.stack([clusters.x, clusters.y, clusters.z], axis=1)
        away = np.linalg.norm(found.showers.middle - middle, axis=1)
        assert np.median(away) < 1
        em = elements.energy_in(event, elements.HADRON) == 0
        last = found.showers.features[:, SHOWER_FEATURES.index("section_3")]
        assert last[em].mean() < 0.05  # only of what comes in at a flat angle
        assert last[~em].mean() > 0.3
        for features in (found.graph.track_features, found.graph.shower_features, found.graph.edge_features):
            assert np.isfinite(features).all()
        assert len(found.graph.shower) > len(clusters)


def test_particles_come_out_and_are_linked(
    script: ModuleType, events: list[DstEvent], task: ParticleFlowTask
) -> None:
    for event, sample in zip(events, script.flow(task, events), strict=True):
        found = sample.particles
        assert len(found) >= len(event.event.found[Tracks])
        assert (np.sort(found.track_index) == np.arange(len(event.event.found[Tracks]))).all()
        assert found.cluster_index.max() < len(event.event.found[Clusters])
        assert (found.energy > 0).all()
        made = np.flatnonzero(np.diff(found.track_offsets) + np.diff(found.cluster_offsets))
        assert np.mean(np.isin(made, sample.links.found)) > 0.9


def test_most_clusters_of_a_track_are_those_that_pandora_gave_it(
    script: ModuleType, elements: ModuleType, events: list[DstEvent], task: ParticleFlowTask
) -> None:
    """The links lead through Pandora's particles; only fragments that it left alone are told apart by the truth."""
    for event in events:
        made = elements.elements_of(event, task)
        answers, pandora = script.answers(event, made), event.event.found[ReconstructedParticles]
        assert np.mean(answers.track >= 0) > 0.8
        n_tracks, graph = len(made.tracks), made.graph
        shower, owner = (column[answers.edge > 0.5] for column in (graph.shower, graph.owner))
        shower, owner = shower[owner < n_tracks], owner[owner < n_tracks]
        holder = np.full((2, max(len(made.showers), n_tracks)), -1)
        for k, (offsets, index) in enumerate(
            (
                (pandora.track_offsets, pandora.track_index),
                (pandora.cluster_offsets, pandora.cluster_index),
            )
        ):
            holder[k, index] = np.repeat(np.arange(len(pandora)), np.diff(offsets))
        assert len(shower) > 10
        assert 0.7 < np.mean(holder[1, shower] == holder[0, owner]) < 1


def test_targets_hold_the_energy_of_the_event_once(script: ModuleType, events: list[DstEvent]) -> None:
    for event in events:
        targets, truth = script.targets_of(event), script.truth_of(event, cosine=1.0)
        assert targets.energy.sum() == pytest.approx(truth.energy.sum(), abs=1.0)
        assert (targets.charge[targets.pdg_class == PARTICLE_CLASSES.index("photon")] == 0).all()


def test_tuning_lowers_the_loss_and_leaves_the_first_network_alone(
    script: ModuleType, events: list[DstEvent], task: ParticleFlowTask
) -> None:
    before = {name: value.copy() for name, value in task.state().items()}
    after = script.tuned(task, events, epochs=3)
    samples = [script.sample_of(task, event) for event in events]
    assert script.loss_of(after, samples) < script.loss_of(task, samples)
    for name, value in task.state().items():
        np.testing.assert_array_equal(value, before[name])


def test_figures_beside_others_are_differences(
    script: ModuleType, events: list[DstEvent], task: ParticleFlowTask
) -> None:
    from dst_figures import figures

    mine = script.flow(task, events)
    same = figures(mine, mine)["visible_energy"]["median"]
    assert same == {"value": 0, "low": 0, "high": 0}
    pandora = [script.Sample(e, e.event.found[ReconstructedParticles], e.particles_to_truth) for e in events]
    apart, one, two = figures(mine, pandora), figures(mine), figures(pandora)
    value = apart["visible_energy"]["median"]["value"]
    assert value == pytest.approx(
        one["visible_energy"]["median"]["value"] - two["visible_energy"]["median"]["value"], abs=2e-4
    )
