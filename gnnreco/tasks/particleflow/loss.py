"""What a mistake of particle flow costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from gnnreco.models.aggregate import segment_sum
from gnnreco.models.element_network import NOTHING, ElementTensors

from .answers import Answers, OwnerAnswers
from .judgement import Momenta

FINE = 0.1  # relative deviation from which the loss of energies grows in proportion only


@dataclass(frozen=True)
class FlowLossConfig:
    """Weights of the parts of the loss.

    Attributes
    ----------
    sharing : float
        Weight of the loss of whose each shower is.
    kind : float
        Weight of the loss of classes.
    energy : float
        Weight of the loss of energies.
    sigma : float
        Weight of the loss of the errors of energies.
    balance : float
        Weight of the loss of the sum of all momenta of the event, over the root of its energy.
    """

    sharing: float = 1.0
    kind: float = 1.0
    energy: float = 1.0
    sigma: float = 0.2
    balance: float = 0.0


def sharing_loss(
    g: ElementTensors, edge: Tensor, alone: Tensor, answers: Answers, energy: Tensor, independent: bool
) -> Tensor:
    """Cross entropy of the owners of each shower, weighted by the root of its energy.

    With `independent` each edge is a question of its own (binary cross entropy), else all owners of a shower compete.
    """
    if not len(alone):
        return edge.sum() + alone.sum()
    weight = energy.sqrt() / energy.sqrt().sum()
    truth, truth_alone = torch.as_tensor(answers.edge), torch.as_tensor(answers.alone)
    if independent:
        entropy = nn.functional.binary_cross_entropy_with_logits
        edges = entropy(edge, truth, reduction="none") * weight[g.source]
        return edges.sum() + (entropy(alone, truth_alone, reduction="none") * weight[:, None]).sum()
    top = torch.cat([alone.detach(), torch.full((len(alone), 1), -torch.inf)], dim=1).amax(dim=1)
    top = top.scatter_reduce(0, g.source, edge.detach(), "amax")
    exponential = torch.exp(edge - top[g.source])[:, None]
    order = torch.arange(len(edge))
    total = segment_sum(exponential, g.source, order, g.start)[:, 0] + torch.exp(alone - top[:, None]).sum(1)
    whole = top + total.log()
    losses = weight[g.source] * truth * (whole[g.source] - edge)
    return losses.sum() + (weight[:, None] * truth_alone * (whole[:, None] - alone)).sum()


def owner_loss(
    found: Momenta, logits: Tensor, wanted: OwnerAnswers, answers: Answers, config: FlowLossConfig
) -> tuple[Tensor, dict[str, float]]:
    """Of classes, energies, errors, and of the balance of the event."""
    kind = torch.from_numpy(wanted.kind)
    energy = found.log_energy.detach().exp().clamp(max=1e3)
    if not len(kind):
        zero = logits.sum()
        return zero, {"kind_loss": 0.0, "energy_loss": 0.0, "right": 1.0}
    weight = (energy + 0.25).sqrt()
    weight = weight / weight.sum()
    kinds = (nn.functional.cross_entropy(logits, kind, reduction="none") * weight).sum()
    some = kind != NOTHING
    total = config.kind * kinds
    deviations = torch.zeros(())
    if some.any():
        size = torch.from_numpy(wanted.size).float()[some].clamp(min=1e-3)
        off = found.log_energy[some] - size.log()
        share = weight[some] / weight[some].sum()
        deviations = (
            nn.functional.smooth_l1_loss(off, torch.zeros_like(off), reduction="none", beta=FINE) * share
        ).sum()
        log_sigma = found.log_sigma[some]
        errors = (log_sigma + off.detach().abs().clamp(max=3.0) * torch.exp(-log_sigma)) * share
        total = total + config.energy * deviations + config.sigma * errors.sum()
    if config.balance:
        total = total + config.balance * _balance(found, answers)
    right = float(((logits.argmax(dim=1) == kind).float() * weight).sum())
    return total, {
        "kind_loss": float(kinds.detach()),
        "energy_loss": float(deviations.detach()),
        "right": right,
    }


def _balance(found: Momenta, answers: Answers) -> Tensor:
    """How far the sum of all four-momenta is off, over the root of the event's energy: what its resolution scales with."""
    real = 1 - found.probability[:, NOTHING]
    energy = real * found.log_energy.clamp(max=7.0).exp()
    sums = torch.cat([(energy[:, None] * found.direction).sum(dim=0), energy.sum()[None]])
    wanted = torch.from_numpy(answers.momentum.sum(axis=0)).float()
    scale = np.sqrt(max(float(answers.momentum[:, 3].sum()), 1.0))
    return nn.functional.smooth_l1_loss(sums / scale, wanted / scale)
