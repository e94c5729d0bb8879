"""Which trained bundle a deployed folder came from, that bundle found again, and its network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from gnnreco.bundle import SHIPPED, Bundle, list_bundles, load_bundle
from gnnreco.bundle.files import read_manifest
from gnnreco.deploy.program.lower import lower
from gnnreco.deploy.program.program import Program
from gnnreco.errors import BadBundle, BadConfig
from gnnreco.files.json_types import JsonDict
from gnnreco.models.trigger.network import TriggerNetwork
from gnnreco.schema import build
from gnnreco.tasks.trigger.task import TriggerConfig

PREFIX = "network."


def provenance(bundle: Bundle) -> JsonDict:
    """What a manifest says of the bundle behind it: its name and its sum, not where it lies on this machine."""
    return {
        "bundle": bundle.name,
        "sha256": bundle.manifest["sha256"],
        "task": bundle.task,
        "training": bundle.manifest["training"],
        "metrics": bundle.manifest["metrics"],
    }


def find_trained(name: str, sha256: str, given: str = "") -> Bundle | None:
    """The trained bundle of a name and a sum: the one that is `given`, else one that ships or lies here under its name.

    Only what is given may have another sum; whoever names it vouches for it.
    """
    if given:
        return load_bundle(given)
    for shipped in list_bundles():
        if read_manifest(SHIPPED / shipped)["sha256"] == sha256:
            return load_bundle(shipped)
    if name and Path(name).name == name and Path(name).is_dir():
        try:
            found = load_bundle(Path(name))
        except BadBundle:
            return None
        return found if found.manifest["sha256"] == sha256 else None
    return None


def trained_network(bundle: Bundle) -> TriggerNetwork:
    """The network of a bundle, ready to answer. Raises `BadBundle` for one that is not for triggers."""
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
    return network.eval()


def trained_program(bundle: Bundle) -> Program:
    """The program of a bundle; see `trained_network`."""
    return lower(trained_network(bundle))
