"""What a bundle for showers holds: the settings of its model, and what its learned arrays must be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from gnnreco.graphs.showers.cells import CellGraphConfig
from gnnreco.graphs.showers.features import CELL_FEATURES, PAIR_FEATURES
from gnnreco.models.calibration import Calibration
from gnnreco.models.showers.weights import OPTIONAL, ShowerNetworkConfig, shower_weights
from gnnreco.models.state import Numbers, named
from gnnreco.tasks.confidence import CLUSTER_FEATURES, check_features

from .columns import ErrorConfig
from .company import COMPANY
from .condensation import CondensationConfig
from .density import DensityConfig
from .edges import EdgeConfig
from .loss import LossConfig
from .moments import MOMENTS
from .pieces import piece_features
from .targets import KINDS

if TYPE_CHECKING:  # to infer needs no torch
    from gnnreco.models.showers.network import ShowerNetwork


@dataclass(frozen=True)
class ClusteringConfig:
    """Everything that defines a clustering model but its learned numbers.

    Attributes
    ----------
    finder
        ``density`` learns nothing; ``edges`` scores pairs of cells; ``condensation`` gathers cells around one of them.
    frozen : bool
        Train only what judges whole showers, on the clusters that the network finds as it is: quick, and as long as needed.
    identity_only : bool
        Train only the further layers of identity (`model.identity_hidden`): energies and errors stay as they are.
    noise : float
        Clusters that are noise with a higher probability are dropped, and their hits counted as unclustered.
    least_score : float
        Clusters with a lower `score` are dropped too: with a calibration, it is the chance that they are a particle's.
    window : float, optional
        Clusters whose loudest hit was measured more than so many ns before or after the collision are dropped too.
    calibration : Calibration, optional
        From what was found of a cluster to its `score`; without it that is the finder's own confidence.
    seed : int
        Seed of the random weights that a training begins with.
    """

    finder: Literal["density", "edges", "condensation"] = "density"
    graph: CellGraphConfig = field(default_factory=CellGraphConfig)
    network: ShowerNetworkConfig = field(default_factory=ShowerNetworkConfig)
    density: DensityConfig = field(default_factory=DensityConfig)
    edges: EdgeConfig = field(default_factory=EdgeConfig)
    condensation: CondensationConfig = field(default_factory=CondensationConfig)
    error: ErrorConfig = field(default_factory=ErrorConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    frozen: bool = False
    identity_only: bool = False
    noise: float = 0.5
    least_score: float = 0.0
    window: float | None = None
    seed: int = 0
    calibration: Calibration | None = None

    def __post_init__(self) -> None:
        check_features(self.calibration, CLUSTER_FEATURES)


def sizes(config: ShowerNetworkConfig) -> tuple[int, int, int, int, int]:
    """How many features of cells, pairs of cells, showers and pairs of pieces it reads, and how many classes it tells."""
    return (
        *(len(CELL_FEATURES), len(PAIR_FEATURES), len(MOMENTS)),
        len(piece_features(config.piece_axes)),
        len(KINDS),
    )


def arrays(config: ClusteringConfig) -> dict[str, Numbers]:
    """What each array must be, by name; nothing for ``finder=density``."""
    if config.finder == "density":
        return {}
    return named(
        "network", shower_weights(config.network, *sizes(config.network), config.loss.pivot > 0, len(COMPANY))
    )


def of_today(config: ClusteringConfig, weights: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Weights of a bundle with these settings from one that knew less: nothing more is learned from it."""
    now = {name: np.array(weight) for name, weight in weights.items()}
    if now["sigma_scale"].ndim == 1:  # once showers that are alone and others had the same
        now["sigma_scale"] = np.stack([now["sigma_scale"]] * 2)
    for name in now:
        if name.startswith("piece_pairs.") and name.endswith(".pair.weight"):  # it may know no axes
            more = len(piece_features(config.network.piece_axes)) - now[name].shape[1]
            now[name] = np.pad(now[name], ((0, 0), (0, max(more, 0))))
    return now


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
    return ShowerNetwork(config.network, *sizes(config.network), pivot, len(COMPANY), foreign)
