"""A bundle in a detector that no training saw."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gnnreco.bundle import load_bundle, load_task
from gnnreco.cli import main
from gnnreco.errors import BadBundle, BadConfig
from gnnreco.evaluate import match
from gnnreco.geometry import Detector, load_detector
from gnnreco.simulate import SimulationOptions, simulate
from gnnreco.train import adapt

BARREL = """
templates:
  chip: {kind: grid, pitch: [0.06, 0.2], cells: [500, 500], thickness: 0.3}
subsystems:
  barrel: {material: {radiation_lengths: 0.015, interaction_lengths: 0.004}}
sensors:
  - rule: barrel
    template: chip
    subsystem: barrel
    layers:
"""


@pytest.fixture(scope="module")
def barrel(detector_folder: Callable[..., Path]) -> Detector:
    """Eight layers around a beam, unlike any detector that ships."""
    layers = [
        f"      - {{radius: {r}, count: {int(2 * np.pi * r / 27)}, z: {[98.0 * k for k in range(-3, 4)]}, tilt: 5.73}}"
        for r in (50, 90, 140, 200, 270, 350, 440, 540)
    ]
    return load_detector(detector_folder("eight_layers", BARREL + "\n".join(layers) + "\n", bz=3.0))


@pytest.mark.slow
def test_a_bundle_finds_tracks_in_a_detector_it_has_never_seen(barrel: Detector, tmp_path: Path) -> None:
    adapt("tracking-trackml", barrel, tmp_path / "own", events=30, pileup=5, seed=5, min_hits=5)
    own, source = load_bundle(tmp_path / "own"), load_bundle("tracking-trackml")
    for name in source.state:
        if name.startswith("network."):
            np.testing.assert_array_equal(own.state[name], source.state[name])
    assert own.manifest["training"]["adapted_from"]["sha256"] == source.manifest["sha256"]
    assert own.config["decode"]["min_hits"] == 5
    assert own.config["graph"]["headroom"] > 0  # small events afford more than those that trained the network
    assert own.config["graph"]["pair_efficiency"] == source.config["graph"]["pair_efficiency"]
    survey = own.manifest["metrics"]["survey"]
    assert survey["events"] == 30
    total = sum(row["segments"] for row in survey["all"])
    assert sum(row["segments"] * row["windows"] for row in survey["all"]) > 0.9 * total
    own.check_detector(barrel)
    task = load_task(own, barrel)
    options = SimulationOptions(particle="muon", energy=(2.0, 20.0), count=10, eta=(-0.5, 0.5))
    found = wanted = 0
    for event in simulate(barrel, "gun", events=10, seed=77, options=options):
        tracks = task.reconstruct(event)
        assert event.truth is not None
        matching = match(tracks, event.truth, len(event.hits))
        good = np.unique(matching.particle[matching.matched("acts")])
        target = matching.particle_hits >= 7
        wanted += int(target.sum())
        found += int(target[good].sum())
    assert wanted >= 80
    assert found / wanted > 0.93


WEDGES = """
templates:
  wedge:
    kind: grid
    pitch: [0.0799348979, 20]
    cells: [720, 6]
    thickness: 0.3
    outline: [[-7.19414, -60], [7.19414, -60], [28.7766, 60], [-28.7766, 60]]
subsystems:
  disks: {material: {radiation_lengths: 0.012, interaction_lengths: 0.003}}
sensors:
  - rule: disks
    subsystem: disks
    z: [300, 380, 460, 540, 620, 700, 780]
    rings: [{template: wedge, radius: 100, count: 18, stagger: 3}]
"""


@pytest.mark.slow
def test_strips_longer_than_those_of_the_training_train_the_network(
    detector_folder: Callable[..., Path], tmp_path: Path
) -> None:
    disks = load_detector(detector_folder("long_strips", WEDGES, bz=2.0))
    how = {"events": 40, "pileup": 10, "seed": 5}
    before = adapt("tracking-trackml", disks, tmp_path / "before", epochs=0, **how)
    after = adapt("tracking-trackml", disks, tmp_path / "after", **how)
    assert (before["epochs"], after["epochs"]) == (0, 25)
    ((before_row,), (after_row,)) = (told["survey"]["network"] for told in (before, after))
    assert before_row["subsystem"] == after_row["subsystem"] == "disks"
    assert before_row["possible"] < 0.8
    assert after_row["possible"] > 0.97


@pytest.mark.parametrize(("holds", "epochs"), [(0.0, 0), (1.01, 2)])
def test_a_network_is_trained_where_it_fails(
    holds: float, epochs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = sys.modules["gnnreco.train.adapt"]  # the package has a function of this name
    monkeypatch.setattr(settings, "HOLDS", holds)
    monkeypatch.setattr(settings, "STEPS", 8)
    telescope, muons = load_detector("telescope"), SimulationOptions(particle="muon", count=20)
    told = adapt("tracking-telescope", telescope, tmp_path / "own", events=4, process="beam", options=muons)
    own, source = load_bundle(tmp_path / "own"), load_bundle("tracking-telescope")
    kept = [
        np.array_equal(own.state[name], source.state[name])
        for name in source.state
        if name.startswith("network.") and name.endswith("weight")
    ]
    assert told["epochs"] == own.manifest["training"]["epochs"] == epochs
    assert all(kept) if epochs == 0 else not any(kept)
    assert own.manifest["training"]["adapted_from"]["sha256"] == source.manifest["sha256"]
    (row,) = told["survey"]["network"]
    assert row["true"] > 100
    assert 0.5 < row["possible"] <= 1


def test_adapting_to_nothing_is_refused(barrel: Detector, tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="at least one event"):
        adapt("tracking-trackml", barrel, tmp_path / "own", events=0)


def test_a_detector_that_measures_something_else_is_refused_before_events_are_simulated(
    tmp_path: Path,
) -> None:
    with pytest.raises(BadBundle, match="measure position, and 'voronoi' measures energy"):
        adapt("tracking-telescope", load_detector("voronoi"), tmp_path / "new", 1)


def test_the_verb_says_what_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bundle", "adapt", "nowhere", "--detector", "telescope", "-o", "x"]) == 2
    assert "neither a folder nor a shipped bundle" in capsys.readouterr().err


def test_a_beam_has_no_pile_up_unless_it_is_asked_for(tmp_path: Path) -> None:
    telescope = load_detector("telescope")
    with pytest.raises(BadConfig, match="process beam has no pile-up"):
        adapt("tracking-telescope", telescope, tmp_path, events=1, process="beam", pileup=5)
    beside = SimulationOptions(particle="muon", eta=(-1.0, 1.0))
    with pytest.raises(BadConfig, match=r"no hit in 2 events of process gun: do the particles.* miss"):
        adapt("tracking-telescope", telescope, tmp_path, events=2, process="gun", pileup=0, options=beside)
    nothing = SimulationOptions(particle="photon", efficiency=0.0)  # a beam is shot without --pileup 0
    with pytest.raises(BadConfig, match="no hit in 2 events of process beam"):
        adapt("tracking-telescope", telescope, tmp_path, events=2, process="beam", options=nothing)
