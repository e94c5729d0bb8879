"""Flat drawings of detectors, as SVG."""
