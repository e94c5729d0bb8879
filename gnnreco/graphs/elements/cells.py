"""The cells of calorimeters as particle flow sees them: energies, and depths in lengths that mean the same everywhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gnnreco.columns import Clusters, Event, Floats, Ints
from gnnreco.geometry import Detector
from gnnreco.graphs.showers.cells import CellGraphConfig, live_cells
from gnnreco.graphs.showers.frame import FLATTEST, CellFrame

#: Lateral unit, mm, of a calorimeter that tells no Moliere radius.
USUAL_UNIT = 20.0


@dataclass(frozen=True, slots=True)
class Cells:
    """Cells over threshold of one event, in the source's frame.

    Attributes
    ----------
    index : int64 (n,)
        Row of the hit in the event.
    energy, mip : float64 (n,)
        Energy over the sampling fraction, and what a minimum-ionising particle leaves on that scale, GeV.
    xyz : float64 (n, 3)
        mm.
    depth, nuclear : float64 (n,)
        Radiation and interaction lengths from the front of the stack along the line from the source.
    unit : float64 (n,)
        Lateral unit, mm: the Moliere radius.
    cosine : float64 (n,)
        Of that line to the sensor's normal.
    group : int64 (n,)
        Layer, as in `CellFrame`.
    """

    index: Ints
    energy: Floats
    mip: Floats
    xyz: Floats
    depth: Floats
    nuclear: Floats
    unit: Floats
    cosine: Floats
    group: Ints

    def __len__(self) -> int:
        return len(self.index)


def cells_of(config: CellGraphConfig, detector: Detector, frame: CellFrame, event: Event) -> Cells:
    """The cells of an event in the source's frame; those of drift chambers are left out."""
    index, _, energy = live_cells(config, detector, frame, event)
    sensor = event.hits.sensor[index]
    keep = frame.energy[sensor]
    index, energy, sensor = index[keep], energy[keep], sensor[keep]
    xyz, group = event.hits.xyz[index], frame.group[sensor]
    away = np.maximum(np.linalg.norm(xyz, axis=1), 1e-9)
    cosine = np.einsum("ij,ij->i", xyz, frame.outward[sensor]) / away
    cosine = np.where(cosine < FLATTEST, 1.0, cosine)
    unit = frame.unit[sensor]
    return Cells(
        index,
        energy,
        config.mip * frame.radiation_lengths[group],
        xyz,
        frame.depth[group] / cosine,
        frame.nuclear[group] / cosine,
        np.where(unit > 0, unit, USUAL_UNIT),
        cosine,
        group,
    )


def lone_cells(cells: Cells) -> Clusters:
    """Every cell as a cluster of its own: elements where no cluster finder ran."""
    n = len(cells)
    away = np.maximum(np.linalg.norm(cells.xyz, axis=1, keepdims=True), 1e-9)
    x, y, z = cells.xyz.T
    return Clusters(
        np.arange(n + 1),
        cells.index,
        np.ones(n),
        cells.energy,
        np.full(n, np.nan),
        x,
        y,
        z,
        cells.xyz / away,
        np.full((n, 4), np.nan),
        np.ones(n),
    )
