"""An event as one row of numbers: what it holds as a whole, and how surprising its regions are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import ANOMALY_PARTS, Floats, Ints
from gnnreco.graphs.regions import KINDS
from gnnreco.graphs.regions.totals import TOTALS

#: Kinds of surprise: those of the features, and all together.
SURPRISES = (*KINDS, "all")
#: The most surprising regions, so many at a time.
DEPTHS = (1, 3, 10)
COLUMNS = (
    *TOTALS,
    *(f"surprise of {kind}, {depth} regions" for kind in SURPRISES for depth in DEPTHS),
    *(f"surprise of {kind}, everywhere" for kind in SURPRISES),
)
OF_REGIONS = len(TOTALS)
EVERYWHERE = OF_REGIONS + len(SURPRISES) * len(DEPTHS)
#: Which of `ANOMALY_PARTS` each column belongs to.
PART_OF = np.array(
    [len(ANOMALY_PARTS) - 1] * len(TOTALS)
    + [kind for kind in range(len(SURPRISES)) for _ in DEPTHS]
    + list(range(len(SURPRISES))),
    np.int64,
)


def surprises_of(surprise: NDArray[np.float32]) -> Floats:
    """Surprise of each region by `SURPRISES` (n_regions, 6), from that of its features (n_regions, 16)."""
    kinds = [surprise[:, columns].sum(1, dtype=np.float64) for columns in KINDS.values()]
    return np.stack([*kinds, np.sum(kinds, axis=0)], axis=1)


def summary_of(totals: Floats, surprises: Floats) -> tuple[NDArray[np.float32], Ints]:
    """The row of an event.

    Parameters
    ----------
    totals : float64 (13,)
        See `totals_of`.
    surprises : float64 (n_regions, 6)

    Returns
    -------
    row : float32 (37,)
        By `COLUMNS`.
    order : int64 (10, 6)
        The most surprising regions of each kind, from the first.
    """
    deepest = min(max(DEPTHS), len(surprises))
    order = np.argsort(-surprises, axis=0, kind="stable")[:deepest]
    loudest = np.take_along_axis(surprises, order, axis=0)
    tops = np.stack([loudest[:depth].mean(0) for depth in DEPTHS], axis=1).ravel()
    row = np.concatenate([totals, tops, surprises.mean(0) * len(surprises) / 100])
    row[OF_REGIONS:] = np.sign(row[OF_REGIONS:]) * np.log1p(np.abs(row[OF_REGIONS:]))
    return row.astype(np.float32), order


def parts_of(contributions: Floats) -> Floats:
    """The contributions of the columns (37,) by `ANOMALY_PARTS` (6,)."""
    return np.bincount(PART_OF, contributions, len(ANOMALY_PARTS)).astype(np.float64)


def of_regions(contributions: Floats, surprises: Floats, order: Ints) -> Floats:
    """What each region gives by way of its surprise, by kind (n_regions, 6): only what makes the event strange."""
    out = np.zeros_like(surprises)
    strange = np.maximum(contributions, 0.0)
    for kind in range(len(SURPRISES)):
        for at, depth in enumerate(DEPTHS):
            rows = order[:depth, kind]
            _share(out[:, kind], rows, surprises[rows, kind], strange[OF_REGIONS + kind * len(DEPTHS) + at])
        every = np.arange(len(surprises))
        _share(out[:, kind], every, surprises[:, kind], strange[EVERYWHERE + kind])
    return out


def _share(out: Floats, rows: Sequence[int] | Ints, weights: Floats, amount: float) -> None:
    """Add an amount to some rows in proportion to their weights above zero."""
    weights = np.maximum(weights, 0.0)
    if weights.sum() > 0:
        out[rows] += amount * weights / weights.sum()
