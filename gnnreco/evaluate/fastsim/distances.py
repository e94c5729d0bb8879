"""Distances between two sets of feature vectors, without a trained network.

Frechet and kernel physics distance of arXiv 2211.10295, as the package JetNet computes them; precision, recall, density and
coverage of arXiv 2002.09797; the sliced Wasserstein distance; and correlations of layers.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import curve_fit
from scipy.spatial.distance import cdist
from scipy.stats import iqr

from gnnreco.columns import Floats
from gnnreco.files.json_types import JsonDict

from .features import scaled

NEIGHBOURS = 5
DEGREE = 4  # of the polynomial kernel
ONE_SIGMA = (16.275, 83.725)  # per cent, as JetNet has them
DIRECTIONS = 128
FILLED = 0.2  # of the showers must reach a layer for its correlations to count


def frechet_distance(one: Floats, other: Floats) -> float:
    """Squared distance of the normal distributions with the means and covariances of two sets of vectors."""
    sigma, tau = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (one, other))
    values, vectors = np.linalg.eigh(sigma)
    root = vectors * np.sqrt(np.maximum(values, 0))
    # The eigenvalues of sigma tau are those of root^T tau root, which is symmetric: no square root of a matrix is needed.
    both = np.sqrt(np.maximum(np.linalg.eigvalsh(root.T @ tau @ root), 0)).sum()
    away = one.mean(axis=0) - other.mean(axis=0)
    return float(away @ away + np.trace(sigma) + np.trace(tau) - 2 * both)


def frechet_physics_distance(
    real: Floats,
    generated: Floats,
    min_samples: int = 20_000,
    max_samples: int = 50_000,
    batches: int = 20,
    points: int = 10,
    seed: int = 42,
) -> tuple[float, float]:
    """Frechet distance, extrapolated to infinitely many vectors, and its error.

    Batches are drawn with replacement; a straight line in one over their size gives the value at zero. Defaults and
    random numbers are those of ``jetnet.evaluation.fpd``.

    Parameters
    ----------
    real, generated : float64 (n, k), (m, k)
        Each feature is divided by its largest value in `real`.
    min_samples, max_samples, points : int
        Range of the size of batches, and how many sizes.
    batches : int
        Of each size.
    seed : int
    """
    one, other = _divided(real, generated)
    sizes = (1 / np.linspace(1 / min_samples, 1 / max_samples, points)).astype(np.int32)
    rng = np.random.default_rng(seed)
    means = []
    for size in sizes:
        drawn = ((rng.choice(len(one), size), rng.choice(len(other), size)) for _ in range(batches))
        means.append(np.mean([frechet_distance(one[i], other[j]) for i, j in drawn]))
    line, covariance = curve_fit(
        lambda x, start, slope: start + slope * x, 1 / sizes, means, bounds=([0, 0], [np.inf, np.inf])
    )
    return float(line[0]), float(np.sqrt(covariance[0, 0]))


def kernel_physics_distance(
    real: Floats, generated: Floats, batches: int = 10, batch_size: int = 5_000, seed: int = 42
) -> tuple[float, float]:
    """Maximum mean discrepancy with a polynomial kernel: the median over batches, and half of their central 68 %.

    The estimate of a batch has no bias, so it may be below 0. As ``jetnet.evaluation.kpd``.
    """
    one, other = _divided(real, generated)
    found = []
    for batch in range(batches):
        rng = np.random.default_rng(seed + 1000 * batch)
        i, j = rng.choice(len(one), batch_size), rng.choice(len(other), batch_size)
        found.append(_discrepancy(one[i], other[j]))
    return float(np.median(found)), float(iqr(found, rng=ONE_SIGMA) / 2)


def prdc(real: Floats, generated: Floats, k: int = NEIGHBOURS) -> JsonDict:
    """Precision, recall, density and coverage, with spheres that reach to the k-th neighbour.

    Precision: generated vectors within the sphere of a real one. Recall: real ones within that of a generated one. Density:
    spheres of real ones that a generated vector lies in, over k. Coverage: real ones with a generated one in their sphere;
    it falls where a generator knows some showers only.
    """
    apart = cdist(real, generated)
    of_real, of_generated = (np.partition(cdist(x, x), k, axis=1)[:, k] for x in (real, generated))
    inside = apart < of_real[:, None]
    return {
        "precision": float(inside.any(axis=0).mean()),
        "recall": float((apart < of_generated[None, :]).any(axis=1).mean()),
        "density": float(inside.sum(axis=0).mean() / k),
        "coverage": float((apart.min(axis=1) < of_real).mean()),
    }


def sliced_wasserstein(real: Floats, generated: Floats, seed: int = 0) -> float:
    """Mean over random directions of the distance between two sets of as many vectors, in spreads of the real ones."""
    rng = np.random.default_rng([seed, 11])
    directions = rng.standard_normal((real.shape[1], DIRECTIONS))
    directions /= np.linalg.norm(directions, axis=0)
    one, other = (np.sort(scaled(x, real) @ directions, axis=0) for x in (real, generated))
    return float(np.abs(one - other).mean())


def correlation_difference(real: Floats, generated: Floats) -> float | None:
    """Largest difference between the correlation coefficients of any two layers; None where there are no two.

    Parameters
    ----------
    real, generated : float64 (n, n_layers), (m, n_layers)
        Energy of each layer over that of the particle.
    """
    kept = np.all([(x > 0).mean(axis=0) >= FILLED for x in (real, generated)], axis=0)
    kept &= (real.std(axis=0) > 0) & (generated.std(axis=0) > 0)
    if kept.sum() < 2:
        return None
    one, other = (np.corrcoef(x[:, kept], rowvar=False) for x in (real, generated))
    return float(np.abs(one - other).max())


def _divided(real: Floats, generated: Floats) -> tuple[Floats, Floats]:
    """Both over the largest value of each feature in the real set."""
    largest = np.abs(real).max(axis=0)
    largest = np.where(largest == 0, 1, largest)
    return real / largest, generated / largest


def _discrepancy(one: Floats, other: Floats) -> float:
    """Squared maximum mean discrepancy without bias."""

    def kernel(x: Floats, y: Floats) -> Floats:
        return (x @ y.T / x.shape[1] + 1) ** DEGREE

    within = 0.0
    for x in (one, other):
        pairs = kernel(x, x)
        within += float(pairs.sum() - np.trace(pairs)) / (len(x) * (len(x) - 1))
    return within - 2 * float(kernel(one, other).mean())
