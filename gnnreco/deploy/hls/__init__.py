"""Dense programs as projects of hls4ml."""
