"""A coil of finite length: textbook values on and off the axis, and the laws that a field obeys."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.integrate import quad

from gnnreco.geometry.field.solenoid import _cel, sheet, solenoid_map

HALF, RADIUS = 3000.0, 1000.0


@given(st.floats(-9000, 9000))
def test_on_the_axis_it_is_the_textbook_formula(z: float) -> None:
    across, along = sheet(0.0, z, HALF, RADIUS)
    up, down = z + HALF, z - HALF
    assert along == pytest.approx((up / np.hypot(up, RADIUS) - down / np.hypot(down, RADIUS)) / 2, abs=1e-9)
    assert across == pytest.approx(0.0, abs=1e-9)


@given(st.floats(0, 5000), st.floats(0, 9000))
def test_both_ends_are_alike(rho: float, z: float) -> None:
    one, two = sheet(rho, z, HALF, RADIUS), sheet(rho, -z, HALF, RADIUS)
    assert one[0] == pytest.approx(-two[0], abs=1e-12)
    assert one[1] == pytest.approx(two[1], abs=1e-12)


def test_a_long_coil_is_endless_inside_and_nothing_outside() -> None:
    assert sheet(500.0, 0.0, 1e6, RADIUS) == (pytest.approx(0.0, abs=1e-9), pytest.approx(1.0, abs=1e-5))
    assert sheet(1500.0, 0.0, 1e6, RADIUS)[1] == pytest.approx(0.0, abs=1e-5)
    # At its open end half of the field is left.
    assert sheet(0.0, 1e6, 1e6, RADIUS)[1] == pytest.approx(0.5, abs=1e-5)


def test_far_away_it_is_a_dipole() -> None:
    # In units of mu0 n I: B = (2 cos, sin) m / (4 pi r^3), with m = pi R^2 * 2 L.
    r, angle = 1e5, 0.7
    strength = np.pi * RADIUS**2 * 2 * HALF / (4 * np.pi * r**3)
    across, along = sheet(r * np.sin(angle), r * np.cos(angle), HALF, RADIUS)
    assert across == pytest.approx(strength * 3 * np.sin(angle) * np.cos(angle), rel=1e-2)
    assert along == pytest.approx(strength * (3 * np.cos(angle) ** 2 - 1), rel=1e-2)


@given(st.floats(100, 900) | st.floats(1100, 3000), st.floats(-5000, 5000))
def test_nothing_flows_in_or_out_and_no_current_runs_beside_the_sheet(rho: float, z: float) -> None:
    assume(abs(abs(z) - HALF) > 50)
    d = 0.5
    (_, up), (_, down) = sheet(rho, z + d, HALF, RADIUS), sheet(rho, z - d, HALF, RADIUS)
    (across_up, _), (across_down, _) = sheet(rho, z + d, HALF, RADIUS), sheet(rho, z - d, HALF, RADIUS)
    (out, along_out), (inner, along_in) = sheet(rho + d, z, HALF, RADIUS), sheet(rho - d, z, HALF, RADIUS)
    divergence = ((rho + d) * out - (rho - d) * inner) / (2 * d * rho) + (up - down) / (2 * d)
    curl = (across_up - across_down) / (2 * d) - (along_out - along_in) / (2 * d)
    assert divergence == pytest.approx(0.0, abs=1e-8)
    assert curl == pytest.approx(0.0, abs=1e-8)


@given(st.floats(-2999, 2999))
def test_the_field_jumps_by_one_across_the_sheet(z: float) -> None:
    inside, outside = sheet(RADIUS - 1e-3, z, HALF, RADIUS)[1], sheet(RADIUS + 1e-3, z, HALF, RADIUS)[1]
    assume(abs(abs(z) - HALF) > 1)
    assert inside - outside == pytest.approx(1.0, abs=1e-3)


@given(st.floats(0.01, 1), st.floats(0.05, 3), st.floats(-2, 2), st.floats(-2, 2))
def test_the_elliptic_integral_is_the_integral(kc: float, p: float, c: float, s: float) -> None:
    def integrand(x: float) -> float:
        cos2, sin2 = np.cos(x) ** 2, np.sin(x) ** 2
        return float((c * cos2 + s * sin2) / (cos2 + p * sin2) / np.sqrt(cos2 + kc * kc * sin2))

    assert _cel(kc, p, c, s) == pytest.approx(quad(integrand, 0, np.pi / 2)[0], rel=1e-6, abs=1e-7)


def test_a_map_of_a_coil_has_the_field_asked_for_in_the_middle() -> None:
    field = solenoid_map(3.8, 6000.0, 3000.0)
    np.testing.assert_allclose(field.at(np.zeros((1, 3)))[0], [0, 0, 3.8], atol=1e-9)
    # A turn about the axis turns the field.
    x = np.array([[800.0, 300.0, 2000.0], [-300.0, 800.0, 2000.0]])
    one, two = field.at(x)
    np.testing.assert_allclose(two, [-one[1], one[0], one[2]], atol=1e-9)
    assert one[0] > 0  # beyond the middle the field spreads
