"""Events of a full simulation of the Open Data Detector: which sensors, which errors, whose hits."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from gnnreco.geometry import Detector, load_detector

SCRIPT = Path(__file__).parents[3] / "scripts/odd_full_simulation.py"
SPEC = importlib.util.spec_from_file_location("odd_full_simulation", SCRIPT)
assert SPEC is not None
assert SPEC.loader is not None
script = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(script)


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector("odd")


def sensors(detector: Detector) -> np.ndarray:
    """One of each barrel of trackers."""
    names = [s.name for s in detector.subsystems]
    parts = [names.index(f"{kind}_barrel") for kind in ("pixel", "short_strip", "long_strip")]
    return np.array([np.flatnonzero(detector.subsystem == part)[5] for part in parts])


def test_hits_of_the_display_keep_their_places(detector: Detector, tmp_path: Path) -> None:
    rows = sensors(detector)
    xyz = detector.to_global(rows, np.array([[1.0, 3.0, 0], [1.0, 2.25, 0], [1.0, 0.0, 0]]))
    hits = [
        {"x": x, "y": y, "z": z, "pT": 2.0, "pdg_id": 211, "particle_id": 7 + (i == 2)}
        for i, (x, y, z) in enumerate(xyz.tolist())
    ]
    far = {"x": 1.0, "y": 0.0, "z": 0.0, "pT": 0.1, "pdg_id": 11, "particle_id": 9}
    told = {"all_tracker_hits": [*hits, far], "tracks": [{"reco_info": {"has_reco": True, "z0": 50.0}}]}
    file = tmp_path / "event.json"
    file.write_text(json.dumps(told))
    event = script.from_display(file, 3, detector)
    assert event.number == 3
    assert event.hits.sensor.tolist() == rows.tolist()
    np.testing.assert_allclose(event.hits.xyz, xyz)
    np.testing.assert_allclose(event.hits.var_v[:2], detector.resolution_v[rows[:2]] ** 2)
    assert np.sqrt(event.hits.var_v[2]) == pytest.approx(2 * detector.half_v[rows[2]] / np.sqrt(12))
    assert event.truth.particles.particle_id[event.truth.particle].tolist() == [7, 7, 8]
    assert (event.truth.particles.vz == 50.0).all()
    np.testing.assert_allclose(event.truth.particles.pt[:2], 2.0)


def test_crossings_are_read_out_where_they_are(detector: Detector) -> None:
    from gnnreco.columns import Particles

    rows, zero = sensors(detector), np.zeros(1)
    xyz = detector.to_global(rows, np.array([[1.0, 3.0, 0], [1.0, 2.25, 0], [1.0, 0.7, 0]]))
    pion = Particles(
        np.array([1]), np.array([211], np.int32), np.ones(1), zero, zero, zero, zero + 1, zero, zero
    )
    straight = detector.rotation[rows][:, :, 2]
    what = xyz, straight, np.full(3, 1e-4), np.zeros(3), np.zeros(3, np.int64)
    event = script.event_of(0, "test", detector, pion, what, 1)
    assert set(event.hits.sensor.tolist()) == set(rows.tolist())
    assert event.hits.deposits is not None
    order = np.argsort(event.hits.sensor)
    off = detector.to_local(event.hits.sensor, event.hits.xyz)[order, 0] - 1.0
    assert np.abs(off).max() < detector.pitch_u[rows].max()
