"""A bundle whose network is a file of ONNX: what `gnnreco deploy --target onnx` writes and `reconstruct --engine onnx` reads.

A folder holds ``model.onnx``, ``bundle/NAME`` with the bundle it was made from, whose learned graph builder is still
needed, and ``manifest.json`` with the sums of both. Where a bundle itself is named, its model is made in memory.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnnreco import __version__
from gnnreco.bundle import MANIFEST, Bundle, find_bundle, load_bundle, manifest_sum, sha256
from gnnreco.errors import BadBundle
from gnnreco.graphs import DOUBLET_FEATURES, TRIPLET_FEATURES
from gnnreco.graphs.charge import PAIR_FEATURES, SAMPLE_FEATURES
from gnnreco.models import Weights
from gnnreco.models.weights import checked, weight_shapes

if TYPE_CHECKING:
    from gnnreco.models.onnx_session import OnnxNetwork

FORMAT, TARGET, MODEL, BUNDLE = 1, "onnx", "model.onnx", "bundle"
#: Tasks with a network over segments, and what its nodes and edges know.
FEATURES = {"tracking": (DOUBLET_FEATURES, TRIPLET_FEATURES), "drift": (SAMPLE_FEATURES, PAIR_FEATURES)}


@dataclass(frozen=True, slots=True)
class OnnxBundle:
    """A bundle and its network in ONNX.

    Attributes
    ----------
    bundle : Bundle
    model : bytes
        Content of ``model.onnx``.
    manifest : dict
        Of the folder; empty if the model was made in memory.
    """

    bundle: Bundle
    model: bytes
    manifest: dict[str, Any]

    def network(self, threads: int) -> OnnxNetwork:
        """A session on so many threads."""
        from gnnreco.models.onnx_session import OnnxNetwork

        return OnnxNetwork(self.model, threads)


def network_weights(bundle: Bundle) -> Weights:
    """What the network over segments of a bundle has learned. Raises `BadBundle` if the bundle has none."""
    if bundle.task not in FEATURES:
        raise BadBundle(
            bundle.folder,
            f"is for the task '{bundle.task}', which has no network over segments; bundles for {' and '.join(FEATURES)} "
            "have one, such as tracking-trackml",
        )
    prefix = "network."
    weights = {k.removeprefix(prefix): v for k, v in bundle.state.items() if k.startswith(prefix)}
    nodes, edges = (len(names) for names in FEATURES[bundle.task])
    try:
        return checked(weights, weight_shapes(int(bundle.config["network"]["hidden"]), nodes, edges))
    except (KeyError, TypeError, ValueError) as error:
        raise BadBundle(bundle.folder, f"does not fit the network of this version: {error}") from error


def make_onnx(bundle: Bundle, int8: bool = False) -> bytes:
    """The network of a bundle as a file of ONNX, with the identity of the bundle in its metadata."""
    from gnnreco.models.onnx_graph import build_onnx

    weights, detector = network_weights(bundle), bundle.manifest["detector"]
    nodes, edges = FEATURES[bundle.task]
    metadata = {
        "version": __version__, "task": bundle.task, "bundle.name": bundle.name,
        "bundle.sha256": bundle.manifest["sha256"], "detector.name": detector["name"],
        "detector.hash": detector["hash"], "nodes": " ".join(nodes), "edges": " ".join(edges),
        "weights": "int8" if int8 else "float32",
    }  # fmt: skip
    named = {f"gnnreco.{key}": str(value) for key, value in metadata.items()}
    return build_onnx(weights, int(bundle.config["network"]["iterations"]), named, int8)


def load_onnx(name_or_path: str | Path) -> OnnxBundle:
    """Read an exported folder and verify every byte of it; or a bundle, by name or folder, and make its model.

    Raises
    ------
    BadBundle
        If there is none, it lacks a file, differs from its sums, or its task has no network over segments.
    """
    folder = find_bundle(name_or_path)
    if not (folder / MODEL).exists():
        bundle = load_bundle(name_or_path)
        return OnnxBundle(bundle, make_onnx(bundle), {})
    manifest = read_manifest(folder)
    model = (folder / MODEL).read_bytes()
    if sha256(model) != manifest["files"][MODEL]["sha256"]:
        raise BadBundle(folder, f"{MODEL} is not what was written (its sha256 differs); copy the folder again")
    name = str(manifest["bundle"]["name"])
    if Path(name).name != name:
        raise BadBundle(folder, f"{MANIFEST} names a bundle outside of the folder: {name!r}")
    bundle = load_bundle(folder / BUNDLE / name)
    if bundle.manifest["sha256"] != manifest["bundle"]["sha256"]:
        raise BadBundle(folder, f"{BUNDLE}/{name} is not the bundle that was exported; export it again")
    _check_model(folder, model, bundle)
    return OnnxBundle(bundle, model, manifest)


def _check_model(folder: Path, model: bytes, bundle: Bundle) -> None:
    from gnnreco.models.onnx_check import check_onnx

    try:
        metadata = {prop.key: prop.value for prop in check_onnx(model).metadata_props}
    except ValueError as error:
        raise BadBundle(folder, f"{MODEL} {error}; export it again") from error
    if metadata.get("gnnreco.bundle.sha256") != bundle.manifest["sha256"]:
        raise BadBundle(folder, f"{MODEL} was made from another bundle; export it again")


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of an exported folder, verified."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        if manifest["sha256"] != manifest_sum(manifest):
            raise BadBundle(
                folder, f"{MANIFEST} is not what was written (its sha256 differs); copy the folder again"
            )
        if manifest["target"] != TARGET or manifest["format"] != FORMAT or set(manifest["files"]) != {MODEL}:
            raise BadBundle(folder, f"is not an export for ONNX that gnnreco {__version__} reads; export it again")
    except FileNotFoundError as error:
        raise BadBundle(folder, f"{MANIFEST} is missing; copy the folder again") from error
    except (ValueError, KeyError, TypeError) as error:
        raise BadBundle(folder, f"{MANIFEST} is not that of an exported bundle ({error})") from error
    return dict(manifest)
