"""Our particle flow on events of ILD that hold tracks and clusters, but no hits: it runs, it is told the truth, it learns."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from gnnreco.columns import PARTICLE_CLASSES, Clusters, ReconstructedParticles, Tracks
from gnnreco.events.readers.lcio import DstEvent, read_dst
from gnnreco.geometry import load_detector
from gnnreco.graphs.elements.graph import EDGE_FEATURES
from gnnreco.graphs.elements.showers import SHOWER_FEATURES
from gnnreco.graphs.elements.trails import TRACK_FEATURES
from gnnreco.tasks.particleflow import ParticleFlowConfig, ParticleFlowTask
from gnnreco.tasks.particleflow.elements import held_energy, measured, tensors_of
from tests.tasks.particleflow.whole import WHOLE

ROOT = Path(__file__).parents[2]
FILE = ROOT / "tests" / "corpus" / "events" / "lcio" / "ild_dst.slcio"


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """As the script has it: on several, the order of sums changes from run to run."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


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
    return list(read_dst(FILE))


@pytest.fixture(scope="module")
def task(detector_folder: Callable[..., Path]) -> ParticleFlowTask:
    """One that has learned nothing."""
    task = ParticleFlowTask(
        ParticleFlowConfig(least_score=0.0), load_detector(detector_folder("whole", WHOLE, 2))
    )
    task.network.eval()
    return task


@pytest.fixture(scope="module")
def reading(elements: ModuleType, task: ParticleFlowTask) -> Any:
    """Without donors."""
    return elements.Reading(task)


def test_showers_keep_energy_and_place(
    elements: ModuleType, events: list[DstEvent], task: ParticleFlowTask
) -> None:
    for event in events:
        clusters, found = event.event.found[Clusters], elements.Reading(task, scale=0.5).elements(event)
        em, hadron = (elements.energy_in(event, names) for names in (elements.EM, elements.HADRON))
        some = em + hadron > 0
        np.testing.assert_allclose(found.showers.visible[some], (em + 0.5 * hadron)[some])
        middle = np.stack([clusters.x, clusters.y, clusters.z], axis=1)
        size = np.linalg.norm(middle, axis=1) * np.linalg.norm(found.showers.middle, axis=1)
        assert (np.einsum("ij,ij->i", middle, found.showers.middle) / size > 0.9999).all()
        last = found.showers.features[:, SHOWER_FEATURES.index("section_3")]
        assert last[hadron == 0].mean() < 0.05  # only of what comes in at a flat angle
        assert last[(em == 0) & (hadron > 0)].min(initial=1.0) > 0.9
        for features in (found.graph.track_features, found.graph.shower_features, found.graph.edge_features):
            assert np.isfinite(features).all()
        assert len(found.graph.shower) > len(clusters)


def test_a_face_has_as_many_sides_as_the_detector(elements: ModuleType) -> None:
    for detector in elements.DETECTORS.values():
        angle = 2 * np.pi / detector.sides
        places = np.array(
            [[detector.barrel, 0, 0], [detector.barrel * np.cos(angle), detector.barrel * np.sin(angle), 100]]
        )
        ends = np.array([[0, 100.0, detector.endcap], [50.0, 0, -detector.endcap - 7]])
        depth, _ = elements.depth_of(np.concatenate([places, ends]), detector)
        np.testing.assert_allclose(depth, [0, 0, 0, 7], atol=1e-6)


