"""Learning a gate from candidates whose truth is known: with torch, which reconstruction does without."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from gnnreco.kernels import threads
from gnnreco.progress import Progress

from .gate import HIDDEN, Gate


@threads(1)
def train_gate(
    features: NDArray[np.float32],
    true: NDArray[np.bool_],
    efficiency: float,
    seed: int,
    steps: int = 4000,
    batch: int = 8192,
    progress: Progress | None = None,
) -> Gate:
    """Fit a gate and its threshold.

    Parameters
    ----------
    features : float32 (n, f)
        In random order: the last fifth serves to set the threshold.
    true : bool (n,)
    efficiency : float
        Fraction of the true candidates to keep.
    """
    generator = torch.Generator().manual_seed(seed)
    mean, scale = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64) + 1e-3
    x = torch.from_numpy(((features - mean) / scale).astype(np.float32))
    y = torch.from_numpy(true.astype(np.float32))
    widths = (features.shape[1], *HIDDEN, 1)
    layers = [nn.Linear(i, o) for i, o in itertools.pairwise(widths)]
    for layer in layers:  # from our own generator: the same seed gives the same gate, whatever ran before
        bound = 1 / np.sqrt(layer.in_features)
        for p in layer.parameters():
            nn.init.uniform_(p, -bound, bound, generator=generator)
    net = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=steps)
    training = max(int(len(x) * 0.8), 1)
    for step in range(steps):
        rows = torch.randint(0, training, (batch,), generator=generator)
        loss = nn.functional.binary_cross_entropy_with_logits(net(x[rows])[:, 0], y[rows])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        if progress and step % 50 == 0:
            progress("gate", step, steps)
    w = [p.detach().double().numpy() for layer in layers for p in (layer.weight, layer.bias)]
    with torch.no_grad():
        logits = net(x[training:])[:, 0].numpy()[true[training:]]
    threshold = np.quantile(logits, 1 - efficiency) if len(logits) else -np.inf
    w1 = w[0].T / scale[:, None]
    parts = (w1, w[1] - mean @ w1, w[2].T, w[3], w[4][0], w[5], np.array([threshold]))
    return Gate(*(np.ascontiguousarray(part, dtype=np.float32) for part in parts))
