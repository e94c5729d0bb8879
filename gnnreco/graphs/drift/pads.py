"""Where samples lie among the rows of pads of their sensors: along a row, and across the rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gnnreco.columns import Floats, Ints
from gnnreco.geometry import Detector
from gnnreco.geometry.cells.polar import PolarTemplate
from gnnreco.geometry.cells.templates import Cells


class Pads(NamedTuple):
    """Rows run along u of a sensor, one beside the other along v; those of rings run around their middle.

    Attributes
    ----------
    size : float64 (n, 2)
        Of the pad along its row and across, mm.
    local : float64 (n, 3)
        Place along the row, across the rows, and along the drift, mm.
    row : int64 (n,)
        Number of the row in the sensor.
    along, across : float64 (n, 3)
        Unit vectors along the row and across the rows.
    """

    size: Floats
    local: Floats
    row: Ints
    along: Floats
    across: Floats


def pads_of(detector: Detector, sensor: Cells, cell: Cells, xyz: Floats) -> Pads:
    """The pads of samples at places `xyz` (n, 3), mm."""
    n = len(sensor)
    size = detector.cell_size(sensor, cell) if n else np.zeros((0, 2))
    local = detector.to_local(sensor, xyz) if n else np.zeros((0, 3))
    row = np.floor(local[:, 1] / np.maximum(size[:, 1], 1e-9) + 0.25).astype(np.int64)
    rotation = detector.rotation[sensor]
    along, across = np.ascontiguousarray(rotation[:, :, 0]), np.ascontiguousarray(rotation[:, :, 1])
    kinds = detector.template[sensor]
    for kind in np.unique(kinds):
        template = detector.templates[kind]
        if isinstance(template, PolarTemplate):
            mine = np.flatnonzero(kinds == kind)
            ring, _ = template.channel(cell[mine])
            angle = np.arctan2(local[mine, 1], local[mine, 0])
            cosine, sine, none = np.cos(angle), np.sin(angle), np.zeros(len(mine))
            middle = ((template.radii[1:] + template.radii[:-1]) / 2)[ring]
            step = (template.phi[1] - template.phi[0]) / template.n_phi
            size[mine] = np.stack([middle * step, np.diff(template.radii)[ring]], axis=1)
            local[mine, :2] = np.stack([middle * angle, np.hypot(*local[mine, :2].T)], axis=1)
            row[mine] = ring
            for axis, inside in ((along, (-sine, cosine, none)), (across, (cosine, sine, none))):
                axis[mine] = np.einsum("nij,jn->ni", rotation[mine], np.stack(inside))
    return Pads(size, local, row, along, across)
