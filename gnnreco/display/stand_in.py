"""A detector to draw where there is none: one sensor for each cell that a file tells of, as it lies in space."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.geometry import ConstantField, Detector, GridTemplate, Subsystem
from gnnreco.tasks.explore import Exploration

MOST_SIZES = 64  # each is a draw call of its own
FINEST = 0.05  # of the logarithm of a size: what differs less is drawn alike
THIN = (
    1.0,
    2e-3,
    1e-5,
)  # what has no length along its longest, middle or shortest edge gets this part of the longest


def stand_in(view: Exploration) -> tuple[Detector, NDArray[np.int32]]:
    """The cells that were hit as the sensors of a detector, and the sensor of each hit (n,); -1: a bare point."""
    edges, hits = view.edges, view.event.hits
    length = np.linalg.norm(edges, axis=2)
    drawn = np.flatnonzero(
        np.isfinite(hits.xyz).all(axis=1) & np.isfinite(length).all(axis=1) & (length.max(axis=1) > 0)
    )
    rotation, size = _placed(edges[drawn])
    sizes, template = _alike(size)
    sensor = np.full(len(hits), -1, np.int32)
    sensor[drawn] = np.arange(len(drawn))
    part = view.part[drawn]
    energetic = {int(row) for row in np.unique(view.part[view.with_energy])}
    zeros = np.zeros(len(drawn))
    detector = Detector(
        name="an unknown detector",
        folder=Path(),
        field=ConstantField(0.0),
        templates=tuple(
            GridTemplate(f"cell of {u:.3g} x {v:.3g} mm", thickness=w, pitch_u=u, pitch_v=v, n_u=1, n_v=1)
            for u, v, w in sizes.tolist()
        ),
        subsystems=tuple(
            Subsystem(name, ("energy",) if row in energetic else ("position",))
            for row, name in enumerate(view.parts)
        ),
        n_layers=len(view.parts),
        template=template.astype(np.int32),
        layer=part,
        subsystem=part,
        center=hits.xyz[drawn],
        rotation=rotation,
        radiation_lengths=zeros,
        interaction_lengths=zeros,
        resolution_u=zeros,
        resolution_v=zeros,
        sensor_id=np.arange(len(drawn)),
    )
    return detector, sensor


def _placed(edges: Floats) -> tuple[Floats, Floats]:
    """Rotations (n, 3, 3) whose columns are the axes of boxes, and lengths along them (n, 3)."""
    length = np.linalg.norm(edges, axis=2)
    longest = length.max(axis=1, initial=0.0)[:, None]
    rank = np.argsort(np.argsort(-length, axis=1, kind="stable"), axis=1)
    size = np.maximum(length, np.array(THIN)[rank] * longest)
    # Where an edge has no length, any direction square to the others will do.
    filled = np.where(length[:, :, None] > 0, edges, 0.0) / np.where(length > 0, length, 1.0)[:, :, None]
    u = _square(filled[:, 0], np.zeros_like(filled[:, 0]))
    w = _square(filled[:, 2], u)
    given = np.cross(u, filled[:, 1])
    w = np.where((length[:, 2:] > 0), w, _square(given, u))
    return np.stack([u, np.cross(w, u), w], axis=2), size


def _square(wanted: Floats, to: Floats) -> Floats:
    """Unit vectors (n, 3) square to others: as near as can be to those wanted, any where these have no length."""
    least = np.eye(3)[np.abs(to).argmin(axis=1)] if len(to) else to
    found = wanted - np.einsum("na,na->n", wanted, to)[:, None] * to
    lost = np.linalg.norm(found, axis=1) < 1e-6
    found[lost] = (least - np.einsum("na,na->n", least, to)[:, None] * to)[lost]
    return np.asarray(found / np.linalg.norm(found, axis=1)[:, None])


def _alike(size: Floats) -> tuple[Floats, Ints]:
    """Few sizes (k, 3) for many (n, 3), and which each has."""
    step, rounded = FINEST, np.round(np.log(size) / FINEST)
    while True:
        found, row = np.unique(rounded, axis=0, return_inverse=True)
        if len(found) <= MOST_SIZES:
            return np.exp(found * step), row.ravel()
        step *= 1.5
        rounded = np.round(np.log(size) / step)
