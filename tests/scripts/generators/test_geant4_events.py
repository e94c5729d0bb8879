"""Events of overlaid showers: no energy is lost, none is made, and both simulations get the same particles."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from gnnreco.events import open_events
from gnnreco.simulate import SimulationOptions

SCRIPT = Path(__file__).parents[3] / "scripts" / "geant4_events.py"
LAYERS, SHOWERS = 6, 30


@pytest.fixture(scope="module")
def script():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPT.parent))  # it imports its neighbours
        yield importlib.import_module("geant4_events")


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Photons of 5 to 10 GeV, each leaving 40 deposits near its axis; every third is shot too steeply to be used."""
    rng, plate = np.random.default_rng(1), [["G4_W", 3.2], ["G4_Si", 0.3, "sensitive"], ["G4_AIR", 2.0]]
    event = np.repeat(np.arange(SHOWERS), 40)
    slope = np.where(np.arange(SHOWERS) % 3 == 2, 0.3, 0.02)
    path = tmp_path_factory.mktemp("showers") / "photons.npz"
    np.savez(
        path,
        event=event,
        layer=rng.integers(LAYERS, size=len(event)),
        x_mm=rng.normal(0, 15, len(event)),
        y_mm=rng.normal(0, 15, len(event)),
        edep_mev=rng.exponential(1.0, len(event)),
        energy_gev=rng.uniform(5, 10, SHOWERS),
        px=np.sin(slope),
        py=0 * slope,
        pz=np.cos(slope),
        particle="gamma",
        stack=json.dumps(LAYERS * plate),
    )
    return path


@pytest.fixture(scope="module")
def detector(script, file, tmp_path_factory):
    text = script.description(
        script.read_showers([file], "train").stack, 0.66, "kind: hex, flat_to_flat: 11.7, hexagon: 800"
    )
    return script.write_detector(tmp_path_factory.mktemp("plates"), text)


def test_splits_share_no_shower_and_leave_out_the_steep(script, file):
    train, test = (script.read_showers([file], split) for split in ("train", "test"))
    assert len(train.energy) + len(test.energy) == SHOWERS * 2 // 3
    assert not np.intersect1d(train.energy, test.energy).size
    assert len(train.deposit) == train.offsets[-1] == 40 * len(train.energy)


def test_layers_lie_where_the_plates_do(script, file, detector):
    assert detector.n_layers == LAYERS
    assert detector.center[0, 2] == pytest.approx(script.FRONT + 3.2 + 0.15)
    assert np.diff(detector.center[:, 2]) == pytest.approx(5.5)
    assert detector.radiation_lengths[0] == pytest.approx(3.2 / 3.504, rel=0.01)


def test_overlay_keeps_the_energy_of_each_shower(script, file, detector):
    showers = script.read_showers([file], "train")
    at = script.placed(showers, 8, 150.0, np.random.default_rng(2))
    quiet = SimulationOptions(cell_noise=0.0, cell_threshold=0.0)
    hits, truth = script.geant4_event(showers, at, detector, quiet, np.random.default_rng(3))
    own = np.add.reduceat(showers.deposit, showers.offsets[:-1])[at.row]
    assert np.bincount(truth.particle, truth.energy) == pytest.approx(own)
    assert hits.energy.sum() == pytest.approx(own.sum())
    assert len(truth.particles) == len(np.unique(at.row)) == 8
    assert np.bincount(truth.hit, truth.energy) == pytest.approx(hits.energy)


def test_a_shower_lies_around_its_particle(script, file, detector):
    showers = script.read_showers([file], "train")
    at = script.placed(showers, 1, 150.0, np.random.default_rng(4))
    quiet = SimulationOptions(cell_noise=0.0, cell_threshold=0.0)
    hits, truth = script.geant4_event(showers, at, detector, quiet, np.random.default_rng(5))
    x, y = (np.average(column, weights=hits.energy) for column in (hits.x, hits.y))
    assert np.hypot(x - truth.particles.vx[0], y - truth.particles.vy[0]) < 15.0
    slope = np.hypot(truth.particles.px[0], truth.particles.py[0]) / truth.particles.pz[0]
    assert slope == pytest.approx(np.tan(0.02))


def test_both_simulations_get_the_same_particles(script, file, tmp_path, monkeypatch):
    words = [str(SCRIPT), str(file), "-o", str(tmp_path), "--events", "2", "--count", "3", "--radius", "60"]
    monkeypatch.setattr(sys, "argv", words)
    script.main()
    detector = script.load_detector(tmp_path / "detector")
    samples = [list(open_events(tmp_path / f"{kind}-train", detector)) for kind in ("geant4", "embedded")]
    for one, other in zip(*samples, strict=True):
        assert one.number == other.number
        for name in ("pdg", "px", "py", "pz", "vx", "vy", "vz"):
            assert np.array_equal(getattr(one.truth.particles, name), getattr(other.truth.particles, name))
        assert len(one.hits)
        assert len(other.hits)
