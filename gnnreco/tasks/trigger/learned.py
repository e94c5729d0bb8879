"""What the learned arrays of a trigger bundle must be: the network in fixed point, and examples of its input."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from gnnreco.files.limits import NUMBER
from gnnreco.models.state import Numbers, named, of_network
from gnnreco.models.trigger.network import TriggerNetwork

if TYPE_CHECKING:
    from .task import TriggerConfig

SMALLEST = 1e-30  # no unit of an input is zero


def arrays(config: TriggerConfig) -> dict[str, Numbers]:
    """What each array must be, by name."""
    with torch.device("meta"):
        state = of_network(TriggerNetwork(config.network, config.input.features))
    for name, numbers in state.items():
        last = name.rpartition(".")[2]
        if last == "kept":
            state[name] = Numbers(numbers.shape, low=0, high=1)
        elif last == "top":
            state[name] = Numbers(numbers.shape, low=0)
    state["scale"] = Numbers(state["scale"].shape, low=SMALLEST)
    state["steps"] = Numbers((), low=0, old_shape=(1,))  # a file holds it as a row of one number
    examples = {name: replace(numbers, optional=True) for name, numbers in _examples(config).items()}
    return named("network", state) | named("examples", examples)


def _examples(config: TriggerConfig) -> dict[str, Numbers]:
    n, slots = config.network.slots, config.network.kind != "dense"
    answers = (len(config.network.pairs()),) if config.network.kind == "edges" else ()
    return {
        "x": Numbers(
            ("examples", *((n,) if slots else ()), config.input.features), np.floating, -NUMBER, NUMBER
        ),
        "valid": Numbers(("examples", n if slots else 0), np.floating, 0, 1),
        "label": Numbers(("examples", *answers), np.integer, -1, max(config.network.outputs, 2) - 1),
    }
