"""Bundles in ONNX under the name they had before `gnnreco.bundle` became a folder: users import them from here."""

from gnnreco.bundle.onnx import OnnxBundle, load_onnx, network_weights

__all__ = ["OnnxBundle", "load_onnx", "network_weights"]
