"""Detectors drawn in XML: GDML and DD4hep."""
