"""Drift chambers: ionisation, drift, pads."""
