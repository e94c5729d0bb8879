"""Rates, confusion, energies and calibration of found particles, and `evaluate` of a folder of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from gnnreco.columns import PARTICLE_CLASSES, Event, Hits, Particles, ReconstructedParticles, Truth
from gnnreco.errors import BadInput
from gnnreco.evaluate import ParticleScores, ParticleTarget, evaluate, figures, score_particles, table
from gnnreco.events import EventSource
from gnnreco.events.particles_file import write_particles
from gnnreco.events.source import Entry
from gnnreco.geometry import Detector, load_detector
from gnnreco.simulate import simulate
from gnnreco.tasks import registry
from gnnreco.tasks.contract import Needs
from gnnreco.tasks.particleflow.targets import targets_of

from .made import found_as, some_targets


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector("telescope")


def scored(*changes: Any, events: int = 20, target: ParticleTarget | None = None) -> dict[str, Any]:
    """Of events in which all is found, but for what each change makes of it."""
    scores = ParticleScores(target or ParticleTarget())
    for seed in range(events):
        targets = some_targets(30, seed)
        found = found_as(targets)
        for change in changes:
            found = change(found)
        scores.add(targets, found)
    return scores.result()


def test_all_that_is_found_as_it_is_is_right() -> None:
    result = scored()
    assert result["efficiency"] == result["found_rate"] == 1
    assert result["fake_rate"] == result["wrong_class_rate"] == 0
    counts = np.array(result["confusion"]["counts"])
    assert counts.sum() == np.trace(counts) == result["targets"] == 600
    for name in PARTICLE_CLASSES:
        row = result["classes"][name]
        assert (row["response"], row["resolution"], row["pull_width"]) == (1, 0, 0)
        assert sum(row["bins"]["energy"]["targets"]) == row["targets"]
    assert result["met_resolution"] == 0
    assert result["visible_mass"]["response"] == pytest.approx(1)
    assert result["class_ece"] == result["calibration"]["ece"] == 0


def test_what_is_lost_is_missing_and_what_is_added_is_fake() -> None:
    lost = scored(lambda found: found[found.class_index != 2])
    assert lost["classes"]["photon"]["efficiency"] == 0
    assert lost["classes"]["muon"]["efficiency"] == 1
    assert lost["fake_rate"] == 0
    assert lost["confusion"]["counts"][2][-1] == lost["classes"]["photon"]["targets"]
    assert lost["met_resolution"] > 1
    assert lost["visible_mass"]["response"] < 0.95
    few = scored(lambda found: replace(found, px=-found.px, py=-found.py, pz=-found.pz))
    assert few["efficiency"] < 0.1 < 0.9 < few["fake_rate"]


def test_a_wrong_class_is_neither_lost_nor_fake() -> None:
    def as_hadrons(found: ReconstructedParticles) -> ReconstructedParticles:
        wrong = found.class_index == 2
        return replace(found, class_index=np.where(wrong, 1, found.class_index).astype(np.int32))

    result = scored(as_hadrons)
    photon, hadron = result["classes"]["photon"], result["classes"]["neutral_hadron"]
    assert (photon["efficiency"], photon["found_rate"]) == (0, 1)
    assert hadron["wrong_class_rate"] == pytest.approx(photon["targets"] / hadron["found_particles"])
    assert result["confusion"]["counts"][2][1] == photon["targets"]
    assert result["calibration"]["overall"]["matched"] < 1


def test_a_charged_particle_taken_for_a_neutral_one_is_lost_and_a_fake_but_the_confusion_tells() -> None:
    def unseen(found: ReconstructedParticles) -> ReconstructedParticles:
        return replace(
            found, class_index=np.where(found.class_index == 3, 2, found.class_index).astype(np.int32)
        )

    result = scored(unseen)
    assert result["classes"]["electron"]["found_rate"] < 0.05
    assert result["confusion"]["counts"][3][2] > 0.9 * result["classes"]["electron"]["targets"]
    assert result["classes"]["photon"]["fake_rate"] > 0.3


def test_counted_ones_lie_in_the_range_and_their_partners_may_not() -> None:
    result = scored(target=ParticleTarget(20.0, 1.0))
    assert 0 < result["targets"] == result["found_particles"] < 600
    shrunk = scored(lambda found: replace(found, energy=0.9 * found.energy), target=ParticleTarget(20.0))
    assert shrunk["efficiency"] == 1
    assert shrunk["found_particles"] < shrunk["targets"]


def test_probabilities_are_held_against_what_happens() -> None:
    even = np.full(len(PARTICLE_CLASSES), 1 / len(PARTICLE_CLASSES))
    result = scored(lambda found: replace(found, class_probability=np.tile(even, (len(found), 1))))
    assert result["class_ece"] < 0.05
    sure = scored(lambda found: replace(found, class_probability=np.tile(np.eye(5)[0], (len(found), 1))))
    assert sure["class_ece"] > 0.5
    unsure = scored(lambda found: replace(found, score=np.full(len(found), 0.25)))
    assert unsure["calibration"]["ece"] == pytest.approx(0.75)


def test_nothing_gives_no_figures_and_no_error() -> None:
    empty = scored(events=0)
    assert empty["efficiency"] is None
    nothing = scored(lambda found: found[:0])
    assert nothing["efficiency"] == 0
    assert nothing["fake_rate"] is nothing["class_ece"] is None
    json.dumps([empty, nothing], allow_nan=False)


def event_of(number: int) -> Event:
    """An event whose targets are those of a seed."""
    none, zero = np.zeros(0, np.int64), np.zeros(0)
    hits = Hits(np.array([7]), *np.zeros((3, 1)), np.zeros(1, np.int32))
    return Event(number, "a", hits, Truth(Particles(none, none.astype(np.int32), *[zero] * 7), none, none))


def source_of(*events: Event) -> EventSource:
    def reader(entry: Entry, truth: bool, deposits: bool) -> Event:
        return events[entry.row]

    return EventSource([(Entry(e.number, e.source, (), i), reader) for i, e in enumerate(events)])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a task of particles wrote of four events."""
    kind = registry.Kind(Needs(), ReconstructedParticles, registry.TASKS["trigger"].load)
    monkeypatch.setitem(registry.TASKS, "particleflow", kind)
    monkeypatch.setattr(
        "gnnreco.tasks.particleflow.targets.targets_of",
        lambda event, detector: some_targets(12, event.number),
    )
    rows = [(i, "a", replace(found_as(some_targets(12, i)), hit_id=np.zeros(0, np.int64))) for i in range(4)]
    write_particles(tmp_path / "shard-00000000.parquet", rows)
    manifest = {"task": "particleflow", "shards": [{"file": "shard-00000000.parquet"}], "events_failed": 0}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    return tmp_path


