"""What the learned arrays of a bundle for showers must be: those of the network over cells."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from gnnreco.models.state import Numbers, named, of_network

if TYPE_CHECKING:
    from .task import ClusteringConfig

SMALLEST = 1e-30  # above it the logarithm of an error's scale is finite


def arrays(config: ClusteringConfig) -> dict[str, Numbers]:
    """What each array must be, by name; nothing for ``finder=density``."""
    if config.finder == "density":
        return {}
    from .task import shower_network

    with torch.device("meta"):  # shapes alone
        network = of_network(shower_network(config))
    # A bundle to start from need not know an adversary, nor the layers of identity.
    state = {
        name: replace(numbers, optional=name.startswith(("adversary.", "identity.")))
        for name, numbers in network.items()
    }
    shape = state["sigma_scale"].shape
    assert isinstance(shape[1], int)
    # Once showers that are alone and others had the same.
    state["sigma_scale"] = Numbers(shape, low=SMALLEST, old_shape=(shape[1],))
    return named("network", state)
