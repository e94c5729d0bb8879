"""Cells of an event as every shower finder gets them: calibrated, over the same threshold, without edges."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Clusters, Event, Floats, Ints
from gnnreco.geometry import Detector
from gnnreco.graphs.showers.cells import CellGraph, CellGraphConfig, hit_cells, visible_fraction
from gnnreco.graphs.showers.frame import CellFrame
from gnnreco.tasks.showers.columns import ErrorConfig, clusters_of

FLAT = 0.7  # a layer whose sensors' normals lie closer to z than this (cosine) is a disk, else a cylinder
MIN_CELLS = 3  # of a shower, for every finder as for our own


@dataclass(frozen=True, slots=True)
class Cells:
    """Cells of one event.

    Attributes
    ----------
    graph : CellGraph
        Without edges; columns that only a network reads are zero.
    size : float64 (n,)
        Root of the product of the two sides, mm.
    """

    graph: CellGraph
    size: Floats

    def __len__(self) -> int:
        return len(self.graph)


@dataclass(frozen=True)
class Calorimeter:
    """A detector, and where points lie on each of its layers.

    Attributes
    ----------
    detector : Detector
    frame : CellFrame
    config : CellGraphConfig
        The threshold and the unit of minimum-ionising particles are those of our own graph.
    closed : bool (n_groups,)
        Layers around the beam: s is radius times azimuth and t is z; on the others they are x and y.
    front : float64 (n_groups,)
        Distance of the first layer of the layer's stack from the origin, mm.
    """

    detector: Detector
    frame: CellFrame
    config: CellGraphConfig
    closed: NDArray[np.bool_]
    front: Floats

    @classmethod
    def of(cls, detector: Detector, config: CellGraphConfig | None = None) -> Calorimeter:
        """Made once for a detector."""
        frame = CellFrame.of(detector)
        mine = frame.group >= 0
        count = np.maximum(np.bincount(frame.group[mine], minlength=len(frame.stack)), 1)
        facing = np.bincount(frame.group[mine], np.abs(frame.outward[mine, 2]), len(frame.stack)) / count
        first = np.searchsorted(frame.stack, frame.stack)
        return cls(detector, frame, config or CellGraphConfig(), facing < FLAT, frame.middle[first])

    def cells(self, event: Event) -> Cells:
        """The cells that our own graph would take, with the same energies."""
        hits, frame = event.hits, self.frame
        group = np.append(frame.group, -1)[hits.sensor]
        cell = hit_cells(self.detector, hits)
        energy = hits.energy / visible_fraction(self.detector, hits.sensor)
        mip = np.append(self.config.mip * frame.radiation_lengths, np.inf)[group]
        index = np.flatnonzero((group >= 0) & (cell >= 0) & (energy > self.config.threshold * mip))
        xyz, sensor = hits.xyz[index], hits.sensor[index]
        direction = xyz / np.maximum(np.linalg.norm(xyz, axis=1), 1e-9)[:, None]
        cosine = np.maximum(np.abs(np.einsum("ij,ij->i", direction, frame.outward[sensor])), 0.25)
        known = {
            "index": index,
            "sensor": sensor,
            "group": group[index],
            "energy": energy[index],
            "mip": mip[index],
            "xyz": xyz,
            "direction": direction,
            "depth": frame.depth[group[index]] / cosine,
            "offsets": np.zeros(len(index) + 1, np.int64),
            "neighbour": np.zeros(0, np.int32),
            "distance": np.zeros(0, np.float32),
        }
        rest = {column.name: np.zeros(len(index)) for column in fields(CellGraph) if column.name not in known}
        graph = CellGraph(**known, **rest)
        return Cells(graph, np.sqrt(self.detector.cell_size(sensor, cell[index]).prod(axis=1)))

    def place(
        self, xyz: Floats, along: Floats, group: Ints, projected: bool
    ) -> tuple[Floats, Floats, Floats, Floats]:
        """Positions s and t on the layers (mm), what lengths are multiplied by there, and the period of s of each layer.

        Parameters
        ----------
        xyz : float64 (n, 3)
        along : float64 (n,)
            Distance from the origin along the sensor's normal, mm.
        group : int64 (n,)
        projected : bool
            Carry the points through the origin to the front of the stack, where the cells of a shower lie on each other.
        """
        scale = self.front[group] / along if projected else np.ones(len(group))
        radius = self.front if projected else self.frame.middle
        closed = self.closed[group]
        s = np.where(closed, radius[group] * np.arctan2(xyz[:, 1], xyz[:, 0]), scale * xyz[:, 0])
        t = scale * np.where(closed, xyz[:, 2], xyz[:, 1])
        return s, t, scale, np.where(self.closed, 2 * np.pi * radius, 0.0)

    def scaled(self, cells: Cells, layer_step: float) -> Floats:
        """Points (n, 4) in which Euclidean distance means the same everywhere.

        Positions carried to the front of the stack, in Moliere radii there; layers over `layer_step`; stacks far apart.
        """
        graph, frame = cells.graph, self.frame
        unit = np.where(frame.unit > 0, frame.unit, 1.0)[graph.sensor]
        place = graph.xyz * (self.front[graph.group] / frame.distance[graph.sensor] / unit)[:, None]
        far = 1e4 * frame.stack[graph.group]
        return np.column_stack([place, graph.group / layer_step + far])

    def clusters(self, cells: Cells, label: Ints, response: float = 1.0) -> Clusters:
        """Showers from the label of each cell (n,), -1: none; those of few cells are dropped, energies divided by `response`."""
        count = np.bincount(label[label >= 0])
        number = np.append(np.where(count >= MIN_CELLS, np.cumsum(count >= MIN_CELLS) - 1, -1), -1)[label]
        cell = np.flatnonzero(number >= 0)
        score = np.ones(int(number.max(initial=-1)) + 1)
        found = clusters_of(
            cells.graph,
            cell,
            number[cell],
            np.ones(len(cell)),
            score,
            self.detector,
            self.frame,
            ErrorConfig(),
        )
        return replace(found, energy=found.energy / response, energy_sigma=found.energy_sigma / response)
