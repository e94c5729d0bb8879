"""Sets of independent events, pure or with some of a signal, for `scripts/event_sets.py`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gnnreco.columns import Floats

SHIFT = np.array([1.2, 0.8])  # of the signal of the toy, in widths


@dataclass(frozen=True)
class Kinds:
    """Events (n, k) of two kinds: background, and signal or a mixture with some."""

    background: Floats
    other: Floats

    @cached_property
    def both(self) -> Tensor:
        """All events, background first."""
        return torch.as_tensor(np.concatenate([self.background, self.other])).float()

    def sets(self, share: Floats, size: int, rng: np.random.Generator) -> Tensor:
        """Sets (n, size, k); an event of set i is of the other kind with probability share[i]."""
        other = rng.random((len(share), size)) < share[:, None]
        first = np.where(other, len(self.background), 0)
        events = np.where(other, len(self.other), len(self.background))
        return self.both[torch.as_tensor(first + (rng.random(other.shape) * events).astype(np.int64))]


def toy(events: int, rng: np.random.Generator) -> Kinds:
    """Normal background and signal of width 1, the signal moved by `SHIFT`."""
    return Kinds(rng.normal(size=(events, 2)), SHIFT + rng.normal(size=(events // 4, 2)))


def lhco(folder: Path) -> tuple[Kinds, Kinds]:
    """Events to learn from and events to test: signal-region features of the LHC Olympics R&D data, no event in both.

    Background of ``train.npy`` is learned from, that of ``val.npy`` tested on; both have few signal events, so each has half of
    ``extrasig_train.npy`` too. Features have mean 0 and width 1 in the background.
    """
    train, val, extra = (np.load(folder / f"{name}.npy") for name in ("train", "val", "extrasig_train"))
    (x, is_x), (y, is_y), z = (train[:, :-1], train[:, -1] > 0), (val[:, :-1], val[:, -1] > 0), extra[:, :-1]
    middle, width = x[~is_x].mean(axis=0), x[~is_x].std(axis=0)
    x, y, z = ((events - middle) / width for events in (x, y, z))
    learned = Kinds(x[~is_x], np.concatenate([x[is_x], z[: len(z) // 2]]))
    return learned, Kinds(y[~is_y], np.concatenate([y[is_y], z[len(z) // 2 :]]))


def lesson(pool: Kinds, events: int, fraction: float, rng: np.random.Generator) -> Kinds:
    """As many events of background as of a mixture with a fraction of signal, each event once."""
    signal = rng.binomial(events, fraction)
    background = rng.permutation(pool.background)[: 2 * events - signal]
    mixture = np.concatenate([rng.permutation(pool.other)[:signal], background[events:]])
    return Kinds(background[:events], rng.permutation(mixture))


def exact(sets: Tensor, fraction: float) -> Floats:
    """Logarithms of the true likelihood ratios of mixture and background (n, size), for events of the toy."""
    return np.log1p(fraction * np.expm1(sets.double().numpy() @ SHIFT - SHIFT @ SHIFT / 2))
