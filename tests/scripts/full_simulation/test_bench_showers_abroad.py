"""What the bench of showers abroad counts: rates of one finder, clusters in noise, and those beside particles."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from gnnreco.bundle import load_bundle, load_task
from gnnreco.geometry import load_detector
from gnnreco.graphs.showers.cells import visible_fraction

SCRIPTS = Path(__file__).parents[3] / "scripts"


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    before = list(sys.path)
    spec = importlib.util.spec_from_file_location("bench_showers_abroad", SCRIPTS / "bench_showers_abroad.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    sys.path[:] = before
    return script


def test_rates_and_noise_of_one_finder(bench: ModuleType) -> None:
    block = bench.block()
    events = bench.made("block, one photon", block, 1)
    assert len(events) == 2 * bench.MORE
    finder = load_task(load_bundle("clusters-density"), block, any_detector=True).reconstruct
    row = bench.rate_row("block, one photon", "density", finder, events, block)
    assert row["showers"] == len(events)
    assert row["found %"].startswith("100.0 [")
    assert row["response"] == pytest.approx(1, abs=0.2)

    none = bench.noise_row("noise alone", "density", finder, events, block)
    assert (none["over 1 GeV"], none["over 2 GeV"]) == (0, 0)  # nothing is left of events without noise
    assert all(len(bench.only_noise(event).hits) == 0 for event in events)


def test_clusters_of_noise_are_those_without_a_particle(bench: ModuleType) -> None:
    block = bench.block()
    event = bench.made("block, one photon", block, 1)[0]
    clusters = load_task(load_bundle("clusters-density"), block, any_detector=True).reconstruct(event)
    fraction = visible_fraction(block, event.hits.sensor)
    loud = int((clusters.energy > bench.LEAST).sum())
    assert loud > 0
    found = bench.beside_particles(event, clusters, fraction)
    assert (found["of noise"], found["GeV"]) == (0, 0)
    assert found["of particles, GeV"] == f"{clusters.energy.max():.0f}"

    assert event.truth is not None
    nobody = np.zeros(0, np.int64)
    truth = replace(event.truth, hit=nobody, particle=nobody, energy=np.zeros(0))
    lost = bench.beside_particles(replace(event, truth=truth), clusters, fraction)
    assert lost["of noise"] == loud
    assert lost["GeV"] == pytest.approx(clusters.energy[clusters.energy > bench.LEAST].sum())
    assert not lost["of particles, GeV"]


def test_without_a_name_the_bundle_of_the_detector_is_compared_too(bench: ModuleType) -> None:
    nobody = argparse.Namespace(bundle=[])
    assert bench.bundles(nobody, load_detector("odd")) == ["showers-any", "showers-odd"]
    assert bench.bundles(nobody, bench.block()) == ["showers-any"]
    assert bench.bundles(argparse.Namespace(bundle=["clusters-density"]), bench.block()) == [
        "clusters-density"
    ]
