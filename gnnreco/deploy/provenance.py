"""Which trained bundle a program came from, and the program of a bundle."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gnnreco.bundle import Bundle, load_bundle
from gnnreco.deploy.lower import lower
from gnnreco.deploy.program import Program
from gnnreco.errors import BadBundle, BadConfig
from gnnreco.models.trigger_network import TriggerNetwork
from gnnreco.schema import build
from gnnreco.tasks.trigger import TriggerConfig

PREFIX = "network."


def provenance(bundle: Bundle) -> dict[str, Any]:
    """What a manifest says of the bundle behind it."""
    return {
        "bundle": bundle.name,
        "folder": str(bundle.folder.resolve()),
        "sha256": bundle.manifest["sha256"],
        "task": bundle.task,
        "training": bundle.manifest["training"],
        "metrics": bundle.manifest["metrics"],
    }


def trained_program(bundle: Bundle) -> Program:
    """The program of a bundle. Raises `BadBundle` for one that is not for triggers."""
    if bundle.task != "trigger":
        raise BadBundle(
            bundle.folder,
            f"is for the task '{bundle.task}'; only those of `gnnreco train trigger` become hardware",
        )
    # The network without its task: it needs no detector, whatever fills its buffers.
    try:
        config = build(TriggerConfig, bundle.config)
        network = TriggerNetwork(config.network, config.input.features)
        weights = {k.removeprefix(PREFIX): v for k, v in bundle.state.items() if k.startswith(PREFIX)}
        network.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in weights.items()})
    except (BadConfig, ValueError, RuntimeError) as error:
        raise BadBundle(bundle.folder, f"does not fit the task 'trigger' of this version: {error}") from error
    return lower(network.eval())


def find_trained(said: Mapping[str, Any]) -> Program | None:
    """The program of the bundle that `provenance` described, if that very bundle is still where it was."""
    for place in (said.get("folder"), said.get("bundle")):
        try:
            bundle = load_bundle(str(place)) if place and Path(str(place)).name else None
        except BadBundle:
            continue
        if bundle and bundle.manifest["sha256"] == said.get("sha256"):
            return trained_program(bundle)
    return None
