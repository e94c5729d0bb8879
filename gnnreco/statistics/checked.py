"""Columns of numbers that others give, checked before anything is computed with them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from gnnreco.columns import Floats
from gnnreco.errors import BadConfig, BadInput


def no_nan(values: ArrayLike, what: str) -> Floats:
    """A column of numbers; float64 (n,). `BadInput` with the first row that is NaN."""
    column = np.asarray(values, np.float64)
    if column.ndim != 1:
        raise BadConfig(f"{what}: a column of numbers is needed, not an array with shape {column.shape}")
    if (bad := np.isnan(column)).any():
        raise BadInput(
            what,
            f"row {np.argmax(bad)}",
            "not a number (NaN); find out which input of this event is damaged",
        )
    return column


def probabilities(p_values: ArrayLike) -> Floats:
    """A column of at least one p-value; float64 (n,)."""
    p = no_nan(p_values, "p-values")
    if not len(p):
        raise BadInput("p-values", "", "there is none; give events that the calibration has not seen")
    if (bad := (p < 0) | (p > 1)).any():
        raise BadInput("p-values", f"row {np.argmax(bad)}", f"{p[np.argmax(bad)]:g} is not between 0 and 1")
    return p
