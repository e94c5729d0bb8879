"""What the learned arrays of a bundle for showers must be: those of the network over cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gnnreco.graphs.showers.features import CELL_FEATURES, PAIR_FEATURES
from gnnreco.models.showers.weights import OPTIONAL, shower_weights
from gnnreco.models.state import Numbers, named

from .company import COMPANY
from .moments import MOMENTS
from .pieces import PIECE_FEATURES
from .targets import KINDS

if TYPE_CHECKING:  # to infer needs no torch
    from gnnreco.models.showers.network import ShowerNetwork

    from .task import ClusteringConfig

#: How many features of cells, pairs of cells, showers and pairs of pieces the network reads, and how many classes it tells.
SIZES = (len(CELL_FEATURES), len(PAIR_FEATURES), len(MOMENTS), len(PIECE_FEATURES), len(KINDS))


def arrays(config: ClusteringConfig) -> dict[str, Numbers]:
    """What each array must be, by name; nothing for ``finder=density``."""
    if config.finder == "density":
        return {}
    return named("network", shower_weights(config.network, *SIZES, config.loss.pivot > 0, len(COMPANY)))


def load_network(network: ShowerNetwork, weights: Mapping[str, NDArray[Any]]) -> None:
    """Give a network what was learned."""
    import torch

    fresh = {k: v for k, v in network.state_dict().items() if k.startswith(OPTIONAL)}
    network.load_state_dict(fresh | {k: torch.from_numpy(np.array(v)) for k, v in weights.items()})
    network.eval()


def shower_network(config: ClusteringConfig) -> ShowerNetwork:
    """The network of a task with these settings."""
    from gnnreco.models.showers.network import ShowerNetwork

    pivot, foreign = config.loss.pivot > 0, MOMENTS.index("foreign")
    return ShowerNetwork(config.network, *SIZES, pivot, len(COMPANY), foreign)
