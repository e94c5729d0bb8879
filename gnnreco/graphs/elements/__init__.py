"""What particles are made of: tracks, showers and what is left, as the nodes of a graph."""
