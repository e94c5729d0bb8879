"""How strange an input is, in fixed point: one number from the outputs of a network, and whether it is above a threshold.

``answer``: the output itself, learned from a larger model's score, as CICADA does (arXiv 2310.06047 shows the distillation).
``squares``: the sum of the squares of all outputs; of a variational autoencoder they are the means of its latent numbers, as
in AXOL1TL (arXiv 2411.19506), and its decoder is not in the hardware. ``distance``: the same of outputs that are sums of the
inputs, learned as the density of largest likelihood: a one-class embedding whose score is a distance in units of what normal
inputs spread by (Mahalanobis). ``residual``: the outputs are added to what the network
read, and what is left is squared and summed: an autoencoder whose last layer learned to take away what it knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from .arithmetic import Arithmetic, Rows
from .fixed_point import BitsConfig, FixedPoint

FINER = 2.0  # bits of a score
SPREADS = 8.0  # largest logarithm of the variance of a latent number, and of its inverse


class Score(nn.Module):
    """The last steps of a network for anomalies.

    Parameters
    ----------
    kind
        See the module.
    outputs : int
        Of the network before.
    bits : BitsConfig
    """

    threshold: Tensor

    def __init__(
        self, kind: Literal["answer", "squares", "residual", "distance"], outputs: int, bits: BitsConfig
    ) -> None:
        super().__init__()
        self.squared = kind != "answer"
        if self.squared:
            self.parts = FixedPoint(outputs, bits, signed=True)
        # A threshold needs a finer grid than what other layers hear of it.
        fine = replace(bits, activation_bits=bits.activation_bits + FINER)
        self.total = FixedPoint(1, fine, signed=not self.squared)
        self.register_buffer("threshold", torch.zeros(1))

    def run(self, ops: Arithmetic[Rows], x: Rows) -> Rows:
        """Score and flag, two channels."""
        if self.squared:
            x = ops.squares(ops.cut(self.parts, x))
        return ops.flag(self, ops.cut(self.total, x))


class Decoder(nn.Module):
    """What a variational autoencoder has besides its encoder, in floating point.

    Parameters
    ----------
    last : int
        Channels of the last layer of the encoder before its outputs.
    outputs : int
        Latent numbers.
    widths : sequence of int
        Hidden layers.
    numbers : int
        Of an input.
    """

    def __init__(self, last: int, outputs: int, widths: Sequence[int], numbers: int) -> None:
        super().__init__()
        self.spread = nn.Linear(last, outputs)
        layers: list[nn.Module] = []
        for a, b in pairwise((outputs, *widths)):
            layers += [nn.Linear(a, b), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(widths[-1], numbers))

    def forward(self, last: Tensor, mean: Tensor) -> tuple[Tensor, Tensor]:
        """What the input was, from one draw of the latent numbers, and how far these are from a normal distribution.

        When not training, their means are drawn.

        Parameters
        ----------
        last : (b, last)
        mean : (b, outputs)

        Returns
        -------
        (b, numbers), (b,)
            The second is the Kullback-Leibler divergence.
        """
        log_variance = torch.clamp(self.spread(last), -SPREADS, SPREADS)
        latent = mean
        if self.training:
            latent = mean + torch.exp(log_variance / 2) * torch.randn_like(mean)
        far = 0.5 * (mean**2 + log_variance.exp() - log_variance - 1).sum(dim=-1)
        return self.layers(latent), far
