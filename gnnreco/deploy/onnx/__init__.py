"""Networks and programs as ONNX."""
