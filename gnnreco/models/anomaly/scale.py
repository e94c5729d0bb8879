"""Columns in units of their own spread: what every head counts in, so that units do not matter to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
#: Beyond so many spreads all is equally strange: squares and products still fit.
FARTHEST = 1e6
#: One standard deviation below and above the median, where the distribution is normal.
QUANTILES = (0.1587, 0.5, 0.8413)


@dataclass(frozen=True)
class Scale:
    """Middle and spread of each column of normal data.

    Attributes
    ----------
    middle : (k,) float64
        Median.
    spread : (k,) float64
        Half the distance between the quantiles one standard deviation below and above it. Where these are the same number
        (a column that is mostly zero, say), the root mean square distance from the median; zero where no row differs.
    """

    middle: Array
    spread: Array

    @classmethod
    def of(cls, x: Array, weights: Array | None = None) -> Scale:
        """The scale of rows (n, k), each of which counts as much as its weight (n,)."""
        every = None if weights is None else np.broadcast_to(weights[:, None], x.shape)
        low, middle, high = np.quantile(x, QUANTILES, axis=0, weights=every, method="inverted_cdf")
        spread = 0.5 * (high - low)
        around = np.sqrt(np.average((x - middle) ** 2, axis=0, weights=weights))
        return cls(middle, np.where(spread > 0, spread, around))

    @property
    def varies(self) -> NDArray[np.bool_]:
        """Which columns vary; the others tell nothing, since there is no scale by which to judge a change of theirs."""
        return self.spread > 0

    def __call__(self, x: Array) -> Array:
        """Rows (n, k) counted from the middle in spreads, at most `FARTHEST`; 0 in columns that never varied."""
        units = np.where(self.varies, self.spread, 1.0)
        with np.errstate(over="ignore"):  # a tiny spread; what overflows is cut
            z = (x - self.middle) / units
        return np.where(self.varies, np.clip(z, -FARTHEST, FARTHEST), 0.0)


def checked_rows(x: NDArray[np.floating], columns: Sequence[str] = (), width: int | None = None) -> Array:
    """The rows (n, k) in double precision.

    Parameters
    ----------
    x : (n, k) array
    columns : sequence of str
        Names of the columns for messages; without them they are numbered from 0.
    width : int, optional
        How many columns there must be.

    Raises
    ------
    ValueError
        Another shape, or a number that is not finite: it names row and column.
    """
    rows = np.asarray(x, np.float64)
    if rows.ndim != 2 or (width is not None and rows.shape[1] != width):
        due = "rows and columns" if width is None else f"{width} columns, as it was fitted to"
        raise ValueError(f"what is judged has shape {rows.shape}; it must have {due}")
    if not np.isfinite(rows).all():
        row, column = np.argwhere(~np.isfinite(rows))[0]
        name = f"'{columns[column]}'" if len(columns) == rows.shape[1] else column
        raise ValueError(
            f"column {name} holds {rows[row, column]} in row {row}: "
            "leave such rows out, or fill in what is missing, before they are judged"
        )
    return rows


def checked_weights(weights: NDArray[np.floating] | None, n: int) -> Array | None:
    """Weights (n,) of rows, with mean 1; None where all count the same.

    Raises
    ------
    ValueError
        Weights of another shape, below zero, not finite, or all zero.
    """
    if weights is None:
        return None
    given = np.asarray(weights, np.float64)
    if given.shape != (n,):
        raise ValueError(f"the weights have shape {given.shape}, not ({n},): one for each row")
    if not (np.isfinite(given).all() and (given >= 0).all() and given.sum() > 0):
        raise ValueError("weights must be finite and not negative, and some positive: drop the other rows")
    return given / given.mean()
