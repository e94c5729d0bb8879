"""From features of a track or cluster to the probability that it is right: plain numbers, fitted on events held back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats

RIDGE = 1.0  # of the weights of standardised features
FEWEST = 100  # rows to fit to
FEWEST_WRONG = 10  # of either kind, right or wrong, for features to mean anything


@dataclass(frozen=True)
class Calibration:
    """Logistic regression on a few features and their squares, then a monotone map of its logit to what was seen.

    Attributes
    ----------
    features : tuple of str
        Names of the columns of the table, in their order.
    low, high : tuple of float
        Range of each feature where it was fitted; values beyond it count as its end.
    middle, weight, square : tuple of float
        The logit is `offset` and, for each feature, ``weight (x - middle) + square (x - middle)**2``.
    offset : float
    logit, probability : tuple of float
        Corners of the map, both rising; linear between them, constant beyond.
    """

    features: tuple[str, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    middle: tuple[float, ...]
    weight: tuple[float, ...]
    square: tuple[float, ...]
    offset: float
    logit: tuple[float, ...]
    probability: tuple[float, ...]

    def __post_init__(self) -> None:
        table = [np.asarray(c) for c in (self.low, self.high, self.middle, self.weight, self.square)]
        if {len(column) for column in table} != {len(self.features)}:
            raise ValueError(
                f"low, high, middle, weight and square need a number for each of {len(self.features)} features"
            )
        corners = np.asarray(self.logit), np.asarray(self.probability)
        if not (len(corners[0]) == len(corners[1]) > 0 and all((np.diff(c) >= 0).all() for c in corners)):
            raise ValueError("logit and probability must be as many, at least one, and must not fall")
        if not (self.probability[0] >= 0 and self.probability[-1] <= 1):
            raise ValueError("probability must lie between 0 and 1")
        if not np.isfinite([self.offset, *self.logit, *np.concatenate(table)]).all():
            raise ValueError("every number must be finite")

    def __call__(self, table: Floats) -> Floats:
        """Probability of each row of `table` (n, features); float64 (n,)."""
        off = np.clip(table, self.low, self.high) - self.middle
        # A sum in a fixed order: a product of matrices may take another for another number of rows.
        logit = np.full(len(table), self.offset)
        for column, weight, square in zip(off.T, self.weight, self.square, strict=True):
            logit += (weight + square * column) * column
        return np.interp(logit, self.logit, self.probability)


def fit_calibration(features: Sequence[str], table: Floats, right: NDArray[np.bool_]) -> Calibration | None:
    """Fit to rows of which it is known whether they are right.

    The map is centred isotonic regression (Oron and Flournoy, Stat. Biopharm. Res. 9, 2017, 258), each step of it a rate
    with half an entry of either kind added, so that no probability is 0 or 1.

    Parameters
    ----------
    features : sequence of str
    table : float64 (n, features)
        Finite.
    right : bool (n,)

    Returns
    -------
    Calibration or None
        None where there are fewer than `FEWEST` rows. Where fewer than `FEWEST_WRONG` are wrong, or right, no feature can be
        weighed, and every row has the same probability.
    """
    from scipy.optimize import minimize
    from scipy.special import expit

    if len(right) < FEWEST:
        return None
    middle, spread = table.mean(axis=0), table.std(axis=0)
    spread[spread < 1e-9] = np.inf  # a feature that never changes gets no weight
    scaled = np.concatenate([(table - middle) / spread, ((table - middle) / spread) ** 2], axis=1)

    def loss(b: Floats) -> tuple[float, Floats]:
        logit = scaled @ b[:-1] + b[-1]
        off = expit(logit) - right
        value = (np.logaddexp(0, logit) - right * logit).sum() + RIDGE / 2 * (b[:-1] ** 2).sum()
        return float(value), np.append(scaled.T @ off + RIDGE * b[:-1], off.sum())

    b = minimize(loss, np.zeros(scaled.shape[1] + 1), jac=True, method="L-BFGS-B").x
    if min(right.sum(), (~right).sum()) < FEWEST_WRONG:
        b[:] = 0.0
    linear, square = np.split(b[:-1], 2)
    logit, probability = _map(scaled @ b[:-1] + b[-1], right)
    return Calibration(
        tuple(features),
        _digits(table.min(axis=0)),
        _digits(table.max(axis=0)),
        _digits(middle),
        _digits(linear / spread),
        _digits(square / spread**2),
        _digits(b[-1:])[0],
        _digits(logit),
        _digits(probability),
    )


def _digits(column: Floats) -> tuple[float, ...]:
    """Six digits of each: a page of settings, and far more than is known."""
    return tuple(float(f"{x:.6g}") for x in column)


def _map(logit: Floats, right: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Middles and rates of the steps of an isotonic regression."""
    from scipy.optimize import isotonic_regression

    order = np.argsort(logit, kind="stable")
    if logit[order[0]] == logit[order[-1]]:
        return logit[:1], np.array([(right.sum() + 0.5) / (len(right) + 1)])
    start = isotonic_regression(right[order].astype(np.float64)).blocks[:-1]
    size = np.diff(np.append(start, len(order)))
    middle = np.add.reduceat(logit[order], start) / size
    rate = (np.add.reduceat(right[order].astype(np.float64), start) + 0.5) / (size + 1)
    return middle, isotonic_regression(rate, weights=size).x
