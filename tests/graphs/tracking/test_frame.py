"""The frame of graphs: the field where the sensors are, and a bend in azimuth where there is one to be had."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.geometry import ConstantField, load_detector
from gnnreco.geometry.field.field import MapField
from gnnreco.graphs import Frame, points_of
from gnnreco.simulate import SimulationOptions, simulate

TELESCOPE, BARREL = load_detector("telescope"), load_detector("hex_tracker")
KAPPA = 0.299792458e-3


def test_without_a_field_a_telescope_is_turned_as_it_was_trained() -> None:
    frame = Frame.of(TELESCOPE)
    assert frame.rotation.tolist() == [[0, 0, 1], [0, 1, 0], [-1, 0, 0]]
    assert not frame.has_field


@given(st.floats(-np.pi, np.pi))
def test_a_field_across_the_beam_bends_in_azimuth(angle: float) -> None:
    field = ConstantField(0.0, np.cos(angle), np.sin(angle))
    frame = Frame.of(replace(TELESCOPE, field=field))
    assert frame.has_field
    assert frame.kappa_per_gev == pytest.approx(KAPPA)
    np.testing.assert_allclose(frame.rotation @ field.at(np.zeros((1, 3)))[0], [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(frame.rotation @ [0, 0, 1], [1, 0, 0], atol=1e-12)
    assert np.linalg.det(frame.rotation) == pytest.approx(1)


def test_a_track_in_a_dipole_bends_in_azimuth_only() -> None:
    detector = replace(TELESCOPE, field=ConstantField(0.0, 0.0, 1.0))
    quiet = SimulationOptions(
        particle="muon", energy=(30.0, 30.0), beam_divergence=0.0, beam_width=0.01, scattering=False
    )
    (event,) = simulate(detector, "beam", 1, seed=3, options=quiet)
    points = points_of(event.hits, detector, Frame.of(detector))
    order = np.argsort(points.r)
    assert len(order) == 6
    bend = [np.ptp(np.diff(v[order])) for v in (points.r * points.phi, points.z)]
    assert bend[0] > 10 * bend[1]


def test_the_field_is_that_at_the_sensors() -> None:
    # A map that does not hold the origin; one that falls off; one along x, which bends nothing in azimuth.
    low, high = BARREL.bounds
    ends = [np.array([low[:, k].min() - 1, 0.0, high[:, k].max() + 1]) for k in range(3)]
    one = np.ones((3, 3, 3, 1))
    falls = np.concatenate([0 * one, 0 * one, one * np.array([1.0, 3.0, 1.0])[None, None, :, None]], axis=3)
    beside = [np.array([200.0, 300.0, 1000.0]), np.array([-90.0, 0, 90.0]), np.array([-90.0, 0, 90.0])]
    there = MapField(tuple(beside), np.concatenate([0 * one, 0 * one, 2 * one], axis=3))  # type: ignore[arg-type]
    made = Frame.of(replace(BARREL, field=MapField(tuple(ends), falls)))  # type: ignore[arg-type]
    assert made.has_field
    assert KAPPA * 1.0 < made.kappa_per_gev < KAPPA * 3.0
    held = Frame.of(replace(TELESCOPE, field=there.in_frame(np.eye(3), np.array([500.0, 0.0, -400.0]))))
    assert not held.has_field  # along the beam
    assert not Frame.of(replace(BARREL, field=ConstantField(0.0, 2.0))).has_field
    assert Frame.of(replace(BARREL, field=ConstantField(2.0))).kappa_per_gev == KAPPA * 2
