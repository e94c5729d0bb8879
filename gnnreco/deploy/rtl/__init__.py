"""Programs as Verilog: written, simulated, synthesised, proved."""
