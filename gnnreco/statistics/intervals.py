"""Binomial intervals, of which every rate has one."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from gnnreco.columns import Floats

COVERAGE = 0.6827


def clopper_pearson(passed: ArrayLike, total: ArrayLike, coverage: float = COVERAGE) -> Floats:
    """Exact binomial interval (Clopper, Pearson 1934); float64 (..., 2), 0 to 1 where nothing was tried.

    Counts need not be whole: weighted events are given as effective numbers.
    """
    k, n = np.asarray(passed, float), np.asarray(total, float)
    tail = (1 - coverage) / 2
    low = np.where(k > 0, stats.beta.ppf(tail, np.where(k > 0, k, 1), n - k + 1), 0.0)
    high = np.where(k < n, stats.beta.ppf(1 - tail, k + 1, np.where(k < n, n - k, 1)), 1.0)
    return np.stack([low, high], axis=-1)
