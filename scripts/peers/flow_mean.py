"""Several networks of particle flow as one: their states side by side, the mean of what they say.

Networks that were trained on different events err differently, and the mean errs less, at the cost of running them all.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch

from gnnreco.models.element_network import ElementNetwork, ElementTensors, Held, Judged
from gnnreco.tasks.particleflow import ParticleFlowTask


class MeanNetwork(torch.nn.Module):
    """What `ElementNetwork` offers for inference, as the mean of several of them."""

    def __init__(self, networks: Sequence[ElementNetwork]) -> None:
        super().__init__()
        self.networks = torch.nn.ModuleList(networks)
        for name in ("temperature", "sigma_scale"):
            self.register_buffer(name, torch.stack([getattr(n, name) for n in networks]).mean(dim=0))

    def elements(self, g: ElementTensors) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """All states of each element (n, hidden of all), mean logits of edges and of (itself, nobody)."""
        h, edge, alone = zip(*(network.elements(g) for network in self.networks), strict=True)
        return torch.cat(h, dim=1), torch.stack(edge).mean(dim=0), torch.stack(alone).mean(dim=0)

    def judge(self, h: torch.Tensor, n_tracks: int, held: Held) -> Judged:
        """What the owners are in the mean."""
        widths = [network.track_in[-1].out_features for network in self.networks]
        said = [
            network.judge(own, n_tracks, held)
            for network, own in zip(self.networks, h.split(widths, dim=1), strict=True)
        ]
        return Judged(*(torch.stack(column).mean(dim=0) for column in zip(*said, strict=True)))


def mean_of(tasks: Sequence[ParticleFlowTask]) -> ParticleFlowTask:
    """A task that says the mean of what these say, with the settings of the first one.

    Raises
    ------
    ValueError
        If they do not read the same numbers of an event.
    """
    if len(tasks) == 1:
        return tasks[0]
    if any(task.sample_settings != tasks[0].sample_settings for task in tasks):
        raise ValueError("these networks do not read the same numbers of an event")
    one = copy.copy(tasks[0])
    one.network = MeanNetwork([task.network for task in tasks])  # type: ignore[assignment]
    return one
