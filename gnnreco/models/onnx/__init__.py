"""Networks as ONNX: written, checked, run."""
