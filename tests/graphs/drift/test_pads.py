"""Rows of pads: along u where pads lie in a grid, around the middle where they lie in rings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gnnreco.geometry import Detector, load_detector
from gnnreco.graphs.drift.pads import pads_of

GAS = """
subsystems:
  gas:
    measures: [charge]
    material: {radiation_lengths: 0.00455, interaction_lengths: 0.000714}
    drift: {velocity: 0.05, sample: 50, diffusion: [0.07, 0.07], pair_energy: 2.6e-8, pad_response: 2,
            shaping: 80, noise: 0.5, threshold: 1.5, gain_spread: 1}
sensors:
  - {rule: planes, template: end, subsystem: gas, z: [-251, 251], turn: [[0, 0, 0], [180, 0, 0]]}
"""
RINGS = "  end: {kind: polar, r: [300, 310, 320, 340], phi: [0, 360, 400], thickness: 500}"
GRID = "  end: {kind: grid, pitch: [6, 10], cells: [20, 8], thickness: 500}"


@pytest.fixture
def made(detector_folder: Callable[..., Path]) -> Callable[[str], Detector]:
    return lambda template: load_detector(detector_folder("gas", f"templates:\n{template}\n{GAS}", bz=0.5))


def samples(detector: Detector, step: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every `step`-th pad of both sensors."""
    cell = np.arange(0, detector.templates[0].n_cells, step, dtype=np.int32)
    sensor = np.repeat(np.arange(2, dtype=np.int32), len(cell))
    cell = np.tile(cell, 2)
    return sensor, cell, detector.cell_position(sensor, cell)


def test_pads_in_rings_lie_along_and_across_their_ring(made: Callable[[str], Detector]) -> None:
    detector = made(RINGS)
    sensor, cell, xyz = samples(detector, 7)
    pads = pads_of(detector, sensor, cell, xyz)
    assert (pads.row == cell // 400).all()
    assert np.allclose(pads.size[:, 1], np.array([10.0, 10.0, 20.0])[pads.row])
    assert np.allclose(pads.size[:, 0], np.array([305.0, 315.0, 330.0])[pads.row] * 2 * np.pi / 400)
    outwards = xyz[:, :2] / np.linalg.norm(xyz[:, :2], axis=1)[:, None]
    assert np.allclose(np.einsum("ij,ij->i", pads.across[:, :2], outwards), 1.0)
    assert np.allclose(np.einsum("ij,ij->i", pads.across, pads.along), 0.0)


@pytest.mark.parametrize("template", [RINGS, GRID])
def test_one_pad_along_the_row_is_the_next_pad(made: Callable[[str], Detector], template: str) -> None:
    detector = made(template)
    sensor, cell, xyz = samples(detector, 3)
    pads = pads_of(detector, sensor, cell, xyz)
    there = xyz + pads.size[:, :1] * pads.along
    local = detector.to_local(sensor, there)
    beside = detector.cell_at(sensor, local[:, 0], local[:, 1])
    inside = beside >= 0
    assert inside.mean() > 0.9
    after = pads_of(detector, sensor[inside], beside[inside], there[inside])
    assert (after.row == pads.row[inside]).all()
    moved = after.local[:, 0] - pads.local[inside, 0]
    seam = np.abs(moved) > 100  # where a ring ends and begins
    assert seam.mean() < 0.01
    assert np.allclose(moved[~seam], pads.size[inside, 0][~seam], rtol=1e-3)


def test_no_samples_have_no_pads(made: Callable[[str], Detector]) -> None:
    none = np.zeros(0, np.int32)
    pads = pads_of(made(RINGS), none, none, np.zeros((0, 3)))
    assert len(pads.row) == len(pads.size) == len(pads.along) == 0
