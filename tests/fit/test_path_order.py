"""The order of points along a path that is straight, bent, or nearly closed."""

from __future__ import annotations

import numpy as np
import pytest

from gnnreco.fit.path_order import circle, path_order


@pytest.mark.parametrize("turn", [0.01, 0.8, 2.5, 5.5])
def test_points_are_put_in_the_order_of_the_path(turn: float) -> None:
    rng = np.random.default_rng(1)
    angle = np.linspace(0, turn, 40)
    radius = 500.0 / turn
    xyz = np.stack([radius * np.sin(angle), radius * (1 - np.cos(angle)), 100.0 * angle / turn], axis=1)
    xyz += [0.0, 0.0, 5.0]
    mixed = rng.permutation(40)
    order = path_order(xyz[mixed], np.array([0, 40]))
    np.testing.assert_array_equal(mixed[order], np.arange(40))


def test_paths_do_not_mix_and_short_ones_stay() -> None:
    xyz = np.random.default_rng(0).normal(size=(9, 3))
    order = path_order(xyz, np.array([0, 1, 1, 3, 9]))
    assert order[0] == 0
    assert set(order[1:3]) == {1, 2}
    assert set(order[3:]) == set(range(3, 9))


def test_a_circle_is_found_and_a_line_has_a_large_one() -> None:
    angle = np.linspace(0, 1, 20)
    points = np.stack([3 + 7 * np.cos(angle), -2 + 7 * np.sin(angle), angle], axis=1)
    np.testing.assert_allclose(circle(points), (3, -2, 7), rtol=1e-6)
    x, y, radius = circle(np.stack([angle, 2 * angle, angle], axis=1))
    assert radius > 1e3 or not np.isfinite(radius)
    del x, y
