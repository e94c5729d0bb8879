"""Guns that shoot several kinds in a cone, flat in the logarithm of energy; noise of calorimeters; pi0 to photons."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.columns import Particles
from gnnreco.errors import BadConfig
from gnnreco.geometry import Detector
from gnnreco.simulate import SimulationOptions, simulate
from tests.simulate.conftest import planes

GUN = SimulationOptions(
    particle="photon", energy=(5.0, 20.0), count=40, eta=(2.8, 3.2), sigma_z=0.0, sigma_xy=0.0, min_pt=0.0
)
NOWHERE = planes([100.0], pitch=10.0, half=20.0)


@pytest.fixture(scope="module")
def calorimeter() -> Detector:
    """Twelve plates of 40 by 40 cells."""
    plain = planes(
        [1000.0 + 12 * i for i in range(12)],
        pitch=12.0,
        half=240.0,
        radiation=1.5,
        interaction=0.08,
        measures=("energy",),
    )
    n = plain.n_sensors
    return replace(plain, moliere_radius=np.full(n, 24.0), sampling_fraction=np.full(n, 0.02))


def shot(options: SimulationOptions, seed: int = 0, process: str = "gun", events: int = 1) -> Particles:
    """What was shot in some events."""
    parts = []
    for event in simulate(NOWHERE, process, events, seed=seed, options=options):
        assert event.truth is not None
        p = event.truth.particles
        primary = (p.particle_id >> 15 & 0xFF) == 0
        parts.append([getattr(p, name)[primary] for name in Particles.__dataclass_fields__])
    return Particles(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def directions(p: Particles) -> tuple[np.ndarray, np.ndarray]:
    return np.arcsinh(p.pz / np.hypot(p.px, p.py)), np.arctan2(p.py, p.px)


@pytest.mark.parametrize("process", ["gun", "beam"])
def test_a_list_of_kinds_is_shot_in_equal_parts(process: str) -> None:
    pdg = shot(replace(GUN, particle="photon, pion", count=100), process=process, events=4).pdg
    assert set(pdg.tolist()) == {22, 211, -211}
    assert (pdg == 22).mean() == pytest.approx(0.5, abs=0.1)
    assert (pdg == 211).mean() == pytest.approx(0.25, abs=0.1)


@given(st.floats(0.0, 0.7), st.integers(1, 30), st.integers(0, 1000))
@settings(max_examples=15)
def test_all_lie_in_the_cone_of_the_first(cone: float, count: int, seed: int) -> None:
    eta, phi = directions(shot(replace(GUN, cone=cone, count=count), seed))
    assert len(eta) == count
    assert 2.8 <= eta[0] <= 3.2
    turn = np.angle(np.exp(1j * (phi - phi[0])))
    assert (np.hypot(eta - eta[0], turn) <= cone + 1e-9).all()


def test_a_cone_is_filled_evenly_and_without_one_there_is_none() -> None:
    options = replace(GUN, cone=0.4, count=2000)
    eta, phi = directions(shot(options))
    away = np.hypot(eta - eta[0], np.angle(np.exp(1j * (phi - phi[0]))))
    assert (away < 0.2).mean() == pytest.approx(0.25, abs=0.04)
    assert np.ptp(directions(shot(replace(options, cone=None)))[1]) > 6


def test_spectra_are_flat_in_what_they_say() -> None:
    for spectrum, middle in (("log", 10.0), ("flat", 50.5)):
        p = shot(replace(GUN, energy=(1.0, 100.0), spectrum=spectrum, count=2000))
        energy = np.sqrt(p.px**2 + p.py**2 + p.pz**2)
        assert energy.min() >= 1
        assert energy.max() <= 100
        assert (energy < middle).mean() == pytest.approx(0.5, abs=0.05)


def test_noise_of_a_calorimeter_has_no_truth(calorimeter: Detector) -> None:
    quiet, loud = (
        list(simulate(calorimeter, "gun", 3, seed=2, options=replace(GUN, count=5, noise_hits=noise)))
        for noise in (0.0, 0.5)
    )
    orphans = []
    for event in (*quiet, *loud):
        assert event.truth is not None
        linked = np.zeros(len(event.hits), bool)
        linked[event.truth.hit] = True
        orphans.append((~linked).mean())
        assert (event.truth.particle >= 0).all()
    assert max(orphans[:3]) == 0
    assert (
        0.15 < np.mean(orphans[3:]) < 0.6
    )  # some of the noise lies below threshold, some in cells that were hit
    event = loud[0]
    hidden = np.setdiff1d(np.arange(len(event.hits)), event.truth.hit)  # type: ignore[union-attr]
    assert np.ptp(event.hits.x[hidden]) > 300  # all over the plates
    assert len(np.unique(calorimeter.layer[event.hits.sensor[hidden]])) == 12


def test_nothing_hit_no_noise(calorimeter: Detector) -> None:
    (event,) = simulate(calorimeter, "gun", 1, options=replace(GUN, count=0, noise_hits=1.0))
    assert len(event.hits) == 0


def test_a_pi0_is_two_photons_at_once(calorimeter: Detector) -> None:
    (event,) = simulate(calorimeter, "gun", 1, seed=1, options=replace(GUN, particle="pi0", count=10))
    assert event.truth is not None
    p = event.truth.particles
    momentum = np.stack([p.px, p.py, p.pz], axis=1)
    assert (p.pdg[:10] == 111).all()
    assert (p.pdg[10:30] == 22).all()
    left = np.unique(event.truth.particle)
    assert (left >= 10).all()  # the pi0 itself leaves nothing
    photons, pairs = momentum[10:30], 0
    for pi0 in momentum[:10]:
        miss = np.linalg.norm(photons[:, None] + photons - pi0, axis=2)
        i, j = np.unravel_index(miss.argmin(), miss.shape)
        assert miss[i, j] < 1e-6
        assert i != j
        assert np.hypot(p.vx[10 + i], p.vy[10 + i]) < 0.1
        assert (p.vx[10 + i], p.vz[10 + i]) == (p.vx[10 + j], p.vz[10 + j])
        pairs += 1
    assert pairs == 10


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        ({"cone": -0.1}, "cone"),
        ({"cone": float("nan")}, "cone"),
        ({"spectrum": "cubic"}, "neither flat nor log"),
        ({"spectrum": "log", "energy": (0.0, 5.0)}, "log needs energies above zero"),
        ({"noise_hits": -1.0}, "noise_hits"),
        ({"energy": (5.0, 1.0)}, "MIN before MAX"),
        ({"particle": "photon,unicorn"}, "'unicorn' is not known"),
        ({"particle": "photon,"}, "'' is not known"),
        ({"particle": "photon,proton", "energy": (0.5, 5.0)}, "less than the particle's mass"),
    ],
)
def test_bad_values_are_refused(bad: dict[str, object], word: str) -> None:
    with pytest.raises(BadConfig, match=word):
        next(simulate(NOWHERE, "gun", 1, options=replace(GUN, **bad)))  # type: ignore[arg-type]
