"""Bundles chosen by what a detector measures, several tasks at once, rows that count all hits, bad events reported."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gnnreco import cli
from gnnreco.bundle import default_bundles, load_bundle, shower_bundle
from gnnreco.bundle.shipped import CLUSTERS, SHOWERS
from gnnreco.columns import Event
from gnnreco.errors import BadBundle
from gnnreco.evaluate import evaluate
from gnnreco.events import open_events, write_events
from gnnreco.events.clusters_file import read_clusters
from gnnreco.events.select import select_hits
from gnnreco.events.tracks_file import read_tracks
from gnnreco.geometry import Detector, load_detector
from gnnreco.reconstruct import reconstruct
from gnnreco.simulate import SimulationOptions, simulate

TRACKER = "tracking-telescope"
MIXED = """
templates:
  strips: {kind: grid, pitch: [0.05, 0.05], cells: [2000, 2000], thickness: 0.3}
  pads: {kind: grid, pitch: [10, 10], cells: [30, 30], thickness: 0.3}
subsystems:
  tracker: {measures: [position], material: {radiation_lengths: 0.01, interaction_lengths: 0.002}}
  calo:
    measures: [energy]
    material: {radiation_lengths: 1.0, interaction_lengths: 0.05, moliere_radius: 20, sampling_fraction: 0.02}
sensors:
  - {rule: planes, template: strips, subsystem: tracker, z: [100, 150, 200, 250, 300, 350]}
  - {rule: planes, template: pads, subsystem: calo, z: [500, 512, 524, 536, 548, 560, 572, 584, 596, 608, 620, 632, 644, 656, 668, 680, 692, 704, 716, 728]}
