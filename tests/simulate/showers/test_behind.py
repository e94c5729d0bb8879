"""Showers by a network leak out of shallow calorimeters."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from gnnreco.bundle import load_engine
from gnnreco.geometry import Detector, load_detector
from gnnreco.simulate import Engines, SimulationOptions, simulate
from gnnreco.simulate.showers.learned.behind import SHALLOWEST, with_layers_behind
from gnnreco.simulate.showers.learned.features import Depths, depths_of
from gnnreco.simulate.showers.learned.pieces import UNDIVIDED
from gnnreco.simulate.showers.ray import Ray, Stack, cast, stack_of

STEP = 1.00206  # radiation lengths
#: Plates of 3.5 mm of tungsten, 0.3 mm of silicon and 1 mm of air.
PLATES = """\
format: gnnreco-detector/1
name: plates
units: {length: mm, angle: deg, field: T}
field: {kind: solenoid, bz: 0.0}
templates:
  plate: {kind: grid, pitch: [5, 5], cells: [200, 200], thickness: 0.3}
subsystems:
  plates:
    measures: [energy]
    material: {radiation_lengths: 1.00206, interaction_lengths: 0.0358362, moliere_radius: 12.5787,
               sampling_fraction: 0.00937819, air_gap: 0.0}
sensors:
  - {rule: planes, template: plate, subsystem: plates, z: LAYERS}
"""
Plates = Callable[[int], Detector]


@pytest.fixture
def plates(tmp_path: Path) -> Plates:
    """So many of these plates across the beam."""
    return partial(_plates, tmp_path)


def _plates(folder: Path, layers: int) -> Detector:
    z = [round(3208.45 + 4.8 * k, 2) for k in range(layers)]
    (folder / "detector.yaml").write_text(PLATES.replace("LAYERS", str(z)))
    return load_detector(folder)


def seen(detector: Detector, engines: Engines, energy: float) -> float:
    """Mean part of the energy that photons leave."""
    options = SimulationOptions(
        particle="photon", energy=(energy, energy), cell_noise=0.0, cell_threshold=0.0
    )
    events = simulate(detector, "beam", 60, seed=3, options=options, engine=engines)
    left = [e.hits.energy.sum() for e in events if e.hits.energy is not None]
    return float(np.mean(left) / detector.sampling_fraction[0] / energy)


def along(detector: Detector, start: float = 0.0) -> tuple[Stack, Ray, Depths]:
    stack = stack_of(detector)
    ray = cast(stack, (0.0, 0.0, 0.0), (0.0, 0.0, 1.0), 6.0, 0.0)
    return stack, ray, depths_of(stack, ray, start, UNDIVIDED)


@pytest.mark.parametrize(("layers", "start"), [(8, 0.0), (8, 7.99), (30, 25.5)])
def test_layers_like_the_last_one_follow_until_it_is_deep_enough(
    plates: Plates, layers: int, start: float
) -> None:
    stack, ray, d = along(plates(layers), start)
    more, k = with_layers_behind(stack, ray, d), len(d.depth)
    assert SHALLOWEST <= more.depth[-1] < SHALLOWEST + STEP
    assert np.allclose(np.diff(more.depth), more.radiation[1:])
    for name, before, after in zip(Depths._fields, d, more, strict=True):
        assert (after[:k] == before).all(), name
    assert np.allclose(more.radiation[k:], STEP)
    assert np.allclose(more.interaction[k:], 0.0358362)
    assert (more.mip[k:] == d.mip[-1]).all()


def test_a_deep_calorimeter_stays_as_it_is(plates: Plates) -> None:
    stack, ray, d = along(plates(24))
    assert len(with_layers_behind(stack, ray, d).depth) == 24


def test_showers_leak_out_of_a_shallow_calorimeter_as_those_of_geant4_do(plates: Plates) -> None:
    # `geant4_showers.py` (Geant4 11.4), 40 photons each: 0.745 +- 0.023 of 5 GeV stay in ten plates, 0.562 +- 0.022 of 40 GeV
    engines = load_engine("fastsim-any")
    shallow = plates(10)
    assert seen(shallow, engines, 5.0) == pytest.approx(0.745, abs=0.06)
    assert seen(shallow, engines, 40.0) == pytest.approx(0.562, abs=0.06)
    assert seen(plates(24), engines, 40.0) == pytest.approx(1.0, abs=0.03)


def test_nothing_is_added_behind_layers_that_are_divided() -> None:
    stack = stack_of(load_detector("belle2_ecl"))
    ray = cast(stack, (0.0, 0.0, 0.0), (1.0, 0.02, 0.3), 6.0, 0.0)
    d = depths_of(stack, ray, 0.0, load_engine("fastsim-any").electromagnetic.ranges)  # type: ignore[union-attr]
    assert d.pieces[0] > 1
    assert len(with_layers_behind(stack, ray, d).depth) == len(d.depth)
