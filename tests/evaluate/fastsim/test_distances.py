"""Distances of feature vectors: the values of JetNet, sets that are equal, and sets that lack a part."""

from __future__ import annotations

import numpy as np
import pytest

from gnnreco.evaluate.fastsim.distances import (
    correlation_difference,
    frechet_distance,
    frechet_physics_distance,
    kernel_physics_distance,
    prdc,
    sliced_wasserstein,
)

MIXED = np.array([[1, 0.3, 0, 0], [0, 1, 0.5, 0], [0, 0, 2, 0], [0, 0, 0.2, 0.5]])


@pytest.fixture(scope="module")
def sets() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    real = rng.standard_normal((400, 4)) @ MIXED + 1
    return real, 1.1 * real[::-1] + 0.3 * rng.standard_normal((400, 4)) + 0.2


def test_both_distances_are_those_of_jetnet(sets: tuple[np.ndarray, np.ndarray]) -> None:
    # From jetnet.evaluation.fpd(real, generated, 100, 250, num_batches=4, num_points=5) and kpd(real, generated, 5, 200) at
    # commit 6ca12b7 of github.com/jet-net/JetNet.
    frechet = frechet_physics_distance(*sets, 100, 250, batches=4, points=5)
    assert frechet == pytest.approx((0.03789716991514445, 0.00844709050762461), rel=1e-5)
    kernel = kernel_physics_distance(*sets, batches=5, batch_size=200)
    assert kernel == pytest.approx((0.03558999519794703, 0.017113452098634196), rel=1e-9)


def test_the_frechet_distance_of_normal_distributions_is_the_formula() -> None:
    x = np.random.default_rng(1).standard_normal((200, 3))
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(x, x + np.array([1, 2, 0])) == pytest.approx(5)
    spread = np.trace(np.cov(x, rowvar=False))
    assert frechet_distance(3 * (x - x.mean(axis=0)), x - x.mean(axis=0)) == pytest.approx(4 * spread)


def test_equal_sets_have_full_precision_and_coverage(sets: tuple[np.ndarray, np.ndarray]) -> None:
    assert prdc(sets[0], sets[0]) == {"precision": 1.0, "recall": 1.0, "density": 1.0, "coverage": 1.0}
    assert sliced_wasserstein(sets[0], sets[0]) == 0
    assert sliced_wasserstein(sets[0], sets[0][::-1]) == pytest.approx(0, abs=1e-12)
    assert correlation_difference(np.abs(sets[0]), np.abs(sets[0])) == 0


def test_a_generator_that_knows_half_of_the_showers_covers_half() -> None:
    rng = np.random.default_rng(2)
    real = rng.standard_normal((300, 2))
    real[::2] += 100
    found = prdc(real, rng.standard_normal((300, 2)))
    assert found["coverage"] == pytest.approx(0.5, abs=0.05)
    assert found["precision"] > 0.9
    assert found["recall"] < 0.55


def test_a_shift_by_a_spread_is_seen_by_the_sliced_distance(sets: tuple[np.ndarray, np.ndarray]) -> None:
    real = sets[0]
    away = [sliced_wasserstein(real, real + shift * real.std(axis=0)) for shift in (0.5, 1.0)]
    assert 0 < away[0] < away[1]


def test_correlations_need_two_layers() -> None:
    layers = np.abs(np.random.default_rng(3).standard_normal((50, 3)))
    assert correlation_difference(layers[:, :1], layers[:, :1]) is None
    turned = layers.copy()
    turned[:, 1] = 2 * layers[:, 0]
    assert correlation_difference(layers, turned) > 0.5
