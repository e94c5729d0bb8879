"""Hits of an older geometry on the layers of ours: the way from the origin and the energies stay."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from gnnreco.events import write_events
from gnnreco.geometry import load_detector
from gnnreco.simulate import SimulationOptions, simulate

SCRIPT = Path(__file__).parents[3] / "scripts" / "real_full_simulation.py"


def loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("real_full_simulation", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


def test_hits_are_carried_along_their_way(tmp_path: Path) -> None:
    script = loaded()
    layer = np.arange(50)
    z = np.where(layer < 28, 322 + 1.4 * layer, 368 + 6.6 * (layer - 28))  # cm
    z = np.concatenate([z, -z, [z[40] + 0.2]])  # a tile 2 mm behind the silicon of its layer
    eta, phi = np.full(len(z), 2.1) * np.sign(z), np.linspace(-3, 3, len(z))
    r = z / np.sinh(eta)
    energy = np.linspace(0.1, 5, len(z))
    table = np.stack([energy, eta, 0 * z, 0 * z, 0 * z, r * np.cos(phi), r * np.sin(phi), z, 0 * z], axis=1)
    np.save(tmp_path / "a.npy", table)
    event = script.features(tmp_path / "a.npy", 3)
    assert script.layers_of(event.hits.z).tolist() == [*layer, *layer, 40]
    detector = load_detector("hgcal")
    here, fraction = script.carried(event, detector)
    np.testing.assert_allclose(np.arcsinh(here.hits.z / np.hypot(here.hits.x, here.hits.y)), eta, rtol=1e-6)
    np.testing.assert_allclose(np.arctan2(here.hits.y, here.hits.x), phi, atol=1e-9)
    np.testing.assert_allclose(here.hits.energy / fraction, energy)
    found = here.hits.sensor >= 0
    assert found.mean() > 0.85  # the rest lies between wafers
    station = detector.labels["station"][here.hits.sensor]
    rows = np.flatnonzero(found[:50])
    assert (np.diff(station[rows]) >= 0).all()
    assert station[rows[rows < 28]].max() == 26  # the front section stays the front section
    assert station[rows[rows >= 28]].min() >= 27
    assert station[rows].max() == 47


def test_a_row_a_file_tells_what_is_found_of_its_particles(tmp_path: Path) -> None:
    detector = load_detector("voronoi")
    options = SimulationOptions(particle="photon", energy=(20.0, 20.0), eta=(2.2, 2.6))
    write_events(simulate(detector, "gun", 4, seed=3, options=options), tmp_path / "events")
    row = loaded().own_row(f"voronoi:{tmp_path / 'events'}", "clusters-density", 1.0)
    assert (row["events"], row["targets"], row["efficiency"]) == (4, 4, 1.0)
    assert row["purity"] == pytest.approx(4 / row["clusters"])
    assert row["response"] == pytest.approx(0.9, abs=0.2)
