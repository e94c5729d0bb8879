"""The script that measures tracks in detectors that no training knew."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from gnnreco.geometry import load_detector
from gnnreco.simulate import SimulationOptions, simulate

SCRIPT = Path(__file__).parents[2] / "scripts/bench_adapted.py"


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_adapted", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["bench_adapted"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


BENCH = script()


def test_each_particle_is_in_one_region() -> None:
    eta = np.linspace(-4, 4, 1001)
    parts = BENCH.regions(eta)
    everything = parts.pop("all")
    np.testing.assert_array_equal(sum(mask.astype(int) for mask in parts.values()), everything)


def test_found_particles_and_fakes_are_counted_by_region() -> None:
    pulls = np.random.default_rng(1).standard_normal((4000, 5)) * [1, 2, 1, 1, 0.5]
    side = np.where(np.arange(4000) < 3000, 2.0, -2.0)
    pulls[side < 0, 0] *= 3
    track_eta, fake = np.array([2.0, -2.0, 0.0]), np.array([True, False, False])
    found, inside = np.arange(4000) % 10 > 0, np.arange(4000) % 10 > 4
    counts = BENCH.Counts(side, found, inside, track_eta, fake, side, pulls, np.array([100.0]))
    rows = BENCH.table(counts)
    assert set(rows) == {"all", "forward", "backward"}
    assert rows["forward"]["particles"] == 3000
    assert rows["all"]["efficiency"] == pytest.approx(0.9)
    assert rows["all"]["efficiency_inside"] == 1.0
    assert (rows["forward"]["fake_rate"], rows["backward"]["fake_rate"]) == (1.0, 0.0)
    assert rows["forward"]["pull_d0"] == pytest.approx(1.0, abs=0.06)
    assert rows["backward"]["pull_d0"] == pytest.approx(3.0, abs=0.3)
    assert [rows["all"][f"pull_{n}"] for n in ("z0", "q/p")] == pytest.approx([2.0, 0.5], rel=0.06)


def test_muons_are_found_by_a_bundle_of_their_detector() -> None:
    detector = load_detector("telescope")
    options = SimulationOptions(particle="muon", energy=(5.0, 20.0), count=3)
    events = list(simulate(detector, "beam", 20, 0, 3, options))
    counts = BENCH.measure(iter(events), detector, "tracking-telescope", 0.0, 5)
    assert counts.found.mean() > 0.95
    assert counts.fake.mean() < 0.05
    assert len(counts.pulls) == counts.found.sum()
    none = BENCH.measure(iter(events[:2]), detector, "tracking-telescope", 0.0, 100)
    assert len(none.eta) == len(none.track_eta) == 0
