"""Residuals, widths and pulls: the numbers of known distributions come back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.columns import Tracks
from gnnreco.evaluate.target import track_kinematics
from gnnreco.evaluate.tracking.resolution import (
    CORE_ERROR,
    DIAGONAL,
    MIN_PER_BIN,
    PARAMETERS,
    _core,
    residuals,
    resolutions,
)
from gnnreco.evaluate.tracking.scores import opposite_charges


def tracks(parameters: np.ndarray, variance: np.ndarray) -> Tracks:
    n = len(parameters)
    covariance = np.zeros((n, 15))
    covariance[:, DIAGONAL] = variance
    zero = np.zeros(n)
    return Tracks(
        np.zeros(n + 1, np.int64),
        np.zeros(0, np.int64),
        *np.ascontiguousarray(parameters.T),
        covariance,
        zero,
        zero,
        zero,
    )


def test_the_diagonal_is_that_of_a_lower_triangle() -> None:
    matrix = np.arange(25).reshape(5, 5)
    np.testing.assert_array_equal(matrix[np.tril_indices(5)][DIAGONAL], np.diag(matrix))


@given(st.floats(-3.1, 3.1), st.floats(-3, 3), st.integers(-2, 2))
def test_azimuths_differ_by_less_than_half_a_turn(phi: float, off: float, turns: int) -> None:
    truth = np.array([[1.0, 2.0, phi, 1.5, 0.5]])
    fitted = truth + np.array([0.1, -0.2, off + 2 * np.pi * turns, 0.01, 0.02])
    residual, sigma = residuals(tracks(fitted, np.array([[4.0, 9.0, 1.0, -1.0, 0.0]])), truth)
    np.testing.assert_allclose(residual, [[0.1, -0.2, off, 0.01, 0.02]], atol=1e-9)
    assert sigma[0].tolist() == [2.0, 3.0, 1.0, 0.0, 0.0]  # a negative variance gives none


def drawn(n: int = 20_000, tail: float = 0.0) -> dict:  # type: ignore[type-arg]
    rng = np.random.default_rng(1)
    width = np.array([0.02, 0.1, 1e-3, 1e-3, 0.01])
    residual = rng.normal(0, 1, (n, 5)) * width + 0.5 * width
    residual[: int(tail * n)] *= 20
    truth = np.column_stack([np.zeros((n, 4)), np.where(np.arange(n) % 2, 0.5, -0.25)])
    pt = rng.uniform(0.5, 5, n)
    return resolutions(residual, np.tile(2 * width, (n, 1)), truth, {"pt": pt})


def test_widths_biases_and_pulls_of_normal_residuals() -> None:
    found = drawn()
    for name, width in zip(PARAMETERS, (0.02, 0.1, 1e-3, 1e-3, 0.01), strict=True):
        row = found[name]
        assert row["core"] == pytest.approx(width, rel=0.03)
        assert row["bias"] == pytest.approx(0.5 * width, rel=0.06)
        assert row["rms"] == pytest.approx(width * np.sqrt(1.25), rel=0.03)
        assert row["pull_core"] == pytest.approx(0.5, rel=0.03)  # errors twice as large as they should be
        assert row["pull_bias"] == pytest.approx(0.25, rel=0.06)


def test_the_core_does_not_see_tails_and_the_rms_does() -> None:
    found = drawn(tail=0.02)["d0_mm"]
    assert found["core"] == pytest.approx(0.02, rel=0.06)
    assert found["rms"] > 0.05


def test_relative_momentum_is_over_the_true_one() -> None:
    row = drawn()["q_over_p_relative"]
    # Half of the tracks at 0.5, half at -0.25: 2 % and 4 %.
    assert row["rms"] == pytest.approx(np.sqrt((0.02**2 + 0.04**2) / 2 * 1.25), rel=0.03)


def test_bins_hold_the_widths_of_their_tracks_and_few_tracks_have_none() -> None:
    n = 1000
    pt = np.repeat([0.7, 3.5], [n - MIN_PER_BIN + 1, MIN_PER_BIN - 1])
    residual = np.random.default_rng(2).normal(0, 0.1, (n, 5))
    row = resolutions(residual, np.ones((n, 5)), np.ones((n, 5)), {"pt": pt})["z0_mm"]["bins"]["pt"]
    core = dict(zip(row["edges"][:-1], row["core"], strict=True))
    assert core[0.65] == pytest.approx(0.1, rel=0.1)
    assert core[3.0] is None
    assert [low for low, width in core.items() if width is not None] == [0.65]
    low, high = row["core_interval"][row["edges"].index(0.65)]
    assert (high - low) / 2 == pytest.approx(1.17 * core[0.65] / np.sqrt(n - MIN_PER_BIN + 1))
    assert row["core_interval"][row["edges"].index(3.0)] is None


def test_tracks_along_z_count_in_no_width_of_d0_and_z0() -> None:
    n = 1000
    residual, sigma = np.random.default_rng(5).normal(0, 1, (n, 5)), np.ones((n, 5))
    residual[::4, :2] *= (
        1e4  # these are at the first hit, the true ones at an axis that the track hardly nears
    )
    sigma[::4, :2] = [0.01, 0.0]
    found = resolutions(residual, sigma, np.ones((n, 5)), {"pt": np.full(n, 1.7)})
    for name in PARAMETERS:
        row = found[name]
        assert row["tracks"] == (n * 3 // 4 if name in ("d0_mm", "z0_mm") else n)
        assert row["rms"] == pytest.approx(1, rel=0.1)
        assert row["pull_rms"] == pytest.approx(1, rel=0.1)
    sigma[:] = 0.0  # tracks of others, without errors: all count
    assert resolutions(residual, sigma, np.ones((n, 5)), {})["z0_mm"]["tracks"] == n


def test_the_error_of_a_core_is_its_spread() -> None:
    rng = np.random.default_rng(3)
    cores = [_core(rng.normal(0, 1, 200)) for _ in range(2000)]
    assert np.std(cores) == pytest.approx(CORE_ERROR / np.sqrt(200), rel=0.05)


def test_every_pull_is_in_its_histogram() -> None:
    row = drawn(1000, tail=0.1)["d0_mm"]
    told = row["pull_histogram"]
    assert sum(told["counts"]) + told["below"] + told["above"] == row["pull_tracks"] == 1000
    assert told["above"] > 0


def test_no_tracks_and_no_errors() -> None:
    empty = resolutions(np.zeros((0, 5)), np.zeros((0, 5)), np.zeros((0, 5)), {"eta": np.zeros(0)})
    assert (empty["phi"]["core"], empty["phi"]["pull_rms"], empty["phi"]["tracks"]) == (None, None, 0)
    blind = resolutions(np.ones((3, 5)), np.zeros((3, 5)), np.ones((3, 5)), {})
    assert (blind["phi"]["pull_tracks"], blind["phi"]["pull_core"], blind["phi"]["rms"]) == (0, None, 1.0)


def test_a_track_along_the_beam_has_no_transverse_momentum_and_an_infinite_pseudorapidity() -> None:
    pt, eta = track_kinematics(np.array([0.0, 0.0, np.pi, 0.5]), np.array([0.1, 0.0, 0.1, 0.0]))
    assert pt.tolist() == [0.0, np.inf, pytest.approx(0.0, abs=1e-12), np.inf]
    assert eta[0] == eta[1] == np.inf
    assert eta[2] < -30
    assert eta[3] == pytest.approx(np.arctanh(np.cos(0.5)))


def test_a_field_that_points_the_other_way_is_said() -> None:
    rng = np.random.default_rng(1)
    truth = np.column_stack([np.zeros((50, 4)), rng.choice([-0.5, 0.5], 50)])
    turned = np.zeros((50, 5))
    turned[:26, 4] = -2 * truth[:26, 4]
    turned[26:, 4] = -truth[26:, 4]  # no curvature, so no charge
    found = resolutions(turned, np.ones((50, 5)), truth, {})
    assert found["q_over_p_relative"]["opposite_charge"] == 26
    (line,) = opposite_charges(found)
    assert "26 of 50 tracks have the opposite charge" in line
    turned[25, 4] = 0.0
    assert opposite_charges(resolutions(turned, np.ones((50, 5)), truth, {})) == []
    assert opposite_charges(None) == []
