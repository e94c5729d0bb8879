"""Medians and widths of samples, with 68 % intervals from the bootstrap."""

from __future__ import annotations

import numpy as np

from gnnreco.columns import Floats
from gnnreco.files.json_types import JsonObject
from gnnreco.statistics import COVERAGE

from ..tracking import IQR_OF_UNIT_NORMAL

FEWEST = 5  # values that have quartiles worth a number
RESAMPLED = 400
SEED = 13


def response(ratio: Floats) -> JsonObject:
    """Median and width of found / true: ``response`` and ``resolution``, which is interquartile range / median.

    A normal sample of relative width s has a ``resolution`` of 1.349 s. Each has its ``_interval``; all are None where there
    are fewer than five values.
    """
    low, middle, high = quartiles(ratio)
    return _named("response", middle) | _named("resolution", _over(high - low, middle))


def residual(difference: Floats) -> JsonObject:
    """Median and width of a difference or a pull: ``bias`` and ``width``, which is interquartile range / 1.349."""
    low, middle, high = quartiles(difference)
    return _named("bias", middle) | _named("width", (high - low) / IQR_OF_UNIT_NORMAL)


def quartiles(values: Floats) -> Floats:
    """The three quartiles of a sample, and of its bootstrap resamples (3, 1 + 400); NaN for fewer than five values.

    The k-th smallest of n values drawn with replacement lies at the k-th smallest of n uniform numbers in the sorted
    sample. Only those three of the n are drawn, by their joint distribution (gaps of gamma variates): the resamples are
    those of the ordinary bootstrap (Efron 1979), at the cost of one sorting.
    """
    n = len(values)
    if n < FEWEST:
        return np.full((3, 1 + RESAMPLED), np.nan)
    ranks = np.clip(np.rint(np.array([0.25, 0.5, 0.75]) * (n + 1)), 1, n)
    gaps = np.diff(np.concatenate([[0.0], ranks, [n + 1.0]]))
    drawn = np.random.default_rng(SEED).standard_gamma(np.maximum(gaps, 1e-9), (RESAMPLED, 4))
    uniform = np.cumsum(drawn, axis=1)[:, :3] / drawn.sum(axis=1, keepdims=True)
    again = np.sort(values)[np.minimum((uniform * n).astype(np.int64), n - 1)]
    return np.concatenate([np.quantile(values, [0.25, 0.5, 0.75])[:, None], again.T], axis=1)


def _over(width: Floats, middle: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(middle > 0, width / middle, np.nan)


def _named(name: str, values: Floats) -> JsonObject:
    """The value of the sample and the interval of its resamples."""
    if not np.isfinite(values).all():
        return {name: None, f"{name}_interval": None}
    tail = (1 - COVERAGE) / 2
    interval = np.quantile(values[1:], [tail, 1 - tail])
    return {name: float(values[0]), f"{name}_interval": interval.tolist()}
