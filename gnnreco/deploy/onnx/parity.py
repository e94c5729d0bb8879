"""How far a network run by ONNX Runtime is from the same network run by torch, on graphs that mean nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnnreco.bundle import Bundle
from gnnreco.bundle.onnx import OnnxBundle, network_weights
from gnnreco.files.json_types import JsonDict
from gnnreco.models import Weights

Graph = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int32]]
#: Of logits, relative to the largest where that is above one: roundings of float32 (6e-8) over a few hundred sums.
TOLERANCE = 1e-5
SIZES = ((2000, 20_000), (5, 0), (0, 0))
THREADS = (1, 2)


def random_graph(weights: Weights, n: int, m: int, seed: int = 0) -> Graph:
    """Features spread as in the training, and edges between any two nodes, in no order."""
    rng = np.random.default_rng(seed)

    def rows(part: str, size: int) -> NDArray[np.float32]:
        mean, scale = weights[f"{part}_mean"], weights[f"{part}_scale"]
        return (rng.normal(size=(size, len(mean))) * scale + mean).astype(np.float32)

    pairs = rng.integers(0, max(n, 1), (m, 2)).astype(np.int32)
    return rows("node", n), rows("edge", m), pairs


def torch_logits(bundle: Bundle, graph: Graph) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Logits of edges (m,) and nodes (n,) as torch gives them."""
    import torch

    from gnnreco.models.segment_network import tensors_of

    with torch.inference_mode():
        edge, node = torch_network(bundle)(tensors_of(*graph))
    return edge.numpy(), node.numpy()


def torch_network(bundle: Bundle) -> Any:
    """The network of a bundle in torch, ready to infer."""
    from gnnreco.models import NetworkConfig
    from gnnreco.models.segment_network import SegmentNetwork

    weights = network_weights(bundle)
    sizes = len(weights["node_mean"]), len(weights["edge_mean"])
    network = SegmentNetwork(NetworkConfig(**bundle.config["network"]), *sizes)
    network.load_arrays(weights)
    return network


def difference(found: Sequence[NDArray[np.float32]], wanted: Sequence[NDArray[np.float32]]) -> float:
    """Largest deviation of any logit."""
    return max(
        (float(np.abs(f - w).max(initial=0.0)) for f, w in zip(found, wanted, strict=True)), default=0.0
    )


def relative(found: Sequence[NDArray[np.float32]], wanted: Sequence[NDArray[np.float32]]) -> float:
    """The same, relative to the largest logit where that is above one: what roundings scale with."""
    return difference(found, wanted) / max((float(np.abs(w).max(initial=1.0)) for w in wanted), default=1.0)


def measure(exported: OnnxBundle, seed: int = 0) -> JsonDict:
    """Deviation from torch over graphs of several sizes, on one thread and on two.

    Returns
    -------
    dict
        ``max_difference`` of a logit, ``relative`` to the largest, ``tolerance`` of that, ``graphs`` (nodes, edges),
        ``threads``, ``seed``.
    """
    weights, worst, rounding = network_weights(exported.bundle), 0.0, 0.0
    for n, m in SIZES:
        graph = random_graph(weights, n, m, seed)
        wanted = torch_logits(exported.bundle, graph)
        for threads in THREADS:
            found = exported.network(threads).both(*graph)
            worst, rounding = max(worst, difference(found, wanted)), max(rounding, relative(found, wanted))
    return {
        "max_difference": worst,
        "relative": rounding,
        "tolerance": TOLERANCE,
        "graphs": [list(size) for size in SIZES],
        "threads": list(THREADS),
        "seed": seed,
    }
