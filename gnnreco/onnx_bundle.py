"""Bundles in ONNX under the name they had before `gnnreco.bundle` became a folder."""

from typing import TYPE_CHECKING

from gnnreco.renamed import old_names

if not TYPE_CHECKING:  # a name that is not here shall stay an error of types
    __getattr__ = old_names(
        __name__,
        {name: f"gnnreco.bundle.onnx.{name}" for name in ("OnnxBundle", "load_onnx", "network_weights")},
    )
