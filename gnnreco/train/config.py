"""How to train, and what can stop it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from gnnreco.errors import BadConfig, GnnrecoError


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Settings of the loop.

    Attributes
    ----------
    epochs : int
        Passes over the training events.
    learning_rate : float
        Highest learning rate of AdamW.
    schedule
        How the rate changes: ``cosine`` falls to a hundredth of the highest, ``one_cycle`` first climbs for 15 % of the
        steps.
    weight_decay : float
        How strongly AdamW pulls weights to zero, per unit of the learning rate.
    batch : int
        Events whose gradients are averaged for one step, over all processes; at least one for each.
    clip : float
        Largest norm of the gradient; 0 leaves it alone.
    precision
        ``bf16`` multiplies matrices in bfloat16; weights and sums stay fp32.
    patience : int
        Stop after this many epochs without a better validation loss; 0 never stops early.
    checkpoint_every : int
        Steps between checkpoints within an epoch; 0 saves at the end of each epoch (and on a signal) only.
    seed : int
        Of the order of events and of every random number that the network draws.
    threads : int
        Of torch. Networks as small as these gain little from more, and on a busy machine they lose up to tenfold; 0
        leaves the choice to torch.
    device : str
        Such as ``cpu`` or ``cuda``.
    cache : str
        Folder for prepared graphs, used again by later trainings; empty keeps them in memory.
    tensorboard : bool
        Also write TensorBoard's files (needs the extra ``tensorboard``).
    start : str
        Bundle to start from, of this or another detector: its settings, weights and gates; empty starts from nothing.
    """

    epochs: int = 20
    learning_rate: float = 2e-3
    schedule: Literal["constant", "cosine", "one_cycle"] = "one_cycle"
    weight_decay: float = 1e-4
    batch: int = 1
    clip: float = 1.0
    precision: Literal["fp32", "bf16"] = "fp32"
    patience: int = 0
    checkpoint_every: int = 0
    seed: int = 0
    threads: int = 1
    device: str = "cpu"
    cache: str = ""
    tensorboard: bool = False
    start: str = ""

    def __post_init__(self) -> None:
        for name in ("epochs", "learning_rate", "batch"):
            if not getattr(self, name) > 0:
                raise BadConfig(f"train.{name} must be above zero, not {getattr(self, name)}")
        for name in ("weight_decay", "clip", "patience", "checkpoint_every", "threads"):
            if not getattr(self, name) >= 0:
                raise BadConfig(f"train.{name} must not be negative, but is {getattr(self, name)}")

    def rate(self, done: float) -> float:
        """Learning rate when the fraction `done` of all steps lies behind."""
        done = min(1.0, done)
        if self.schedule == "constant":
            return self.learning_rate
        start, floor = (0.15, 1e-3) if self.schedule == "one_cycle" else (0.0, 1e-2)
        if done < start:
            return self.learning_rate * (0.04 + 0.96 * done / start)
        fall = 0.5 * (1 + math.cos(math.pi * (done - start) / (1 - start)))
        return self.learning_rate * (floor + (1 - floor) * fall)


class NotFinite(GnnrecoError):
    """A loss or gradient that is not a number; names the event, which is where to look."""

    def __init__(self, what: str, events: list[tuple[int, str]], epoch: int) -> None:
        self.events = events
        where = ", ".join(f"event {number} of {source}" for number, source in events)
        super().__init__(
            f"{what} is not finite in epoch {epoch} at {where}: look for broken values there, or lower "
            "train.learning_rate; the last checkpoint is from before this step"
        )


class Stopped(GnnrecoError):
    """A training stopped by a signal, its state saved."""
