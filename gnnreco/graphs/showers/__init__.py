"""Cells of calorimeters as graphs, in units that mean the same everywhere."""
