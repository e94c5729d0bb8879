"""What trigger networks are made of: each is written once, in an arithmetic that runs it on tensors, or adds up its cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from .fixed_point import FixedDense, FixedPoint

if TYPE_CHECKING:
    from .score import Score

Rows = TypeVar("Rows")


class Arithmetic(Protocol[Rows]):
    """What a network is made of; `x` are rows of numbers, ``(..., rows, channels)`` or ``(..., channels)``."""

    def dense(self, layer: FixedDense, x: Rows) -> Rows:
        """Product with the weights, plus the bias."""

    def cut(self, layer: FixedPoint, x: Rows) -> Rows:
        """To fixed point."""

    def add(self, a: Rows, b: Rows) -> Rows:
        """Sum of two; one row is added to all rows."""

    def rows(self, x: Rows, index: np.ndarray) -> Rows:
        """Rows by their number."""

    def valid(self, x: Rows, by: Any, *slots: np.ndarray) -> Rows:
        """Zero in rows that are not valid; `slots` names the slots that each row needs (without: its own)."""

    def total(self, x: Rows, group: np.ndarray, n: int) -> Rows:
        """Sums of the rows of each of `n` groups."""

    def squares(self, x: Rows) -> Rows:
        """Sum of the squares of all channels, one channel."""

    def flag(self, score: Score, x: Rows) -> Rows:
        """Its one channel, and whether that is above the threshold of `score`, 1 or 0."""


class Tensors:
    """The arithmetic on batches of tensors."""

    def dense(self, layer: FixedDense, x: Tensor) -> Tensor:
        """See `Arithmetic`."""
        out: Tensor = layer(x)
        return out

    def cut(self, layer: FixedPoint, x: Tensor) -> Tensor:
        """See `Arithmetic`."""
        out: Tensor = layer(x)
        return out

    def add(self, a: Tensor, b: Tensor) -> Tensor:
        """See `Arithmetic`."""
        return a + b

    def rows(self, x: Tensor, index: np.ndarray) -> Tensor:
        """See `Arithmetic`."""
        return x.index_select(-2, torch.from_numpy(index))

    def valid(self, x: Tensor, by: Tensor, *slots: np.ndarray) -> Tensor:
        """See `Arithmetic`."""
        on = by
        if slots:
            on = torch.stack([by.index_select(-1, torch.from_numpy(s)) for s in slots]).prod(dim=0)
        return x * on[..., None]

    def total(self, x: Tensor, group: np.ndarray, n: int) -> Tensor:
        """See `Arithmetic`."""
        size = len(group) // max(n, 1)
        if np.array_equal(group, np.arange(n).repeat(size)):
            return x.unflatten(-2, (n, size)).sum(dim=-2)
        out = x.new_zeros(*x.shape[:-2], n, x.shape[-1])
        return out.index_add(-2, torch.from_numpy(group), x)

    def squares(self, x: Tensor) -> Tensor:
        """See `Arithmetic`."""
        return (x * x).sum(dim=-1, keepdim=True)

    def flag(self, score: Score, x: Tensor) -> Tensor:
        """See `Arithmetic`."""
        return torch.cat([x, (x > score.threshold).to(x.dtype)], dim=-1)


class Cost:
    """The arithmetic on numbers of bits: adds up what hardware pays for, in about LUTs.

    A product costs the bits of both factors (effective bit operations, arXiv 2405.00645), a sum those of one term. A value
    stands for ``(bits (channels,), rows)``.
    """

    def __init__(self) -> None:
        self.sum: Tensor = torch.zeros(())

    def dense(self, layer: FixedDense, x: tuple[Tensor, int]) -> tuple[Tensor, int]:
        """See `Arithmetic`."""
        self.sum = self.sum + x[1] * (layer.bits() @ x[0]).sum()
        return x[0].new_zeros(len(layer.weight)), x[1]

    def cut(self, layer: FixedPoint, x: tuple[Tensor, int]) -> tuple[Tensor, int]:
        """See `Arithmetic`."""
        return layer.bits(), x[1]

    def add(self, a: tuple[Tensor, int], b: tuple[Tensor, int]) -> tuple[Tensor, int]:
        """See `Arithmetic`."""
        rows, bits = max(a[1], b[1]), torch.maximum(a[0], b[0])
        self.sum = self.sum + rows * bits.sum()
        return bits, rows

    def rows(self, x: tuple[Tensor, int], index: np.ndarray) -> tuple[Tensor, int]:
        """See `Arithmetic`."""
        return x[0], len(index)

    def valid(self, x: tuple[Tensor, int], by: object, *slots: np.ndarray) -> tuple[Tensor, int]:
        """See `Arithmetic`."""
        self.sum = self.sum + x[1] * x[0].sum()
        return x

    def total(self, x: tuple[Tensor, int], group: np.ndarray, n: int) -> tuple[Tensor, int]:
        """See `Arithmetic`."""
        self.sum = self.sum + (len(group) - n) * x[0].sum()
        return x[0], n

    def squares(self, x: tuple[Tensor, int]) -> tuple[Tensor, int]:
        """See `Arithmetic`; half of the bits of a square come twice. No loss defends them, so they have no price."""
        bits = x[0].detach()
        self.sum = self.sum + x[1] * (bits**2 / 2 + bits).sum()
        return 2 * bits.max().reshape(1), x[1]

    def flag(self, score: Score, x: tuple[Tensor, int]) -> tuple[Tensor, int]:
        """See `Arithmetic`; no price on the bits of a score, which no loss defends."""
        self.sum = self.sum + x[1] * x[0].detach().sum()
        return torch.cat([x[0], torch.ones_like(x[0])]), x[1]
