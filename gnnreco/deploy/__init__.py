"""Trained networks on their way out: to ONNX here, and from there to whatever runs it."""
