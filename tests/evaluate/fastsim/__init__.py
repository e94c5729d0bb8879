"""Tests of the comparison of generated showers with true ones."""
