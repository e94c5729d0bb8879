"""Showers by a network at angles steeper than all that it was trained on keep their energy and their depth."""

from __future__ import annotations

import numpy as np
import pytest

from gnnreco.bundle import load_engine
from gnnreco.geometry import Detector, load_detector
from gnnreco.simulate import SimulationOptions, simulate
from gnnreco.simulate.showers.learned.features import depths_of
from gnnreco.simulate.showers.learned.pieces import COSINE, UNDIVIDED
from gnnreco.simulate.showers.ray import cast, stack_of

#: Plates of 4 mm of lead and 3 mm of scintillator, with 0.3 mm of air before and behind each.
PLATES = """\
format: gnnreco-detector/1
name: plates
units: {length: mm, angle: deg, field: T}
field: {kind: solenoid, bz: 0.0}
templates:
  plate: {kind: grid, pitch: [5, 5], cells: [1000, 1000], thickness: 3}
subsystems:
  plates:
    measures: [energy]
    material: {radiation_lengths: 0.719826, interaction_lengths: 0.0265638, moliere_radius: 26.9704,
               sampling_fraction: 0.0613837, air_gap: 0.3}
sensors:
  - {rule: planes, template: plate, subsystem: plates, z: LAYERS}
"""
ANGLE = np.deg2rad(57.0)


@pytest.fixture(scope="module")
def plates(tmp_path_factory: pytest.TempPathFactory) -> Detector:
    folder = tmp_path_factory.mktemp("plates")
    z = [round(405.8 + 7.6 * k, 2) for k in range(45)]
    (folder / "detector.yaml").write_text(PLATES.replace("LAYERS", str(z)))
    return load_detector(folder)


def test_response_and_depth_of_steep_showers_are_those_of_geant4(plates: Detector) -> None:
    # `geant4_showers.py` (Geant4 11.4), 17 electrons of 3 to 10 GeV at 53 to 60 degrees: response 1.006 +- 0.017, mean layer
    # 5.14 +- 0.21. By the network with the true angle: 1.124 +- 0.013 and 7.12 +- 0.20.
    eta = -np.log(np.tan(ANGLE / 2))
    options = SimulationOptions(
        particle="electron",
        energy=(3.0, 10.0),
        eta=(eta - 0.03, eta + 0.03),
        cell_noise=0.0,
        cell_threshold=0.0,
    )
    share, depth = [], []
    for event in simulate(plates, "gun", 100, seed=3, options=options, engine=load_engine("fastsim-any")):
        assert event.truth is not None
        assert event.hits.energy is not None
        p, left = event.truth.particles, event.hits.energy / plates.sampling_fraction[event.hits.sensor]
        share.append(left.sum() / np.sqrt(p.px**2 + p.py**2 + p.pz**2)[0])
        depth.append(np.average(plates.layer[event.hits.sensor], weights=left))
    assert np.mean(share) == pytest.approx(1.006, abs=0.05)
    assert np.mean(depth) - plates.layer.min() == pytest.approx(5.14, abs=0.9)


@pytest.mark.parametrize("angle", [0.3, 0.9])
def test_layers_say_no_angle_that_an_engine_does_not_know(plates: Detector, angle: float) -> None:
    stack, ranges = stack_of(plates), UNDIVIDED.copy()
    ray = cast(stack, (0.0, 0.0, 0.0), (np.sin(angle), 0.0, np.cos(angle)), 6.0, 0.0)
    ranges[COSINE, 0] = 0.8
    true, told = (depths_of(stack, ray, 0.0, each) for each in (UNDIVIDED, ranges))
    assert true.cosine == pytest.approx(np.cos(angle))
    assert told.cosine == pytest.approx(max(np.cos(angle), 0.8))
    for name in ("radiation", "depth", "mip", "gap"):
        assert (getattr(told, name) == getattr(true, name)).all()
