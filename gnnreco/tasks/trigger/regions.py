"""Regions of a calorimeter as input buffers: the loudest cells around each of the loudest cells of an event.

A seed is the loudest cell that is left, and lies far enough from the seeds before it. Its region is all cells, at any depth,
close to the line from the origin through it, along which a shower of a particle from there runs. Lengths across this line
are in Moliere radii, depths in radiation lengths: a region of one calorimeter looks much like one of another.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Event, Floats, Ints
from gnnreco.errors import BadConfig
from gnnreco.geometry import Detector
from gnnreco.graphs.showers.cells import CellGraphConfig, live_cells
from gnnreco.graphs.showers.frame import CellFrame
from gnnreco.models.trigger.network import TriggerNetworkConfig
from gnnreco.tasks.showers.targets import CHARGED, ELECTRON, NEUTRAL, PHOTON, cell_truth

from .buffers import Buffers

FEATURES = 5
#: Radiation lengths in one unit of depth: with it all lengths are of the same order.
DEPTH = 8.0
#: What made most of a region: photons and electrons, hadrons, or anything else.
ELECTROMAGNETIC, HADRON, OTHER = range(3)


@dataclass(frozen=True)
class RegionConfig:
    """How regions are chosen.

    Attributes
    ----------
    number : int
        Regions of an event, at most.
    threshold : float
        Least energy of a seed, over the sampling fraction, GeV.
    apart : float
        Least distance of a seed from the lines of those before it, Moliere radii.
    reach : float
        Largest distance of a region's cells from its line, Moliere radii.
    """

    number: int = 8
    threshold: float = 0.5
    apart: float = 4.0
    reach: float = 3.0

    def __post_init__(self) -> None:
        for name in ("number", "threshold", "apart", "reach"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above zero, not {getattr(self, name)}")


@dataclass(frozen=True, slots=True)
class Cells:
    """Cells of one event, the loudest first.

    Attributes
    ----------
    index : int64 (n,)
        Row of the hit.
    energy : float64 (n,)
        Over the sampling fraction, GeV.
    xyz : float64 (n, 3)
        mm.
    unit : float64 (n,)
        Moliere radius, or the size of the cell where that is not told; mm.
    depth : float64 (n,)
        Radiation lengths from the front of the stack, at normal incidence.
    mip : float64 (n,)
        What a minimum-ionising particle leaves in the layer, GeV, on the same scale as `energy`.
    """

    index: Ints
    energy: Floats
    xyz: Floats
    unit: Floats
    depth: Floats
    mip: Floats


def regions(
    config: RegionConfig, features: int, network: TriggerNetworkConfig, detector: Detector, event: Event
) -> Buffers:
    """Buffers of one event, a region each, in the order of their seeds.

    A node is a cell: its energy (GeV), its depth (8 radiation lengths), its distance from the region's line (Moliere radii),
    then this distance around the z axis and along the polar angle, with signs. Slots are filled loudest first;
    `Buffers.dropped` counts cells that do not fit, once a region. A region is right as what made most of the energy in
    it, cells that do not fit included: 0 photons and electrons, 1 hadrons, 2 other particles and noise, which is unknown
    (-1) to a network of fewer than three outputs.

    Raises
    ------
    BadConfig
        If the network is not one for regions, or the detector has no calorimeter.
    """
    if network.kind != "nodes":
        raise BadConfig("regions need model.kind=nodes: an answer for each region")
    if not 0 < features <= FEATURES:
        raise BadConfig(f"task.input.features={features}: a cell of a region has 1 to {FEATURES}")
    cells = loudest_first(detector, event)
    made = None if event.truth is None else _made(_frame(detector), event, cells)
    free = cells.energy > config.threshold
    x, valid, label, dropped = list[Floats](), list[NDArray](), list[int](), 0
    while free.any() and len(x) < config.number:
        offset = _offsets(cells, int(free.argmax()))
        distance = np.linalg.norm(offset, axis=1)
        free &= distance > config.apart
        rows = np.flatnonzero(distance <= config.reach)
        kept, full = rows[: network.slots], np.zeros((network.slots, features))
        columns = (cells.energy, cells.depth / DEPTH, distance, *offset.T)[:features]
        full[: len(kept)] = np.stack([column[kept] for column in columns], axis=1)
        x.append(full)
        valid.append(np.arange(network.slots) < len(kept))
        label.append(-1 if made is None else int(made[rows].sum(axis=0).argmax()))
        dropped += len(rows) - len(kept)
    labels = np.array(label, np.int64)
    labels[labels >= max(network.outputs, 2)] = -1
    shape = (-1, network.slots)
    return Buffers(
        np.reshape(x, (*shape, features)), np.reshape(valid, shape).astype(np.float64), labels, dropped
    )


@lru_cache(maxsize=8)
def _frame(detector: Detector) -> CellFrame:
    """The frame of a detector, made once."""
    return CellFrame.of(detector)


def loudest_first(detector: Detector, event: Event) -> Cells:
    """Cells of calorimeters over threshold, the loudest first; equal ones by their place, whatever the order of hits.

    Raises
    ------
    BadConfig
        If the detector has no calorimeter.
    """
    config, frame = CellGraphConfig(), _frame(detector)
    if not frame.energy.any():
        raise BadConfig(f"detector {detector.name} has no calorimeter: name another with detector=")
    index, cell, energy = live_cells(config, detector, frame, event)
    sensor, xyz = event.hits.sensor[index], event.hits.xyz[index]
    order = np.lexsort((*xyz.T, -energy))
    order = order[frame.energy[sensor[order]]]
    sensor, cell = sensor[order], cell[order]
    size = np.sqrt(detector.cell_size(sensor, cell).prod(axis=1))
    unit, group = np.where(frame.unit[sensor] > 0, frame.unit[sensor], size), frame.group[sensor]
    mip = config.mip * frame.radiation_lengths[group]
    return Cells(index[order], energy[order], xyz[order], unit, frame.depth[group], mip)


def _offsets(cells: Cells, seed: int) -> Floats:
    """Moliere radii from the line through the seed to each cell (n, 2): around the z axis, along the polar angle."""
    line = cells.xyz[seed] / max(float(np.linalg.norm(cells.xyz[seed])), 1e-9)
    around = np.array([-line[1], line[0], 0.0])
    size = float(np.linalg.norm(around))
    around = around / size if size > 0 else np.array([0.0, 1.0, 0.0])
    offset = cells.xyz @ np.stack([around, np.cross(around, line)], axis=1) / cells.unit[:, None]
    # The line begins at the origin: what lies on the other side is far.
    return np.where((cells.xyz @ line > 0)[:, None], offset, np.inf)


def _made(frame: CellFrame, event: Event, cells: Cells) -> Floats:
    """Energy that photons and electrons, hadrons, and anything else left in each cell (n, 3), GeV."""
    fraction = np.append(frame.fraction, 1.0)[event.hits.sensor]
    truth = cell_truth(event, cells.index, fraction)
    kind = truth.kind[truth.particle]
    which = np.full(len(kind), OTHER)
    which[(kind == PHOTON) | (kind == ELECTRON)] = ELECTROMAGNETIC
    which[(kind == CHARGED) | (kind == NEUTRAL)] = HADRON
    made = np.zeros((len(cells.index), 3))
    np.add.at(made, (truth.cell, which), truth.part)
    made[:, OTHER] += np.maximum(cells.energy - made.sum(axis=1), 0.0)
    return made
