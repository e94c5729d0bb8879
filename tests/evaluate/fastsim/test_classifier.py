"""Classifiers: equal samples give one half, scaled ones nearly one, whatever their number of folds."""

from __future__ import annotations

import numpy as np
import pytest

from gnnreco.evaluate.fastsim.classifier import Training, auc_of, classify, divergence, folds
from gnnreco.evaluate.fastsim.networks import Table

SETTINGS = Training(trainings=5, width=16, epochs=15)


def gaussians(shift: float, n: int = 150) -> tuple[np.ndarray, np.ndarray]:
    values = np.random.default_rng(1).standard_normal((2 * n, 4))
    values[:n] += shift
    return values, np.repeat([1.0, 0.0], n)


@pytest.mark.parametrize(("shift", "low", "high"), [(0.0, 0.35, 0.65), (2.0, 0.97, 1.0)])
def test_the_area_is_one_half_for_equal_samples_and_near_one_for_shifted_ones(
    shift: float, low: float, high: float
) -> None:
    values, labels = gaussians(shift)
    found = classify(lambda fit: Table(values, fit), labels, SETTINGS)
    assert found is not None
    assert low <= found["auc"] <= high
    assert len(found["trainings"]) == 5
    assert (found["jsd"] > 0.6) if shift else (found["jsd"] < 0.05)


def test_too_few_showers_train_nothing() -> None:
    values, labels = gaussians(1.0, 49)
    assert classify(lambda fit: Table(values, fit), labels, SETTINGS) is None


def test_the_area_counts_pairs_and_ties_by_half() -> None:
    labels, scores = np.array([1.0, 0, 1, 0]), np.array([2.0, 1, 1, 0])
    assert auc_of(labels, scores) == (2 + 1 + 0.5) / 4


def test_the_divergence_is_0_for_noise_and_1_for_certainty() -> None:
    labels = np.tile([0.0, 1.0], 200)
    noise = np.random.default_rng(0).standard_normal(400)
    assert divergence(labels, noise, labels, noise) == pytest.approx(0, abs=0.02)
    assert divergence(labels, 2 * labels - 1, labels, 2 * labels - 1) == pytest.approx(1, abs=0.05)


def test_five_runs_measure_each_shower_once_and_never_train_on_it() -> None:
    labels = np.repeat([1.0, 0.0], [53, 61])
    measured = []
    for run in range(5):
        fit, own, test = folds(labels, 3, run)
        assert np.array_equal(np.sort(np.concatenate([fit, own, test])), np.arange(114))
        measured.append(test)
    assert np.array_equal(np.sort(np.concatenate(measured)), np.arange(114))
