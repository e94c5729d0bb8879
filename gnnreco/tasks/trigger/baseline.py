"""A logistic regression beside a trigger network: what can be told without layers between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from gnnreco.columns import Event, Floats
from gnnreco.errors import BadConfig
from gnnreco.tasks.contract import Classified

from .buffers import Buffers
from .explain import classified, flat

if TYPE_CHECKING:
    from .task import TriggerTask

MOST_ROWS = 20_000
STEPS = 100  # of L-BFGS
PULL = 1e-4  # towards weights of zero


@dataclass(frozen=True, slots=True)
class LinearTrigger:
    """A linear model of what the network reads.

    Attributes
    ----------
    task : TriggerTask
        Fills the buffers.
    middle, spread : float64 (f,)
    weight, bias : float64 (outputs, f), (outputs,)
    """

    task: TriggerTask
    middle: Floats
    spread: Floats
    weight: Floats
    bias: Floats

    def classified(self, event: Event) -> Classified:
        """The same as the network is asked for."""
        b = _flat(self.task, self.task.buffers(event))
        return classified((b.x - self.middle) / self.spread @ self.weight.T + self.bias, b, event)


def linear_trigger(task: TriggerTask, events: Sequence[Event]) -> tuple[str, LinearTrigger]:
    """Fit one to events, or to the buffers that the bundle keeps where there are none.

    Raises
    ------
    BadConfig
        There is nothing to fit to.
    """
    if len(events):
        parts, what = [task.buffers(event) for event in events], "the training events"
    elif task.examples is not None:
        parts, what = [task.examples], "the buffers that the bundle keeps"
    else:
        raise BadConfig("the bundle keeps no buffers to fit a baseline to: name training events with train=")
    rows = [_flat(task, part) for part in parts]
    x, label = np.concatenate([b.x for b in rows]), np.concatenate([b.label for b in rows])
    known = np.flatnonzero(label >= 0)
    known = known[:: -(-len(known) // MOST_ROWS) or 1]
    x, label = x[known].astype(np.float64), label[known].astype(np.int64)
    middle, spread = x.mean(axis=0), x.std(axis=0)
    spread = np.where(spread > 1e-9, spread, 1.0)
    weight, bias = _fitted((x - middle) / spread, label, task.config.network.outputs)
    words = f"logistic regression on the same numbers, fitted to {len(x):,} of {what}"
    return words, LinearTrigger(task, middle, spread, weight, bias)


def _flat(task: TriggerTask, b: Buffers) -> Buffers:
    network = task.config.network
    return flat(replace(b, x=np.asarray(b.x, np.float64)), network.pairs(), network.kind == "edges")


def _fitted(x: Floats, label: np.ndarray, outputs: int) -> tuple[Floats, Floats]:
    """Weights and bias of least cross entropy; from zero, so that the same rows give the same model."""
    model = nn.Linear(x.shape[1], outputs, dtype=torch.float64)
    nn.init.zeros_(model.weight)
    nn.init.zeros_(model.bias)
    rows, wanted = torch.from_numpy(x), torch.from_numpy(label)
    steps = torch.optim.LBFGS(model.parameters(), max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        steps.zero_grad()
        logit = model(rows)
        if outputs == 1:
            entropy = nn.functional.binary_cross_entropy_with_logits(logit[:, 0], wanted.double())
        else:
            entropy = nn.functional.cross_entropy(logit, wanted)
        total: torch.Tensor = entropy + PULL * (model.weight**2).sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    if len(x):
        steps.step(loss)  # type: ignore[no-untyped-call]
    return model.weight.detach().numpy(), model.bias.detach().numpy()
