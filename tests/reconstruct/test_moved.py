"""A detector that was moved gives the same tracks where its source is told, and a warning where it is not."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from gnnreco import cli
from gnnreco.bundle import load_bundle, load_task
from gnnreco.bundle.shipped import CLUSTERS
from gnnreco.columns import Floats
from gnnreco.evaluate import evaluate
from gnnreco.events import open_events, write_events
from gnnreco.events.clusters_file import read_clusters
from gnnreco.events.select import select_hits
from gnnreco.events.tracks_file import read_tracks
from gnnreco.geometry import find_detector, load_detector
from gnnreco.reconstruct import reconstruct
from gnnreco.simulate import SimulationOptions, simulate
from tests.reconstruct.test_clusters import MIXED, TRACKER

TURNED = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])  # z becomes x
MOTIONS = {"moved": (np.eye(3), np.array([30.0, 20.0, 500.0])), "turned": (TURNED, np.zeros(3))}


def moved_telescope(folder: Path, turn: Floats, shift: Floats) -> None:
    """The shipped telescope with its sensors elsewhere, without a word of its source; and events in it."""
    telescope = load_detector("telescope")
    described = yaml.safe_load((find_detector("telescope") / "detector.yaml").read_text())
    axes = [f"{a}{b}" for a in "xyz" for b in "uvw"]
    with (folder / "sensors.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["sensor_id", "template", "subsystem", "layer", *"xyz", *axes])
        for row in range(telescope.n_sensors):
            center, rotation = turn @ telescope.center[row] + shift, turn @ telescope.rotation[row]
            table.writerow([row, "mimosa26", "plane", row, *center, *rotation.ravel()])
    described |= {"name": "moved", "sensors": [{"table": "sensors.csv"}]}
    (folder / "detector.yaml").write_text(yaml.safe_dump(described))
    options = SimulationOptions(particle="muon", energy=(4.0, 6.0), count=5)
    events = []
    for event in simulate(telescope, "beam", 4, seed=8, options=options):
        x, y, z = (event.hits.xyz @ turn.T + shift).T
        events.append(replace(event, hits=replace(event.hits, x=x, y=y, z=z), truth=None))
    write_events(events, folder / "events", detector=load_detector(folder))


@pytest.mark.parametrize("how", MOTIONS)
def test_a_moved_telescope(how: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    turn, shift = MOTIONS[how]
    moved_telescope(tmp_path, turn, shift)
    words = ["reconstruct", str(tmp_path / "events"), "--detector", str(tmp_path), "--bundle", TRACKER]
    assert cli.main([*words, "--any-detector", "-o", str(tmp_path / "none")]) == 1
    line = capsys.readouterr().err
    assert "lie in events in which the bundle meets no pair of hits where it looks for tracks" in line
    assert "`source`" in line
    way, across = (turn @ v for v in (np.array([0.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0])))
    source = {"position": shift.tolist(), "direction": way.tolist(), "across": across.tolist()}
    with (tmp_path / "detector.yaml").open("a") as file:
        yaml.safe_dump({"source": source}, file)
    # The bundle knows the detector again: no --any-detector.
    assert cli.main([*words, "-o", str(tmp_path / "all")]) == 0
    assert sum(len(tracks) for _, _, tracks in read_tracks(tmp_path / "all")) == 20


def test_few_hits_without_a_pair_are_no_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    telescope = load_detector("telescope")
    options = SimulationOptions(particle="muon", energy=(4.0, 6.0), count=1)
    (event,) = simulate(telescope, "beam", 1, seed=8, options=options)
    some = [replace(select_hits(event, np.arange(len(event.hits)) < 3), number=k) for k in range(20)]
    write_events(some, tmp_path / "events", detector=telescope)
    words = ["reconstruct", str(tmp_path / "events"), "--detector", "telescope", "-o", str(tmp_path / "out")]
    assert cli.main(words) == 0
    assert "hits_without_pair" not in capsys.readouterr().out.replace(" ", "_")


def test_python_and_files_hold_the_same_where_several_subsystems_measure(
    detector_folder: Callable[..., Path], tmp_path: Path
) -> None:
    folder = detector_folder("mixed", MIXED + "source: {position: [0, 0, 5], direction: [0.01, 0, 1]}\n")
    detector = load_detector(folder)
    options = SimulationOptions(particle="electron,muon", energy=(10.0, 20.0), count=2, eta=(4.0, 5.0))
    write_events(
        list(simulate(detector, "gun", 3, seed=2, options=options)), tmp_path / "events", detector=detector
    )
    reconstruct(tmp_path / "events", folder, [TRACKER, CLUSTERS], tmp_path / "out", any_detector=True)
    events = {event.number: event for event in open_events(tmp_path / "events", detector)}
    for task, rows in (("tracking", read_tracks), ("clustering", read_clusters)):
        ours = load_task(
            load_bundle(TRACKER if task == "tracking" else CLUSTERS), detector, any_detector=True
        )
        written = list(rows(tmp_path / "out" / task))
        assert len(written) == 3
        for number, _, found in written:
            same = ours.reconstruct(events[number])
            assert len(same) == len(found)
            assert (same.hit_index == found.hit_index).all()
            for name in ("phi", "q_over_p") if task == "tracking" else ("energy", "x", "axis"):
                assert (getattr(same, name) == getattr(found, name)).all()
    scores = evaluate(tmp_path / "out", open_events(tmp_path / "events", detector), detector)["tasks"]
    assert scores["clustering"]["efficiency"] >= 0.5
