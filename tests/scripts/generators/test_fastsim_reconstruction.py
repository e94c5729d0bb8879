"""Samples that reconstruction is compared on: pairs at their distance, pi0 of their mass, each shower once, no energy lost."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest

SCRIPTS = Path(__file__).parents[3] / "scripts"
LAYERS, SHOWERS = 12, 160


@pytest.fixture
def samples(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("fastsim_samples")


@pytest.fixture
def showers(samples, tmp_path):
    """Photons of 1 to 100 GeV that leave points around their axis, the more the higher their energy."""
    rng, plates = np.random.default_rng(1), [["G4_W", 3.2], ["G4_Si", 0.3, "sensitive"], ["G4_AIR", 2.0]]
    energy = np.exp(rng.uniform(0, np.log(100), SHOWERS))
    event = np.repeat(np.arange(SHOWERS), (20 + 10 * energy).astype(int))
    np.savez(
        tmp_path / "showers.npz",
        event=event,
        layer=rng.integers(LAYERS, size=len(event)),
        x_mm=rng.normal(0, 4, len(event)),
        y_mm=rng.normal(0, 4, len(event)),
        edep_mev=rng.exponential(1.0, len(event)),
        energy_gev=energy,
        px=0 * energy,
        py=0 * energy,
        pz=0 * energy + 1,
        particle="gamma",
        stack=json.dumps(LAYERS * plates),
    )
    return importlib.import_module("geant4_events").every_shower([tmp_path / "showers.npz"])


@pytest.fixture
def detector(showers, tmp_path):
    events = importlib.import_module("geant4_events")
    text = events.description(
        showers.stack, events.e_over_mip(showers), "kind: hex, flat_to_flat: 11.7, hexagon: 900"
    )
    return events.write_detector(tmp_path / "plates", text)


def test_pairs_are_at_their_distance_and_of_one_energy(samples, showers):
    shots = samples.pairs(showers.energy, 20.0)
    rows = np.concatenate(shots.rows)
    assert len(rows) == len(np.unique(rows))
    assert (np.abs(np.log(showers.energy[rows] / 20)) <= np.log(2)).all()
    for number in range(len(shots.rows)):
        at = samples.laid(shots, number)
        assert np.hypot(*(np.diff(at.x), np.diff(at.y)))[0] == pytest.approx(20)


def test_a_pi0_has_its_mass_and_the_distance_of_its_decay(samples, showers, detector):
    shots = samples.pions(showers.energy, 10)
    rows = np.concatenate(shots.rows)
    assert len(rows) == len(np.unique(rows)) == 20
    for number, event in enumerate(samples.Maker("geant4", showers, detector)(shots)):
        particles = event.truth.particles
        p = np.stack([particles.px, particles.py, particles.pz])
        energy = np.linalg.norm(p, axis=0)
        assert energy == pytest.approx(showers.energy[shots.rows[number]])
        assert energy.sum() ** 2 - (p.sum(axis=1) ** 2).sum() == pytest.approx(samples.PI0_MASS**2, rel=1e-4)
        assert p[:2].sum(axis=1) == pytest.approx(0, abs=1e-9)  # along the normal


def test_the_generator_gets_the_same_particles(samples, showers, detector):
    shots = samples.far_apart(np.arange(14))
    both = [list(samples.Maker(name, showers, detector)(shots)) for name in ("geant4", "parametric")]
    assert [len(event.truth.particles) for event in both[0]] == [7, 7]
    for one, other in zip(*both, strict=True):
        for name in ("pdg", "px", "pz", "vx", "vy"):
            assert np.array_equal(getattr(one.truth.particles, name), getattr(other.truth.particles, name))


def test_a_generator_beside_geant4_and_two_photons_far_apart_are_found(samples, showers, detector, tmp_path):
    script = importlib.import_module("fastsim_reconstruction")
    script.DISTANCES = (5.0, 150.0)
    found = script.reconstruction(
        showers, detector, {"parametric": None}, "showers-any", most=40, most_pairs=4
    )
    assert set(found["apart"]) == {"geant4", "parametric"}
    assert found["apart"]["parametric"]["fraction"][1] > found["apart"]["parametric"]["fraction"][0]
    result = found["engines"]["parametric"]
    assert result["truth"]["particles"] == result["generated"]["particles"] == 40
    assert result["truth"]["photon_pi0"] is not None
    assert "two photons told apart, geant4: 5 mm" in script.seen_lines("stack", found)
    script.drawn(found).savefig(tmp_path / "apart.svg")
