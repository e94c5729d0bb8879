"""Detectors of hexagonal wafers, as CMS lists them."""
