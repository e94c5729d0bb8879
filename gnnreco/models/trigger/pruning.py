"""Pruning by size on a schedule: single weights, or whole rows, whose hardware then goes away."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from .fixed_point import FixedDense


@dataclass(frozen=True)
class PruneConfig:
    """What is pruned besides what runs out of bits.

    Attributes
    ----------
    fraction : float
        Part of the weights of each layer that is taken away in the end.
    structured : bool
        Whole outputs of layers instead of single weights (but never an answer).
    steps : int
        Steps of training until then; the fraction grows as 1 - (1 - t)^3 (Zhu, Gupta, arXiv 1710.01878).
    """

    fraction: float = 0.0
    structured: bool = False
    steps: int = 2000


def prune(network: nn.Module, config: PruneConfig, step: float) -> None:
    """Set the masks of all layers of a network for this step of its training."""
    if not config.fraction:
        return
    part = config.fraction * (1 - (1 - min(1.0, step / config.steps)) ** 3)
    for name, layer in network.named_modules():
        if not isinstance(layer, FixedDense) or (config.structured and name == "answer"):
            continue
        size = layer.weight.detach().abs()
        if config.structured:
            size = size.norm(dim=1, keepdim=True).expand_as(size)
        gone = int(part * (size.shape[0] if config.structured else size.numel()))
        order = torch.argsort((size[:, 0] if config.structured else size.flatten()), stable=True)[:gone]
        kept = torch.ones_like(layer.weight)
        (kept if config.structured else kept.view(-1))[order] = 0
        layer.kept.copy_(kept)
