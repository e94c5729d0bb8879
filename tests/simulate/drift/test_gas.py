"""Ionisation of a gas: how much, where and when, along straight and curled flights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.geometry import ConstantField, Detector, GridTemplate, Subsystem
from gnnreco.geometry.subsystem import Drift
from gnnreco.simulate.drift.gas import (
    HIGHEST,
    LOWEST,
    MEAN_SIZE,
    electrons_in,
    electrons_per_mm,
    ionise,
    relative_loss,
)
from gnnreco.simulate.transport import Paths
from tests.simulate.conftest import build

GAS = Drift(
    velocity=0.0265,
    sample=100.0,
    diffusion=(0.0661, 0.0699),
    pair_energy=36e-9,
    pad_response=1.5,
    shaping=80.0,
    noise=0.0,
    threshold=0.0,
    gain_spread=0.0,
)
PION = 0.13957


def chamber(bz: float = 0.0) -> Detector:
    """A gas of 400 mm x 400 mm x 1 m, and a plain silicon plane 3 m behind it."""
    template = GridTemplate("pads", 1000.0, 4.0, 8.0, 100, 50)
    made = build(
        template,
        np.array([[0.0, 0, 0], [0, 0, 3000.0]]),
        np.tile(np.eye(3), (2, 1, 1)),
        ConstantField(bz),
        interaction=1e-3,
    )
    return replace(
        made,
        subsystems=(Subsystem("gas", ("charge", "time"), GAS), Subsystem("plane", ("position",))),
        subsystem=np.array([0, 1], np.int32),
    )


def flight(
    n: int = 1, *, p: float = 5.0, charge: float = 1.0, length: float = 300.0, **place: float
) -> Paths:
    """Flights along x."""
    at = {"x": -150.0, "y": 0.0, "z": 0.0, "time": 3.0} | place
    full = {name: np.full(n, value) for name, value in at.items()}
    return Paths(
        np.arange(n),
        full["x"],
        full["y"],
        full["z"],
        np.full(n, p),
        np.zeros(n),
        np.zeros(n),
        np.full(n, charge),
        np.full(n, PION),
        full["time"],
        np.full(n, length),
    )


def test_the_minimum_and_the_plateau_are_the_published_ones() -> None:
    # Blum and Rolandi: the minimum at beta gamma of 3 to 4, a relativistic rise of half and more in gas.
    beta_gamma = np.geomspace(0.3, 1e5, 4000)
    loss = relative_loss(beta_gamma)
    assert 3.0 < beta_gamma[loss.argmin()] < 4.0
    assert loss.min() == pytest.approx(1.0, abs=0.02)
    assert 1.5 < loss[-1] < 1.7
    # Slow: as the inverse of beta to about 5/3 (PDG 34.2.3).
    slow = relative_loss(np.array([0.3, 0.4]))
    beta = np.array([0.3, 0.4]) / np.hypot(1, [0.3, 0.4])
    assert np.log(slow[0] / slow[1]) / np.log(beta[1] / beta[0]) == pytest.approx(5 / 3, abs=0.2)


def test_the_size_of_a_cluster_falls_as_the_inverse_square_of_its_energy() -> None:
    chance = (np.arange(200_000) + 0.5) / 200_000
    electrons = electrons_in(chance)
    assert (np.diff(electrons) >= 0).all()
    assert electrons[0] == 1
    assert electrons[-1] <= 1 + HIGHEST - LOWEST
    # Above the smallest: P(more than n) ~ (n + LOWEST)^-1.2.
    more = [(electrons > n).mean() for n in (5, 10, 20)]
    expected = [(n + LOWEST) ** -1.2 - HIGHEST**-1.2 for n in (5, 10, 20)]
    np.testing.assert_allclose(np.divide(more, more[0]), np.divide(expected, expected[0]), rtol=0.02)
    assert electrons.mean() == pytest.approx(MEAN_SIZE, rel=0.01)


def test_only_drift_chambers_have_electrons() -> None:
    density = electrons_per_mm(chamber())
    assert density[0] == pytest.approx(0.175 * 1e-3 / 1000.0 / 36e-9)
    assert density[1] == 0.0


@given(st.floats(-100, 100), st.floats(-100, 100), st.floats(0.2, 20), st.integers(0, 100))
@settings(max_examples=20)
def test_clusters_lie_on_a_straight_flight_at_the_time_of_passing(
    y: float, z: float, p: float, seed: int
) -> None:
    made = ionise(chamber(), flight(p=p, y=y, z=z), np.random.default_rng(seed))
    assert len(made.x) > 100
    np.testing.assert_allclose(made.y, y)
    np.testing.assert_allclose(made.z, z)
    assert made.x.min() >= -150
    assert made.x.max() <= 150
    beta = p / np.hypot(p, PION)
    np.testing.assert_allclose(made.time, 3.0 + (made.x + 150) / (299.792458 * beta))
    assert (made.sensor == 0).all()


@pytest.mark.parametrize("charge", [1.0, -1.0])
def test_clusters_of_a_curled_flight_lie_on_its_circle(charge: float) -> None:
    p, bz = 0.2, 2.0
    radius = p / (0.299792458e-3 * bz)
    made = ionise(chamber(bz), flight(p=p, charge=charge, x=0.0, length=150.0), np.random.default_rng(1))
    # A positive particle that flies along x in a field along z turns towards -y.
    away = np.hypot(made.x, made.y + charge * radius)
    np.testing.assert_allclose(away, radius, rtol=1e-9)
    assert (np.sign(made.y[made.x > 20]) == -charge).all()


@pytest.mark.parametrize(("charge", "factor"), [(0.0, 0.0), (1.0, 1.0), (-1.0, 1.0), (2.0, 4.0)])
def test_ionisation_goes_with_the_square_of_the_charge(charge: float, factor: float) -> None:
    made = ionise(chamber(), flight(40, p=3.5 * PION, charge=charge), np.random.default_rng(2))
    expected = factor * electrons_per_mm(chamber())[0] / MEAN_SIZE * 300 * 40
    assert len(made.x) == pytest.approx(expected, rel=0.03)


def test_what_flies_outside_the_gas_frees_nothing() -> None:
    for place in ({"z": 3000.0}, {"x": 300.0}, {"y": 500.0}):
        assert len(ionise(chamber(), flight(5, **place), np.random.default_rng(3)).x) == 0


def test_the_clusters_come_in_the_order_of_the_paths() -> None:
    made = ionise(chamber(), flight(10), np.random.default_rng(4))
    assert (np.diff(made.particle) >= 0).all()
    assert set(made.particle.tolist()) == set(range(10))
