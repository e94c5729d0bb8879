"""A network of three columns that can be looked through: what it answers and loses is written down here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from gnnreco.columns import Event
from gnnreco.tasks.contract import Reading

NAMES = {"row": ("signal", "echo", "ignored")}


def reading(n: int = 60, seed: int = 0) -> Reading:
    """Rows whose wanted number is made of `signal` and a little of `echo`; each row describes two of n hits."""
    rng = np.random.default_rng(seed)
    rows = torch.from_numpy(rng.normal(size=(n, 3)).astype(np.float32))
    links = np.stack([np.repeat(np.arange(n), 2), np.repeat(np.arange(n), 2)], axis=1)
    links[1::2, 1] = (links[1::2, 1] + 1) % n
    return Reading({"row": rows}, NAMES, {"row": links}, wanted(rows))


def wanted(rows: Tensor) -> Tensor:
    """What ought to be said of each row."""
    return 2.0 * rows[:, 0] + 0.1 * rows[:, 1]


@dataclass
class Toy:
    """An explainer whose weights nobody has to train."""

    weight: Tensor = field(default_factory=lambda: torch.tensor([2.0, 0.1, 0.0]))
    answer: str = "the weighted sum, bent"

    def read(self, event: Event) -> Reading:
        return reading(len(event.hits))

    def loss(self, given: Reading, features: Mapping[str, Tensor]) -> Tensor:
        return ((features["row"] @ self.weight - given.work) ** 2).mean()

    def answers(self, given: Reading, features: Mapping[str, Tensor]) -> Tensor:
        return torch.tanh(features["row"] @ self.weight)
