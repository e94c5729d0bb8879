"""From what the network says of owners to four-momenta and errors; the same for training and for reconstruction."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softmax

from gnnreco.models.element_network import ElementNetwork, Judged

from .elements import Measured, held_direction, held_energy
from .sharing import Shares

ELECTRON = 3
#: Masses of the classes, GeV: pion, K0L, photon, electron, muon.
MASSES = (0.13957, 0.49761, 0.0, 0.000511, 0.10566)
#: By how many of its own errors a track's momentum may change.
PULLS = 2.0
#: Squared relative error of a calorimeter: over the energy (GeV), and constant; of hadrons, of electrons.
HADRON, ELECTROMAGNETIC = (0.3, 0.01), (0.03, 0.0001)


@dataclass(frozen=True, slots=True)
class Momenta:
    """What owners are, as far as gradients flow.

    Attributes
    ----------
    probability : float32 (p, 6)
        Of the five classes and of nothing.
    log_energy, log_sigma : float32 (p,)
        Logarithm of the momentum of tracks and of the energy of others (GeV), and of its relative error.
    direction : float32 (p, 3)
    """

    probability: Tensor
    log_energy: Tensor
    log_sigma: Tensor
    direction: Tensor


def momenta(network: ElementNetwork, judged: Judged, shares: Shares, m: Measured) -> Momenta:
    """Energies and directions of owners.

    A track's momentum changes by a few of its errors at most, and by as much less as it is better than a calorimeter: what
    the weighted mean of both allows, so that a good one stays what it is. What has no track has the energy of all that it
    holds, times a learned factor.
    """
    n_tracks = len(m.momentum)
    is_track = torch.from_numpy(shares.element < n_tracks)
    row = (~is_track).long()
    probability = softmax(judged.kind / network.temperature[row][:, None], dim=1)
    momentum = torch.from_numpy(m.momentum)
    size = momentum.norm(dim=1).clamp(min=1e-6)
    base = torch.from_numpy(held_energy(shares, m)).log()
    base[is_track] = size.log()
    direction = torch.from_numpy(held_direction(shares, m))
    direction[is_track] = momentum / size[:, None]
    room = torch.ones(len(shares.element))
    electron = probability[is_track, ELECTRON].detach()
    room[is_track] = _room(torch.from_numpy(m.error).float(), size.float(), electron)
    shift = torch.where(is_track, room * torch.tanh(judged.shift), judged.shift.clamp(-3.0, 3.0))
    kind = probability[:, :-1].argmax(dim=1)
    log_sigma = judged.log_sigma + network.sigma_scale[row, kind].log()
    return Momenta(probability, base.float() + shift, log_sigma, direction.float())


def _room(error: Tensor, momentum: Tensor, electron: Tensor) -> Tensor:
    """By how much the logarithm of a track's momentum may change (n_t,), given its relative error, GeV, and P(electron)."""
    hadron, electromagnetic = (a / momentum + b for a, b in (HADRON, ELECTROMAGNETIC))
    calorimeter = hadron * (1 - electron) + electromagnetic * electron
    return (PULLS * error).clamp(max=1.0) * error**2 / (error**2 + calorimeter)
