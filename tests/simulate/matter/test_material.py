"""What matter does to one particle, against published numbers and conservation laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.simulate.matter.material import (
    bremsstrahlung,
    deflect,
    highland,
    ionisation,
    nuclear_fragment,
    two_body,
)

MUON, PION, KAON_S, PROTON, LAMBDA = 0.1056584, 0.1395704, 0.497611, 0.9382721, 1.115683
ANY_DIRECTION = st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda t: np.linalg.norm(t) > 0.1)
Vector = tuple[float, float, float]


def unit(t: Vector) -> Vector:
    x, y, z = np.array(t) / np.linalg.norm(t)
    return float(x), float(y), float(z)


@pytest.mark.parametrize(
    ("p", "mass", "charge", "thickness", "milliradians"),
    [
        (1.0, PION, 1.0, 1.0, 13.6 * np.sqrt(1 + PION**2) * (1 + 0.038 * np.log(1 + PION**2))),
        (10.0, MUON, -1.0, 0.01, 0.136 * (1 + 0.038 * np.log(0.01))),  # beta is 1 to four digits
        (10.0, MUON, 2.0, 0.01, 0.272 * (1 + 0.038 * np.log(0.04))),
        (0.5, PROTON, 1.0, 0.1, 17.738),  # beta = 0.47029
    ],
)
def test_the_scattering_angle_is_the_published_one(
    p: float, mass: float, charge: float, thickness: float, milliradians: float
) -> None:
    assert highland(p, mass, charge, thickness) * 1e3 == pytest.approx(milliradians, rel=1e-3)


def test_nothing_scatters_in_nothing_and_the_logarithm_never_turns_the_width_negative() -> None:
    assert highland(1.0, PION, 1.0, 0.0) == 0.0
    assert highland(1.0, PION, 1.0, 1e-15) == 0.0


@given(ANY_DIRECTION, st.floats(-0.3, 0.3), st.floats(-0.3, 0.3))
def test_a_deflected_direction_is_a_unit_vector_at_the_angle_asked_for(
    t: Vector, one: float, two: float
) -> None:
    before = unit(t)
    after = np.array(deflect(before, one, two))
    assert np.linalg.norm(after) == pytest.approx(1.0, abs=1e-12)
    turned = np.arctan2(np.linalg.norm(np.cross(before, after)), np.dot(before, after))
    assert np.tan(turned) == pytest.approx(np.hypot(np.tan(one), np.tan(two)), abs=1e-9)


@given(ANY_DIRECTION)
def test_the_two_angles_turn_about_two_axes_at_right_angles(t: Vector) -> None:
    before = unit(t)
    one, two = (np.array(deflect(before, a, b)) - before for a, b in ((1e-6, 0.0), (0.0, 1e-6)))
    assert abs(np.dot(one, two)) < 1e-15
    assert np.dot(np.cross(before, one), two) == pytest.approx(1e-12, rel=1e-5)  # a right-handed frame


def losses(momentum: float, mass: float, charge: float, path: float, n: int = 20_000) -> np.ndarray:
    rng = np.random.default_rng(1)
    return np.array([ionisation(rng, momentum, mass, charge, path) for _ in range(n)])


def test_the_mean_loss_of_a_minimum_ionising_particle_is_bethes() -> None:
    # PDG, silicon: 1.664 MeV cm2/g at the minimum, 2.329 g/cm3. A millimetre holds all but the rarest knock-on electrons.
    lost = losses(3.5 * MUON, MUON, 1.0, 1.0)
    assert lost.mean() == pytest.approx(1.664e-3 * 0.2329, rel=0.06)


def test_the_most_probable_loss_is_that_of_the_review_of_particle_physics() -> None:
    # A 10 GeV muon in 1.7 mm of silicon, PDG figure 34.7: 0.527 MeV. The density of a histogram is too rough to
    # show its peak: the half of the draws that lie closest together encloses it.
    lost = np.sort(losses(10.0, MUON, 1.0, 1.7))
    width = len(lost) // 4
    narrowest = np.argmin(lost[width:] - lost[:-width])
    assert (lost[narrowest] + lost[narrowest + width]) / 2 == pytest.approx(0.527e-3, rel=0.05)


def test_slow_and_doubly_charged_particles_lose_more() -> None:
    fast = np.median(losses(2.0, PROTON, 1.0, 0.3, 4000))
    assert np.median(losses(0.5, PROTON, 1.0, 0.3, 4000)) > 2.5 * fast
    # The square of the charge, and a little more: the logarithm of the most probable value grows with it.
    assert np.median(losses(2.0, PROTON, 2.0, 0.3, 4000)) == pytest.approx(4.4 * fast, rel=0.1)


@pytest.mark.parametrize(("charge", "path"), [(0.0, 0.3), (1.0, 0.0), (1.0, -0.1)])
def test_neutral_particles_and_empty_paths_leave_nothing(charge: float, path: float) -> None:
    assert ionisation(np.random.default_rng(0), 1.0, PION, charge, path) == 0.0


@pytest.mark.parametrize("thickness", [0.05, 0.3, 1.0])
def test_an_electron_keeps_the_exponential_of_the_radiation_lengths(thickness: float) -> None:
    rng = np.random.default_rng(2)
    lost = np.array([bremsstrahlung(rng, 10.0, thickness) for _ in range(20_000)])
    assert (lost >= 0).all()
    assert (lost <= 10.0).all()
    assert lost.mean() == pytest.approx(10.0 * (1 - np.exp(-thickness)), rel=0.04)
    assert bremsstrahlung(rng, 10.0, 0.0) == 0.0


@pytest.mark.parametrize(
    ("mass", "one", "two", "rest"),  # momenta of the daughters at rest: PDG listings, MeV
    [(PION, MUON, 0.0, 29.79), (KAON_S, PION, PION, 205.9), (LAMBDA, PROTON, PION, 100.6)],
)
@given(ANY_DIRECTION, st.floats(0.0, 50.0), st.integers(0, 1000))
@settings(max_examples=30)
def test_a_decay_conserves_energy_and_momentum(
    mass: float, one: float, two: float, rest: float, t: Vector, momentum: float, seed: int
) -> None:
    direction = unit(t)
    pair = two_body(np.random.default_rng(seed), mass, one, two, momentum, direction)
    first, second = np.array(pair)
    np.testing.assert_allclose(first + second, momentum * np.array(direction), atol=1e-9)
    energy = np.hypot(np.linalg.norm(first), one) + np.hypot(np.linalg.norm(second), two)
    assert energy == pytest.approx(np.hypot(momentum, mass), rel=1e-9)
    # Boosted back, each daughter has the momentum of the listings.
    gamma, along = np.hypot(momentum, mass) / mass, np.dot(first, direction)
    back = gamma * along - momentum / mass * np.hypot(np.linalg.norm(first), one)
    across = np.linalg.norm(first - along * np.array(direction))
    assert np.hypot(back, across) * 1e3 == pytest.approx(rest, abs=0.1)


def test_a_decay_at_rest_has_no_preferred_direction() -> None:
    rng = np.random.default_rng(3)
    made = np.array([two_body(rng, KAON_S, PION, PION, 0.0, (0.0, 0.0, 1.0))[0] for _ in range(5000)])
    away = made / np.linalg.norm(made, axis=1)[:, None]
    np.testing.assert_allclose(away.mean(axis=0), 0.0, atol=0.03)
    np.testing.assert_allclose((away[:, :, None] * away[:, None]).mean(axis=0), np.eye(3) / 3, atol=0.02)


def test_fragments_share_the_momentum_and_leave_at_the_published_transverse_momentum() -> None:
    rng = np.random.default_rng(4)
    made = [nuclear_fragment(rng, 50.0, (0.0, 0.0, 1.0)) for _ in range(5000)]
    momentum = np.array([row[0] for row in made])
    direction = np.array([row[1] for row in made])
    assert momentum.min() >= 5.0
    assert momentum.max() <= 45.0
    np.testing.assert_allclose(np.linalg.norm(direction, axis=1), 1.0, atol=1e-12)
    transverse = momentum * np.hypot(direction[:, 0], direction[:, 1])
    assert transverse.mean() == pytest.approx(0.35, rel=0.05)
    share = np.bincount([row[2] for row in made], minlength=5) / len(made)
    np.testing.assert_allclose(share, [0, 0, 0.4, 0.4, 0.2], atol=0.03)
