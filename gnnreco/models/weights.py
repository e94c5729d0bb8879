"""What a network over segments has learned, as plain arrays by name: what every way to run it reads.

Names and shapes are those of the state of `gnnreco.models.segment_network.SegmentNetwork`, which trains it with torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.files.limits import ROUNDS, WIDTH
from gnnreco.schema import within

from .state import Numbers

Weights = Mapping[str, NDArray[np.float32]]
SMALLEST_SCALE = 1e-6  # of a feature; those that are learned are above 1e-3


@dataclass(frozen=True)
class NetworkConfig:
    """Size of the network.

    Attributes
    ----------
    hidden : int
        Width of every layer.
    iterations : int
        Rounds of message passing; they share their weights.
    """

    hidden: int = 24
    iterations: int = 3

    def __post_init__(self) -> None:
        within(self, 1, WIDTH, "hidden")
        within(self, 1, ROUNDS, "iterations")


def weight_shapes(hidden: int, node_features: int, edge_features: int) -> dict[str, tuple[int, ...]]:
    """Shape of each array by name: layers as torch has them, (outputs, inputs)."""
    h = hidden
    layers = {
        "node_in.0": (h, node_features),
        "node_in.2": (h, h),
        "edge_in": (h, edge_features),
        "inner": (h, h),
        "outer": (h, h),
        "edge_mix": (h, h),
        "message": (h + 1, h),
        "update.0": (h, 3 * h),
        "update.2": (h, h),
        "edge_out.0": (h, h),
        "edge_out.2": (1, h),
        "node_out": (1, h),
    }
    shapes: dict[str, tuple[int, ...]] = {f"{name}.weight": shape for name, shape in layers.items()}
    shapes |= {f"{name}.bias": s[:1] for name, s in layers.items() if name not in ("inner", "outer")}
    shapes |= {f"{part}_norm.{what}": (h,) for part in ("node", "edge") for what in ("weight", "bias")}
    sizes = {"node": node_features, "edge": edge_features}
    return shapes | {f"{part}_{what}": (n,) for part, n in sizes.items() for what in ("mean", "scale")}


def segment_weights(hidden: int, node_features: int, edge_features: int) -> dict[str, Numbers]:
    """What each array must be: see `weight_shapes`; features are divided by their scale."""
    shapes = weight_shapes(hidden, node_features, edge_features)
    return {
        name: Numbers(shape, low=SMALLEST_SCALE) if name.endswith("_scale") else Numbers(shape)
        for name, shape in shapes.items()
    }
