"""Photons and electrons of more energy than a network knows: their first steps keep the energy, their showers are Geant4's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.bundle import load_engine
from gnnreco.geometry import load_detector
from gnnreco.simulate import SimulationOptions, simulate
from gnnreco.simulate.showers.learned.split import (
    CHARGED,
    ENERGY,
    FREE_PATH,
    RATE,
    SOFTEST,
    START,
    converted,
    first_particles,
    radiated,
)

#: 28 plates of 3.2 mm of tungsten, 1 mm of copper and 0.3 mm of silicon, with 2 mm of air behind each.
PLATES = """\
format: gnnreco-detector/1
name: plates
units: {length: mm, angle: deg, field: T}
field: {kind: solenoid, bz: 0.0}
templates:
  plate: {kind: grid, pitch: [5, 5], cells: [300, 300], thickness: 0.3}
subsystems:
  plates:
    measures: [energy]
    material: {radiation_lengths: 0.986088, interaction_lengths: 0.0393487, moliere_radius: 15.7303,
               sampling_fraction: 0.00903745, air_gap: 0.0}
sensors:
  - {rule: planes, template: plate, subsystem: plates, z: LAYERS}
"""


@given(st.floats(0.1, 1e5), st.booleans(), st.floats(0, 30), st.floats(0.1, 40), st.integers(0, 2**32 - 1))
def test_no_energy_is_lost_and_none_is_too_large(energy, electron, start, end, seed):
    rng = np.random.default_rng(seed)
    found = first_particles(rng, energy, electron, start, end, 0.03, 100.0)
    assert found[:, ENERGY].sum() == pytest.approx(energy, rel=1e-9)
    assert ((found[:, ENERGY] <= 100.0) | (found[:, START] >= end)).all()
    assert (found[:, ENERGY] >= min(energy, 0.03)).all()
    assert (found[:, START] >= start).all()
    assert set(found[:, CHARGED]) <= {0.0, 1.0}


def test_what_is_known_stays_as_it_is():
    found = first_particles(np.random.default_rng(1), 99.0, False, 2.0, 30.0, 0.03, 100.0)
    assert found.tolist() == [[99.0, 2.0, 0.0]]


def test_a_photon_becomes_two_electrons_after_nine_sevenths_of_a_radiation_length():
    rng = np.random.default_rng(2)
    first = [first_particles(rng, 150.0, False, 0.0, 1e9, 0.0, 149.9) for _ in range(4000)]
    assert all(found[:2, CHARGED].all() for found in first)
    assert np.mean([found[1, START] for found in first]) == pytest.approx(FREE_PATH, rel=0.05)


def test_spectra_have_the_moments_of_their_formulas():
    rng, x = np.random.default_rng(3), np.linspace(0, 1, 100_001)
    pair = 1 - 4 / 3 * x * (1 - x)
    drawn = np.array([converted(rng) for _ in range(40_000)])
    assert drawn.mean() == pytest.approx(0.5, abs=0.005)
    assert (drawn**2).mean() == pytest.approx(np.average(x**2, weights=pair), abs=0.005)
    y = np.linspace(SOFTEST, 1, 100_001)
    spectrum = (4 / 3 - 4 / 3 * y + y**2) / y
    assert np.trapezoid(spectrum, y) == pytest.approx(RATE, rel=1e-3)
    drawn = np.array([radiated(rng) for _ in range(40_000)])
    assert drawn.min() >= SOFTEST
    assert drawn.mean() == pytest.approx(np.average(y, weights=spectrum), rel=0.02)


def test_showers_of_300_gev_are_those_of_geant4(tmp_path):
    # `geant4_showers.py --stack hgcal` (Geant4 11.4), 120 photons: response 1.000 +- 0.001, its spread
    # 0.0154, mean layer 11.39 +- 0.12. The parametrisation has 0.988 +- 0.001, 0.013 and 11.2 +- 0.1.
    z = [round(3204.35 + 6.5 * k, 2) for k in range(28)]
    (tmp_path / "detector.yaml").write_text(PLATES.replace("LAYERS", str(z)))
    plates = load_detector(tmp_path)
    options = SimulationOptions(particle="photon", energy=(300.0, 300.0), cell_noise=0.0, cell_threshold=0.0)
    share, depth = [], []
    shots = simulate(
        plates, "beam", 60, seed=3, options=options, beam_width=50.0, engine=load_engine("fastsim-any")
    )
    for event in shots:
        assert event.hits.energy is not None
        share.append(event.hits.energy.sum() / plates.sampling_fraction[0] / 300.0)
        depth.append(np.average(plates.layer[event.hits.sensor], weights=event.hits.energy))
    assert np.mean(share) == pytest.approx(1.0, abs=0.015)
    assert np.std(share) == pytest.approx(0.0154, abs=0.006)
    assert np.mean(depth) == pytest.approx(11.39, abs=0.6)
