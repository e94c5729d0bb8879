"""Losses of the shower network: pairs of cells, energies with their errors, classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .moments import MOMENTS
from .targets import CHARGED, MUON, NEUTRAL, ClusterTargets

if TYPE_CHECKING:  # its functions import it
    from torch import Tensor

    from gnnreco.models.pivot import Adversary

COVERED = 0.6827
# Relative error that a good calorimeter reaches for photons: sqrt(GeV), and a fraction of the energy.
STOCHASTIC, CONSTANT = 0.2, 0.03
# That of a muon, which leaves a track of the same energy whatever it has: a guess that is off by a factor costs little.
MUON_REACH = 1.0
# The mean response is watched from 1 GeV on, by octaves; a ratio spreads by so much, and none counts as more than exp(1.5).
OCTAVES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
SPREAD, LARGEST = 0.3, 1.5


@dataclass(frozen=True)
class LossConfig:
    """Weights beside the loss of pairs.

    Attributes
    ----------
    pieces : float
        Weight of the loss of pairs of pieces.
    energy : float
        Weight of the loss of the energy of clusters.
    sigma : float
        Weight of the loss of the error of this energy.
    kind : float
        Weight of the loss of the class of clusters.
    balance : float
        Of energy conservation: all energies of an event together, in units of their error.
    response : float
        Of the mean response, which shall be one for showers of each class and of each octave of true energy; 0: none.
        Without it half of the energies are too high, which for soft showers with wide errors is a mean above one.
    pivot : float
        Strength of an adversary that makes the response independent of `nuisance` at each true energy; 0: none.
    nuisance
        A moment of showers: what of others is near (``foreign``), the angle (``cosine``), or the size of cells.
    """

    pieces: float = 0.5

    energy: float = 0.3
    sigma: float = 0.1
    kind: float = 0.1
    balance: float = 0.02
    response: float = 0.0
    pivot: float = 0.0
    nuisance: Literal["foreign", "cosine", "cell_size"] = "foreign"


def pair_loss(
    logit: Tensor, target: Tensor, real: Tensor, energy: Tensor, mip: Tensor
) -> tuple[Tensor, dict[str, float]]:
    """Binary cross entropy of pairs (n, k); a row counts by the logarithm of its energy (n,) in units of the mip."""
    import torch
    from torch import nn

    weight = (real * torch.log1p(energy / mip)[:, None]).float()
    entropy = nn.functional.binary_cross_entropy_with_logits(logit.float(), target, weight, reduction="sum")
    loss = entropy / torch.clamp(weight.sum(), min=1.0)
    return loss, {"pair_loss": float(loss.detach())}


def shower_loss(
    log_energy: Tensor,
    log_sigma: Tensor,
    logit: Tensor,
    target: ClusterTargets,
    moments: Tensor,
    config: LossConfig,
    adversary: Adversary | None = None,
) -> tuple[Tensor, dict[str, float]]:
    """Of clusters: energies by Huber's loss in units of what a calorimeter can reach, errors by what they cover, classes.

    The stated error sigma shall hold 68 % of the deviations, whatever their shape: it is the 68 % quantile of their
    size, learned by the pinball loss (Koenker, Bassett, Econometrica 46, 33).
    """
    import torch
    from torch import nn

    wanted, kind = torch.from_numpy(target.energy), torch.from_numpy(target.kind)
    known, named = torch.isfinite(wanted), kind >= 0
    zero = (log_energy.sum() + log_sigma.sum() + logit.sum()) * 0.0
    total, numbers = zero, {"energy_loss": 0.0, "sigma_loss": 0.0, "class_loss": 0.0}
    if adversary is not None:
        numbers["adversary_loss"] = 0.0
    if known.any():
        off = log_energy[known] - torch.log(wanted[known]).float()
        sigma = torch.exp(log_sigma[known])
        reach = torch.sqrt(STOCHASTIC**2 / wanted[known] + CONSTANT**2).float()
        reach = torch.where(kind[known] == MUON, MUON_REACH, reach)
        energy_loss = nn.functional.huber_loss(off / reach, torch.zeros_like(off))
        relative = torch.abs(1 - torch.exp(-off.detach()))
        miss = torch.log(relative + 1e-4) - log_sigma[known]
        sigma_loss = torch.maximum(COVERED * miss, (COVERED - 1) * miss).mean()
        total = total + config.energy * energy_loss + config.sigma * sigma_loss
        total = total + config.balance * _balance(log_energy[known], sigma, wanted[known].float())
        if config.response > 0:
            total = total + config.response * _response(off, wanted[known], kind[known])
        if adversary is not None:
            nuisance = moments[known, MOMENTS.index(config.nuisance)]
            if config.nuisance == "foreign":  # from none to half over many orders
                nuisance = torch.log(nuisance + 1e-3)
            guess = adversary(off, torch.log(wanted[known]).float(), nuisance, config.pivot)
            total = total + guess
            numbers["adversary_loss"] = float(guess.detach())
        numbers |= {"energy_loss": float(energy_loss.detach()), "sigma_loss": float(sigma_loss.detach())}
    if named.any():
        class_loss = nn.functional.cross_entropy(logit[named], kind[named])
        total = total + config.kind * class_loss
        numbers["class_loss"] = float(class_loss.detach())
    return total, numbers


def _balance(log_energy: Tensor, sigma: Tensor, wanted: Tensor) -> Tensor:
    """Deviation of the sum of all energies, in units of the error of that sum."""
    import torch
    from torch import nn

    energy = torch.exp(log_energy)
    error = torch.sqrt(((wanted * sigma.detach()) ** 2).sum() + 1e-6)
    gap = (energy.sum() - wanted.sum()) / error
    return nn.functional.huber_loss(gap, torch.zeros_like(gap))


def _response(off: Tensor, wanted: Tensor, kind: Tensor) -> Tensor:
    """How far the mean response is from one, in units of what chance gives, over classes and octaves of true energy."""
    import torch
    from torch import nn

    octave = torch.bucketize(wanted, torch.tensor(OCTAVES, dtype=wanted.dtype))
    part = torch.where(kind == MUON, 2, ((kind == CHARGED) | (kind == NEUTRAL)).long())
    group, n = 3 * octave + part, 3 * (len(OCTAVES) + 1)
    ratio = torch.exp(torch.clamp(off, max=LARGEST))
    some = (octave > 0) & (kind >= 0)
    count = torch.bincount(group[some], minlength=n).float()
    mean = torch.zeros(n).index_add(0, group[some], ratio[some]) / torch.clamp(count, min=1.0)
    gap = (mean - 1) * torch.sqrt(count) / SPREAD
    met = int((count > 0).sum())
    return nn.functional.huber_loss(gap, torch.zeros(n), reduction="sum") / max(met, 1)
