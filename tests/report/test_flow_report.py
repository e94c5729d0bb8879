"""Reports on particle flow: its own figures, bundles that run before it, and the same bytes wherever these are named."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

import gnnreco
from gnnreco.bundle import load_bundle, load_task, save_bundle
from gnnreco.cli import main
from gnnreco.columns import Event, Tracks
from gnnreco.errors import BadBundle
from gnnreco.events import write_events
from gnnreco.geometry import Detector, load_detector
from gnnreco.report.flow import hits_of
from gnnreco.schema import plain
from gnnreco.tasks import registry
from gnnreco.tasks.contract import Needs, Task
from gnnreco.tasks.particleflow import ParticleFlowConfig, ParticleFlowTask
from tests.tasks.particleflow.found import perfect_tracks, simulated
from tests.tasks.particleflow.whole import WHOLE


@dataclass(frozen=True)
class NoSettings:
    """Nothing to set."""


class PerfectTracks(Task[Any, Tracks]):
    """A task that finds the tracks of all true particles."""

    name = "perfect-tracks"
    needs = Needs(("position",))
    gives = Tracks
    any_detector = True

    def __init__(self, config: NoSettings, detector: Detector) -> None:
        self.config, self.detector = config, detector

    @classmethod
    def from_config(cls, config: NoSettings, detector: Detector | None) -> PerfectTracks:
        assert detector is not None
        return cls(config, detector)

    def load_state(self, state: Any) -> None:
        pass

    def reconstruct(self, event: Event) -> Tracks:
        return perfect_tracks(event, self.detector)


@dataclass(frozen=True)
class Made:
    """A detector, events in it, and an untrained bundle that tells every owner."""

    detector: Detector
    events: list[Event]
    bundle: Path


@pytest.fixture(scope="module")
def made(detector_folder, tmp_path_factory: pytest.TempPathFactory) -> Made:
    detector = load_detector(detector_folder("whole", WHOLE, 2))
    events, folder = list(simulated(detector, 2)), tmp_path_factory.mktemp("bundles")
    task = ParticleFlowTask(ParticleFlowConfig(least_score=0.0), detector)
    task.prepare(events)
    learned = {"data": {"sample": {"bundles": ["gone-tracks", "clusters-density"]}}}
    save_bundle(folder / "flow", task.name, plain(task.config), task.state(), detector, learned, {})
    return Made(detector, events, folder / "flow")


@pytest.fixture(scope="module")
def told(made: Made, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    page = tmp_path_factory.mktemp("flow") / "report.html"
    return gnnreco.report(made.bundle, made.events, page, detector=made.detector, explained=1), page


def test_it_has_the_figures_of_particles_beside_a_simple_method(told: tuple[dict[str, Any], Path]) -> None:
    report, _ = told
    figures = {row["figure"]: row for row in report["figures"]}
    low, high = figures["efficiency"]["interval"]
    assert low <= figures["efficiency"]["value"] <= high
    assert figures["loss"]["value"] > 0
    assert {"fake rate, photons above 2 GeV", "energy resolution, muons"} <= set(figures)
    assert figures["resolution of the visible energy"]["value"] is None  # two events have no quartiles
    simple = {row["figure"]: row["value"] for row in report["baseline"]["figures"]}
    assert simple["efficiency"] > figures["efficiency"]["value"]  # the network has learned nothing
    assert report["calibration"]["calibration"]["ece"] > 0
    assert report["failures"]["events"]
    json.dumps(report, allow_nan=False)


def test_it_tells_what_made_a_particle(told: tuple[dict[str, Any], Path], made: Made) -> None:
    report, _ = told
    assert {row["kind"] for row in report["ranking"]} == {"track", "shower", "edge", "particle"}
    assert report["ranking"][0]["rise"] > 0
    assert report["objects"]
    for row in report["objects"]:
        assert row["answer_is"].startswith("log-odds")
        assert row["sum"] == pytest.approx(row["answer"] - row["answer_average"], rel=0.1, abs=0.05)
        assert "hits" in row  # none where a particle holds less than half of each of its clusters


def test_the_browser_shows_it_without_complaint(told: tuple[dict[str, Any], Path], browser) -> None:
    document, console = browser(told[1])
    assert console == []
    assert "Why it said so" in document


def test_a_particle_has_the_hits_of_its_tracks_and_clusters(made: Made) -> None:
    event = made.events[0]
    found = load_task(load_bundle(made.bundle), made.detector).reconstruct(event)
    tracks = event.found[Tracks]
    for row in range(len(found)):
        mine = set(hits_of(event, found, row))
        for one in found.track_index[found.track_offsets[row] : found.track_offsets[row + 1]]:
            assert mine >= set(tracks.hit_index[tracks.offsets[one] : tracks.offsets[one + 1]])


def test_bundles_before_it_find_what_it_builds_on(
    made: Made, told: tuple[dict[str, Any], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    kind = registry.Kind(PerfectTracks.needs, Tracks, lambda: (PerfectTracks, NoSettings))
    monkeypatch.setitem(registry.TASKS, PerfectTracks.name, kind)
    save_bundle(tmp_path / "tracks", PerfectTracks.name, {}, {}, made.detector, {}, {})
    hits = [replace(event, found={}) for event in made.events]
    write_events(hits, tmp_path / "events", detector=made.detector)
    words = ["report", str(made.bundle), "--data", str(tmp_path / "events"), "--detector"]
    words += [str(made.detector.folder), "--explained", "1", "-o", str(tmp_path / "r.html")]
    # The bundle names what it was trained with; one of them is gone.
    assert main(words) == 2
    printed = capsys.readouterr()
    assert "gone-tracks, clusters-density" in printed.err
    assert "with --bundle" in printed.err
    words += ["--bundle", str(tmp_path / "tracks"), "--bundle", "clusters-density"]
    assert main([*words, "--json", str(tmp_path / "r.json")]) == 0
    report = json.loads((tmp_path / "r.json").read_text())
    assert [one["name"] for one in report["bundle"]["before"]] == ["tracks", "clusters-density"]
    before, after = ({row["figure"]: row["value"] for row in one["figures"]} for one in (told[0], report))
    assert after.keys() == before.keys()
    assert after["efficiency"] == pytest.approx(before["efficiency"], abs=0.1)  # files round positions
    assert "--bundle clusters-density --bundle " in report["failures"]["first"][0]


def test_a_chain_without_tracks_is_refused(made: Made, tmp_path: Path) -> None:
    with pytest.raises(BadBundle, match="particleflow needs tracks, and none gives them"):
        gnnreco.report(
            made.bundle,
            made.events,
            tmp_path / "r.html",
            detector=made.detector,
            bundles=["clusters-density"],
        )
