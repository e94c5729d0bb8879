"""A network of particle flow that has learned from some events of another detector as well.

How often it goes over these events is chosen by cross-validation inside them: in turn, a part of the events is left out, and its
loss is followed from epoch to epoch. Then a network learns from all of them for as many epochs as were best in the mean; none, if
that was best. All of it is the same in every bit on one thread. Class probabilities and errors are fitted to what the networks of the cross-validation say of the events that each
of them did not see.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from kept_arrays import Arrays

from gnnreco.models.element_network import NOTHING
from gnnreco.progress import Progress
from gnnreco.tasks.particleflow import ParticleFlowTask
from gnnreco.tasks.particleflow.samples import FlowSample

EPOCHS, FOLDS, BATCH, RATE, DECAY = 10, 5, 4, 5e-4, 1e-2
SHIFT = NOTHING + 1  # row of what the network says of the logarithm of an energy
BALANCE = 1.0  # of the sum of all momenta in the loss
LEAST_SCORE = 0.5  # that sum counts each by its probability: what is likelier right than wrong must be there


class Tuned(NamedTuple):
    """A tuned network, and how it came about.

    Attributes
    ----------
    task : ParticleFlowTask
    epochs : int
        That it learned for.
    losses : list of float
        Mean loss of the events left out, before tuning and after each epoch.
    """

    task: ParticleFlowTask
    epochs: int
    losses: list[float]

    @classmethod
    def of_arrays(cls, task: ParticleFlowTask, arrays: Arrays) -> Tuned:
        """What `arrays` told, with the settings of a task that it was tuned from."""
        made, state = copied(task), dict(arrays)
        epochs, losses = int(state.pop("epochs")), state.pop("losses").tolist()
        made.load_state(state)
        return cls(made, epochs, losses)

    def arrays(self) -> Arrays:
        """All of it, by name."""
        return {**self.task.state(), "epochs": np.array(self.epochs), "losses": np.array(self.losses)}


def tuned(
    task: ParticleFlowTask,
    samples: Sequence[FlowSample],
    epochs: int = EPOCHS,
    rate: float = RATE,
    seed: int = 0,
    progress: Progress | None = None,
) -> Tuned:
    """A copy of a task that has learned from these samples as well.

    Parameters
    ----------
    task : ParticleFlowTask
    samples : sequence of FlowSample
        At least two.
    epochs : int
        Most epochs.
    rate : float
        Learning rate at the beginning.
    seed : int
        Of the order of samples.
    progress : Progress, optional
    """
    folds = min(FOLDS, len(samples))
    part = np.arange(len(samples)) % folds
    losses, networks = [], []
    for fold in range(folds):
        left_out = [s for s, k in zip(samples, part, strict=True) if k == fold]
        learned = [s for s, k in zip(samples, part, strict=True) if k != fold]
        steps = [copied(task), *(copied(now) for now in _learning(copied(task), learned, epochs, rate, seed))]
        losses.append([loss_of(one, left_out) for one in steps])
        networks.append((steps, left_out))
        if progress is not None:
            progress("tuning", fold + 1, folds + 1)
    mean = np.mean(losses, axis=0)
    best = int(mean.argmin())
    last = copied(task)
    for _ in islice(_learning(last, samples, epochs, rate, seed), best):
        pass
    last.fit([row for steps, left_out in networks for row in steps[best].found_in(left_out)])
    return Tuned(last, best, [round(float(x), 5) for x in mean])


def as_calibrated(task: ParticleFlowTask) -> ParticleFlowTask:
    """A task that takes the energies of clusters as they are, in place of what it has learned of its own calorimeter."""
    other = copied(task)
    last = other.network.shower_out[-1]
    assert isinstance(last, torch.nn.Linear)
    with torch.no_grad():
        last.weight[SHIFT], last.bias[SHIFT] = 0.0, 0.0
    return other


def balanced(task: ParticleFlowTask) -> ParticleFlowTask:
    """A task whose loss counts the sum of all momenta: few events hold few particles that tell of it one by one."""
    other = copied(task)
    loss = replace(task.config.loss, balance=BALANCE)
    other.config = replace(task.config, loss=loss, least_score=LEAST_SCORE)
    return other


def copied(task: ParticleFlowTask) -> ParticleFlowTask:
    """A task with a network of its own."""
    other = copy.copy(task)
    other.network = copy.deepcopy(task.network)
    return other


def _learning(
    task: ParticleFlowTask, samples: Sequence[FlowSample], epochs: int, rate: float, seed: int
) -> Iterator[ParticleFlowTask]:
    """The task after each epoch; always the same one."""
    optimizer = torch.optim.AdamW(task.network.parameters(), rate, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    rng = np.random.default_rng(seed)
    for _ in range(epochs):
        for rows in np.array_split(rng.permutation(len(samples)), max(len(samples) // BATCH, 1)):
            optimizer.zero_grad()
            total = sum((task.loss(samples[row])[0] for row in rows), torch.zeros(())) / len(rows)
            total.backward()
            torch.nn.utils.clip_grad_norm_(task.network.parameters(), 1.0)
            optimizer.step()
        schedule.step()
        yield task


def loss_of(task: ParticleFlowTask, samples: Sequence[FlowSample]) -> float:
    """The mean loss."""
    with torch.no_grad():
        return float(np.mean([float(task.loss(sample)[0]) for sample in samples]))
