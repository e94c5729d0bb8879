"""Distance correlation (Szekely, Rizzo, Bakirov, Ann. Stat. 35, 2007, 2769) as a loss, after DisCo (arXiv 2001.05310).

It is zero only for independent columns, whatever the form of the dependence, and needs no adversary. Its cost grows with the
square of the number of events, so it is taken over batches of some hundreds to some thousands.
"""

from __future__ import annotations

import torch
from torch import Tensor

TINY = 1e-12  # of squared distances and variances: keeps the gradient of a root finite


def distance_correlation(x: Tensor, y: Tensor, weight: Tensor | None = None, power: int = 1) -> Tensor:
    """How far two columns depend on each other: 0 for not at all (in an endless sample), 1 for a linear relation.

    Parameters
    ----------
    x, y : (n,) or (n, features)
        Such as scores and masses of the events of a batch; independent ones have about ``1 / sqrt(n)``, not 0.
    weight : (n,), optional
        Of each event, not negative.
    power : int
        1 for the distance correlation, 2 for its square, whose gradient is finite at independence too.

    Returns
    -------
    Tensor ()
        0 where a column is constant.
    """
    if len(x) != len(y):
        raise ValueError(f"distance correlation of {len(x)} and {len(y)} rows: give as many of both")
    part = torch.ones(len(x), dtype=x.dtype, device=x.device) if weight is None else weight
    part = part / part.sum()
    a, b = _centered(x, part), _centered(y, part)
    pairs = part[:, None] * part
    covariance, first, second = ((pairs * u * v).sum() for u, v in ((a, b), (a, a), (b, b)))
    square = covariance.clamp(min=0) / torch.sqrt((first * second).clamp(min=TINY**2))
    return square if power == 2 else torch.sqrt(square + TINY**2)


def _centered(x: Tensor, part: Tensor) -> Tensor:
    """Distances of all pairs, with the means of rows and of columns taken away."""
    rows = x if x.ndim == 2 else x[:, None]
    off = rows[:, None, :] - rows
    # The distance of a row to itself has no slope: a root of zero would make it NaN.
    square = (off**2).sum(dim=2)
    apart = torch.where(square > 0, torch.sqrt(square.clamp(min=TINY**2)), 0.0)
    mean = apart @ part
    return apart - mean - mean[:, None] + mean @ part
