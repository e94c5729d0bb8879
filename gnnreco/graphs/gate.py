"""A small network that throws away most candidates, pairs of points or triplets, at a stated efficiency."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, fields

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from gnnreco.graphs.features import doublet, doublet_arguments
from gnnreco.graphs.frame import Frame, Points

HIDDEN = (32, 16)


@dataclass(frozen=True)
class Gate:
    """Two hidden layers, normalisation folded into the first; a candidate stays when its logit is above `threshold`.

    Attributes
    ----------
    w1 (features, 32), b1 (32,), w2 (32, 16), b2 (16,), w3 (16,), b3 (1,) : float32
    threshold : float32 (1,)
    """

    w1: NDArray[np.float32]
    b1: NDArray[np.float32]
    w2: NDArray[np.float32]
    b2: NDArray[np.float32]
    w3: NDArray[np.float32]
    b3: NDArray[np.float32]
    threshold: NDArray[np.float32]

    def state(self) -> dict[str, NDArray[np.generic]]:
        """The weights as named arrays, for a bundle."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def weights(self) -> tuple[NDArray[np.float32], ...]:
        """What the kernels take."""
        return self.w1, self.b1, self.w2, self.b2, self.w3, self.b3

    def logits(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """One number for each row of features (n, f)."""
        return _logits(features, *self.weights())

    def pair_logits(
        self, points: Points, frame: Frame, signal_per_mm: float, pairs: NDArray[np.int32]
    ) -> NDArray[np.float32]:
        """The same for pairs of points, without writing their features down."""
        return _pair_logits(doublet_arguments(points, frame, signal_per_mm), pairs, *self.weights())


@numba.njit(inline="always")
def _network(f, h1, h2, w1, b1, w2, b2, w3, b3):  # type: ignore[no-untyped-def]
    zero = np.float32(0)
    h1[:] = b1
    for k in range(w1.shape[0]):
        for j in range(w1.shape[1]):
            h1[j] += f[k] * w1[k, j]
    h2[:] = b2
    for k in range(w2.shape[0]):
        hidden = max(h1[k], zero)
        for j in range(w2.shape[1]):
            h2[j] += hidden * w2[k, j]
    total = b3[0]
    for k in range(w3.shape[0]):
        total += max(h2[k], zero) * w3[k]
    return total


@numba.njit(cache=True, boundscheck=False, error_model="numpy", fastmath=True)
def _logits(features, w1, b1, w2, b2, w3, b3):  # type: ignore[no-untyped-def]
    out = np.empty(len(features), np.float32)
    h1, h2 = np.empty(w2.shape[0], np.float32), np.empty(w2.shape[1], np.float32)
    for n in range(len(features)):
        out[n] = _network(features[n], h1, h2, w1, b1, w2, b2, w3, b3)
    return out


@numba.njit(cache=True, boundscheck=False, error_model="numpy", fastmath=True)
def _pair_logits(given, pairs, w1, b1, w2, b2, w3, b3):  # type: ignore[no-untyped-def]
    out = np.empty(len(pairs), np.float32)
    f, h1, h2 = (
        np.empty(w1.shape[0], np.float32),
        np.empty(w2.shape[0], np.float32),
        np.empty(w2.shape[1], np.float32),
    )
    for n in range(len(pairs)):
        doublet(given, pairs[n, 0], pairs[n, 1], f)
        out[n] = _network(f, h1, h2, w1, b1, w2, b2, w3, b3)
    return out


def train_gate(
    features: NDArray[np.float32],
    true: NDArray[np.bool_],
    efficiency: float,
    seed: int,
    steps: int = 4000,
    batch: int = 8192,
    progress: Callable[[str, int, int], None] | None = None,
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
