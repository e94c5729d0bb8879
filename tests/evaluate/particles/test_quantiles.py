"""Medians and widths: units and scales, and intervals that are those of the plain bootstrap."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.evaluate.particles.quantiles import quartiles, residual, response


@given(st.integers(0, 100), st.floats(0.1, 10))
def test_a_scale_moves_the_response_and_not_the_resolution(seed: int, scale: float) -> None:
    ratio = np.random.default_rng(seed).normal(1, 0.1, 50)
    one, two = response(ratio), response(scale * ratio)
    np.testing.assert_allclose(two["response"], scale * one["response"])
    np.testing.assert_allclose(two["resolution"], one["resolution"])
    np.testing.assert_allclose(two["resolution_interval"], one["resolution_interval"])


def test_widths_of_a_normal_sample() -> None:
    values = np.random.default_rng(1).normal(3, 2, 100_000)
    assert abs(residual(values)["width"] - 2) < 0.03
    assert abs(residual(values)["bias"] - 3) < 0.03
    assert abs(response(values)["resolution"] - 1.349 * 2 / 3) < 0.02


def test_intervals_are_those_of_drawing_again() -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(0, 1, 200)
    drawn = values[rng.integers(0, 200, (2000, 200))]
    plain = np.quantile(drawn, [0.25, 0.5, 0.75], axis=1)
    ours = quartiles(values)[:, 1:]
    np.testing.assert_allclose(ours.std(axis=1), plain.std(axis=1), rtol=0.2)
    np.testing.assert_allclose(ours.mean(axis=1), plain.mean(axis=1), atol=0.03)


def test_too_few_values_have_no_width() -> None:
    assert response(np.ones(4)) == {
        "response": None,
        "response_interval": None,
        "resolution": None,
        "resolution_interval": None,
    }
    assert response(np.ones(5))["resolution"] == 0
    assert response(-np.ones(5))["resolution"] is None
