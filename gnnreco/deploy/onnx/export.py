"""A trained bundle as a folder with its network in ONNX, measured beside torch before it is written."""

from __future__ import annotations

import json
import shutil
from importlib import metadata
from pathlib import Path

from gnnreco import __version__
from gnnreco.bundle import Bundle
from gnnreco.bundle.files import CONFIG, MANIFEST, WEIGHTS, manifest_sum, sha256, write_folder
from gnnreco.bundle.onnx import (
    BUNDLE,
    FEATURES,
    FORMAT,
    MODEL,
    MODELS,
    ONE_THREAD_MODEL,
    TARGET,
    OnnxBundle,
    make_onnx,
    network_weights,
)
from gnnreco.errors import BadBundle, BadInput
from gnnreco.files.atomic import refuse
from gnnreco.files.json_types import JsonDict
from gnnreco.models.onnx.graph import INPUTS, IR, OPSET, OUTPUTS

from .parity import TOLERANCE, measure


def export_onnx(bundle: Bundle, folder: str | Path, int8: bool = False, overwrite: bool = False) -> JsonDict:
    """Write a model for any number of threads, one for a single thread, the bundle they come from and ``manifest.json``.

    Parameters
    ----------
    bundle : Bundle
        For a task with a network over segments.
    folder : path
    int8 : bool
        Weights in eight bits: a file of half the size, at the deviation that the manifest states.
    overwrite : bool
        Replace an earlier export in `folder`.

    Returns
    -------
    dict
        The manifest: ``target, bundle, model, parity, files, versions``.

    Raises
    ------
    BadBundle
        If the task has no such network, or what was made is not equal to it (see `gnnreco.deploy.onnx.parity`).
    BadInput
        If `folder` holds a result that nobody asked to replace, or another one than an export.
    """
    folder = Path(folder)
    refuse(folder / MANIFEST, overwrite)
    if (folder / MANIFEST).exists() and not (folder / MODEL).exists():
        raise BadInput(folder, MANIFEST, "is of something else than an export as ONNX; name another folder")
    models = {name: make_onnx(bundle, int8, name == ONE_THREAD_MODEL) for name in MODELS}
    parity = measure(OnnxBundle(bundle, models, {}))
    if not int8 and parity["relative"] > TOLERANCE:
        raise BadBundle(
            bundle.folder,
            f"its ONNX differs from torch by {parity['relative']:.2g}, over {TOLERANCE:g}: a fault",
        )
    weights, (nodes, edges) = network_weights(bundle), FEATURES[bundle.task]
    manifest: JsonDict = {
        "format": FORMAT,
        "target": TARGET,
        "gnnreco": __version__,
        "bundle": {
            "name": bundle.name,
            "sha256": bundle.manifest["sha256"],
            "task": bundle.task,
            "detector": bundle.manifest["detector"],
        },
        "model": {
            "inputs": list(INPUTS),
            "outputs": list(OUTPUTS),
            "node_features": list(nodes),
            "edge_features": list(edges),
            "weights": "int8" if int8 else "float32",
            "parameters": sum(w.size for w in weights.values()),
            "hidden": bundle.config["network"]["hidden"],
            "iterations": bundle.config["network"]["iterations"],
            "opset": OPSET,
            "ir_version": IR,
        },
        "parity": parity,
        "files": {name: {"bytes": len(model), "sha256": sha256(model)} for name, model in models.items()},
        "versions": {name: metadata.version(name) for name in ("onnx", "onnxruntime", "torch")},
    }
    manifest["sha256"] = manifest_sum(manifest)
    copied = {name: (bundle.folder / name).read_bytes() for name in (CONFIG, WEIGHTS, MANIFEST)}
    shutil.rmtree(folder / BUNDLE, ignore_errors=True)  # of an earlier export
    write_folder(folder / BUNDLE / bundle.name, copied)
    text = json.dumps(manifest, indent=2, sort_keys=True, allow_nan=False) + "\n"
    write_folder(folder, {**models, MANIFEST: text.encode()})
    return manifest
