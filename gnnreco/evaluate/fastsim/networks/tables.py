"""What classifiers of showers read: tables of features, pictures, or the cells themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.evaluate.fastsim.features import scaled

if TYPE_CHECKING:
    import torch

SLOPE = 0.01  # of LeakyReLU below zero
DROPOUT = 0.2


class Table:
    """Columns of numbers for the two-layer network of the CaloChallenge.

    Parameters
    ----------
    table : float (n, k)
    trained : int64 (m,), optional
        Rows whose mean and spread scale each column; without them all columns are divided by one number.
    """

    def __init__(self, table: Floats | NDArray[np.float32], trained: Ints | None = None) -> None:
        values = table
        if trained is not None:
            wide = np.asarray(table, np.float64)
            values = scaled(wide, wide[trained])
        self._values = np.ascontiguousarray(values, np.float32)

    def network(self, width: int) -> torch.nn.Module:
        """Two hidden layers."""
        from torch import nn

        return nn.Sequential(
            nn.Linear(self._values.shape[1], width),
            nn.LeakyReLU(SLOPE),
            nn.Dropout(DROPOUT),
            nn.Linear(width, width),
            nn.LeakyReLU(SLOPE),
            nn.Dropout(DROPOUT),
            nn.Linear(width, 1),
        )

    def rows(self, rows: Ints) -> tuple[torch.Tensor, ...]:
        """Rows of the table."""
        import torch

        return (torch.from_numpy(self._values[rows]),)
