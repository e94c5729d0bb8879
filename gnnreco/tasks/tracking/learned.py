"""What the learned arrays of a tracking bundle must be: the graph builder, and the network over segments."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from gnnreco.files.limits import LAYERS, NUMBER
from gnnreco.geometry import Detector
from gnnreco.graphs import DOUBLET_FEATURES, TRIPLET_FEATURES
from gnnreco.graphs.tracking.frame import WIDTH_CLASSES
from gnnreco.graphs.tracking.gate import HIDDEN
from gnnreco.graphs.tracking.learned import GraphConfig
from gnnreco.models.state import Numbers, named
from gnnreco.models.weights import segment_weights

if TYPE_CHECKING:
    from .task import TrackingConfig

Expected = dict[str, Numbers]
#: Widths of the network that sends hits to their places: what a hit knows, two hidden layers, dimensions.
PLACES = (11, 64, 64, 8)
#: Beyond it a limit on a triplet's feature no longer fits into float32 as the number behind it.
LIMIT = 40.0


def arrays(config: TrackingConfig, detector: Detector | None) -> Expected:
    """What each array must be, by name; layers of a detector are known where it is given."""
    gates = {"pair_gate": len(DOUBLET_FEATURES), "triplet_gate": len(TRIPLET_FEATURES) + 2}
    graph = {"limits": Numbers((len(TRIPLET_FEATURES), 2), np.float64, -LIMIT, LIMIT, infinite=True)}
    if config.graph.slope_efficiency:
        # of the layers of the detector of the training: elsewhere the widest serves
        graph["slope_window"] = Numbers(("layers",), np.float64, 0, infinite=True)
    graph |= named(config.graph.builder, _builder(config.graph, detector))
    for name, features in gates.items():
        layers = _dense((features, *HIDDEN)) | {"w3": Numbers(HIDDEN[-1:]), "b3": Numbers((1,))}
        graph |= named(name, layers | {"threshold": Numbers((1,), infinite=True)})
    network = segment_weights(config.network.hidden, len(DOUBLET_FEATURES), len(TRIPLET_FEATURES))
    return named("graph", graph) | named("network", network)


def _builder(config: GraphConfig, detector: Detector | None) -> Expected:
    if config.builder == "embedding":
        return _dense(PLACES) | {"radius": Numbers((1,), np.float64, low=0)}
    layer = Numbers(("pairs",), np.int32, 0, (LAYERS if detector is None else detector.n_layers) - 1)
    pair, bins = (
        Numbers(shape, np.float64, -NUMBER, NUMBER, infinite=True)
        for shape in (("pairs",), ("pairs", config.bins))
    )
    cells = Numbers((*bins.shape, WIDTH_CLASSES), np.float64, -NUMBER, NUMBER, infinite=True)
    return {
        "first": layer,
        "second": layer,
        "slope": Numbers(("pairs",), np.float64),
        "s_low": cells,
        "s_high": cells,
        "phi_low": bins,
        "phi_high": bins,
        "impact_low": pair,
        "impact_high": pair,
    } | (_cells(config) if config.cells else {})


def _cells(config: GraphConfig) -> Expected:
    """The cells of azimuth and impact by which windows are cut."""
    shape = ("pairs", config.cells, config.cells)
    return {"phi_scale": Numbers(("pairs",), np.float64, 0), "cells": Numbers(shape, np.uint8, 0, 1)}


def _dense(widths: tuple[int, ...]) -> Expected:
    """Weights (inputs, outputs) and biases of dense layers, numbered from 1."""
    layers = list(itertools.pairwise(widths))
    state = {f"w{k}": Numbers(shape) for k, shape in enumerate(layers, 1)}
    return state | {f"b{k}": Numbers(shape[1:]) for k, shape in enumerate(layers, 1)}
