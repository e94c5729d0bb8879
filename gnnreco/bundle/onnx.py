"""A bundle with its network in ONNX: what `gnnreco deploy --target onnx` writes and `reconstruct --engine onnx` reads.

A folder holds ``model.onnx`` for any number of threads, ``model-one-thread.onnx`` that is faster on one and wrong on more,
``bundle/NAME`` with the bundle they were made from, whose learned graph builder is still needed, and ``manifest.json`` with
the sums of all. Where a bundle itself is named, its model is made in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from gnnreco import __version__
from gnnreco.errors import BadBundle, BadConfig
from gnnreco.files.json_types import JsonDict
from gnnreco.files.limits import MANIFEST_BYTES
from gnnreco.graphs import DOUBLET_FEATURES, TRIPLET_FEATURES
from gnnreco.graphs.drift.features import PAIR_FEATURES, SAMPLE_FEATURES
from gnnreco.models import Weights
from gnnreco.models.state import checked
from gnnreco.models.weights import NetworkConfig, segment_weights
from gnnreco.schema import build

from .bundle import Bundle, load_bundle
from .files import MANIFEST, FileSum, check_file, check_sum, read_file, sha256, summed, typed
from .shipped import find_bundle

if TYPE_CHECKING:
    from gnnreco.models.onnx.session import OnnxNetwork

FORMAT, TARGET, BUNDLE = 1, "onnx", "bundle"
MODEL, ONE_THREAD_MODEL = MODELS = ("model.onnx", "model-one-thread.onnx")
#: Tasks with a network over segments, and what its nodes and edges know.
FEATURES = {"tracking": (DOUBLET_FEATURES, TRIPLET_FEATURES), "drift": (SAMPLE_FEATURES, PAIR_FEATURES)}


@dataclass(frozen=True, slots=True)
class OnnxBundle:
    """A bundle and its network in ONNX.

    Attributes
    ----------
    bundle : Bundle
    models : dict of bytes
        Content of the files of `MODELS`; empty if they are made in memory.
    manifest : dict
        Of the folder; empty likewise.
    """

    bundle: Bundle
    models: dict[str, bytes]
    manifest: JsonDict

    @property
    def identity(self) -> str:
        """Sum over what runs the network, whatever the number of threads."""
        return sha256(self.models[MODEL]) if self.models else TARGET

    def network(self, threads: int) -> OnnxNetwork:
        """A session on so many threads, over the model that is right for them."""
        from gnnreco.models.onnx.session import OnnxNetwork

        name = ONE_THREAD_MODEL if threads == 1 else MODEL
        model = self.models[name] if self.models else make_onnx(self.bundle, one_thread=threads == 1)
        return OnnxNetwork(model, threads)


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
        hidden = build(NetworkConfig, bundle.config["network"]).hidden
        return checked(weights, segment_weights(hidden, nodes, edges))
    except (BadConfig, KeyError, TypeError, ValueError) as error:
        raise BadBundle(bundle.folder, f"does not fit the network of this version: {error}") from error


def make_onnx(bundle: Bundle, int8: bool = False, one_thread: bool = False) -> bytes:
    """The network of a bundle as a file of ONNX, with the identity of the bundle in its metadata."""
    from gnnreco.models.onnx.graph import build_onnx

    weights, detector = network_weights(bundle), bundle.manifest["detector"]
    nodes, edges = FEATURES[bundle.task]
    metadata = {
        "version": __version__,
        "task": bundle.task,
        "bundle.name": bundle.name,
        "bundle.sha256": bundle.manifest["sha256"],
        "detector.name": detector["name"],
        "detector.hash": detector["hash"],
        "nodes": " ".join(nodes),
        "edges": " ".join(edges),
        "weights": "int8" if int8 else "float32",
        "threads": "1" if one_thread else "any",
    }
    named = {f"gnnreco.{key}": str(value) for key, value in metadata.items()}
    return build_onnx(weights, int(bundle.config["network"]["iterations"]), named, int8, one_thread)


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
        network_weights(bundle)
        return OnnxBundle(bundle, {}, {})
    manifest = read_manifest(folder)
    models = {name: read_file(folder, name) for name in MODELS}
    for name, model in models.items():
        check_file(folder, name, model, manifest["files"][name])
    name = str(manifest["bundle"]["name"])
    if Path(name).name != name or name in ("", ".", ".."):
        raise BadBundle(folder, f"{MANIFEST} names a bundle outside of the folder: {name!r}")
    bundle = load_bundle(folder / BUNDLE / name)
    if bundle.manifest["sha256"] != manifest["bundle"]["sha256"]:
        raise BadBundle(folder, f"{BUNDLE}/{name} is not the bundle that was exported; export it again")
    for name, model in models.items():
        _check_model(folder, name, model, bundle)
    return OnnxBundle(bundle, models, manifest)


def _check_model(folder: Path, name: str, model: bytes, bundle: Bundle) -> None:
    from gnnreco.models.onnx.check import check_onnx

    try:
        metadata = {prop.key: prop.value for prop in check_onnx(model).metadata_props}
    except ValueError as error:
        raise BadBundle(folder, f"{name} {error}; export it again") from error
    if metadata.get("gnnreco.bundle.sha256") != bundle.manifest["sha256"]:
        raise BadBundle(folder, f"{name} was made from another bundle; export it again")


@dataclass(frozen=True)
class Exported:
    """The bundle that a folder holds in ONNX."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Model:
    """How it holds it."""

    weights: Literal["float32", "int8"]
    opset: int


@dataclass(frozen=True)
class Parity:
    """How far from torch it was when it was written: see `gnnreco.deploy.onnx.parity`."""

    seed: int
    relative: float
    tolerance: float


@dataclass(frozen=True)
class Manifest:
    """What the manifest of an exported folder holds; it may hold more."""

    format: int
    target: str
    bundle: Exported
    model: Model
    parity: Parity
    files: dict[str, FileSum]


def read_manifest(folder: Path) -> JsonDict:
    """The manifest of an exported folder as plain values, its sum and all its types right; `BadBundle` if not."""
    manifest = summed(folder, read_file(folder, MANIFEST, MANIFEST_BYTES))
    check_sum(folder, manifest)
    if manifest.get("target") != TARGET or manifest.get("format") != FORMAT:
        raise BadBundle(
            folder, f"is not an export for ONNX that gnnreco {__version__} reads; export it again"
        )
    said = typed(Manifest, manifest, folder)
    if set(said.files) != set(MODELS):
        raise BadBundle(folder, f"{MANIFEST} must list {' and '.join(MODELS)}, nothing else; export it again")
    return manifest