def test_a_folder_of_particles_is_scored(folder: Path, detector: Detector) -> None:
    result = evaluate(folder, source_of(*(event_of(i) for i in range(4))), detector, jets="durham")
    assert result["task"] == "particleflow"
    assert result["events"] == 4
    assert result["efficiency"] == 1
    assert result["fake_rate"] == 0
    json.dumps(result, allow_nan=False)
    text = table(result)
    assert [line for line in text.splitlines() if len(line) > 110] == []
    for words in ("charged hadron", "above 2 GeV", "missing transverse momentum", "visible mass"):
        assert words in text
    drawn = figures({"ours": result})
    assert isinstance(drawn["missing_and_mass"], Figure)
    assert {"particle_rates_photon", "particle_energy_photon", "class_calibration", "calibration"} <= set(
        drawn
    )


def test_particles_without_their_detector_are_refused(folder: Path) -> None:
    with pytest.raises(BadInput, match="particles are scored with their detector"):
        evaluate(folder, source_of(event_of(0)))


def test_a_particle_that_cannot_be_is_refused(detector: Detector) -> None:
    found = found_as(some_targets(12, 0))
    for bad, words in (
        (replace(found, energy=np.full(12, np.nan)), "energy that is not finite"),
        (replace(found, class_index=np.full(12, 5, np.int32)), "pdg_class 5 to 5, there are 5"),
    ):
        with pytest.raises(BadInput, match=words):
            score_particles([(event_of(0), bad)], detector)
    with pytest.raises(BadInput, match="has no truth"):
        score_particles([(replace(event_of(0), truth=None), found)], detector)


def test_targets_are_those_of_the_task(detector: Detector) -> None:
    event = next(simulate(detector, "beam", 1, particle="muon", energy=(5, 20), count=3, seed=4))
    found = found_as(targets_of(event, detector))
    result = score_particles([(event, found)], detector)
    assert len(found) == result["classes"]["muon"]["targets"] == 3
    assert result["classes"]["muon"]["efficiency"] == 1
    assert score_particles([(event, found[:2])], detector)["efficiency"] == pytest.approx(2 / 3)
