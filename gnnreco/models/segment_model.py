"""The network over segments as a task holds it: arrays while it only infers, a network of torch once it is trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from .inference import infer
from .state import checked
from .weights import NetworkConfig, Weights, segment_weights

if TYPE_CHECKING:
    from .segment_network import SegmentNetwork


class Scorer(Protocol):
    """What gives the edges of a graph their logits: `SegmentModel`, or `gnnreco.models.onnx.session.OnnxNetwork`."""

    def logits(
        self, nodes: NDArray[np.float32], edges: NDArray[np.float32], pairs: NDArray[np.int32]
    ) -> NDArray[np.float32]:
        """Logits of the edges (m,) of a graph: see `gnnreco.models.infer`."""
        ...


class SegmentModel:
    """Weights, and torch's network only where it is asked for: to infer needs no torch, which costs 200 MB and a second."""

    def __init__(self, config: NetworkConfig, node_features: int, edge_features: int, seed: int = 0) -> None:
        self.config, self.node_features, self.edge_features = config, node_features, edge_features
        self._seed, self._loaded = seed, False
        self._weights: Weights = {}
        self._network: SegmentNetwork | None = None

    @property
    def network(self) -> SegmentNetwork:
        """The network that torch trains, made when first asked for; its numbers are the model's from then on."""
        if self._network is None:
            import torch

            from .segment_network import SegmentNetwork

            generator = torch.random.get_rng_state()
            torch.manual_seed(self._seed)
            self._network = SegmentNetwork(self.config, self.node_features, self.edge_features)
            torch.random.set_rng_state(generator)
            if self._loaded:
                self._network.load_arrays(self._weights)
        return self._network

    def weights(self) -> Weights:
        """Everything learned, by name."""
        if self._network is None and self._loaded:
            return self._weights
        return {k: v.detach().cpu().numpy() for k, v in self.network.state_dict().items()}

    def load(self, weights: Mapping[str, NDArray[np.generic]]) -> None:
        """Take what `weights` gave. Raises `ValueError` if it does not fit."""
        expected = segment_weights(self.config.hidden, self.node_features, self.edge_features)
        self._weights, self._loaded = checked(weights, expected), True
        if self._network is not None:
            self._network.load_arrays(self._weights)

    def scale_features(self, nodes: NDArray[np.generic], edges: NDArray[np.generic]) -> None:
        """Take mean and spread of the features that come in from those of some graphs."""
        for part, x in (("node", nodes.astype(np.float64)), ("edge", edges.astype(np.float64))):
            self.network.set_scale(part, x.mean(axis=0), x.std(axis=0) + 1e-3)

    def logits(
        self, nodes: NDArray[np.float32], edges: NDArray[np.float32], pairs: NDArray[np.int32]
    ) -> NDArray[np.float32]:
        """Logits of the edges (m,) of a graph: see `gnnreco.models.infer`."""
        return infer(self.weights(), self.config.iterations, nodes, edges, pairs)
