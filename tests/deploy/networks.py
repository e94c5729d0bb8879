"""Trigger networks with random weights, as if trained: their ranges are those of the data that is given."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gnnreco.models.trigger.fixed_point import SPEED, BitsConfig
from gnnreco.models.trigger.network import TriggerNetwork, TriggerNetworkConfig

SHAPES: dict[str, dict[str, Any]] = {
    "dense": {"kind": "dense", "head_layers": (8, 6)},
    "pairs": {"kind": "nodes", "slots": 4, "edge_layers": (4, 3), "node_layers": (4,), "head_layers": (6,)},
    "senders": {"kind": "nodes", "slots": 5, "messages": "senders", "edge_layers": (4,), "node_layers": (4,), "head_layers": (6,)},
    "edges": {"kind": "edges", "slots": 4, "edge_layers": (4,), "node_layers": (3,), "head_layers": (4,), "outputs": 1},
    "layers": {"kind": "edges", "slots": 6, "groups": 3, "edge_layers": (4,), "node_layers": (3,), "head_layers": (4,), "outputs": 1},
    "slots": {"kind": "slots", "slots": 4, "messages": "senders", "edge_layers": (4,), "node_layers": (4,), "head_layers": (6,), "outputs": 2},
}  # fmt: skip
#: Networks of anomalies.
SCORES: dict[str, dict[str, Any]] = {
    "answer": {"kind": "dense", "head_layers": (8, 6), "outputs": 1, "score": "answer"},
    "residual": {"kind": "dense", "head_layers": (8, 4), "outputs": 3, "score": "residual"},
    "squares": {"kind": "nodes", "slots": 3, "messages": "senders", "edge_layers": (4,), "node_layers": (4,), "head_layers": (6,), "outputs": 3, "score": "squares"},
}  # fmt: skip
#: Besides, one with half the edges of "pairs": a compiler of C++ reads its firmware in seconds.
ALL = (
    SHAPES
    | SCORES
    | {"few": {"kind": "nodes", "slots": 3, "edge_layers": (4,), "node_layers": (3,), "head_layers": (4,)}}
)
FEATURES = 3


def network(shape: str, seed: int = 0, weights: str = "fixed", bits: float = 4.0) -> TriggerNetwork:
    """A network of one of `ALL`, its numbers of bits drawn at random, about half of its weights gone."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    config = TriggerNetworkConfig(**ALL[shape], bits=BitsConfig(weights, bits, bits, 8))  # type: ignore[arg-type]
    made = TriggerNetwork(config, FEATURES)
    made.offset.copy_(torch.tensor([0.5, -2.0, 0.0]))
    made.scale.copy_(torch.tensor([2.0, 0.25, 1.0]))
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if name.endswith("fraction"):
                parameter += torch.from_numpy(rng.integers(-3, 3, parameter.shape)).float() / SPEED
            if name.endswith("weight"):
                parameter *= torch.from_numpy(rng.random(parameter.shape) < 0.6)
            if name.endswith("bias"):
                parameter += 0.3 * torch.from_numpy(rng.normal(size=parameter.shape))
        made.train()
        made(*(torch.from_numpy(a).float() for a in inputs(shape, 256, seed)))
    return made.eval()


def inputs(shape: str, n: int, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Features of `n` buffers, and which slots are filled."""
    rng, slots = np.random.default_rng(seed), ALL[shape].get("slots", 0)
    x = rng.normal(size=(n, slots, FEATURES) if slots else (n, FEATURES)) * [4.0, 0.5, 1.5] + [0.5, -2.0, 0.0]
    return x, (rng.random((n, slots)) < 0.7).astype(np.float64)
