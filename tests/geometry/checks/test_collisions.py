"""Solids that touch and solids that overlap, with walls that lean towards a focus and without."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gnnreco.geometry import ConstantField, Detector, Subsystem
from gnnreco.geometry.cells.edges import EdgesTemplate
from gnnreco.geometry.checks.collisions import overlapping_sensors


def ring(count: int, focus: bool, stretch: float = 1.0) -> Detector:
    """Thick staves around the z axis, each as wide in its middle plane as its share of the ring, times `stretch`."""
    radius, flat = 1000.0, np.zeros(count, np.int32)
    half = radius * np.tan(np.pi / count) * stretch
    template = EdgesTemplate("stave", 100.0, np.array([-half, half]), np.array([-500.0, 500.0]))
    if focus:
        template = replace(template, focus=np.array([0.0, 0.0, -radius]))
    angle = 2 * np.pi * np.arange(count) / count
    zero = np.zeros(count)
    w = np.stack([np.cos(angle), np.sin(angle), zero], axis=1)
    u = np.stack([-np.sin(angle), np.cos(angle), zero], axis=1)
    return Detector(
        "ring",
        Path(),
        ConstantField(0.0),
        (template,),
        (Subsystem("all", ("energy",)),),
        1,
        flat,
        flat,
        flat,
        radius * w,
        np.stack([u, np.tile([0.0, 0.0, 1.0], (count, 1)), w], axis=2),
        zero,
        zero,
        zero,
        zero,
        np.arange(count),
    )


@pytest.mark.parametrize("count", [8, 64])
def test_projective_walls_touch_where_parallel_ones_overlap(count: int) -> None:
    assert len(overlapping_sensors(ring(count, focus=True))) == 0
    assert len(overlapping_sensors(ring(count, focus=False))) == count
    assert len(overlapping_sensors(ring(count, focus=True, stretch=1.01))) == count
    assert len(overlapping_sensors(ring(count, focus=True, stretch=0.99))) == 0
