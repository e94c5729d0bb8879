"""What a magnetic field does not let a track fit measure: no field at the sensors, a map that ends too early, NaN."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gnnreco.geometry.detector import Detector
from gnnreco.geometry.field.field import MapField

from .findings import Finding, name_sensors

#: What subsystems measure that tracks are made of.
TRACKED = {"position", "charge"}
WEAK = 1e-9  # tesla


def field_findings(detector: Detector) -> Iterator[Finding]:
    """Faults of the field itself, then what it leaves unmeasured where tracks are found."""
    if not all(np.isfinite(part).all() for part in detector.field.grid[:6]):
        yield Finding(
            "error", "not-a-number", "field", "NaN or infinite", "give every point of the map a field"
        )
        return
    tracks = np.array(
        [bool(TRACKED & set(part.measures)) and "energy" not in part.measures for part in detector.subsystems]
    )
    rows = np.flatnonzero(tracks[detector.subsystem])
    if not len(rows):
        return
    center = detector.center[rows]
    if isinstance(detector.field, MapField):
        outside = rows[~detector.field.holds(center)]
        if len(outside):
            message = (
                f"the map holds {1 - len(outside) / len(rows):.0%} of the {len(rows):,} sensors of tracks; elsewhere "
                "the field is 0, so tracks are straight there"
            )
            remedy = "give a map as wide as the detector, in the unit of length of detector.yaml"
            yield Finding("warning", "outside-field-map", name_sensors(detector, outside), message, remedy)
    strength = np.linalg.norm(detector.field.at(center), axis=1)
    if strength.max() < WEAK:
        message = (
            "no field at any sensor of tracks: charge and momentum cannot be measured there (q/p is 0 with an error of "
            "1000 e/GeV)"
        )
        yield Finding("note", "no-field", "field", message, "give the field if there is one")
