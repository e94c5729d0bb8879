"""Trigger networks with every kind of format: channels without bits, negative integer bits, ranges that saturate."""

from __future__ import annotations

import numpy as np
import torch

from gnnreco.deploy.lower import lower
from gnnreco.deploy.program import Program
from gnnreco.models.fixed_point import FixedDense, FixedPoint
from gnnreco.models.trigger_network import TriggerNetwork, TriggerNetworkConfig


def motley(kind: str = "dense", messages: str = "pairs", seed: int = 0, features: int = 5) -> TriggerNetwork:
    """A network whose channels and weights have formats of their own, with float64 numbers inside."""
    torch.manual_seed(seed)
    config = TriggerNetworkConfig(
        kind=kind, messages=messages, slots=6, edge_layers=(4, 3), node_layers=(6, 4), head_layers=(8, 6), outputs=3
    )  # fmt: skip
    network = TriggerNetwork(config, features)
    network.offset.copy_(torch.randint(-4, 5, (features,)) / 4)
    network.scale.copy_(2.0 ** torch.randint(-2, 3, (features,)))
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, FixedPoint):
                layer.fraction.copy_(torch.randint(1, 7, layer.fraction.shape))
                layer.fraction[::4] = -4.0
            elif isinstance(layer, FixedDense):
                layer.fraction.copy_(torch.randint(1, 7, layer.fraction.shape))
                layer.weight.mul_(2.0)
                if layer.bias is not None:
                    layer.bias.copy_(torch.randn(layer.bias.shape) * 0.3)
    network.train()
    network(torch.randn(500, 6, features)[:, 0] if kind == "dense" else torch.randn(500, 6, features),
            torch.ones(500, 6))  # fmt: skip
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, FixedPoint):
                layer.top.mul_(0.6)
    return network.eval().double()


def program(kind: str = "dense", messages: str = "pairs", seed: int = 0) -> Program:
    """The program of `motley`."""
    return lower(motley(kind, messages, seed))


def vectors(of: Program, n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray | None]:
    """Inputs as float32 holds them, far beyond every range at times, and which slots are valid."""
    draw = np.random.default_rng(seed)
    shape = (n, of.slots, of.features) if of.slots else (n, of.features)
    x = (draw.standard_normal(shape) * 3 ** draw.uniform(-1, 3, shape)).astype(np.float32).astype(np.float64)
    return x, (draw.random((n, of.slots)) < 0.7).astype(np.float64) if of.slots else None
