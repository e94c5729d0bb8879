"""What a magnetic field does not let a track fit measure: no field at the sensors, a map that ends too early, NaN."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from gnnreco.geometry.detector import Detector
from gnnreco.geometry.field.field import MapField

from .findings import Finding, name_sensors

#: What subsystems measure that tracks are made of.
TRACKED = {"position", "charge"}
WEAK = 1e-9  # tesla
FEW = 8  # layers that are named


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
                f"the map of the field holds {1 - len(outside) / len(rows):.0%} of the {len(rows):,} sensors of tracks, "
                f"but not {_parts(detector, rows, outside)}; the field is 0 there, so tracks are straight"
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


def _parts(detector: Detector, rows: NDArray[np.int64], outside: NDArray[np.int64]) -> str:
    """How many of the sensors of each subsystem lie outside, and in which layers."""
    told = []
    for number in np.unique(detector.subsystem[outside]):
        of_part = detector.subsystem[rows] == number
        lost = outside[detector.subsystem[outside] == number]
        layers = np.unique(detector.layer[lost])
        named = ", ".join(str(layer) for layer in layers[:FEW]) + (", ..." if len(layers) > FEW else "")
        word = "layer" if len(layers) == 1 else "layers"
        told.append(
            f"{len(lost):,} of {of_part.sum():,} in {detector.subsystems[number].name} ({word} {named})"
        )
    return ", ".join(told)
