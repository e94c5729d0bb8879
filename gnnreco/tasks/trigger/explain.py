"""What a trigger network reads and answers, for `gnnreco report`: numbers as its input ports have them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gnnreco.columns import Event, Floats, JetBlock
from gnnreco.models.trigger.arithmetic import Tensors
from gnnreco.tasks.contract import Classified, Reading, truth_of

from .buffers import Buffers

if TYPE_CHECKING:
    from .task import TriggerTask

#: What a slot holds, by the source of the buffers; the first of them as many as `InputConfig.features` says.
SLOTS = {
    "jet_particles": ("pt", "eta", "phi"),
    "sectors": ("depth", "azimuth", "along", "slope_along", "slope_across"),
    "regions": ("energy", "depth", "distance", "around", "along"),
}
REGIONS = ("electromagnetic", "hadron", "other")


def feature_names(task: TriggerTask, event: Event | JetBlock) -> tuple[str, ...]:
    """Names of the numbers in a buffer: those of the file for features of jets."""
    source = task.config.input
    if source.source == "jet_features":
        assert isinstance(event, JetBlock)  # `TriggerTask.buffers` has seen to it
        return tuple(source.columns or event.jets.feature_names)
    return SLOTS[source.source][: source.features]


def classified(answers: Floats, b: Buffers, event: Event | JetBlock) -> Classified:
    """Probabilities from exact answers (b, outputs) or (b, edges, outputs)."""
    label = b.label.astype(np.int64)
    if answers.ndim == 3:  # an answer for each edge: only those that are there
        there = label >= 0
        answers, label = answers[there], label[there]
    if answers.shape[1] == 1:
        yes = 1 / (1 + np.exp(-answers[:, 0]))
        return Classified(np.stack([1 - yes, yes], axis=1), label, ("no", "yes"))
    shifted = np.exp(answers - answers.max(axis=1, initial=-np.inf, keepdims=True))
    names = tuple(event.jets.classes) if isinstance(event, JetBlock) else REGIONS
    known = names if len(names) >= answers.shape[1] else tuple(map(str, range(answers.shape[1])))
    return Classified(shifted / shifted.sum(axis=1, keepdims=True), label, known[: answers.shape[1]])


@dataclass(frozen=True, slots=True)
class Work:
    """Buffers as tensors: which slots are filled, what should come out; and where the rows of features stand."""

    valid: Tensor
    label: Tensor
    filled: NDArray[np.bool_]


class TriggerExplainer:
    """See `gnnreco.tasks.contract.Explainer`."""

    answer = "log-odds of the likeliest class"

    def __init__(self, task: TriggerTask) -> None:
        self.task = task

    def read(self, event: Event | JetBlock) -> Reading[Work]:
        """The filled slots, in units of the ports and rounded as these do: what is before them has no gradient."""
        if isinstance(event, Event):
            truth_of(event)
        b = self.task.buffers(event)
        filled = b.valid > 0 if b.valid.size else np.ones(len(b.x), bool)
        with torch.no_grad():
            x = self.task.network.ported(torch.from_numpy(b.x.astype(np.float32)))
        kind = "slot" if b.valid.size else "jet"
        valid, label = b.valid.astype(np.float32), b.label.astype(np.int64)
        work = Work(torch.from_numpy(valid), torch.from_numpy(label), filled)
        names = {kind: feature_names(self.task, event)}
        return Reading({kind: x[torch.from_numpy(filled)]}, names, {}, work)

    def loss(self, reading: Reading[Work], features: Mapping[str, Tensor]) -> Tensor:
        """Cross entropy of the answers; neither a teacher nor the hardware counts."""
        answer, label = self._run(reading, features), reading.work.label
        known = label >= 0
        logit, label = answer[known], label[known]
        if not len(label):
            return answer.sum() * 0.0
        if logit.shape[1] == 1:
            return torch.nn.functional.binary_cross_entropy_with_logits(logit[:, 0], label.to(logit.dtype))
        return torch.nn.functional.cross_entropy(logit, label)

    def answers(self, reading: Reading[Work], features: Mapping[str, Tensor]) -> Tensor:
        """Of each buffer, or of each edge that is known: as `classified` orders them."""
        with torch.no_grad():
            known = self._run(reading, reading.features)
        answer = self._run(reading, features)
        if answer.ndim == 3:
            there = reading.work.label >= 0
            answer, known = answer[there], known[there]
        if answer.shape[1] == 1:
            return answer[:, 0] * torch.where(known[:, 0] > 0, 1.0, -1.0)
        chosen = torch.nn.functional.one_hot(known.argmax(dim=1), answer.shape[1]).bool()
        return answer[chosen] - torch.logsumexp(answer.masked_fill(chosen, -torch.inf), dim=1)

    def _run(self, reading: Reading[Work], features: Mapping[str, Tensor]) -> Tensor:
        network, work = self.task.network, reading.work
        rows = next(iter(features.values()))
        if work.filled.ndim == 1:
            x = rows
        else:
            x = rows.new_zeros(*work.filled.shape, rows.shape[1])
            # What an empty slot holds is a zero before the port.
            x = x + network.ported(x)
            filled = torch.from_numpy(work.filled)[:, :, None].expand_as(x)
            x = x.masked_scatter(filled, rows)
        out: Tensor = network.run(Tensors(), x, work.valid, network.config.pairs(), network.config.slots)
        return out[..., 0, :] if network.config.kind == "nodes" else out


def flat(b: Buffers, pairs: NDArray[np.int64], edges: bool) -> Buffers:
    """Buffers as one row of numbers each: all slots and which are filled, or both ends of each edge that is known."""
    if not b.valid.size:
        return b
    if not edges:
        x = np.concatenate([(b.x * b.valid[:, :, None]).reshape(len(b.x), -1), b.valid], axis=1)
        return replace(b, x=x, valid=np.zeros((len(x), 0)))
    there = b.label >= 0
    ends = np.concatenate([b.x[:, pairs[:, 0]], b.x[:, pairs[:, 1]]], axis=2)[there]
    return replace(b, x=ends, valid=np.zeros((len(ends), 0)), label=b.label[there])
