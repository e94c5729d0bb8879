"""Transport against formulas: crossings, scattering, energy loss, decays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.fit.propagate import TOLERANCE, to_plane
from gnnreco.geometry import ConstantField, GridTemplate, MapField, load_detector
from gnnreco.simulate import SimulationOptions
from gnnreco.simulate.generators.generated import Generated, turned
from gnnreco.simulate.transport import Crossings, Transport
from tests.simulate.conftest import QUIET, build, planes, ring

CURVATURE = 0.299792458e-3


def shot(pdg: int, p: np.ndarray, x: np.ndarray | None = None) -> Generated:
    p = np.atleast_2d(np.asarray(p, np.float64))
    x = np.zeros_like(p) if x is None else np.broadcast_to(x, p.shape).astype(np.float64)
    n = len(p)
    return Generated(np.full(n, pdg, np.int32), *p.T, *x.T, np.zeros(n), np.zeros(n, np.int32))


def fly(
    detector: object, particles: Generated, options: SimulationOptions = QUIET, seed: int = 1
) -> Crossings:
    return Transport(detector, options)(particles, np.random.default_rng(seed)).crossings  # type: ignore[arg-type]


@given(st.floats(-0.09, 0.09), st.floats(-0.09, 0.09), st.floats(0.3, 50))
@settings(max_examples=40, deadline=None)
def test_straight_lines_cross_planes_where_they_must(slope_x: float, slope_y: float, p: float) -> None:
    z = [100.0, 250.0, 800.0]
    seen = fly(planes(z), shot(13, np.array([slope_x, slope_y, 1.0]) * p))
    assert seen.sensor.tolist() == [0, 1, 2]
    np.testing.assert_allclose(seen.u, slope_x * np.array(z), atol=1e-9)
    np.testing.assert_allclose(seen.v, slope_y * np.array(z), atol=1e-9)
    np.testing.assert_allclose(seen.slope_u, slope_x, atol=1e-9)


@given(st.floats(0.2, 20), st.floats(-3, 3), st.sampled_from([13, -13]), st.floats(0.5, 4))
@settings(max_examples=40, deadline=None)
def test_helices_cross_planes_where_they_must(pt: float, phi: float, pdg: int, bz: float) -> None:
    z, pz = np.array([30.0, 55.0, 90.0]), 0.5 * pt
    seen = fly(
        planes(z.tolist(), bz, half=2000, pitch=1.0), shot(pdg, [pt * np.cos(phi), pt * np.sin(phi), pz])
    )
    charge = -np.sign(pdg)
    turn = -charge * CURVATURE * bz / pt * (z * pt / pz)  # a positive particle turns clockwise around +z
    radius = -pt / (charge * CURVATURE * bz)
    np.testing.assert_allclose(seen.u, radius * (np.sin(phi + turn) - np.sin(phi)), atol=1e-6)
    np.testing.assert_allclose(seen.v, radius * (np.cos(phi) - np.cos(phi + turn)), atol=1e-6)


@given(st.integers(1, 11), st.floats(-3, 3), st.floats(0.08, 5))
@settings(max_examples=25, deadline=None)
def test_turning_the_event_turns_the_crossings(steps: int, phi: float, pt: float) -> None:
    detector, angle = ring(60.0, 12, 2.0), 2 * np.pi * steps / 12
    particles = shot(211, [pt * np.cos(phi), pt * np.sin(phi), 0.1])
    one, two = fly(detector, particles), fly(detector, turned(particles, angle))
    assert ((one.sensor + steps) % 12).tolist() == two.sensor.tolist()
    np.testing.assert_allclose(one.u, two.u, atol=1e-7)
    np.testing.assert_allclose(one.v, two.v, atol=1e-7)


def test_a_curling_particle_comes_back_and_is_given_up_in_the_end() -> None:
    template = GridTemplate("square", 0.1, 1.0, 1.0, 100, 100)
    facing = np.tile(np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]]), (3, 1, 1))
    detector = build(
        template, np.array([[40.0, 0, 0], [200, 0, 0], [-200, 0, 0]]), facing, ConstantField(2.0)
    )
    circle = shot(211, [0.0, 2 * 25 * CURVATURE, 1e-5])  # radius 25 mm, reaches x = 50 mm, back at x = 40 mm
    options = replace(QUIET, min_momentum=0.01, max_turns=1.0)
    seen = fly(detector, circle, options)
    assert seen.sensor.tolist() == [0, 0]
    np.testing.assert_allclose(seen.u, [20, -20], atol=1e-3)
    assert len(fly(detector, circle, replace(options, max_turns=0.5)).u) == 1


def test_overlapping_sensors_give_two_crossings() -> None:
    assert fly(planes([100.0, 100.4, 101.0]), shot(13, [0.0, 0.01, 5.0])).sensor.tolist() == [0, 1, 2]


def test_the_tree_finds_what_a_loop_over_all_sensors_finds() -> None:
    detector = load_detector("hex_tracker")
    straight = replace(detector, field=ConstantField(0.0))
    random = np.random.default_rng(5)
    p = random.normal(size=(300, 3)) * [1, 1, 4]
    seen = fly(straight, shot(13, p * 5))
    d = p / np.linalg.norm(p, axis=1)[:, None]
    w = detector.rotation[:, :, 2]
    expected = set()
    for i in range(len(p)):
        s = (detector.center * w).sum(1) / (w @ d[i])
        uvw = detector.to_local(np.arange(detector.n_sensors), s[:, None] * d[i])
        inside = detector.cell_at(np.arange(detector.n_sensors), uvw[:, 0], uvw[:, 1]) >= 0
        expected |= {(i, k) for k in np.flatnonzero(inside & (s > 0))}
    assert set(zip(seen.particle.tolist(), seen.sensor.tolist(), strict=True)) == expected
    assert len(expected) > 1000


def test_scattering_has_highlands_width() -> None:
    thickness, p, n = 0.02, 2.0, 4000
    detector = planes([100.0, 300.0], radiation=thickness, half=200)
    seen = fly(detector, shot(13, np.tile([0.0, 0.0, p], (n, 1))), replace(QUIET, scattering=True))
    far = seen.sensor == 1
    beta = p / np.hypot(p, 0.10566)
    width = 13.6e-3 / (beta * p) * np.sqrt(thickness) * (1 + 0.038 * np.log(thickness / beta**2))
    for kick in (seen.u[far] / 200, seen.v[far] / 200):
        assert abs(kick.mean()) < 5 * width / n**0.5
        assert kick.std() == pytest.approx(width, rel=0.05)


def test_energy_loss_is_positive_and_of_the_right_size() -> None:
    detector = planes([100.0])
    detector = replace(detector, templates=(GridTemplate("thick", 0.3, 0.05, 0.05, 4000, 4000),))
    seen = fly(detector, shot(13, np.tile([0.0, 0.0, 0.4], (4000, 1))))
    assert (seen.energy > 0).all()
    # PDG 34.2: in 300 um of silicon the most probable loss of a minimum-ionising particle is about 80 keV, the mean 116.
    assert np.median(seen.energy) == pytest.approx(84e-6, rel=0.1)
    assert seen.energy.mean() == pytest.approx(112e-6, rel=0.15)


def test_a_slow_particle_stops() -> None:
    thick = planes([float(z) for z in range(100, 500, 10)], radiation=0.3)
    seen = fly(thick, shot(2212, [0.0, 0.0, 0.4]), replace(QUIET, energy_loss=True))
    assert 0 < len(seen.u) < 20


def test_inefficiency() -> None:
    n = 20_000
    seen = fly(planes([100.0]), shot(13, np.tile([0.0, 0.0, 5.0], (n, 1))), replace(QUIET, efficiency=0.9))
    assert len(seen.u) / n == pytest.approx(0.9, abs=0.01)


def test_decays_are_exponential_and_conserve_momentum() -> None:
    n, p = 4000, 1.0
    options = replace(QUIET, decays=True)
    particles = shot(310, np.tile([0.0, 0.0, p], (n, 1)))
    flown = Transport(planes([1e5], half=10.0), options)(particles, np.random.default_rng(2))
    pions = flown.particles.select(flown.generation == 1)
    assert len(pions) == 2 * n
    assert pions.vz.mean() == pytest.approx(26.84 * p / 0.4976, rel=0.05)
    np.testing.assert_allclose(pions.pz[0::2] + pions.pz[1::2], p, rtol=1e-9)
    np.testing.assert_allclose(pions.px[0::2] + pions.px[1::2], 0, atol=1e-9)


def test_nuclear_interactions_and_conversions_follow_the_thickness() -> None:
    n = 10_000
    detector = planes([100.0], radiation=0.3, interaction=0.2)
    track = np.tile([0.0, 0.0, 5.0], (n, 1))
    for pdg, options, chance in (
        (211, replace(QUIET, nuclear=True), 1 - np.exp(-0.2)),
        (22, replace(QUIET, radiation=True), 1 - np.exp(-7 / 9 * 0.3)),
    ):
        flown = Transport(detector, options)(shot(pdg, track), np.random.default_rng(3))
        daughters = flown.particles.select(flown.generation == 1)
        assert len(np.unique(daughters.vz)) == 1
        if pdg == 22:
            assert len(daughters) / 2 / n == pytest.approx(chance, abs=0.02)
        else:
            assert len(daughters) > chance * n


def test_a_field_map_bends_as_its_integral_says() -> None:
    ends, along = np.array([-500.0, 500.0]), np.array([-100.0, 1100.0])
    rising = np.zeros((2, 2, 2, 3))
    rising[..., 2] = along / 500  # along z, and grows with z
    field = MapField((ends, ends, along), rising)
    detector = replace(planes([0.0, 1000.0], half=300), field=field)
    seen = fly(
        detector, shot(-13, [0.0, 0.001, 5.0], np.array([0.0, 0.0, -1.0])), replace(QUIET, field_spacing=20.0)
    )
    assert seen.sensor.tolist() == [0, 1]
    p, length = shot(-13, [0.3, 0.0, 5.0], np.array([0.0, 0.0, -1.0])), 1000.0
    seen = fly(detector, p, replace(QUIET, field_spacing=20.0))
    # dx'/dz = k B y', dy'/dz = -k B x' with k = 0.3e-3 / p: a rotation of the slope by the field's integral.
    z = np.linspace(0, length, 100_001)
    turn = 0.299792458e-3 / np.hypot(0.3, 5.0) * np.hypot(0.3, 5.0) / 5.0 * z**2 / 1000
    assert seen.u[1] - seen.u[0] == pytest.approx(np.trapezoid(0.06 * np.cos(turn), z), abs=2e-3)
    assert seen.v[1] - seen.v[0] == pytest.approx(np.trapezoid(-0.06 * np.sin(turn), z), abs=2e-3)
    # The fit follows the same field with its own steps.
    momentum = np.array([0.3, 0.0, 5.0]) / np.hypot(0.3, 5.0)
    ray = np.concatenate([[0.0, 0.0, -1.0], momentum, [1 / np.hypot(0.3, 5.0)]])[None]
    assert to_plane(field.grid, TOLERANCE, ray, 0.0, 0.0, 1000.0, 0.0, 0.0, 1.0)[1]
    bend = 0.06 * 1001 - seen.u[1]
    assert np.abs(ray[0, :2] - [seen.u[1], seen.v[1]]).max() < 0.01 * abs(bend)


def test_no_sensors_no_crossings() -> None:
    assert len(fly(planes([]), shot(13, [0.0, 0.0, 5.0])).u) == 0


def test_a_track_in_the_plane_of_a_sensor_is_no_crossing() -> None:
    template = GridTemplate("square", 0.1, 1.0, 1.0, 100, 100)
    lying = np.array([[[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]])
    detector = build(template, np.array([[0.0, 0.0, 200.0]]), lying, ConstantField(0.0))
    assert len(fly(detector, shot(13, [0.0, 0.0, 5.0])).u) == 0
