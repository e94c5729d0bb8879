"""The shape of charge: moments that travel are powers of a matrix; axes are those of an eigenvalue solver."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from gnnreco.graphs.drift.shape import main_axes, spread_moments


def graph(
    n: int, seed: int, density: float = 0.3
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Places, weights, and an undirected graph as CSR and as a matrix."""
    rng = np.random.default_rng(seed)
    near = np.triu(rng.random((n, n)) < density, 1)
    near = near | near.T
    offsets = np.concatenate([[0], np.cumsum(near.sum(axis=1))]).astype(np.int64)
    return (
        rng.normal(0, 10, (n, 3)),
        rng.uniform(0.5, 2, n),
        offsets,
        np.nonzero(near)[1].astype(np.int32),
        near,
    )


@given(st.integers(1, 15), st.integers(0, 3), st.integers(0, 99))
@settings(max_examples=50)
def test_after_some_rounds_each_sample_knows_what_so_many_ways_lead_to(
    n: int, rounds: int, seed: int
) -> None:
    xyz, weight, offsets, neighbour, near = graph(n, seed)
    (found,) = spread_moments(xyz, weight, offsets, neighbour, rounds)
    ways = np.linalg.matrix_power(np.eye(n) + near, rounds) * weight
    np.testing.assert_allclose(found[:, 0], ways.sum(axis=1))
    for i in range(n):
        mean = np.average(xyz, axis=0, weights=ways[i])
        np.testing.assert_allclose(found[i, 1:4], mean - xyz[i], atol=1e-9)
        covariance = np.atleast_2d(np.cov(xyz.T, aweights=ways[i], bias=True))
        np.testing.assert_allclose(found[i, 4:], covariance[np.tril_indices(3)], atol=1e-8)


def test_a_lone_sample_has_no_extent() -> None:
    (found,) = spread_moments(
        np.array([[3.0, 4, 5]]), np.array([2.0]), np.zeros(2, np.int64), np.zeros(0, np.int32), 4
    )
    np.testing.assert_allclose(found[0], [2] + [0] * 9, atol=1e-12)


def moments_of(covariance: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros((len(covariance), 4)), covariance[:, *np.tril_indices(3)]], axis=1)


@given(st.integers(0, 999), st.tuples(*[st.floats(0, 100)] * 3))
def test_axes_and_variances_are_those_of_the_covariance(
    seed: int, variances: tuple[float, float, float]
) -> None:
    turn = Rotation.random(4, random_state=seed).as_matrix()
    covariance = np.einsum("nij,j,nkj->nik", turn, np.array(variances), turn)
    axis, variance = main_axes(moments_of(covariance))
    np.testing.assert_allclose(variance, np.tile(sorted(variances, reverse=True), (4, 1)), atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(axis, axis=1), 1.0)
    np.testing.assert_allclose(np.einsum("nij,nj->ni", covariance, axis), axis * max(variances), atol=1e-8)


@pytest.mark.parametrize("diagonal", [(5.0, 1, 1), (1.0, 5, 1), (1.0, 1, 5), (0.0, 0, 0)])
def test_axes_of_what_is_straight_already(diagonal: tuple[float, ...]) -> None:
    axis, variance = main_axes(moments_of(np.diag(diagonal)[None]))
    assert variance[0].tolist() == sorted(diagonal, reverse=True)
    assert abs(axis[0, int(np.argmax(diagonal))]) == 1.0


@pytest.mark.parametrize("n", [1, 31, 33, 100])
def test_axes_of_many_are_those_of_each_alone(n: int) -> None:
    rng = np.random.default_rng(n)
    covariance = np.einsum("nij,nkj->nik", *[rng.normal(0, 1, (n, 3, 3))] * 2)
    covariance[::3] *= np.eye(3)  # these are straight already, their neighbours are not
    moments = moments_of(covariance)
    axis, variance = main_axes(moments)
    for i in range(n):
        one, alone = main_axes(moments[i : i + 1])
        assert (one[0] == axis[i]).all()
        assert (alone[0] == variance[i]).all()


@given(st.integers(0, 99))
@settings(max_examples=20)
def test_turning_all_turns_the_axis(seed: int) -> None:
    xyz, weight, offsets, neighbour, _ = graph(12, seed, 0.5)
    turn = Rotation.random(random_state=seed).as_matrix()
    one, variance = main_axes(*spread_moments(xyz, weight, offsets, neighbour, 2))
    two, other = main_axes(*spread_moments(xyz @ turn.T + 100, weight, offsets, neighbour, 2))
    np.testing.assert_allclose(other, variance, atol=1e-6)
    clear = variance[:, 0] > 1.05 * variance[:, 1]
    along = np.abs(np.einsum("ni,ni->n", one @ turn.T, two))
    np.testing.assert_allclose(along[clear], 1.0, atol=1e-6)


def test_samples_along_a_line_tell_its_direction() -> None:
    way = np.array([1.0, 2.0, 2.0]) / 3
    n = 30
    xyz = np.arange(n)[:, None] * way
    offsets = np.concatenate([[0], np.cumsum([1, *[2] * (n - 2), 1])]).astype(np.int64)
    neighbour = np.array([j for i in range(n) for j in (i - 1, i + 1) if 0 <= j < n], np.int32)
    axis, variance = main_axes(*spread_moments(xyz, np.ones(n), offsets, neighbour, 5))
    np.testing.assert_allclose(np.abs(axis @ way), 1.0)
    np.testing.assert_allclose(variance[:, 1:], 0.0, atol=1e-9)


def test_rounds_taken_together_are_those_taken_alone() -> None:
    xyz, weight, offsets, neighbour, _ = graph(40, 3, 0.2)
    for one, rounds in zip(spread_moments(xyz, weight, offsets, neighbour, 4, 0, 2), (4, 0, 2), strict=True):
        assert (one == spread_moments(xyz, weight, offsets, neighbour, rounds)[0]).all()
