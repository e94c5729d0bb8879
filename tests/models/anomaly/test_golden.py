"""Beside scikit-learn: the same depths in a forest, the same distances and shrinkage of a normal distribution."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gnnreco.models.anomaly.forest import Forest
from gnnreco.models.anomaly.gaussian import Gaussian

covariance = pytest.importorskip("sklearn.covariance")
ensemble = pytest.importorskip("sklearn.ensemble")


def rows(n: int, k: int = 6, seed: int = 1) -> NDArray[np.float32]:
    draw = np.random.default_rng(seed)
    return (draw.standard_normal((n, k)) @ draw.standard_normal((k, k)) + 3).astype(np.float32)


@pytest.mark.parametrize("n", [2, 3, 40, 1000])
def test_a_forest_says_what_scikit_learn_says(n: int) -> None:
    head, known = Forest(trees=40), rows(n)
    head.fit(known, seed=7)
    new = np.concatenate([known, rows(500, seed=2), 10 * rows(20, seed=3)])
    theirs = ensemble.IsolationForest(n_estimators=40, max_samples=min(256, n), random_state=7)
    theirs.fit(head.scale(known.astype(float)).astype(np.float32))
    expected = -theirs.score_samples(head.scale(new.astype(float)).astype(np.float32))
    np.testing.assert_allclose(head.score(new), expected, rtol=0, atol=1e-6)


def test_a_normal_distribution_has_the_distances_of_scikit_learn() -> None:
    head, known, new = Gaussian(shrinkage=0.0), rows(300), rows(200, seed=2)
    head.fit(known, seed=0)
    theirs = covariance.EmpiricalCovariance().fit(known.astype(float))
    np.testing.assert_allclose(
        2 * (head.score(new) - head.base), theirs.mahalanobis(new.astype(float)), rtol=1e-6
    )


@pytest.mark.parametrize("n", [5, 12, 300])
def test_it_shrinks_as_far_as_ledoit_and_wolf_find_best(n: int) -> None:
    head, known, new = Gaussian(), rows(n), rows(200, seed=2)
    head.fit(known, seed=0)
    mean, sigma = known.mean(axis=0, dtype=float), known.std(axis=0, dtype=float)
    theirs = covariance.LedoitWolf().fit((known - mean) / sigma)
    expected = theirs.mahalanobis((new - mean) / sigma)
    np.testing.assert_allclose(2 * (head.score(new) - head.base), expected, rtol=1e-5)


def test_a_row_of_weight_two_counts_as_two() -> None:
    known, new = rows(60), rows(20, seed=2)
    times = 1 + np.arange(60) % 3
    heads = Gaussian(shrinkage=0.1), Gaussian(shrinkage=0.1)
    heads[0].fit(known, seed=0, weights=times)
    heads[1].fit(np.repeat(known, times, axis=0), seed=0)
    np.testing.assert_allclose(heads[0].score(new), heads[1].score(new))


def test_the_score_of_a_normal_distribution_is_minus_the_logarithm_of_its_density() -> None:
    """In spreads of the columns, as the scale gives them."""
    from scipy.stats import multivariate_normal

    head, known, new = Gaussian(shrinkage=0.0), rows(300), rows(20, seed=2)
    head.fit(known, seed=0)
    z, of_new = head.scale(known.astype(float)), head.scale(new.astype(float))
    expected = -multivariate_normal(z.mean(axis=0), np.cov(z.T, bias=True)).logpdf(of_new)
    np.testing.assert_allclose(head.score(new), expected)


def test_columns_that_follow_from_others_are_no_thinner_than_rounding() -> None:
    known = rows(500, k=3)
    known = np.concatenate([known, known[:, :1] + known[:, 1:2]], axis=1)
    head = Gaussian()
    head.fit(known, seed=0)
    assert np.median(head.score(known)) < head.score(known + np.array([0, 0, 0, 1], np.float32)).min()


def test_damaged_trees_are_refused() -> None:
    head = Forest(trees=2)
    head.fit(rows(20), seed=1)
    kept = head.arrays()
    for name, place, value, why in (
        ("child", (0, 0), 0, "no later node"),
        ("child", (0, 1), 10_000, "no later node"),
        ("first", (1,), 10_000, "must begin at one of its nodes"),
        ("column", (0,), 6, "must lie between -1 and 5"),
    ):
        damaged = {what: array.copy() for what, array in kept.items()}
        damaged[name][place] = value
        with pytest.raises(ValueError, match=why):
            Forest.of_arrays(damaged)
    empty = {**kept, "first": kept["first"][:0]}
    with pytest.raises(ValueError, match="needs trees"):
        Forest.of_arrays(empty)
