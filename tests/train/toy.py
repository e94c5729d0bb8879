"""A toy task: three numbers of each event, and a network of two layers with dropout that learns their sum.

Run as a script it trains, so that tests can do so in other processes: ``toy.py FOLDER SETTINGS_AS_JSON``.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from gnnreco.columns import Event, Hits, Particles, Truth
from gnnreco.errors import GnnrecoError
from gnnreco.tasks.contract import Learner
from gnnreco.train import TrainConfig, train


@dataclass(frozen=True)
class ToyConfig:
    width: int = 8


@dataclass(frozen=True)
class ToySample:
    """Coordinates (3,), their sum (1,), and the number of the event (1,)."""

    x: torch.Tensor
    y: torch.Tensor
    number: torch.Tensor


class ToyTask(Learner[Event, ToySample]):
    name = "toy"
    sample_kind = ToySample

    def __init__(self, width: int = 8, dropout: float = 0.2) -> None:
        self.config = ToyConfig(width)
        self.detector = SimpleNamespace(name="toy", hash="0" * 64, at_source=lambda: self.detector)
        with torch.random.fork_rng():
            torch.manual_seed(1)
            self.network = torch.nn.Sequential(
                torch.nn.Linear(3, width),
                torch.nn.Dropout(dropout),
                torch.nn.ReLU(),
                torch.nn.Linear(width, 1),
            )
        self.mean = np.zeros(3)
        self.prepared = self.sampled = 0
        self.on_loss: Callable[[int], None] = lambda number: None

    def prepare(self, events: Iterable[Event], progress: Any = None) -> None:
        self.mean = np.mean([e.hits.xyz[0] for e in events], axis=0)
        self.prepared += 1

    def sample(self, event: Event) -> ToySample:
        self.sampled += 1
        x = torch.from_numpy(event.hits.xyz[0] - self.mean).float()
        return ToySample(x, x.sum()[None], torch.tensor([event.number]))

    def loss(self, sample: ToySample) -> tuple[torch.Tensor, dict[str, float]]:
        self.on_loss(int(sample.number))
        miss = self.network(sample.x).float() - sample.y
        return (miss**2).mean(), {"miss": float(miss.detach().abs().mean())}

    def state(self) -> dict[str, Any]:
        weights = {f"network.{k}": v.detach().numpy() for k, v in self.network.state_dict().items()}
        return {**weights, "mean": self.mean}

    def load_state(self, state: Mapping[str, Any]) -> None:
        weights = {
            k.removeprefix("network."): torch.from_numpy(np.array(v)) for k, v in state.items() if k != "mean"
        }
        self.network.load_state_dict(weights)
        self.mean = np.array(state["mean"])


def events(n: int, seed: int = 0, first: int = 0) -> list[Event]:
    rng = np.random.default_rng(seed)
    none, ones = np.zeros(0), np.zeros(0, np.int64)
    truth = Truth(Particles(ones, ones.astype(np.int32), *[none] * 7), ones, ones)
    return [
        Event(
            first + i,
            "toy",
            Hits(np.zeros(1, np.int64), *rng.normal(size=(3, 1)), np.zeros(1, np.int32)),
            truth,
        )
        for i in range(n)
    ]


def main() -> None:
    folder, options = sys.argv[1], json.loads(sys.argv[2])
    stop_after, resume = options.pop("stop_after", 0), options.pop("resume", False)
    task = ToyTask(dropout=float(options.pop("dropout", 0.2)))
    calls = 0

    def count(number: int) -> None:
        nonlocal calls
        calls += 1
        if calls == stop_after:
            os.kill(os.getpid(), signal.SIGTERM)

    task.on_loss = count
    try:
        train(task, events(13), events(5, 1, 100), TrainConfig(**options), folder, resume=resume)
    except GnnrecoError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from error


if __name__ == "__main__":
    main()
