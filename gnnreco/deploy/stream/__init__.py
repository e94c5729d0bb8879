"""Edge classifiers of large graphs as Verilog that takes an edge each clock."""
