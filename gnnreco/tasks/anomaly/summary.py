"""An event as one row of numbers: what it holds as a whole, and how surprising its regions are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import ANOMALY_PARTS, Floats, Ints

from .levels import Terms
from .levels.terms import DEPTHS


def surprises_of(terms: Terms, surprise: NDArray[np.float32]) -> Floats:
    """Surprise of each region by `Terms.surprises` (n_regions, s), from that of its features (n_regions, f)."""
    kinds = [surprise[:, columns].sum(1, dtype=np.float64) for columns in terms.kinds.values()]
    return np.stack([*kinds, np.sum(kinds, axis=0)], axis=1)


def summary_of(totals: Floats, surprises: Floats) -> tuple[NDArray[np.float32], Ints]:
    """The row of an event or a jet.

    Parameters
    ----------
    totals : float64 (t,)
        What it holds as a whole.
    surprises : float64 (n_regions, s)

    Returns
    -------
    row : float32 (k,)
        By `Terms.columns`.
    order : int64 (10, s)
        The most surprising regions of each kind, from the first.
    """
    deepest = min(max(DEPTHS), len(surprises))
    order = np.argsort(-surprises, axis=0, kind="stable")[:deepest]
    loudest = np.take_along_axis(surprises, order, axis=0)
    tops = np.stack([loudest[:depth].mean(0) for depth in DEPTHS], axis=1).ravel()
    row = np.concatenate([totals, tops, surprises.mean(0) * len(surprises) / 100])
    tail = row[len(totals) :]
    row[len(totals) :] = np.sign(tail) * np.log1p(np.abs(tail))
    return row.astype(np.float32), order


def parts_of(terms: Terms, contributions: Floats) -> Floats:
    """The contributions of the columns (k,) by `ANOMALY_PARTS` (6,)."""
    return np.bincount(terms.part_of, contributions, len(ANOMALY_PARTS)).astype(np.float64)


def of_regions(contributions: Floats, surprises: Floats, order: Ints) -> Floats:
    """What each region gives by way of its surprise, by kind (n_regions, s): only what makes the row strange."""
    out = np.zeros_like(surprises)
    kinds, every = surprises.shape[1], np.arange(len(surprises))
    strange = np.maximum(contributions, 0.0)[-kinds * (len(DEPTHS) + 1) :]
    for kind in range(kinds):
        for at, depth in enumerate(DEPTHS):
            rows = order[:depth, kind]
            _share(out[:, kind], rows, surprises[rows, kind], strange[kind * len(DEPTHS) + at])
        _share(out[:, kind], every, surprises[:, kind], strange[kinds * len(DEPTHS) + kind])
    return out


def _share(out: Floats, rows: Sequence[int] | Ints, weights: Floats, amount: float) -> None:
    """Add an amount to some rows in proportion to their weights above zero."""
    weights = np.maximum(weights, 0.0)
    if weights.sum() > 0:
        out[rows] += amount * weights / weights.sum()
