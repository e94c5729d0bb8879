"""Drift chambers against what goes in: electrons, places, times, widths, and who left what."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.errors import BadGeometry
from gnnreco.geometry import ConstantField, Detector, GridTemplate, Subsystem, load_detector
from gnnreco.geometry.subsystem import Drift
from gnnreco.simulate import SimulationOptions, simulate
from gnnreco.simulate.drift.charge import batches, drift
from gnnreco.simulate.drift.gas import electrons_in, electrons_per_mm, ionise, relative_loss
from gnnreco.simulate.transport import Paths
from tests.simulate.conftest import QUIET, build

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
LENGTH, PION, PROTON = 1000.0, 0.13957, 0.93827


def chamber(
    gas: Drift = GAS, pitch: tuple[float, float] = (4.0, 7.5), count: int = 1, bz: float = 0.0
) -> Detector:
    """`count` chambers of 300 mm x 300 mm side by side along x, drift of a metre along z."""
    template = GridTemplate("pads", LENGTH, *pitch, round(300 / pitch[0]), round(300 / pitch[1]))
    center = np.array([[300.0 * i, 0.0, 0.0] for i in range(count)])
    made = build(template, center, np.tile(np.eye(3), (count, 1, 1)), ConstantField(bz), interaction=0.97e-3)
    return replace(made, subsystems=(Subsystem("gas", ("charge", "time"), gas),))


def lines(
    y: np.ndarray | float,
    z: np.ndarray | float,
    x: float = -140.0,
    length: float = 280.0,
    p: float = 0.5,
    mass: float = PION,
    charge: float = 1.0,
    slope: float = 0.0,
) -> Paths:
    """Straight flights along x (and `slope` along y)."""
    y, z = np.broadcast_arrays(np.atleast_1d(np.asarray(y, np.float64)), z)
    one = np.ones(len(y))
    px = p / np.hypot(1, slope)
    return Paths(
        np.arange(len(y)),
        x * one,
        y,
        z * one,
        px * one,
        px * slope * one,
        0 * one,
        charge * one,
        mass * one,
        0 * one,
        length * one,
    )


@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_electrons_are_conserved(spread: float) -> None:
    detector, paths = chamber(replace(GAS, gain_spread=spread)), lines(np.linspace(-100, 100, 20), 0.0)
    freed = ionise(detector, paths, np.random.default_rng(1)).electrons.sum()
    hits, _, _, energy = drift(detector, paths, QUIET, np.random.default_rng(1))
    assert hits.energy.sum() / GAS.pair_energy == pytest.approx(freed, rel=0.025)  # type: ignore[union-attr]
    assert energy.sum() == pytest.approx(hits.energy.sum())  # type: ignore[union-attr]


def test_a_minimum_ionising_particle_frees_the_published_number() -> None:
    detector, paths = load_detector("tpc"), lines(np.full(200, 1200.0), 1000.0, length=200.0, p=3.5 * PION)
    freed = ionise(detector, paths, np.random.default_rng(2)).electrons.sum()
    assert freed / (200 * 20.0) == pytest.approx(42.7, rel=0.15)  # Ne-CO2, ALICE TPC technical design report
    assert electrons_per_mm(detector)[0] * 10 == pytest.approx(freed / (200 * 20.0), rel=0.05)
    assert relative_loss(np.array([3.5])) == pytest.approx(1.0, abs=0.02)
    assert relative_loss(np.array([1e5])) == pytest.approx(1.59, abs=0.02)


@pytest.mark.parametrize("slope", [0.0, 0.2])
def test_hits_lie_on_the_track(slope: float) -> None:
    y = np.linspace(-60, 60, 150)
    hits, hit, particle, energy = drift(
        chamber(), lines(y, 300.0, slope=slope), QUIET, np.random.default_rng(3)
    )
    off = hits.y[hit] - y[particle] - slope * (hits.x[hit] + 140.0)
    # The ends of the tracks have their charge on one side only.
    middle = np.abs(hits.x[hit]) < 100
    assert np.average(off[middle], weights=energy[middle]) == pytest.approx(0.0, abs=0.1)
    assert np.average(hits.z[hit] - 300.0, weights=energy) == pytest.approx(0.0, abs=0.1)
    assert np.average(hits.time, weights=hits.energy) == pytest.approx(800.0 / GAS.velocity, rel=2e-4)
    np.testing.assert_allclose(hits.z, hits.time * GAS.velocity - LENGTH / 2, atol=1e-9)  # type: ignore[operator]


def test_the_width_grows_as_the_root_of_the_drift() -> None:
    fine = chamber(replace(GAS, pad_response=0.3, shaping=10.0, sample=20.0), (1.0, 1.0))
    variance = []
    lengths = np.array([100.0, 400.0, 700.0])
    for drifted in lengths:
        y = np.linspace(-60, 60, 40)
        paths = lines(y, drifted - LENGTH / 2)
        hits, hit, particle, energy = drift(fine, paths, QUIET, np.random.default_rng(4))
        variance.append(
            [
                np.average((hits.y[hit] - y[particle]) ** 2, weights=energy),
                np.average((hits.z[hit] - (drifted - LENGTH / 2)) ** 2, weights=energy),
            ]
        )
    slopes = np.polyfit(lengths, np.array(variance), 1)[0]
    np.testing.assert_allclose(np.sqrt(slopes), GAS.diffusion, rtol=0.05)


def test_the_pad_response_is_a_normal_distribution() -> None:
    still = chamber(replace(GAS, diffusion=(0.0, 0.0), pad_response=3.0))
    hits, *_ = drift(still, lines(np.full(50, 3.75), -400.0), QUIET, np.random.default_rng(5))
    share = [hits.energy[np.isclose(hits.y, y)].sum() / hits.energy.sum() for y in (-3.75, 3.75, 11.25)]  # type: ignore[index, union-attr]
    # A track in the middle of a row of 7.5 mm: 1.25 sigma on each side.
    np.testing.assert_allclose(share, [0.1056, 0.7887, 0.1056], atol=0.008)


def test_slow_particles_ionise_more() -> None:
    y = np.linspace(-100, 100, 60)
    mean = {}
    for mass in (PION, PROTON):
        hits, *_ = drift(chamber(), lines(y, 0.0, mass=mass), QUIET, np.random.default_rng(6))
        mean[mass] = hits.energy.sum()  # type: ignore[union-attr]
    expected = np.divide(*relative_loss(np.array([0.5 / PROTON, 0.5 / PION])))
    assert expected > 2.5
    assert mean[PROTON] / mean[PION] == pytest.approx(expected, rel=0.05)


def test_single_losses_have_a_tail() -> None:
    electrons = electrons_in(np.random.default_rng(7).random(100_000))
    assert electrons.min() == 1
    assert 0.6 < (electrons == 1).mean() < 0.9
    assert electrons.max() > 100


@given(st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_truth_adds_up(seed: int) -> None:
    random = np.random.default_rng(seed)
    paths = lines(random.uniform(-20, 20, 6), random.uniform(-20, 20, 6), slope=random.uniform(-0.2, 0.2))
    hits, hit, particle, energy = drift(chamber(), paths, QUIET, random)
    np.testing.assert_allclose(np.bincount(hit, energy, len(hits)), hits.energy, rtol=1e-9)
    pairs = np.stack([hit, particle], axis=1)
    np.testing.assert_array_equal(pairs, np.unique(pairs, axis=0))
    assert set(particle) == set(range(6))


def test_tracks_that_cross_share_samples() -> None:
    one, two = lines(0.0, 0.0, slope=0.1), replace(lines(28.0, 0.0, slope=-0.1), particle=np.array([1]))
    both = Paths(*(np.concatenate([getattr(one, f.name), getattr(two, f.name)]) for f in fields(Paths)))
    hits, hit, *_ = drift(chamber(), both, QUIET, np.random.default_rng(8))
    shared = np.bincount(hit) == 2
    assert shared.any()
    assert np.abs(hits.x[shared]).max() < 100


def test_charge_reaches_over_the_edge_of_a_chamber() -> None:
    def gathered(x: float) -> tuple[float, set[int]]:
        along_y = Paths(
            *(np.full(200, value) for value in (0, x, -100.0, 300.0, 0.0, 0.5, 0.0, 1.0, PION, 0.0, 200.0))
        )
        made, paths = chamber(count=2), replace(along_y, particle=np.arange(200))
        hits, *_ = drift(made, paths, QUIET, np.random.default_rng(9))
        freed = ionise(made, paths, np.random.default_rng(9)).electrons.sum()
        return hits.energy.sum() / GAS.pair_energy / freed, set(hits.sensor.tolist())  # type: ignore[union-attr]

    middle, edge = gathered(0.0), gathered(149.0)
    assert middle[1] == {0}
    assert edge[1] == {0, 1}
    assert edge[0] == pytest.approx(middle[0], abs=0.005)


def test_noise_and_zero_suppression() -> None:
    gas = replace(GAS, noise=0.5, threshold=1.5, gain_spread=1.0)
    detector, paths = chamber(gas), lines(np.linspace(-100, 100, 20), 0.0)
    clean, *_ = drift(detector, paths, QUIET, np.random.default_rng(10))
    assert (clean.energy > gas.threshold * gas.pair_energy).all()  # type: ignore[operator]
    hits, hit, *_ = drift(detector, paths, replace(QUIET, noise_hits=0.5), np.random.default_rng(10))
    alone = np.setdiff1d(np.arange(len(hits)), hit)
    assert len(alone) > 100
    np.testing.assert_array_equal(detector.locate(hits.xyz), hits.sensor)
    cell = detector.cell_at(hits.sensor, hits.x, hits.y)
    np.testing.assert_array_equal(detector.templates[0].channel(cell)[1], hits.deposits.v)  # type: ignore[union-attr]


@pytest.mark.parametrize("paths", [lines(np.zeros(0), 0.0), lines(0.0, 0.0, charge=0.0), lines(0.0, 2000.0)])
def test_nothing_to_see(paths: Paths) -> None:
    hits, hit, particle, energy = drift(chamber(), paths, QUIET, np.random.default_rng(11))
    assert len(hits) == len(hit) == len(particle) == len(energy) == 0
    assert hits.deposits is not None
    np.testing.assert_array_equal(hits.deposits.offsets, [0])


def test_one_track_curls_with_the_field() -> None:
    radius = 0.3 / 0.299792458e-3 / 4.0
    path = lines(-radius, 0.0, x=0.0, length=np.pi * radius / 2, p=0.3)
    hits, *_ = drift(chamber(bz=4.0), path, QUIET, np.random.default_rng(12))
    assert len(hits) == 0  # it starts 250 mm away and turns off
    near = replace(path, y=path.y + radius, length=np.array([120.0]))
    hits, *_ = drift(chamber(bz=4.0), near, QUIET, np.random.default_rng(12))
    off = np.hypot(hits.x, hits.y + radius) - radius
    assert np.average(off, weights=hits.energy) == pytest.approx(0.0, abs=0.8)
    assert hits.y[hits.x > 110].mean() < -20


@given(st.lists(st.integers(0, 5), max_size=30), st.integers(0, 100))
@settings(deadline=None)
def test_no_batch_splits_a_particle(particle: list[int], seed: int) -> None:
    n = len(particle)
    length = np.random.default_rng(seed).uniform(0, 3, n)
    flat = np.zeros(n)
    paths = Paths(np.array(particle, np.int64), *(flat,) * 9, length)
    parts = list(batches(paths, 4.0))
    seen = [set(part.particle.tolist()) for part in parts]
    assert sum(len(part) for part in parts) == n
    assert sum(map(len, seen)) == len(set(particle))
    assert all(part.length.sum() <= 4.0 + 30 * 3 for part in parts)


def test_a_drift_with_too_many_samples_is_refused() -> None:
    with pytest.raises(BadGeometry, match="samples in the drift time"):
        drift(chamber(replace(GAS, sample=0.1)), lines(0.0, 0.0), QUIET, np.random.default_rng(0))


def test_events_of_the_shipped_chamber() -> None:
    detector = load_detector("tpc")
    options = SimulationOptions(count=9, particle="muon", energy=(2.0, 5.0), eta=(-0.8, 0.8))
    one, two = (next(simulate(detector, "gun", 1, seed=5, options=options)) for _ in range(2))
    assert one.truth is not None
    np.testing.assert_array_equal(one.hits.energy, two.hits.energy)  # type: ignore[arg-type]
    np.testing.assert_array_equal(detector.locate(one.hits.xyz), one.hits.sensor)
    assert one.truth.energy is not None
    assert len(one.truth.energy) == len(one.truth.hit)
    assert one.hits.deposits is not None
    rows = []
    for particle in range(9):
        mine = one.truth.hit[one.truth.particle == particle]
        layer = detector.layer[one.hits.sensor[mine]] % 3
        rows.append(len(np.unique(np.stack([layer, one.hits.deposits.u[mine]]), axis=1).T))
    assert 140 <= np.median(rows) <= 159  # of the 159 rows of pads of a sector
