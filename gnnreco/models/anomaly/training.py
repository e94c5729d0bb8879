"""How the networks of heads learn: small batches, drawn from a generator that is theirs alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from gnnreco.kernels import threads

from .scale import Array

#: Rows of a batch at least and at most: so many that all rows take part some times.
LEAST, MOST = 128, 1024


@contextmanager
def drawing(seed: int) -> Iterator[None]:
    """Random numbers of torch from `seed`, on one thread for the same bits everywhere; what was before comes back."""
    with torch.random.fork_rng(devices=[]), threads(1):
        torch.manual_seed(seed)
        yield


def learn(
    parameters: Iterable[Tensor],
    loss: Callable[[Tensor], Tensor],
    rows: Array,
    weights: Array | None,
    steps: int,
    rate: float = 3e-3,
) -> None:
    """So many steps of Adam down the `loss` of batches of `rows` (n, k), each drawn as often as its weight (n,) says.

    The rate falls to zero along a cosine.
    """
    known = torch.from_numpy(rows.astype(np.float32))
    size = int(np.clip(len(rows) // 40, LEAST, MOST))
    likely = None if weights is None else torch.from_numpy(np.cumsum(weights) / weights.sum())
    parameters = list(parameters)
    optimizer = torch.optim.Adam(parameters, rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        if likely is None:
            drawn = torch.randint(len(known), (size,))
        else:
            drawn = torch.searchsorted(likely, torch.rand(size, dtype=torch.float64), right=True)
            drawn = drawn.clamp(max=len(known) - 1)
        optimizer.zero_grad()
        loss(known[drawn]).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 10.0)
        optimizer.step()
        schedule.step()
