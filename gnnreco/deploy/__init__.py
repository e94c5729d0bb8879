"""From a trained bundle to what a trigger runs: programs in fixed point, ONNX, HLS, Verilog, with proof."""
