"""Layers in fixed point that learn how many bits they need: every weight and every channel has its own.

A number is ``integer * 2**-fraction``; scales are powers of two, so nothing but integers is left in hardware. Rounding has
the gradient of the identity (Bengio et al., arXiv 1308.3432), and the number of bits learns from the error it makes, as in
HGQ (Sun et al., arXiv 2405.00645). A weight or channel left with no bits is gone: pruning needs no step of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

BIAS_FRACTION = 8
MOST_BITS = 12.0
SPEED = 8.0  # numbers of bits are learned so many times as fast as weights: whole bits are large steps
FORGET = 0.99  # of the largest value seen, at every step of training


class Format(NamedTuple):
    """Fixed-point format of each channel: ``signed`` (0 or 1), ``integer`` and ``fraction`` bits, int64 (c,) each.

    Values run from ``-signed * 2**integer`` to ``2**integer - 2**-fraction``; without bits the channel is 0.
    """

    signed: NDArray[np.int64]
    integer: NDArray[np.int64]
    fraction: NDArray[np.int64]

    @property
    def bits(self) -> NDArray[np.int64]:
        """Width of each channel."""
        return np.maximum(self.signed + self.integer + self.fraction, 0)


@dataclass(frozen=True)
class BitsConfig:
    """How numbers are kept.

    Attributes
    ----------
    weights
        ``fixed``: each weight its own bits; ``ternary``, ``binary``: a sign, one scale a layer; ``float``: not quantised.
    weight_bits : float
        Bits of a weight after the point when the training begins, which then changes them.
    activation_bits : float
        Bits after the point of the numbers between the layers when the training begins, which then changes them.
    input_bits : int
        Bits of each input, sign included; the network may use fewer.
    input_integer : int
        How many of these stand before the point: ports reach ``2**input_integer`` units, each about the spread of its
        number.
    """

    weights: Literal["fixed", "ternary", "binary", "float"] = "fixed"
    weight_bits: float = 6.0
    activation_bits: float = 5.0
    input_bits: int = 10
    input_integer: int = 3

    @property
    def input_fraction(self) -> int:
        """Bits of an input after the point."""
        return self.input_bits - 1 - self.input_integer


class _Through(torch.autograd.Function):
    """The values of one tensor with the gradient of another: not a sum of both, which would round."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, to: Tensor) -> Tensor:
        return to.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return grads[0], None


class _Rounded(torch.autograd.Function):
    """`x` on the grid of ``2**-fraction``: gradient of the identity to `x`, of the error to `fraction`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, fraction: Tensor, floor: bool) -> Tensor:
        step = torch.exp2(-fraction)
        grid = torch.floor(x / step) if floor else torch.round(x / step)
        q = grid * step
        ctx.save_for_backward(x - q, fraction)
        return q

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        error, fraction = ctx.saved_tensors
        pull = (math.log(2.0) * error * grads[0]).sum_to_size(fraction.shape)
        return grads[0], pull, None


def _through(x: Tensor, to: Tensor) -> Tensor:
    result: Tensor = _Through.apply(x, to.detach())  # type: ignore[no-untyped-call]
    return result


def _rounded(x: Tensor, fraction: Tensor, floor: bool) -> Tensor:
    result: Tensor = _Rounded.apply(x, fraction, floor)  # type: ignore[no-untyped-call]
    return result


def _whole(bits: Tensor) -> Tensor:
    """Whole numbers of bits from what is learned, with the gradient of the real ones."""
    bits = torch.clamp(SPEED * bits, -MOST_BITS, MOST_BITS)
    return _through(bits, torch.round(bits))


class FixedDense(nn.Module):
    """A linear layer whose weights and bias lie on grids of powers of two.

    Parameters
    ----------
    inputs, outputs : int
    config : BitsConfig
    bias : bool
    """

    kept: Tensor

    def __init__(self, inputs: int, outputs: int, config: BitsConfig, bias: bool = True) -> None:
        super().__init__()
        self.kind = config.weights
        self.weight = nn.Parameter(torch.empty(outputs, inputs))
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.fraction = nn.Parameter(torch.full((outputs, inputs), config.weight_bits / SPEED))
        self.register_buffer("kept", torch.ones(outputs, inputs))

    def weights(self) -> Tensor:
        """Weights as they count, (outputs, inputs)."""
        weight = self.weight * self.kept
        if self.kind == "fixed":
            return _rounded(weight, _whole(self.fraction), floor=False)
        if self.kind == "float":
            return weight
        scale = torch.exp2(torch.round(torch.log2(weight.detach().abs().mean() + 1e-9)))
        sign = torch.sign(weight.detach())
        if self.kind == "ternary":
            sign = sign * (weight.detach().abs() > 0.5 * scale)
        return _through(weight, sign * scale)

    def biases(self) -> Tensor | None:
        """Bias as it counts, (outputs,)."""
        if self.bias is None or self.kind == "float":
            return self.bias
        scale = 2.0**BIAS_FRACTION
        return _through(self.bias, torch.round(self.bias * scale) / scale)

    def forward(self, x: Tensor) -> Tensor:
        """``x @ weights.T + bias``."""
        return nn.functional.linear(x, self.weights(), self.biases())

    def bits(self) -> Tensor:
        """Width of each weight without its sign, (outputs, inputs): what it costs to multiply by it."""
        weight = self.weights().detach()
        integer = torch.floor(torch.log2(weight.abs() + 1e-12)) + 1
        if self.kind == "fixed":
            return torch.where(weight != 0, torch.relu(integer + _whole(self.fraction)), 0.0)
        return (weight != 0).to(weight.dtype)


class FixedPoint(nn.Module):
    """Cuts each channel to its bits: rounded down, held at the ends of its range; after ReLU where unsigned.

    Parameters
    ----------
    channels : int
    config : BitsConfig
    signed : bool
        Without, what is below zero becomes zero.
    """

    top: Tensor

    def __init__(self, channels: int, config: BitsConfig, signed: bool = False) -> None:
        super().__init__()
        self.signed, self.exact = signed, config.weights == "float"
        self.fraction = nn.Parameter(torch.full((channels,), config.activation_bits / SPEED))
        self.register_buffer("top", torch.zeros(channels))

    def integer(self) -> Tensor:
        """Bits before the point of each channel, from the largest value in training."""
        return torch.ceil(torch.log2(self.top + 1e-6))

    def forward(self, x: Tensor) -> Tensor:
        """Numbers of the last dimension's channels on their grids."""
        if not self.signed:
            x = torch.relu(x)
        if self.exact:
            return x
        if self.training and x.numel():
            seen = x.detach().abs().reshape(-1, x.shape[-1]).amax(dim=0)
            self.top.copy_(torch.maximum(seen, FORGET * self.top))
        fraction, end = _whole(self.fraction), torch.exp2(self.integer())
        q = _rounded(x, fraction, floor=True)
        top = torch.clamp(end - torch.exp2(-fraction.detach()), min=0.0)
        q = torch.minimum(q, top)
        if self.signed:
            q = torch.maximum(q, -end)
        return q * (self.bits().detach() > 0)

    def bits(self) -> Tensor:
        """Width of each channel."""
        return torch.relu(self.integer() + _whole(self.fraction) + float(self.signed))

    def format(self) -> Format:
        """The formats that the network uses now."""
        fraction, integer = (
            x.detach().cpu().numpy().astype(np.int64) for x in (_whole(self.fraction), self.integer())
        )
        signed = np.full(len(fraction), int(self.signed), np.int64)
        return Format(signed, integer, fraction)
