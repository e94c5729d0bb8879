"""Plates for Geant4 are what a detector's description says of its thick layers; their deposits keep their event and layer."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest

from gnnreco.geometry import load_detector
from gnnreco.simulate.showers.learned.features import depths_of
from gnnreco.simulate.showers.learned.pieces import UNDIVIDED
from gnnreco.simulate.showers.ray import cast, stack_of

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


def made_in(scripts, plates):
    """50 showers with deposits in all plates, which are seen as Geant4 does: not as the description says."""
    rng = np.random.default_rng(1)
    n, energy = 50, np.linspace(1.0, 20.0, 50)
    plate = np.tile(np.arange(len(plates.layer)), n)
    event = np.repeat(np.arange(n), len(plates.layer))
    part = rng.exponential(size=(n, len(plates.layer)))
    part /= part.sum(axis=1, keepdims=True)
    response = np.where(plate == 0, 0.9, 0.6)
    return scripts["geant4_events"].Showers(
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


def test_deposits_of_plates_go_to_their_layer_on_the_scale_of_the_description(scripts):
    detector = load_detector("calochallenge_ds1_photons")
    plates = scripts["thick_layers"].plates_of(detector)
    made = made_in(scripts, plates)
    summed = scripts["thick_layers"].in_layers(made, plates)
    assert (summed.layer == plates.layer[made.layer]).all()
    true = summed.deposit / detector.sampling_fraction[summed.layer]
    event = np.repeat(np.arange(len(made.energy)), np.diff(made.offsets))
    assert np.bincount(event, true) == pytest.approx(made.energy)


def test_pieces_of_a_training_are_those_in_which_showers_are_made(scripts, tmp_path):
    detector = load_detector("calochallenge_ds1_photons")
    plates = scripts["thick_layers"].plates_of(detector)
    made = made_in(scripts, plates)
    text, showers = scripts["thick_layers"].in_pieces(
        made, detector, "kind: grid, pitch: [1, 1], cells: [1600, 1600]"
    )
    (tmp_path / "detector.yaml").write_text(text)
    axes = [(stack_of(one), one) for one in (load_detector(tmp_path), detector)]
    rays = [
        cast(stack, (1.0, 2.0, float(one.center[:, 2].min()) - 20), (0.0, 0.0, 1.0), 6.0, 0.0)
        for stack, one in axes
    ]
    fine = depths_of(axes[0][0], rays[0], 0.0, UNDIVIDED)
    used = depths_of(axes[1][0], rays[1], 0.0, scripts["thick_layers"].DIVIDED)
    for name in set(fine._fields) - {"place", "pieces", "piece"}:
        np.testing.assert_allclose(getattr(fine, name), getattr(used, name), rtol=2e-3, err_msg=name)
    layer = used.place[showers.layer]
    assert (layer == plates.layer[made.layer]).all()
    assert (showers.deposit == scripts["thick_layers"].in_layers(made, plates).deposit).all()
    for one in range(len(axes[1][0].sensor)):  # deeper plates, deeper pieces
        mine = layer == one
        order = np.lexsort((showers.layer[mine], made.layer[mine]))
        deepest = np.maximum.accumulate(showers.layer[mine][order])
        assert (deepest - showers.layer[mine][order] <= 1).all()
