"""Detectors put together from templates, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from gnnreco.geometry import CellTemplate, ConstantField, Detector, GridTemplate, Subsystem

# A third of a turn around the diagonal: no axis stays one.
TURN = Rotation.from_rotvec(np.array([1.0, 2.0, -0.5])).as_matrix()
SHIFT = np.array([31.0, -7.0, 211.0])


def plates(
    templates: Sequence[CellTemplate],
    center: Sequence[Sequence[float]],
    layer: Sequence[int] | None = None,
    turn: Sequence[Sequence[float]] | None = None,
    template: Sequence[int] | None = None,
    measures: tuple[str, ...] = ("energy",),
) -> Detector:
    """Sensors at their centres (n, 3), turned about x, y, z (n, 3) in degrees; one layer unless told."""
    n = len(center)
    rotation = np.tile(np.eye(3), (n, 1, 1))
    if turn is not None:
        rotation = Rotation.from_euler("xyz", turn, degrees=True).as_matrix()
    layers = np.zeros(n, np.int32) if layer is None else np.array(layer, np.int32)
    return Detector(
        *("plates", Path(), ConstantField(0.0), tuple(templates), (Subsystem("all", measures),)),
        *(int(layers.max()) + 1, np.array(template or [0] * n, np.int32), layers, np.zeros(n, np.int32)),
        *(np.array(center, float), rotation, np.full(n, 0.1), np.full(n, 0.01)),
        *(np.full(n, 0.1), np.full(n, 0.1), np.arange(n)),
    )


def all_ids(detector: Detector) -> np.ndarray:
    """Every cell of a detector."""
    ids = [np.zeros(0, np.uint64)]
    for sensor in range(detector.n_sensors):
        template = detector.templates[detector.template[sensor]]
        cells = np.arange(template.n_cells, dtype=np.int32)
        cells = cells[template.exists(cells)]
        ids.append(detector.cell_id(np.full(len(cells), sensor), cells))
    return np.concatenate(ids)


def pairs(ids: np.ndarray, table: tuple[np.ndarray, np.ndarray]) -> set[tuple[int, int]]:
    """The pairs of a CSR table."""
    offsets, others = table
    return set(zip(np.repeat(ids, np.diff(offsets)).tolist(), others.tolist(), strict=True))


def grid(n_u: int = 4, n_v: int = 4, pitch: float = 1.0, thickness: float = 0.3) -> GridTemplate:
    """Square cells."""
    return GridTemplate("grid", thickness, pitch, pitch, n_u, n_v)
