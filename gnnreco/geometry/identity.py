"""What makes a detector this one and no other: a sum over all that changes a reconstruction."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from gnnreco.columns import Floats

if TYPE_CHECKING:
    from .detector import Detector

#: Columns that are told of calorimeters only.
SHOWER = ("moliere_radius", "sampling_fraction")


def content_hash(detector: Detector) -> str:
    """Sha256 of everything that changes a reconstruction; names, labels and sensor ids do not."""
    digest = hashlib.sha256()
    for template in detector.templates:
        kind, numbers = template.content()
        digest.update(kind.encode())
        _add(digest, numbers)
    for column in (detector.template, detector.layer, detector.subsystem):
        digest.update(np.ascontiguousarray(column, "<i4").tobytes())
    digest.update(repr([s.measures for s in detector.subsystems]).encode())
    probes = np.concatenate([np.zeros((1, 3)), detector.center[:: max(1, detector.n_sensors // 100)]])
    material = [
        [p.radius, p.half_length, p.radiation_lengths, p.interaction_lengths] for p in detector.passive
    ]
    for values in (
        *(detector.center, detector.rotation, detector.radiation_lengths, detector.interaction_lengths),
        *(detector.resolution_u, detector.resolution_v, detector.field.at(probes), np.array(material)),
    ):
        _add(digest, values)
    # What came later enters only where it is told: a tracker keeps its hash.
    grid = detector.field.grid
    if grid.tesla.size > 3:
        digest.update(b"map")
        for values in (grid.x, grid.y, grid.z, grid.tesla, grid.turn, grid.shift):
            _add(digest, values)
    for name in SHOWER:
        if np.isfinite(getattr(detector, name)).any():
            digest.update(name.encode())
            _add(digest, getattr(detector, name))
    if any(p.middle for p in detector.passive):
        _add(digest, np.array([p.middle for p in detector.passive]))
    for row, template in enumerate(detector.templates):
        if template.focus is not None:
            digest.update(f"focus {row}".encode())
            _add(digest, template.focus)
    for row, part in enumerate(detector.subsystems):
        if part.drift is not None:
            digest.update(f"drift {row} {part.drift.numbers}".encode())
    if not detector.source.is_default:
        digest.update(b"source")
        _add(digest, np.vstack([detector.source.position, detector.source.rotation]))
    return digest.hexdigest()


def _add(digest: hashlib._Hash, values: Floats) -> None:
    # A nanometre: the last digits of cos and sin may differ from one computer to the next.
    whole = np.nan_to_num(
        np.round(np.ascontiguousarray(values, np.float64) * 1e6),
        nan=2.0**62,
        posinf=2.0**61,
        neginf=-(2.0**61),
    )
    digest.update(whole.astype("<i8").tobytes())
