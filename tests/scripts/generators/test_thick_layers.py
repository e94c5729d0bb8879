"""Plates for Geant4 are what a detector's description says of its thick layers; their deposits keep their event and layer."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest

from gnnreco.geometry import load_detector

SCRIPTS = Path(__file__).parents[3] / "scripts"


@pytest.fixture
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return {
        name: importlib.import_module(name) for name in ("thick_layers", "geant4_events", "geant4_materials")
    }


def test_plates_have_the_lengths_and_the_moliere_radius_of_the_description(scripts):
    detector, known = load_detector("calochallenge_ds1_photons"), scripts["geant4_materials"].MATERIALS
    plates = scripts["thick_layers"].plates_of(detector)
    json.dumps(plates.stack)  # Geant4 reads it from a file
    sums, at = np.zeros((5, 4)), 0
    for material, mm, *sensitive in plates.stack:
        radiation, interaction, critical = known[material]
        sums[plates.layer[at]] += [mm / radiation, mm / interaction, mm / radiation * critical, mm]
        at += bool(sensitive)
    assert at == len(plates.layer) == len(plates.share)
    assert np.bincount(plates.layer)[0] == 1
    assert sums[:, 0] == pytest.approx(detector.radiation_lengths, rel=2e-3)
    assert sums[:4, 1] == pytest.approx(detector.interaction_lengths[:4], rel=2e-3)
    assert 21.2 * sums[:, 3] / sums[:, 2] == pytest.approx(detector.moliere_radius, rel=0.01)


def test_deposits_of_plates_go_to_their_layer_on_the_scale_of_the_description(scripts):
    detector, rng = load_detector("calochallenge_ds1_photons"), np.random.default_rng(1)
    plates = scripts["thick_layers"].plates_of(detector)
    n, energy = 50, np.linspace(1.0, 20.0, 50)
    plate = np.tile(np.arange(len(plates.layer)), n)
    event = np.repeat(np.arange(n), len(plates.layer))
    part = rng.exponential(size=(n, len(plates.layer)))
    part /= part.sum(axis=1, keepdims=True)
    response = np.where(plate == 0, 0.9, 0.6)  # Geant4 sees another part of it than the description says
    made = scripts["geant4_events"].Showers(
        plates.stack,
        np.full(n, 22),
        energy,
        np.tile([0.0, 0.0, 1.0], (n, 1)),
        np.append(0, np.cumsum(np.bincount(event))),
        plate,
        0.0 * plate,
        0.0 * plate,
        (part * energy[:, None]).ravel() * plates.share[plate] * response,
    )
    summed = scripts["thick_layers"].in_layers(made, plates)
    assert (summed.layer == plates.layer[plate]).all()
    true = summed.deposit / detector.sampling_fraction[summed.layer]
    assert np.bincount(event, true) == pytest.approx(energy)
