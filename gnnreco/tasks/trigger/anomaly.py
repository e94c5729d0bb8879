"""Triggers for anomalies: what is learned from buffers without labels, and the threshold that lets a rate of them pass."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from gnnreco.columns import Floats
from gnnreco.errors import BadConfig
from gnnreco.models.trigger.arithmetic import Tensors
from gnnreco.models.trigger.fixed_point import FixedDense
from gnnreco.models.trigger.network import TriggerNetwork
from gnnreco.statistics import TooFewEvents, threshold_for_rate

from .samples import TriggerSample


@dataclass(frozen=True)
class AnomalyConfig:
    """How a model with a score learns; no label is read.

    Attributes
    ----------
    rate : float
        Part of the normal buffers that the threshold lets pass; it is set with the validation sample.
    blur : float
        Of a distance: what lies closer together than this, in units of the input ports (about the spread of each number), is
        the same. Without it numbers that hardly ever vary would count for most.
    divergence : float
        Weight of the Kullback-Leibler divergence beside the reconstruction, where the score is of a variational autoencoder.
    mixed : float
        What a pupil is asked besides: as many buffers again, in which this part of the numbers (of slots, where there are
        slots) comes from other buffers. They lie where the normal ones do not, and the teacher says how far out.
    """

    rate: float = 1e-3
    blur: float = 1.0
    divergence: float = 0.5
    mixed: float = 0.3

    def __post_init__(self) -> None:
        if not 0 < self.rate < 1:
            raise ValueError(f"rate: must be between 0 and 1, got {self.rate:g}")
        if not 0 <= self.mixed <= 1 or self.divergence < 0 or self.blur < 0:
            raise ValueError("mixed: must be 0 to 1, divergence and blur not negative")


def threshold_of(scores: Floats, rate: float) -> tuple[float, dict[str, float]]:
    """The threshold that lets a rate of normal buffers pass, and what the manifest says of it.

    Raises
    ------
    BadConfig
        Too few scores to set the rate.
    """
    try:
        found = threshold_for_rate(scores, rate)
    except TooFewEvents as error:
        raise BadConfig(
            f"the threshold: {error}; name them with sample.validation, and go on with --resume"
        ) from error
    numbers = {
        "threshold": found.value,
        "threshold_low": found.value_interval[0],
        "threshold_high": found.value_interval[1],
        "rate": found.rate,
        "rate_low": found.rate_interval[0],
        "rate_high": found.rate_interval[1],
        "rate_of": float(found.events),
    }
    # Few buffers do not say how high the threshold of endless ones may lie, and a manifest holds no infinity.
    return found.value, {name: number for name, number in numbers.items() if math.isfinite(number)}


SMALL = 1e-6  # of a square: no direction is without any spread


class Watching(Tensors):
    """The arithmetic on tensors that keeps what a loss is made of.

    Attributes
    ----------
    last, out : (b, ...)
        What the last layer with weights read and gave.
    left : (b, ...)
        The last sum of two, which of an autoencoder is what is left of its input. Neither is cut to bits: a loss that
        asks for small squares would have bits that round them to nothing.
    """

    last: Tensor
    out: Tensor
    left: Tensor

    def __init__(self, answer: FixedDense) -> None:
        self.answer = answer

    def dense(self, layer: FixedDense, x: Tensor) -> Tensor:
        """See `Arithmetic`."""
        out = super().dense(layer, x)
        if layer is self.answer:
            self.last, self.out = x, out
        return out

    def add(self, a: Tensor, b: Tensor) -> Tensor:
        """See `Arithmetic`."""
        self.left = super().add(a, b)
        return self.left


def anomaly_loss(
    network: TriggerNetwork, config: AnomalyConfig, sample: TriggerSample, teacher: nn.Module | None
) -> tuple[Tensor, float]:
    """Loss of a batch of normal buffers, and their mean score.

    Raises
    ------
    BadConfig
        A pupil without a teacher, or one that was taught by a model without a score.
    """
    kind = network.config.score
    if kind == "answer" and network.training and config.mixed > 0:
        sample = with_mixed(sample, config.mixed)
    watch = Watching(network.answer)
    ported = network.ported(sample.x)
    rows = network.run(watch, ported, sample.valid, network.config.pairs(), network.config.slots)
    score = rows.reshape(len(sample), 2)[:, 0]
    if kind == "residual":
        loss = (watch.left**2).sum(dim=-1).mean()
    elif kind == "distance":
        weights = network.answer.weights()
        blurred = (watch.out**2).sum(dim=-1).mean() + config.blur**2 * (weights**2).sum()
        loss = 0.5 * blurred - volume(weights)
    elif kind == "squares":
        filled = ported * sample.valid[:, :, None] if sample.valid.numel() else ported
        last, mean = (t.reshape(len(sample), -1) for t in (watch.last, watch.out))
        again, far = network.decoder(last, mean)
        loss = ((again - filled.reshape(len(sample), -1)) ** 2).sum(dim=1).mean()
        loss = loss + config.divergence * far.mean()
    else:
        loss = nn.functional.smooth_l1_loss(score, told(teacher, sample))
    return loss, float(score.detach().mean())


def volume(weights: Tensor) -> Tensor:
    """Logarithm of the volume that a map gives to a unit of its input: what a density has besides the distance.

    With ``0.5 |W x|^2`` it is the logarithm of a normal density of the outputs, whose largest likelihood makes them
    independent, of unit spread.
    """
    square = weights @ weights.T + SMALL * torch.eye(len(weights), device=weights.device)
    return 0.5 * torch.linalg.slogdet(square).logabsdet


def begin_distance(network: TriggerNetwork, config: AnomalyConfig, x: Floats) -> None:
    """Begin a distance with what solves it for some inputs (n, features): the inverse of the root of their covariance.

    The root is triangular, so half of the weights are never there.
    """
    with torch.no_grad():
        rows = network.ported(torch.from_numpy(np.asarray(x, np.float32))).double().numpy()
    middle, covariance = rows.mean(axis=0), np.cov(rows.T).reshape(2 * (rows.shape[1],))
    root = np.linalg.cholesky(covariance + (SMALL + config.blur**2) * np.eye(len(covariance)))
    weight = np.linalg.inv(root)[: network.config.outputs]
    answer = network.answer
    assert answer.bias is not None
    with torch.no_grad():
        answer.weight.copy_(torch.from_numpy(weight))
        answer.kept.copy_(torch.from_numpy(np.tril(np.ones_like(weight))))
        answer.bias.copy_(torch.from_numpy(-weight @ middle))


def refuse_teacher(teacher: nn.Module | None) -> None:
    """Raise `BadConfig` unless a teacher has a score to be learned."""
    if not isinstance(teacher, TriggerNetwork) or teacher.config.score == "none":
        raise BadConfig(
            "model.score=answer learns another score: name a bundle that has one with task.teacher="
        )


def told(teacher: nn.Module | None, sample: TriggerSample) -> Tensor:
    """What a pupil is to say, (b,): the logarithm of 1 + the teacher's score, whose tail a few bits could not hold."""
    refuse_teacher(teacher)
    assert teacher is not None
    with torch.no_grad():
        scores = teacher(sample.x, sample.valid)[:, 0]
    return torch.log1p(torch.relu(scores))


def with_mixed(sample: TriggerSample, part: float) -> TriggerSample:
    """A sample and as many buffers of numbers that were mixed among its own."""
    n, slots = len(sample), sample.valid.numel() > 0
    taken = torch.rand(sample.x.shape[: 2 if slots else sample.x.ndim], device=sample.x.device) < part
    order = torch.argsort(
        torch.rand(taken.shape, device=taken.device), dim=0
    )  # another buffer for each number
    place = order[:, :, None].expand_as(sample.x) if slots else order
    on = taken[:, :, None] if slots else taken
    x = torch.where(on, torch.gather(sample.x, 0, place), sample.x)
    valid = torch.where(taken, torch.gather(sample.valid, 0, order), sample.valid) if slots else sample.valid
    return TriggerSample(
        torch.cat([sample.x, x]),
        torch.cat([sample.valid, valid]),
        torch.cat([sample.label, torch.full((n, *sample.label.shape[1:]), -1).to(sample.label)]),
        torch.cat([sample.target, sample.target]),
    )
