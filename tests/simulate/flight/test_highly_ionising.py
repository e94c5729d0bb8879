"""Particles of many charges: they ionise as the square of the charge, bend as the charge, stop, and lie over any collision."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gnnreco.columns import FATES
from gnnreco.errors import BadConfig
from gnnreco.geometry import Detector
from gnnreco.particles import HEAVY_MASS, gun_codes, species_of
from gnnreco.simulate import SimulationOptions, simulate
from gnnreco.simulate.generators.generated import Generated
from gnnreco.simulate.generators.generator import generator
from gnnreco.simulate.matter.material import ionisation
from gnnreco.simulate.transport import Transport, Transported
from tests.simulate.conftest import QUIET, planes

HIP, MUON, MUON_MASS = 10001000, -13, 0.1056584
SHOT = SimulationOptions(energy=(800.0, 2000.0), eta=(-1.0, 1.0), sigma_xy=0.0, sigma_z=0.0, sigma_t=0.0)


def flown(
    detector: Detector, pdg: int, momentum: tuple[float, float, float], n: int = 1, **options: object
) -> Transported:
    """Particles from the origin."""
    zero = np.zeros(n)
    px, py, pz = (np.full(n, value) for value in momentum)
    particles = Generated(
        np.full(n, pdg, np.int32), px, py, pz, zero, zero, zero, zero, np.zeros(n, np.int32)
    )
    return Transport(detector, replace(QUIET, **options))(particles, np.random.default_rng(1))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "charge"), [("hip", 10.0), ("10000200", 2.0), ("-10000200", -2.0), ("10000010", 0.1)]
)
def test_the_number_tells_the_charge(name: str, charge: float) -> None:
    code = gun_codes(name)[0]
    species = species_of([code])
    row = species.rows(np.array([code]))[0]
    assert (species.charge[row], species.mass[row]) == (charge, HEAVY_MASS)


@pytest.mark.parametrize("charge", [2.0, 5.0, 10.0, 30.0])
@pytest.mark.parametrize("path", [0.1, 0.3, 5.0])
@pytest.mark.parametrize("beta_gamma", [0.7, 2.0])
def test_the_mean_loss_goes_as_the_square_of_the_charge(
    charge: float, path: float, beta_gamma: float
) -> None:
    rng = np.random.default_rng(1)
    many, one = (
        np.mean([ionisation(rng, beta_gamma * mass, mass, z, path) for _ in range(4000)])
        for mass, z in ((HEAVY_MASS, charge), (MUON_MASS, 1.0))
    )
    # Muons have a tail of rare knock-ons, and the heavy one's may be harder.
    assert many / one == pytest.approx(charge**2, rel=0.1)


def test_sensors_see_a_hundred_times_what_a_muon_of_the_same_speed_leaves() -> None:
    stack = planes([100.0, 200.0, 300.0])
    many, one = (
        np.mean(flown(stack, pdg, (0.0, 0.0, 2 * mass), 2000).crossings.energy)
        for pdg, mass in ((HIP, HEAVY_MASS), (MUON, MUON_MASS))
    )
    assert many / one == pytest.approx(100, rel=0.1)


def test_ten_charges_bend_as_one_of_a_tenth_of_the_momentum() -> None:
    stack = planes([30.0, 55.0, 90.0], 2.0, half=2000, pitch=1.0)
    many = flown(stack, HIP, (6.0, 0.0, 3.0)).crossings
    one = flown(stack, MUON, (0.6, 0.0, 0.3)).crossings
    np.testing.assert_allclose([many.u, many.v], [one.u, one.v], atol=1e-9)
    assert np.abs(many.v).max() > 1


def test_it_slows_down_stops_and_leaves_no_more_than_it_had() -> None:
    stack = planes([100.0 * i for i in range(1, 30)], pitch=1.0, radiation=0.5)
    made = flown(stack, HIP, (0.0, 0.0, 300.0), energy_loss=True)
    assert FATES[made.fates.fate[0]] == "stopped"
    assert 3 < len(made.crossings.energy) < 29
    had = np.hypot(300.0, HEAVY_MASS) - HEAVY_MASS
    assert 0 < made.crossings.energy.sum() < had


def test_it_flies_through_calorimeters_and_ionises_there() -> None:
    plain = planes(
        [1000.0 + 12 * i for i in range(12)], pitch=12.0, half=240.0, radiation=1.5, measures=("energy",)
    )
    ones = np.ones(plain.n_sensors)
    plates = replace(plain, moliere_radius=24.0 * ones, sampling_fraction=0.02 * ones)
    options = replace(SHOT, eta=(2.9, 3.1), noise_hits=0.0)
    sums = []
    for name in ("hip", "muon"):
        (event,) = simulate(plates, "gun", 1, options=replace(options, particle=name))
        assert len(np.unique(event.hits.sensor)) == 12
        assert event.hits.energy is not None
        sums.append(event.hits.energy.sum())
    assert sums[0] > 50 * sums[1]


@pytest.mark.parametrize(("process", "pileup"), [("dijet", 0), ("dijet", 2), ("qq", 0)])
def test_extra_particles_lie_over_the_collision_of_a_pool(process: str, pileup: int) -> None:
    without, both = (
        generator(process, planes([100.0]), options, pileup)(np.random.default_rng(4))
        for options in (SHOT, replace(SHOT, extra="hip", count=3))
    )
    hip = np.abs(both.pdg) == HIP
    assert hip.sum() == 3
    assert (both.vertex[hip] == 0).all()
    np.testing.assert_array_equal(both.px[(both.vertex == 0) & ~hip], without.px[without.vertex == 0])
    energy = np.sqrt(both.px**2 + both.py**2 + both.pz**2 + HEAVY_MASS**2)[hip]
    assert ((energy > 800) & (energy < 2000)).all()


def test_extra_needs_a_collision_and_an_energy() -> None:
    with pytest.raises(BadConfig, match=r"process gun has no extra.*name several in particle"):
        generator("gun", planes([100.0]), replace(SHOT, extra="hip"), 0)
    with pytest.raises(
        BadConfig, match="energy 1 GeV is less than the particle's mass, 500 GeV: raise the range"
    ):
        generator("dijet", planes([100.0]), SimulationOptions(extra="hip"), 0)


def test_a_cell_reads_out_no_more_than_its_saturation() -> None:
    stack, options = planes([100.0], pitch=1.0), replace(SHOT, particle="hip", eta=(2.0, 2.1))
    seen = []
    for saturation in (None, 8.0):
        (event,) = simulate(stack, "gun", 1, options=replace(options, saturation=saturation))
        assert event.hits.deposits is not None
        seen.append(event.hits.deposits.value)
    mip = 2.7e-5  # GeV, of 0.1 mm of silicon
    assert seen[0].max() > 50 * mip
    assert seen[1].max() == pytest.approx(8 * mip, rel=1e-6)
    with pytest.raises(BadConfig, match=r"saturation: 0.01 must be above the threshold, 0.05"):
        SimulationOptions(saturation=0.01)