def test_elements_are_their_own_best_donors(
    elements: ModuleType, events: list[DstEvent], task: ParticleFlowTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is told stays; the rest is that of the nearest donor, which is the element itself."""
    import flow_donors

    monkeypatch.setattr(flow_donors, "DONORS", 1)
    plain = elements.Reading(task).elements(events[0])
    rng = np.random.default_rng(1)
    shown = plain.graph.shower_features.copy()
    shown[:, SHOWER_FEATURES.index("width")] = rng.normal(size=len(shown))
    edges = plain.graph.edge_features.copy()
    edges[:, EDGE_FEATURES.index("near_1")] = rng.random(len(edges))
    donor = replace(plain.graph, shower_features=shown, edge_features=edges)
    filled = flow_donors.Donors([donor]).fill(plain.graph, plain.showers.visible, plain.trails.momentum)
    np.testing.assert_allclose(filled.shower_features, shown, atol=1e-5)
    to_track = edges[:, EDGE_FEATURES.index("to_track")] == 1
    same = (filled.edge_features == edges).all(axis=1)
    assert same[to_track].mean() > 0.99  # two clusters of one place and energy may change places
    nobody = flow_donors.Donors([]).fill(plain.graph, plain.showers.visible, plain.trails.momentum)
    assert nobody is plain.graph


def test_energy_beside_tracks_is_that_of_their_showers(
    elements: ModuleType, events: list[DstEvent], task: ParticleFlowTask
) -> None:
    import flow_donors

    found = elements.Reading(task).elements(events[0])
    edges = found.graph.edge_features.copy()
    edges[:, EDGE_FEATURES.index("near_4")] = 1.0
    graph = replace(found.graph, edge_features=edges)
    features = flow_donors._beside_tracks(graph, found.showers.visible, found.trails.momentum)
    track = int(graph.owner.min())
    energy = found.showers.visible[graph.shower[graph.owner == track]].sum()
    told = features[track, TRACK_FEATURES.index("near_4")]
    assert told == pytest.approx(np.log(energy / found.trails.momentum[track] + 0.01), rel=1e-5)


def test_particles_come_out_and_are_linked(script: ModuleType, events: list[DstEvent], reading: Any) -> None:
    for event, sample in zip(events, script.flow(reading, events), strict=True):
        found = sample.particles
        assert len(found) >= len(event.event.found[Tracks])
        assert (np.sort(found.track_index) == np.arange(len(event.event.found[Tracks]))).all()
        assert found.cluster_index.max(initial=-1) < len(event.event.found[Clusters])
        assert (found.energy > 0).all()
        made = np.flatnonzero(np.diff(found.track_offsets) + np.diff(found.cluster_offsets))
        assert np.mean(np.isin(made, sample.links.found)) > 0.8


def test_most_clusters_of_a_track_are_those_that_pandora_gave_it(
    script: ModuleType, elements: ModuleType, events: list[DstEvent], task: ParticleFlowTask
) -> None:
    """The links lead through Pandora's particles; only fragments that it left alone are told apart by the truth."""
    for event in events:
        made = elements.Reading(task).elements(event)
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


def test_targets_hold_the_energy_that_can_be_seen_once(script: ModuleType, events: list[DstEvent]) -> None:
    for event in events:
        targets, all_of_it = script.targets_of(event), script.truth_of(event, cosine=1.0).energy.sum()
        assert script.truth_of(event).energy.sum() - 1 < targets.energy.sum() < all_of_it + 1
        assert (targets.charge[targets.pdg_class == PARTICLE_CLASSES.index("photon")] == 0).all()


def test_a_neutral_particle_in_the_cluster_of_another_is_part_of_it(
    script: ModuleType, events: list[DstEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An antineutron of 36.7 GeV and a neutron of 41 GeV share a cluster of 83 GeV that the file links to the neutron."""
    event = events[0]
    folded = script.targets_of(event)
    monkeypatch.setattr(script, "_fold", lambda *_: None)
    plain = script.targets_of(event)
    assert folded.energy.sum() == pytest.approx(plain.energy.sum())
    assert event.event.truth is not None
    pdg = event.event.truth.particles.pdg
    (lost,) = np.flatnonzero((pdg[plain.particle] == -2112) & (plain.energy > 30))
    (keeps,) = np.flatnonzero((pdg[plain.particle] == 2112) & (plain.energy > 40))
    assert plain.particle[lost] not in folded.particle
    assert folded.of[plain.particle[lost]] == folded.of[plain.particle[keeps]]
    both = plain.energy[lost] + plain.energy[keeps]
    (host,) = np.flatnonzero(folded.particle == plain.particle[keeps])
    assert both <= folded.energy[host] < event.event.found[Clusters].energy.max() + 1
    # A track has its own energy: what is in its cluster stays lost.
    assert folded.energy[folded.tracked] == pytest.approx(plain.energy[plain.tracked])


def test_a_neutral_particle_is_part_of_no_cluster_that_has_no_room_for_it(
    script: ModuleType, events: list[DstEvent]
) -> None:
    for event in events:
        clusters = replace(
            event.event.found[Clusters], energy=np.full(len(event.event.found[Clusters]), 1e-3)
        )
        small = replace(event, event=replace(event.event, found={**event.event.found, Clusters: clusters}))
        assert len(script.targets_of(small)) > len(script.targets_of(event))


def test_tuning_lowers_the_loss_and_leaves_the_first_network_alone(
    script: ModuleType, events: list[DstEvent], task: ParticleFlowTask, reading: Any
) -> None:
    import flow_tuning

    before = {name: value.copy() for name, value in task.state().items()}
    samples = [script.sample_of(reading, event) for event in events]
    steps = []
    made = flow_tuning.tuned(
        flow_tuning.balanced(task), samples, epochs=3, progress=lambda *step: steps.append(step)
    )
    assert steps[-1] == ("tuning", len(steps), len(steps) + 1)  # the last one learns from all
    assert len(made.losses) == 4
    assert made.losses[made.epochs] == min(made.losses)
    assert made.epochs > 0
    assert flow_tuning.loss_of(made.task, samples) < made.losses[0]
    again = flow_tuning.tuned(flow_tuning.balanced(task), samples, epochs=3)
    for name, value in again.task.state().items():
        np.testing.assert_array_equal(value, made.task.state()[name])
    for name, value in task.state().items():
        np.testing.assert_array_equal(value, before[name])


def test_the_mean_of_two_networks_lies_between_them(
    script: ModuleType, events: list[DstEvent], task: ParticleFlowTask, reading: Any
) -> None:
    import flow_mean

    other = ParticleFlowTask(replace(task.config, seed=7), task.detector)
    assert flow_mean.mean_of([task]) is task
    elements = reading.elements(events[0])
    graph, m = tensors_of(elements.graph), measured(elements)

    def said(one: ParticleFlowTask) -> list[torch.Tensor]:
        with torch.inference_mode():
            h, edge, alone = one.network.elements(graph)
            own = task.shares(graph, torch.zeros_like(edge), torch.zeros_like(alone), m)
            judged, _ = one.judged(h, own, m)
        return [edge, alone, judged.kind, judged.shift]

    ours, theirs = said(task), said(other)
    for mean, one, two in zip(said(flow_mean.mean_of([task, other])), ours, theirs, strict=True):
        torch.testing.assert_close(mean, (one + two) / 2)
    for same, one in zip(said(flow_mean.mean_of([task, task])), ours, strict=True):
        torch.testing.assert_close(same, one)
    blind = ParticleFlowTask(
        replace(task.config, targets=replace(task.config.targets, min_hits=9)), task.detector
    )
    with pytest.raises(ValueError, match="do not read the same"):
        flow_mean.mean_of([task, blind])


def test_neutral_energies_are_those_of_the_file_until_a_network_has_learned_better(
    elements: ModuleType, events: list[DstEvent], task: ParticleFlowTask
) -> None:
    """What the network has learned of another calorimeter does not change them."""
    import flow_tuning

    one = flow_tuning.as_calibrated(task)
    for event in events:
        given = event.event.found[Clusters].energy
        found = elements.Reading(one, scale=0.5).elements(event)
        np.testing.assert_array_equal(found.showers.energy[given > 0], given[given > 0])
        assert found.showers.visible.sum() < given.sum()  # what the network reads is scaled
        graph, m = tensors_of(found.graph), measured(found)
        with torch.inference_mode():
            h, edge, alone = one.network.elements(graph)
            shares = one.shares(graph, edge, alone, m)
            _, momenta = one.judged(h, shares, m)
        neutral = shares.element >= len(found.tracks)
        energy = momenta.log_energy.exp().numpy()[neutral]
        np.testing.assert_allclose(energy, held_energy(shares, m)[neutral], rtol=1e-4)


def test_what_was_made_before_is_not_made_again(
    elements: ModuleType, events: list[DstEvent], task: ParticleFlowTask, tmp_path: Path
) -> None:
    import flow_donors
    import flow_tuning
    import kept_arrays

    graph = elements.Reading(task).elements(events[0]).graph
    tuned = flow_tuning.Tuned(task, 3, [1.5, 1.0])
    calls: list[str] = []

    def made(name: str, arrays: dict[str, Any]) -> dict[str, Any]:
        calls.append(name)
        return arrays

    for settings in ("one", "one", "another"):
        kept = kept_arrays.Kept(tmp_path, settings)
        donors = kept.get("donors", lambda: made("donors", flow_donors.Donors([graph]).arrays()))
        (again,) = flow_donors.Donors.of_arrays(donors).graphs
        np.testing.assert_array_equal(again.edge_features, graph.edge_features)
        then = flow_tuning.Tuned.of_arrays(task, kept.get("tuned", lambda: made("tuned", tuned.arrays())))
        assert (then.epochs, then.losses) == (3, [1.5, 1.0])
        for name, value in then.task.state().items():
            np.testing.assert_array_equal(value, task.state()[name])
    assert calls == ["donors", "tuned"] * 2
    assert len(list(tmp_path.iterdir())) == 4


def test_figures_beside_others_are_differences(
    script: ModuleType, events: list[DstEvent], reading: Any
) -> None:
    from dst_figures import figures

    mine = script.flow(reading, events)
    same = figures(mine, mine)["visible_energy"]["median"]
    assert same == {"value": 0, "low": 0, "high": 0}
    pandora = [script.Sample(e, e.event.found[ReconstructedParticles], e.particles_to_truth) for e in events]
    apart, one, two = figures(mine, pandora), figures(mine), figures(pandora)
    value = apart["visible_energy"]["median"]["value"]
    assert value == pytest.approx(
        one["visible_energy"]["median"]["value"] - two["visible_energy"]["median"]["value"], abs=2e-4
    )


def test_too_few_events_are_judged_without_tuning(
    beside: None, events: list[DstEvent], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import flow_donors
    import ild_flow
    import ild_pandora

    monkeypatch.setattr(flow_donors, "donors_for", lambda *_: SimpleNamespace(arrays=dict))
    monkeypatch.setattr(flow_donors.Donors, "of_arrays", lambda _: None)
    monkeypatch.setattr(ild_flow, "flow", lambda _, some: [event.event.number for event in some])
    names = ("donors", "detector", "scale", "work")
    args = SimpleNamespace(
        bundle=["pflow-cld"], trained_on="full_cld", file=FILE, seed=0, **dict.fromkeys(names)
    )
    assert ild_pandora.ours(events, args) == ({"ours, zero-shot": [e.event.number for e in events]}, {})
    assert "2 events are too few to tune on; 4 are needed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("file", "why"),
    [("sid_sim", "no particles in it that are made of"), ("no_random_access", "come from a generator")],
)
def test_files_that_nothing_can_be_compared_in(
    beside: None, file: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ild_pandora

    monkeypatch.setattr(sys, "argv", ["ild_pandora.py", str(FILE.with_name(f"{file}.slcio"))])
    with pytest.raises(SystemExit, match=why):
        ild_pandora.main()
