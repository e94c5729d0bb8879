"""Where beams and collisions begin: on what layers share, at the detector's source, with its spread."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gnnreco import cli
from gnnreco.geometry import load_detector
from gnnreco.geometry.source import Source
from gnnreco.simulate import SimulationOptions, simulate
from gnnreco.simulate.generators.generator import collision_spread
from gnnreco.simulate.generators.spot import Spot

PHOTON = SimulationOptions(particle="photon", energy=(20.0, 50.0))


def test_a_beam_hits_what_all_layers_share() -> None:
    detector = load_detector("calochallenge_ds1_photons")  # disks of 0.2 to 2 m
    spot = Spot.covered_by(detector)
    points = spot(np.random.default_rng(1), 2000)
    assert np.hypot(*points.T).max() == pytest.approx(200, abs=10)
    assert np.hypot(*points.T).mean() == pytest.approx(200 * 2 / 3, rel=0.05)  # flat over the disk
    assert all(len(event.hits) > 0 for event in simulate(detector, "beam", 5, options=PHOTON))


def test_a_hole_around_the_axis_is_not_hit() -> None:
    hgcal = load_detector("hgcal")
    points = Spot.covered_by(hgcal)(np.random.default_rng(1), 500)
    assert np.hypot(*points.T).min() > 300


def test_equal_planes_are_covered_wholly() -> None:
    telescope = load_detector("telescope")
    spot = Spot.covered_by(telescope)
    assert spot.covered.all()
    low, high = telescope.bounds
    assert (spot.low == low[:, :2].min(axis=0)).all()
    assert (spot.high == high[:, :2].max(axis=0)).all()


def test_the_spread_of_the_source() -> None:
    told = Source(spread=np.array([0.1, 0.2, 30.0]))
    options = SimulationOptions()
    assert collision_spread(Source(), options).tolist() == [0.0125, 0.0125, 55.5, 0.2]
    assert collision_spread(told, options).tolist() == [0.1, 0.2, 30.0, 0.2]
    assert collision_spread(told, replace(options, sigma_xy=0.0)).tolist() == [0.0, 0.0, 30.0, 0.2]
    telescope = replace(load_detector("telescope"), source=told)
    many = replace(PHOTON, particle="muon", count=400)
    (event,) = simulate(telescope, "beam", 1, options=many)
    assert event.truth is not None
    first = event.truth.particles
    assert first.vx[:400].std() == pytest.approx(0.1, rel=0.15)
    assert first.vy[:400].std() == pytest.approx(0.2, rel=0.15)


def test_simulate_says_how_many_hits_and_when_there_are_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["simulate", "--detector", "telescope", "--events", "3", "--particle", "muon", "-o"]
    assert cli.main([*words, str(tmp_path / "beam"), "--process", "beam"]) == 0
    said = capsys.readouterr()
    assert "hits per event" in said.out
    assert said.err == ""
    assert cli.main([*words, str(tmp_path / "gun"), "--eta", "-1", "1"]) == 0
    assert "no hit in 3 of 3 events: do the particles miss the sensors?" in capsys.readouterr().err
