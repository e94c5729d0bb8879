"""A normal distribution: minus the logarithm of its density, half the squared Mahalanobis distance and a constant.

The covariance is shrunk towards uncorrelated columns (Ledoit and Wolf, J. Multivar. Anal. 88 (2004) 365), so that few rows
do. Contributions are those of Garthwaite and Koch (Aust. N. Z. J. Stat. 58 (2016) 441): whitened columns as close to the
columns themselves as can be, whose squares add up to the distance.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gnnreco.models.state import Numbers

from .heads import Arrays, Head
from .scale import FARTHEST, Array

#: Smallest principal variance of columns with unit variance: a plane is not thinner than rounding.
THINNEST = 1e-6


class Gaussian(Head):
    """Principal components and the Mahalanobis distance.

    Parameters
    ----------
    shrinkage : float, optional
        How far correlations shrink, from 0 (as they are) to 1 (none); without it, as far as Ledoit and Wolf find best.
    """

    name = "gaussian"

    def __init__(self, shrinkage: float | None = None) -> None:
        self.shrinkage = shrinkage
        self._mean: Array = np.zeros(0)
        self._whitening: Array = np.zeros((0, 0))

    def _learn(self, z: Array, weights: Array | None, varies: NDArray[np.bool_], seed: int) -> None:
        part = z[:, varies]
        weights = np.ones(len(z)) if weights is None else weights
        mean = weights @ part / len(z)
        sigma = np.sqrt(weights @ (part - mean) ** 2 / len(z))
        correlation = _shrunk((part - mean) / sigma, weights, self.shrinkage)
        variance, axes = np.linalg.eigh(correlation)
        variance = np.maximum(variance, THINNEST)
        whitening = np.zeros((len(varies), len(varies)))
        whitening[np.ix_(varies, varies)] = (axes / np.sqrt(variance)) @ axes.T / sigma
        self._mean, self._whitening = np.zeros(len(varies)), whitening
        self._mean[varies] = mean
        volume = 0.5 * np.log(variance).sum() + np.log(sigma).sum()
        self.base = float(volume + 0.5 * len(sigma) * math.log(2 * math.pi))

    def _scores(self, z: Array) -> Array:
        return self.base + self._parts(z).sum(axis=1)

    def _parts(self, z: Array) -> Array:
        return 0.5 * ((z - self._mean) @ self._whitening.T) ** 2

    def _arrays(self) -> Arrays:
        return {"mean": self._mean, "whitening": self._whitening}

    @classmethod
    def _expected(cls, columns: int) -> dict[str, Numbers]:
        return {
            "mean": Numbers((columns,), np.float64, -FARTHEST, FARTHEST),
            "whitening": Numbers((columns, columns), np.float64),
        }

    def _take(self, found: Arrays) -> None:
        self._mean, self._whitening = found["mean"], found["whitening"]


def _shrunk(u: Array, weights: Array, shrinkage: float | None) -> Array:
    """The covariance (k, k) of columns with mean 0 and variance 1, shrunk towards none between them."""
    n, k = u.shape
    weighted = u * weights[:, None]
    covariance = weighted.T @ u / n
    if shrinkage is None:
        # Of each product of two columns: its variance, summed over pairs, by as many rows as the weights are worth.
        worth = n**2 / (weights @ weights)
        square = (u**2).sum(axis=1)
        noise = (weights @ square**2 / n - (covariance**2).sum()) / worth
        away = ((covariance - np.eye(k)) ** 2).sum()
        shrinkage = float(np.clip(noise / away, 0.0, 1.0)) if away > 0 else 0.0
    return (1 - shrinkage) * covariance + shrinkage * np.eye(k)
