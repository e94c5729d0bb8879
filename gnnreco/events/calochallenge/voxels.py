"""The voxels of a detector in the order of the challenge: layer by layer, in a layer angle by angle, the radius first.

The angle counts from -pi, as in the challenge's own features; our cells may begin anywhere and are put in order here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Hits, Ints
from gnnreco.errors import BadInput
from gnnreco.files.limits import DRAWN_CELLS

if TYPE_CHECKING:
    from gnnreco.geometry import Detector
    from gnnreco.geometry.cells.templates import CellTemplate

TURN = 2 * np.pi
#: Radii closer than this are one, mm.
SAME = 1e-4
#: How far the middle of a voxel may be from the angle that its number says, in widths of a voxel.
SKEW = 0.05


@dataclass(frozen=True, eq=False)
class Voxels:
    """All voxels of a detector.

    Attributes
    ----------
    detector : Detector
    sensor, cell : int32 (n,)
        Of each voxel, in the order of the challenge.
    core : float64
        Radius of the smallest innermost ring, mm.
    """

    detector: Detector
    sensor: NDArray[np.int32]
    cell: NDArray[np.int32]
    core: float

    @classmethod
    def of(cls, detector: Detector) -> Voxels:
        """The voxels of a detector that is made of disks cut into rings and equal angles.

        Raises
        ------
        BadInput
            A layer is no such disk, or does not begin a voxel at the angle -pi.
        """
        order = np.argsort(detector.layer, kind="stable")
        folder = detector.folder
        if len(np.unique(detector.layer)) < len(order):
            raise _no_cylinder(folder, "a layer has several sensors")
        if sum(detector.templates[kind].n_cells for kind in detector.template.tolist()) > DRAWN_CELLS:
            raise _no_cylinder(folder, f"more than {DRAWN_CELLS:,} cells")
        rings = [_in_order(folder, template) for template in detector.templates]
        cells = [rings[kind][0] for kind in detector.template[order].tolist()]
        sensor = np.repeat(order, [len(part) for part in cells]).astype(np.int32)
        core = min((inner for _, inner in rings), default=0.0)
        return cls(detector, sensor, np.concatenate(cells).astype(np.int32), core)

    def __len__(self) -> int:
        return len(self.sensor)

    @cached_property
    def xyz(self) -> Floats:
        """Centres (n, 3), mm; of a whole ring a point in it."""
        return self.detector.cell_position(self.sensor, self.cell)

    @cached_property
    def seen(self) -> Floats:
        """GeV seen in the active part (n,) for each MeV that the file tells."""
        fraction = self.detector.sampling_fraction[self.sensor]
        return 1e-3 * np.where(fraction > 0, fraction, 1.0)

    @cached_property
    def _number(self) -> tuple[Ints, Ints]:
        """Where the cells of each sensor begin, and the voxel of each."""
        count = np.array([template.n_cells for template in self.detector.templates])[self.detector.template]
        start = np.cumsum(count) - count
        number = np.empty(len(self), np.int64)
        number[start[self.sensor] + self.cell] = np.arange(len(self))
        return start, number

    def find(self, hits: Hits) -> Ints:
        """The voxel that each hit lies in (n_hits,); -1 for none."""
        found = np.full(len(hits), -1)
        rows = np.flatnonzero(hits.sensor >= 0)
        sensor = hits.sensor[rows]
        uv = self.detector.to_plane(sensor, self.detector.to_local(sensor, hits.xyz[rows]))
        cell = self.detector.cell_at(sensor, uv[:, 0], uv[:, 1])
        inside = cell >= 0
        start, number = self._number
        found[rows[inside]] = number[start[sensor[inside]] + cell[inside]]
        return found


def _in_order(folder: Path, template: CellTemplate) -> tuple[Ints, float]:
    """Cells of a disk, by angle and then by ring, and the radius of the innermost ring."""
    cells = np.arange(template.n_cells, dtype=np.int32)
    if not len(cells) or not template.exists(cells).all():
        raise _no_cylinder(folder, f"{template.name} has holes")
    outer = np.hypot(*np.moveaxis(template.corners(cells), 2, 0)).max(axis=1)
    radii = np.sort(outer)
    first = np.flatnonzero(np.diff(radii, prepend=-1) > SAME)
    ring = np.searchsorted(radii[first], outer + SAME) - 1
    n_alpha = len(cells) // len(first)
    turned = np.zeros(len(cells))
    if n_alpha > 1:
        middle = template.position(cells)
        turned = (np.arctan2(middle[:, 1], middle[:, 0]) + np.pi) / TURN * n_alpha - 0.5
    alpha = np.round(turned).astype(np.int64) % n_alpha
    order = np.lexsort((ring, alpha))
    if not np.array_equal((alpha * len(first) + ring)[order], cells):
        raise _no_cylinder(
            folder, f"{template.name} is not made of rings, each cut into as many equal angles"
        )
    if float(np.abs(turned - np.round(turned)).max()) > SKEW:
        raise _no_cylinder(folder, f"the angles of {template.name} do not begin at -pi")
    return order, float(radii[0])


def _no_cylinder(folder: Path, why: str) -> BadInput:
    remedy = "name the detector that the showers were made in, or import its binning file"
    return BadInput(folder, "", f"no cylinder of voxels as in the CaloChallenge: {why}; {remedy}")
