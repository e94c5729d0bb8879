"""Electromagnetic showers: the shapes that Longo and Sestili, Grindhammer and Peters, and the PDG publish."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gnnreco.geometry import Detector
from gnnreco.simulate.showers.electromagnetic import (
    Mixture,
    count_spots,
    electromagnetic,
    longitudinal,
    mixture,
    photon,
    radial,
)
from gnnreco.simulate.showers.ray import cast, stack_of
from gnnreco.simulate.showers.spots import LIGHT, Entry, Passage, room
from tests.simulate.conftest import planes

LEAD = Mixture(82.0, 7.43e-3, 0.0, 1.0, 0.0)
IRON = Mixture(26.0, 21.7e-3, 0.0, 1.0, 0.0)
SANDWICH = Mixture(82.0, 7.43e-3, 1.0, 0.65, 0.25)
X0, LAYERS = 5.6, 60  # mm, and layers of half a radiation length


@pytest.fixture(scope="module")
def block() -> Detector:
    """Thirty radiation lengths of what looks like lead and sees everything, in slices of half a one."""
    made = planes(
        [X0 / 2 * i for i in range(LAYERS)],
        pitch=10.0,
        half=400.0,
        radiation=0.5,
        interaction=0.5 * X0 / 176,
        measures=("energy",),
    )
    return replace(made, moliere_radius=np.full(LAYERS, 16.0), sampling_fraction=np.ones(LAYERS))


def drawn(energy: float, m: Mixture, n: int = 4000) -> np.ndarray:
    rng = np.random.default_rng(1)
    return np.array([longitudinal(rng, energy, m) for _ in range(n)])


@pytest.mark.parametrize("m", [LEAD, IRON])
@pytest.mark.parametrize("energy", [1.0, 10.0, 100.0])
def test_the_maximum_lies_at_the_logarithm_of_the_energy(m: Mixture, energy: float) -> None:
    # PDG 34.36: t_max = ln(E / E_c) - 0.5 for electrons, fitted to mean profiles; single showers lie a little before it.
    top = drawn(energy, m)[:, 0]
    assert top.mean() == pytest.approx(np.log(energy / m.critical) - 0.5, abs=0.45)


def test_the_mean_logarithms_are_the_published_ones() -> None:
    # Grindhammer and Peters, A.1.2, for y = 1000: <ln T> = ln(ln y - 0.812), <ln alpha> = ln(0.81 + (0.458 + 2.26/Z) ln y).
    top, shape = np.log(drawn(7.43, LEAD)).T
    assert top.mean() == pytest.approx(np.log(6.9078 - 0.812), abs=0.01)
    assert shape.mean() == pytest.approx(np.log(0.81 + (0.458 + 2.26 / 82) * 6.9078), abs=0.01)
    assert top.std() == pytest.approx(1 / (-1.4 + 1.26 * 6.9078), rel=0.05)
    assert shape.std() == pytest.approx(1 / (-0.58 + 0.86 * 6.9078), rel=0.05)
    assert np.corrcoef(top, shape)[0, 1] == pytest.approx(0.705 - 0.023 * 6.9078, abs=0.03)


@pytest.mark.parametrize("energy", [1.0, 10.0, 100.0])
def test_the_falling_slope_is_half_an_inverse_radiation_length(energy: float) -> None:
    # Longo and Sestili, NIM 128 (1975) 283: dE/dt ~ t^a exp(-b t), b near one half whatever the energy.
    top, shape = drawn(energy, LEAD).T
    assert np.mean((shape - 1) / top) == pytest.approx(0.5, abs=0.1)


def test_plates_move_the_maximum_forward() -> None:
    assert drawn(10.0, SANDWICH)[:, 0].mean() < drawn(10.0, LEAD)[:, 0].mean() - 0.5


def test_the_least_energy_has_a_shape_too() -> None:
    values = drawn(1e-3, SANDWICH, 200)
    assert np.isfinite(values).all()
    assert (values[:, 0] > 0).all()
    assert (values[:, 1] >= 1.1).all()


def within(radius: float, m: Mixture, energy: float) -> float:
    """Share of a shower inside a cylinder (Moliere radii): the profiles r^2 / (r^2 + R^2) weighted along the shower."""
    top, shape = (
        np.log(energy / m.critical) - 0.858,
        0.21 + (0.492 + 2.38 / m.z) * np.log(energy / m.critical),
    )
    t = np.linspace(0.05, 30, 600)
    weight = t ** (shape - 1) * np.exp(-(shape - 1) / top * t)
    share = []
    for depth in t:
        core, tail, part = radial(np.log(energy), depth / top, m)
        share.append(
            part * radius**2 / (radius**2 + core**2) + (1 - part) * radius**2 / (radius**2 + tail**2)
        )
    return float(np.average(share, weights=weight))


@pytest.mark.parametrize("m", [LEAD, IRON])
def test_nine_tenths_lie_within_a_moliere_radius(m: Mixture) -> None:
    assert within(1.0, m, 10.0) == pytest.approx(0.90, abs=0.07)  # PDG 34.5
    assert within(3.5, m, 10.0) == pytest.approx(0.99, abs=0.025)


def test_the_radii_at_the_maximum_are_the_published_ones() -> None:
    # Grindhammer and Peters, A.1.3, worked out by hand for 10 GeV in lead.
    core, tail, weight = radial(np.log(10.0), 1.0, LEAD)
    assert (core, tail, weight) == (
        pytest.approx(0.1174, abs=2e-4),
        pytest.approx(0.638, abs=2e-3),
        pytest.approx(0.880, abs=1e-3),
    )


def test_a_shower_widens_with_depth_and_the_core_weighs_less() -> None:
    depths = np.linspace(0.7, 3.0, 12)
    core, tail, weight = np.array([radial(np.log(10.0), tau, LEAD) for tau in depths]).T
    assert (np.diff(core) > 0).all()
    assert (core < tail).all()
    assert weight[-1] < 0.6 * weight[0]


@pytest.mark.parametrize("m", [LEAD, SANDWICH])
def test_radii_and_weights_stay_sensible_anywhere(m: Mixture) -> None:
    for log_energy in (-5.0, 0.0, 7.0):
        for tau in (0.0, 0.1, 1.0, 5.0):
            core, tail, weight = radial(log_energy, tau, m)
            assert core >= 0.005
            assert tail >= 0.05
            assert 0 <= weight <= 1


@pytest.mark.parametrize(("energy", "bunched"), [(0.1, True), (2.0, True), (300.0, False)])
def test_the_energies_of_the_spots_add_up_with_the_sampling_spread(energy: float, bunched: bool) -> None:
    # Where the sampling is fine, bunches would be too many: their sum fluctuates instead.
    sandwich = SANDWICH if bunched else SANDWICH._replace(spread=0.05)
    rng, sums = np.random.default_rng(2), []
    for _ in range(3000):
        number, each, exponential = count_spots(rng, energy, sandwich)
        assert exponential == bunched
        sums.append(rng.exponential(each, number).sum() if exponential else number * each)
    spread = sandwich.spread / np.sqrt(energy)
    assert np.mean(sums) == pytest.approx(energy, rel=4 * spread / 3000**0.5)
    assert np.std(sums) / energy == pytest.approx(spread, rel=0.06)


def test_a_homogeneous_block_does_not_fluctuate() -> None:
    number, each, exponential = count_spots(np.random.default_rng(0), 10.0, LEAD)
    assert number * each == pytest.approx(10.0)
    assert not exponential
    # The published number of spots: 93 ln(Z) E^0.876.
    assert number == int(93 * np.log(82) * 10**0.876)


@pytest.mark.parametrize("energy", [1.0, 20.0])
def test_all_energy_lands_in_a_deep_block_at_the_published_depth(block: Detector, energy: float) -> None:
    stack, rng = stack_of(block), np.random.default_rng(3)
    ray = cast(stack, (3.0, 4.0, -1.0), (0.0, 0.0, 1.0), 6.0, 0.0)
    spots, depths, sums = np.empty((16, 6)), [], []
    for entry in range(30):
        spots, used = electromagnetic(
            rng, Passage(stack, ray, Entry(entry, 2.0)), spots, 0, energy, 0.0, 0.0, 0.0
        )
        mine = spots[:used]
        assert (mine[:, 0] == entry).all()
        np.testing.assert_allclose(mine[:, 5], 2.0 + ray.path[mine[:, 1].astype(int)] / LIGHT)
        sums.append(mine[:, 4].sum())
        depths.append(np.average((mine[:, 1] + 0.5) / 2, weights=mine[:, 4]))
    assert np.mean(sums) == pytest.approx(energy, rel=0.03)  # what lies over six Moliere radii away is lost
    y = energy / stack.critical[0]
    # Mean depth alpha / beta of the published mean profile.
    top, shape = np.log(y) - 0.858, 0.21 + (0.492 + 2.38 / stack.z[0]) * np.log(y)
    assert np.mean(depths) == pytest.approx(shape * top / (shape - 1), rel=0.1)


def test_a_photon_starts_nine_sevenths_of_a_radiation_length_later(block: Detector) -> None:
    stack, ray = stack_of(block), cast(stack_of(block), (3.0, 4.0, -1.0), (0.0, 0.0, 1.0), 6.0, 0.0)
    starts, rng = [], np.random.default_rng(4)
    for kind, engine in ((electromagnetic, ()), (photon, (None,))):
        spots, depths = np.empty((16, 6)), []
        for _ in range(150):
            passage = Passage(stack, ray, Entry(0, 0.0))
            spots, used = kind(rng, passage, *engine, spots, 0, 5.0, 0.0, 0.0, 0.0)
            depths.append(np.average(spots[:used, 1] / 2, weights=spots[:used, 4]))
        starts.append(np.mean(depths))
    # Two electrons share the energy: their showers are shorter by the mean of -ln of a share, weighted by it: 1/2.
    assert starts[1] - starts[0] == pytest.approx(9 / 7 - 0.5, abs=0.35)


def test_what_starts_behind_the_block_or_has_no_energy_leaves_nothing(block: Detector) -> None:
    stack, rng = stack_of(block), np.random.default_rng(5)
    ray = cast(stack, (3.0, 4.0, -1.0), (0.0, 0.0, 1.0), 6.0, 0.0)
    assert (
        electromagnetic(rng, Passage(stack, ray, Entry(0, 0.0)), np.empty((16, 6)), 7, 5.0, 30.1, 0.0, 0.0)[1]
        == 7
    )
    assert (
        electromagnetic(rng, Passage(stack, ray, Entry(0, 0.0)), np.empty((16, 6)), 7, 5e-4, 0.0, 0.0, 0.0)[1]
        == 7
    )


def test_the_mixture_is_the_mean_over_the_stretch_asked_for(block: Detector) -> None:
    two = replace(block, sampling_fraction=np.where(np.arange(LAYERS) < 20, 1.0, 0.1))
    stack = stack_of(two)
    ray = cast(stack, (3.0, 4.0, -1.0), (0.0, 0.0, 1.0), 6.0, 0.0)
    first, second = mixture(stack, ray, 0.0, 10.0), mixture(stack, ray, 10.0, 10.0)
    assert first.frequency == first.spread == 0.0
    assert second.frequency == pytest.approx(stack.sample[-1])
    assert second.spread == pytest.approx(stack.spread[-1])
    both = mixture(stack, ray, 0.0, 20.0)
    assert both.frequency == pytest.approx(second.frequency / 2)
    assert both.spread**2 == pytest.approx(second.spread**2 / 2)
    assert both.z == pytest.approx(stack.z[0])


def test_room_grows_and_keeps_what_is_there() -> None:
    spots = np.arange(12.0).reshape(2, 6)
    assert room(spots, 1, 1) is not None
    assert len(room(spots, 1, 1)) == 2
    larger = room(spots, 2, 100)
    assert larger.shape == (102, 6)
    np.testing.assert_array_equal(larger[:2], spots)
