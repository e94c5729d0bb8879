"""From a trained bundle to what a trigger or a farm runs: ONNX, programs in fixed point, HLS, Verilog, with proof."""
