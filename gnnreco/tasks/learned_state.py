"""What the learned arrays of each task must be, by name, before a bundle of it is used: see `gnnreco.models.state`.

Layers of a detector are known where it is given; without it a bundle can still be verified in all else.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gnnreco.files.limits import LAYERS, NUMBER
from gnnreco.geometry import Detector
from gnnreco.graphs import DOUBLET_FEATURES, TRIPLET_FEATURES
from gnnreco.graphs.drift.samples import PAIR_FEATURES, SAMPLE_FEATURES
from gnnreco.graphs.tracking.frame import WIDTH_CLASSES
from gnnreco.graphs.tracking.gate import HIDDEN
from gnnreco.graphs.tracking.learned import GraphConfig
from gnnreco.models.state import Numbers
from gnnreco.models.weights import segment_weights

if TYPE_CHECKING:
    from torch import nn

    from gnnreco.tasks.drift.task import DriftConfig
    from gnnreco.tasks.showers.task import ClusteringConfig
    from gnnreco.tasks.tracking.task import TrackingConfig
    from gnnreco.tasks.trigger.task import TriggerConfig

State = dict[str, Numbers]
#: Widths of the network that sends hits to their places: what a hit knows, two hidden layers, dimensions.
PLACES = (11, 64, 64, 8)
#: Beyond it a limit on a triplet's feature no longer fits into float32 as the number behind it.
LIMIT = 40.0
SMALLEST = 1e-30  # above it the logarithm of an error's scale is finite


def tracking(config: TrackingConfig, detector: Detector | None) -> State:
    """The graph builder, and the network over segments."""
    gates = {"pair_gate": len(DOUBLET_FEATURES), "triplet_gate": len(TRIPLET_FEATURES) + 2}
    graph = {"limits": Numbers((len(TRIPLET_FEATURES), 2), np.float64, -LIMIT, LIMIT, infinite=True)}
    graph |= _named(config.graph.builder, _builder(config.graph, detector))
    for name, features in gates.items():
        layers = _dense((features, *HIDDEN)) | {"w3": Numbers(HIDDEN[-1:]), "b3": Numbers((1,))}
        graph |= _named(name, layers | {"threshold": Numbers((1,), infinite=True)})
    network = segment_weights(config.network.hidden, len(DOUBLET_FEATURES), len(TRIPLET_FEATURES))
    return _named("graph", graph) | _named("network", network)


def drift(config: DriftConfig, detector: Detector | None) -> State:
    """The network over samples of charge."""
    return _named("network", segment_weights(config.network.hidden, len(SAMPLE_FEATURES), len(PAIR_FEATURES)))


def clustering(config: ClusteringConfig, detector: Detector | None) -> State:
    """The network over cells; nothing for ``finder=density``."""
    if config.finder == "density":
        return {}
    import torch

    from gnnreco.tasks.showers.task import shower_network

    with torch.device("meta"):  # shapes alone
        network = _arrays(shower_network(config))
    # A bundle to start from need not know an adversary, nor the layers of identity.
    state = {
        name: Numbers(n.shape, n.dtype, n.low, n.high, optional=name.startswith(("adversary.", "identity.")))
        for name, n in network.items()
    }
    shape = state["sigma_scale"].shape
    assert isinstance(shape[1], int)
    # Once showers that are alone and others had the same.
    state["sigma_scale"] = Numbers(shape, low=SMALLEST, old_shape=(shape[1],))
    return _named("network", state)


def trigger(config: TriggerConfig, detector: Detector | None) -> State:
    """The network in fixed point, and examples of its input."""
    import torch

    from gnnreco.models.trigger_network import TriggerNetwork

    with torch.device("meta"):
        state = _arrays(TriggerNetwork(config.network, config.input.features))
    for name, numbers in state.items():
        last = name.rpartition(".")[2]
        if last == "kept":
            state[name] = Numbers(numbers.shape, low=0, high=1)
        elif last == "top":
            state[name] = Numbers(numbers.shape, low=0)
    state["scale"] = Numbers(state["scale"].shape, low=SMALLEST)
    state["steps"] = Numbers((), low=0, old_shape=(1,))  # a file holds it as a row of one number
    n, slots = config.network.slots, config.network.kind != "dense"
    answers = (len(config.network.pairs()),) if config.network.kind == "edges" else ()
    examples = {
        "x": Numbers(
            ("examples", *((n,) if slots else ()), config.input.features), np.floating, -NUMBER, NUMBER
        ),
        "valid": Numbers(("examples", n if slots else 0), np.floating, 0, 1),
        "label": Numbers(("examples", *answers), np.integer, -1, max(config.network.outputs, 2) - 1),
    }
    for name, e in examples.items():
        examples[name] = Numbers(e.shape, e.dtype, e.low, e.high, optional=True)
    return _named("network", state) | _named("examples", examples)


#: By task: of its settings and a detector (None: not known), what each array must be.
EXPECTED: dict[str, Callable[[Any, Detector | None], State]] = {
    "tracking": tracking,
    "clustering": clustering,
    "drift": drift,
    "trigger": trigger,
}


def _builder(config: GraphConfig, detector: Detector | None) -> State:
    if config.builder == "embedding":
        return _dense(PLACES) | {"radius": Numbers((1,), np.float64, low=0)}
    layer = Numbers(("pairs",), np.int32, 0, (LAYERS if detector is None else detector.n_layers) - 1)
    pair, bins = (
        Numbers(shape, np.float64, -NUMBER, NUMBER, infinite=True)
        for shape in (("pairs",), ("pairs", config.bins))
    )
    cells = Numbers((*bins.shape, WIDTH_CLASSES), np.float64, -NUMBER, NUMBER, infinite=True)
    return {
        "first": layer, "second": layer, "slope": Numbers(("pairs",), np.float64),
        "s_low": cells, "s_high": cells, "phi_low": bins, "phi_high": bins, "impact_low": pair, "impact_high": pair,
    }  # fmt: skip


def _dense(widths: tuple[int, ...]) -> State:
    """Weights (inputs, outputs) and biases of dense layers, numbered from 1."""
    layers = list(itertools.pairwise(widths))
    state = {f"w{k}": Numbers(shape) for k, shape in enumerate(layers, 1)}
    return state | {f"b{k}": Numbers(shape[1:]) for k, shape in enumerate(layers, 1)}


def _arrays(network: nn.Module) -> State:
    """What the arrays of a network of torch must be; sums in double precision may be large."""
    state = {}
    for name, tensor in network.state_dict().items():
        double = str(tensor.dtype) == "torch.float64"
        state[name] = (
            Numbers(tuple(tensor.shape), np.float64, -NUMBER, NUMBER)
            if double
            else Numbers(tuple(tensor.shape))
        )
    return state


def _named(prefix: str, state: Mapping[str, Any]) -> State:
    return {f"{prefix}.{name}": numbers for name, numbers in state.items()}
