"""A real event of Belle II: how clusters are compared with the offline ones, and what the script prints."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from gnnreco.cli import main
from gnnreco.columns import Event
from gnnreco.events import open_events
from gnnreco.geometry import load_detector

ROOT = Path(__file__).parents[3]
EVENT = ROOT / "tests" / "golden" / "belle2_event.parquet"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "belle2_vs_offline", ROOT / "scripts" / "belle2_vs_offline.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_a_map_reads_the_crystals_of_belle2(script: ModuleType, tmp_path: Path) -> None:
    more = ["--detector", "belle2_ecl", "--map", script.MAP, "-o", str(tmp_path / "out")]
    assert main(["convert", str(EVENT), *more]) == 0
    detector = load_detector("belle2_ecl")
    (event,) = open_events(tmp_path / "out", detector)
    assert (event.number, len(event.hits)) == (102, 50)
    assert (event.hits.sensor >= 0).all()
    assert event.hits.energy is not None
    assert event.hits.energy.min() > 0.02
    away = np.linalg.norm(event.hits.xyz - detector.center[event.hits.sensor], axis=1)
    assert away.max() < 10, (
        "the file names the crystals as the detector does, and puts them within a centimetre"
    )


def test_the_rates_of_finders_that_are_known(script: ModuleType) -> None:
    detector = load_detector("belle2_ecl")
    (one,) = script.read(EVENT, detector)
    assert len(one.offline.energy) == 20
    assert one.of_particle.all()

    perfect = script.compared([one], lambda event: one.offline)
    assert perfect["efficiency"] == perfect["purity"] == perfect["ratio"] == 1
    assert perfect["background_kept"] is None
    assert perfect["split"] == perfect["merged"] == 0
    assert perfect["targets"] == 20
    noise = [replace(one, of_particle=~one.of_particle)]
    assert script.compared(noise, lambda event: one.offline)["background_kept"] == 1

    def everything(event: Event) -> object:
        return script.whole(np.zeros(len(event.hits), np.int64), event.hits.energy)

    lumped = script.compared([one], everything)
    assert lumped["efficiency"] == lumped["purity"] == 0
    assert lumped["merged"] >= 1 - 1 / lumped["targets"]

    def each(event: Event) -> object:
        return script.whole(np.arange(len(event.hits)), event.hits.energy)

    single = script.compared([one], each)
    assert single["split"] > 0.2
    assert single["merged"] == 0

    late = script.in_time(each, 30.0)(one.event)
    assert 0 < len(late.energy) == (np.abs(one.event.hits.time) < 30).sum() < len(one.event.hits)


def test_clue_agrees_with_most_of_the_offline_clusters(script: ModuleType, tmp_path: Path) -> None:
    detector = load_detector("belle2_ecl")
    (one,) = script.read(EVENT, detector)
    settings = {"reach": 1.6, "density": 0.03, "kernel": 0.0}
    found = script.compared([one], script.by_clue(detector, settings, 1.0))
    assert found["efficiency"] > 0.8
    assert found["purity"] > 0.8
    assert 0.8 < found["ratio"] < 1.0  # what the 20 MeV of the file cut off
