"""What a network of towers learns: offline four-momenta of each tower, of both sides of an event, and of all of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .samples import TriggerSample

LEAST = 1.0  # GeV: errors of less energy count as those of so much
BEND = 0.5  # GeV of error for each root of a GeV, from which the loss grows no faster than the error


def tower_loss(answer: Tensor, target: Tensor, unit: float) -> tuple[Tensor, float]:
    """Loss, and the median relative error of the energy of whole events.

    An error counts in units of the root of the energy, as calorimeters measure. The sides of an event lie before and behind
    the origin as the tower with most energy sees it: in an event of two jets these are the jets.

    Parameters
    ----------
    answer, target : (b, slots + 1, 4)
        px, py, pz, energy of each slot and, last, of all, in units of `unit`.
    unit : float
        GeV.
    """
    slots = target[:, :-1]
    hottest = slots[..., 3].argmax(dim=1)
    axis = slots[torch.arange(len(slots)), hottest, :3]
    before = (torch.einsum("bnc,bc->bn", slots[..., :3], axis) > 0).to(answer.dtype)
    there = torch.stack([before, 1 - before], dim=1)
    loss = answer.sum() * 0.0
    for pull in (torch.eye(slots.shape[1] + 1)[None].to(answer), torch.nn.functional.pad(there, (0, 1))):
        said, true = pull @ answer, pull @ target
        size = (unit * true[..., 3:]).clamp(min=LEAST).sqrt()
        error = unit * (said - true) / size
        loss = loss + torch.nn.functional.smooth_l1_loss(error, torch.zeros_like(error), beta=BEND)
    true = target[:, -1, 3]
    off = ((answer[:, -1, 3] - true).abs() / true.clamp(min=LEAST / unit)).detach()
    return loss, float(off.median()) if len(off) else 0.0


def turned(sample: TriggerSample, times: int) -> TriggerSample:
    """Each buffer so many times, turned about the z axis and mirrored along it at random."""
    x, target = (t.repeat(times, 1, 1) for t in (sample.x, sample.target))
    angle = 2 * torch.pi * torch.rand(len(x), 1)
    mirror = torch.randint(0, 2, (len(x), 1)) * 2.0 - 1.0
    both = (_turned(rows, angle, mirror) for rows in (x, target))
    valid, label = sample.valid.repeat(times, 1), sample.label.repeat(times)
    return replace(sample, **dict(zip(("x", "target"), both)), valid=valid, label=label)


def _turned(rows: Tensor, angle: Tensor, mirror: Tensor) -> Tensor:
    """Rows of groups of px, py, pz, energy."""
    px, py, pz, energy = rows.unflatten(-1, (-1, 4)).flatten(1, 2).unbind(dim=-1)
    cosine, sine = angle.cos(), angle.sin()
    parts = torch.stack([cosine * px - sine * py, sine * px + cosine * py, mirror * pz, energy], dim=-1)
    return parts.reshape(rows.shape)


def class_weights(x: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a GeV in each class of cells is worth, by least squares: (classes,), in units of the target.

    Parameters
    ----------
    x : float64 (towers, 4 classes)
    target : float64 (towers, 4)
    """
    parts = x.reshape(len(x), -1, 4)
    size = 1 / np.sqrt(np.maximum(parts[..., 3].sum(axis=1), LEAST))[:, None, None]
    rows = (parts * size).transpose(0, 2, 1).reshape(-1, parts.shape[1])
    weight: NDArray[np.float64] = np.linalg.lstsq(rows, (target * size[:, 0]).ravel(), rcond=None)[0]
    return weight
