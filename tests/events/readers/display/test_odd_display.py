"""The event display JSON of the Open Data Detector: an event made here, damage, and the real file where there is one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gnnreco.errors import BadInput
from gnnreco.events import open_events

REAL = Path(__file__).parents[5] / "shared" / "data" / "odd" / "event_1.json"


def hit(x: float, y: float, z: float, particle: Any, **more: Any) -> dict[str, Any]:
    return {"x": x, "y": y, "z": z, "pT": 2.0, "pdg_id": -211, "particle_id": particle, **more}


def written(file: Path, **changed: Any) -> Path:
    event = {
        "metadata": {"event_id": 5, "has_calo": True},
        "vertex": [0.0, 0.0, 1.0],
        "all_tracker_hits": [hit(60, 80, 101, 7), hit(30, 40, 51, 7), hit(0, 30, 1, 9)],
        "calo_hits": [hit(900, 1200, 1501, 7, energy=0.25)],
        "tracks": [{}, {}],
    }
    file.write_text(json.dumps(event | changed))
    return file


def test_hits_and_particles(tmp_path: Path) -> None:
    event = open_events(written(tmp_path / "a.json"), None)[0]
    assert (event.number, len(event.hits), dict(event.left_aside)) == (5, 4, {"tracks": 2})
    truth = event.truth
    assert truth is not None
    p = truth.particles
    assert (p.particle_id.tolist(), p.pdg.tolist(), p.charge.tolist()) == ([7, 9], [-211, -211], [-1, -1])
    np.testing.assert_allclose([p.px[0], p.py[0], p.pz[0]], [1.2, 1.6, 2.0])  # towards the innermost hit
    assert truth.particle.tolist() == [0, 0, 1, 0]
    np.testing.assert_allclose(truth.energy, [0, 0, 0, 0.25])
    assert len(open_events(tmp_path, None)) == 1, "it is found in a folder too"


@pytest.mark.parametrize(
    "changed",
    [
        {"all_tracker_hits": [hit(1, 2, float("nan"), 1)]},
        {"all_tracker_hits": [hit(1, 2, 3, 1.5)]},
        {"all_tracker_hits": [hit(1, 2, 3, 1e300)]},
        {"all_tracker_hits": [3]},
        {"all_tracker_hits": [{"x": [[]]}]},
        {"calo_hits": [hit(1, 2, 3, 1)]},
        {"vertex": "here"},
        {"all_tracker_hits": [], "calo_hits": []},
        {"calo_hits": 5},
        {"calo_hits": "word"},
    ],
)
def test_damage_is_named(tmp_path: Path, changed: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        open_events(written(tmp_path / "a.json", **changed), None)[0]


@pytest.mark.skipif(not REAL.exists(), reason="the real file is not here")
def test_the_real_event() -> None:
    event = open_events(REAL, None)[0]
    assert event.collections is not None
    assert np.bincount(event.collections.of).tolist() == [639, 1705]