"""


@pytest.fixture(scope="module")
def mixed(detector_folder: Callable[..., Path]) -> tuple[Path, Path]:
    """A detector of a tracker and a calorimeter, and events of electrons in it."""
    folder = detector_folder("mixed", MIXED)
    detector = load_detector(folder)
    options = SimulationOptions(particle="electron", energy=(10.0, 20.0), count=1, eta=(4.0, 5.0))
    write_events(
        list(simulate(detector, "gun", 9, seed=2, options=options)), folder / "events", detector=detector
    )
    return folder, folder / "events"


def names(detector: Detector) -> list[str]:
    return default_bundles(detector)


def test_what_a_detector_measures_chooses_its_bundles(mixed: tuple[Path, Path]) -> None:
    assert names(load_detector("telescope")) == [TRACKER]
    assert names(load_detector("voronoi")) == [SHOWERS]
    assert names(load_detector("lar")) == ["showers-lar"]
    assert names(load_detector("belle2_ecl")) == ["clusters-belle2"]
    assert names(load_detector("tpc")) == ["tpc"]
    with pytest.raises(
        BadBundle,
        match=r"bundle for detector mixed: none for tracks ships.*gnnreco bundle adapt.*showers alone are found with",
    ):
        names(load_detector(mixed[0]))


def test_whole_showers_have_a_bundle_where_particle_flow_takes_another() -> None:
    found = {
        name: shower_bundle(load_detector(name)) for name in ("odd", "full_cld", "lar", "voronoi", "tpc")
    }
    assert found == {
        "odd": "showers-odd",
        "full_cld": SHOWERS,
        "lar": "showers-lar",
        "voronoi": SHOWERS,
        "tpc": CLUSTERS,
    }
    assert "showers-odd" not in names(load_detector("odd"))


def test_the_bundle_of_clusters_says_how_it_was_made() -> None:
    bundle = load_bundle(CLUSTERS)
    assert bundle.task == "clustering"
    assert bundle.parameters == 0
    assert bundle.manifest["detector"] == {"name": "any", "hash": "any"}
    assert "build_density_bundle" in bundle.manifest["training"]["command"]


def test_two_tasks_see_their_own_hits_and_count_rows_of_all(mixed: tuple[Path, Path], tmp_path: Path) -> None:
    folder, inputs = mixed
    out = tmp_path / "out"
    result = reconstruct(inputs, folder, [TRACKER, CLUSTERS], out, any_detector=True)
    assert list(result["tasks"]) == ["tracking", "clustering"]
    assert result == json.loads((out / "manifest.json").read_text())
    detector = load_detector(folder)
    events = {e.number: e for e in open_events(inputs, detector)}
    clusters = {row[0]: row[2] for row in read_clusters(out / "clustering")}
    assert sorted(clusters) == sorted(events)
    measures = np.array([s.measures[0] for s in detector.subsystems])
    for number, event in events.items():
        what = measures[detector.subsystem[event.hits.sensor]]
        assert (what[clusters[number].hit_index] == "energy").all()
        assert clusters[number].energy.max() > 5
        assert event.hits.energy is not None
    for number, _, tracks in read_tracks(out / "tracking"):
        event = events[number]
        assert (measures[detector.subsystem[event.hits.sensor[tracks.hit_index]]] == "position").all()
    showers, tracking = result["tasks"]["clustering"], result["tasks"]["tracking"]
    trackers = sum(
        np.count_nonzero(measures[detector.subsystem[e.hits.sensor]] == "position") for e in events.values()
    )
    assert tracking["hits"] - tracking["hits_of_other_tasks"] == trackers > 0
    hits = sum(len(e.hits) for e in events.values())
    used = sum(len(np.unique(c.hit_index)) for c in clusters.values())
    cut = (
        "hits_of_other_tasks",
        "hits_outside",
        "hits_without_cell",
        "hits_not_positive",
        "hits_unclustered",
    )
    assert showers["hits"] == hits == used + sum(showers[name] for name in cut)
    scores = evaluate(out, open_events(inputs, detector), detector)["tasks"]
    assert scores["clustering"]["efficiency"] > 0.5
    assert scores["tracking"]["task"] == "tracking"


def test_same_bytes_for_any_workers_and_a_stopped_run_goes_on(
    mixed: tuple[Path, Path], tmp_path: Path
) -> None:
    folder, inputs = mixed
    for name, workers in (("one", 1), ("two", 2)):
        reconstruct(inputs, folder, CLUSTERS, tmp_path / name, workers=workers)
    one, two = ({f.name: f.read_bytes() for f in (tmp_path / n).glob("shard-*")} for n in ("one", "two"))
    assert one == two
    assert len(one) == 2
    (tmp_path / "one" / sorted(one)[0]).unlink()
    result = reconstruct(inputs, folder, CLUSTERS, tmp_path / "one", resume=True)
    assert (result["events_timed"], result["events_out"]) == (8, 9)
    assert {f.name: f.read_bytes() for f in (tmp_path / "one").glob("shard-*")} == two


def spoil(event: Event, name: str) -> Event:
    hits = event.hits
    assert hits.energy is not None
    energy = hits.energy.copy()
    energy[-1] = {"nan": np.nan, "negative": -0.1}.get(name, energy[-1])
    if name == "none":
        return replace(event, hits=replace(hits, energy=None))
    return replace(event, hits=replace(hits, energy=energy))


@pytest.mark.parametrize(
    ("fault", "status", "message"),
    [
        ("nan", 1, "its energy is not a finite number"),
        ("negative", 0, ""),
        ("none", 1, "hits of a calorimeter without energy"),
    ],
)
def test_bad_energies_through_the_command_line(
    fault: str,
    status: int,
    message: str,
    mixed: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, inputs = mixed
    detector = load_detector(folder)
    events = list(open_events(inputs, detector))[:3]
    write_events([events[0], spoil(events[1], fault), events[2]], tmp_path / "in", detector=detector)
    words = [
        "reconstruct",
        tmp_path / "in",
        "--detector",
        folder,
        "--bundle",
        CLUSTERS,
        "-o",
        tmp_path / "out",
    ]
    words += ["--json", tmp_path / "out.json"]
    assert cli.main([str(word) for word in words]) == status
    printed = capsys.readouterr()
    assert message in printed.err
    row = json.loads((tmp_path / "out.json").read_text())
    assert row["events_failed"] == (1 if status else 0)
    assert row["hits_not_positive"] == (1 if fault == "negative" else 0)
    assert [r[0] for r in read_clusters(tmp_path / "out")] == [
        e.number for e in events if status == 0 or e is not events[1]
    ]


def test_one_hit_and_no_hit(mixed: tuple[Path, Path], tmp_path: Path) -> None:
    folder, inputs = mixed
    detector = load_detector(folder)
    event = open_events(inputs, detector)[0]
    last = np.arange(len(event.hits)) == len(event.hits) - 1
    events = [
        replace(select_hits(event, last), number=1),
        replace(select_hits(event, last & False), number=2),
    ]
    write_events(events, tmp_path / "in", detector=detector)
    result = reconstruct(tmp_path / "in", folder, CLUSTERS, tmp_path / "out")
    assert (result["events_out"], result["clusters"], result["hits"]) == (2, 0, 1)
