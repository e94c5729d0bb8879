"""Hits of calorimeters and drift chambers as graphs: cells, in units that mean the same in every detector."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Event, Floats, Hits, Ints
from gnnreco.errors import BadInput, OverBudget
from gnnreco.geometry import Detector

from .bars import Groups, ScaledCells
from .frame import FLATTEST, CellFrame
from .pairs import close_pairs, symmetric


@dataclass(frozen=True)
class CellGraphConfig:
    """How cells become nodes and edges.

    Attributes
    ----------
    threshold : float
        Cells below it are left out; in units of what a minimum-ionising particle leaves in the layer.
    mip : float
        Energy that such a particle loses in one radiation length, GeV: close to the critical energy.
    lateral_unit : float
        Moliere radii; the cell where that is larger.
    depth_unit : float
        Radiation lengths; a layer that has more counts as one unit.
    reach : float
        Longest edge, in these units.
    charge_reach : float
        Longest edge in a drift chamber, in pads and time samples.
    max_edges : int
        A graph with more pairs is refused.
    """

    threshold: float = 0.25
    mip: float = 0.01
    lateral_unit: float = 0.5
    depth_unit: float = 2.0
    reach: float = 2.6
    charge_reach: float = 2.1
    max_edges: int = 60_000_000


@dataclass(frozen=True, slots=True)
class CellGraph:
    """Cells with a signal, and pairs of them that lie close, as one CSR table; it is empty where they were not kept.

    Attributes
    ----------
    index : int64 (n,)
        Row of the hit in the event.
    sensor : int32 (n,)
    group : int64 (n,)
        As in `CellFrame`.
    energy : float64 (n,)
        Energy of the hit over the sampling fraction, GeV.
    mip : float64 (n,)
        What a minimum-ionising particle leaves in the layer, GeV, on the same scale.
    xyz, direction : float64 (n, 3)
        Position, mm; the way a shower runs there (unit vector).
    depth : float64 (n,)
        Radiation lengths along `direction`; in a drift chamber time samples.
    unit, step : float64 (n,)
        Lateral unit, mm, and unit of depth of the distances.
    cosine : float64 (n,)
        Of `direction` to the sensor's normal.
    thickness : float64 (n,)
        Radiation lengths of the layer, at normal incidence.
    nuclear, behind : float64 (n,)
        Interaction lengths along `direction` before and behind the cell, in its stack.
    size : float64 (n,)
        The lateral unit over the Moliere radius; 1 where that is not told.
    fraction : float64 (n,)
        Sampling fraction.
    offsets : int64 (n + 1,)
    neighbour : int32 (m,)
        Rows of the cells close to each cell; if a has b, b has a.
    distance : float32 (m,)
        Length of the edge in units of `CellGraphConfig.reach`.
    """

    index: Ints
    sensor: NDArray[np.int32]
    group: Ints
    energy: Floats
    mip: Floats
    xyz: Floats
    direction: Floats
    depth: Floats
    unit: Floats
    step: Floats
    cosine: Floats
    thickness: Floats
    nuclear: Floats
    behind: Floats
    size: Floats
    fraction: Floats
    offsets: Ints
    neighbour: NDArray[np.int32]
    distance: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.index)


#: A column that `with_layers` fills.
LATER = np.zeros(0)
#: Columns `offsets`, `neighbour` and `distance` of a graph whose pairs were not kept.
NO_PAIRS = np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32)


def hit_cells(detector: Detector, hits: Hits) -> NDArray[np.int32]:
    """Cell of each hit in its sensor (n,): that of its first deposit, else the one at its position; -1: none."""
    cell = np.full(len(hits), -1, np.int32)
    known = np.flatnonzero(hits.sensor >= 0)
    if hits.deposits is not None:
        known = known[np.diff(hits.deposits.offsets)[known] > 0]
        first = hits.deposits.offsets[known]
        u, v = hits.deposits.u[first], hits.deposits.v[first]
        kinds = detector.template[hits.sensor[known]]
        for t in np.unique(kinds):
            mine = kinds == t
            cell[known[mine]] = detector.templates[t].cell(u[mine], v[mine])
        return cell
    local = detector.to_local(hits.sensor[known], hits.xyz[known])
    uv = detector.to_plane(hits.sensor[known], local)
    cell[known] = detector.cell_at(hits.sensor[known], uv[:, 0], uv[:, 1])
    return cell


def visible_fraction(detector: Detector, sensor: NDArray[np.int32]) -> Floats:
    """Sampling fraction of each sensor (n,): what to divide energies by; 1 where it is not told or no sensor is."""
    told = np.append(detector.sampling_fraction, np.nan)[sensor]
    return np.where(told > 0, told, 1.0)


def build_cell_graph(
    config: CellGraphConfig, detector: Detector, frame: CellFrame, event: Event
) -> CellGraph:
    """Cells of calorimeters and drift chambers as a graph.

    Parameters
    ----------
    config : CellGraphConfig
    detector : Detector
    frame : CellFrame
        ``CellFrame.of(detector)``, made once.
    event : Event
        Hits of other subsystems, without a sensor, in cells that the sensor lacks, or below threshold are left out.

    Raises
    ------
    BadInput
        A hit of a calorimeter has no energy, or one that is not a number.
    OverBudget
        More pairs than `max_edges`.
    """
    graph, cells, groups = measured_cells(config, detector, frame, event)
    graph = with_layers(config, frame, graph)
    one, two, distance, needed = close_pairs(cells, groups, detector.rotation, config.max_edges)
    if needed > config.max_edges:
        raise OverBudget(event.number, "pairs of close cells", needed, config.max_edges)
    offsets, neighbour, distance = symmetric(len(graph), one, two, distance)
    return replace(graph, offsets=offsets, neighbour=neighbour, distance=distance)


def measured_cells(
    config: CellGraphConfig, detector: Detector, frame: CellFrame, event: Event
) -> tuple[CellGraph, ScaledCells, Groups]:
    """The graph of `build_cell_graph` without its pairs and the columns of `with_layers`, and what pairs are found by."""
    index, cell, energy = live_cells(config, detector, frame, event)
    xyz, sensor = event.hits.xyz[index], event.hits.sensor[index]
    group, drifts = frame.group[sensor], frame.charge[sensor]
    smallest = config.lateral_unit * frame.unit[sensor]
    unit = np.maximum(detector.cell_size(sensor, cell), smallest[:, None])
    direction, cosine = _directions(frame, sensor, drifts, xyz)
    along = np.einsum("ij,ij->i", xyz, frame.outward[sensor])
    sample = frame.sample[sensor]
    depth = np.where(drifts, along / np.where(sample > 0, sample, 1.0), frame.depth[group] / cosine)
    step = np.where(drifts, 1.0, np.maximum(config.depth_unit, frame.radiation_lengths[group]))
    cells = ScaledCells(
        xyz,
        direction,
        *_carried(detector.rotation[sensor], direction),
        cosine,
        along,
        unit,
        depth,
        step,
        np.where(drifts, config.charge_reach, config.reach),
        np.where(drifts, sample, 0.0),
        group,
        sensor.astype(np.int64),
    )
    graph = CellGraph(
        index,
        sensor,
        group,
        energy,
        LATER,
        xyz,
        direction,
        depth,
        np.sqrt(unit[:, 0] * unit[:, 1]),
        step,
        cosine,
        *(LATER,) * 5,
        *NO_PAIRS,
    )
    return graph, cells, Groups(frame.stack, frame.depth, frame.middle, frame.spread, frame.bend)


def with_layers(config: CellGraphConfig, frame: CellFrame, graph: CellGraph) -> CellGraph:
    """The graph with what the layers of its cells are: columns that wait until pairs are found need no memory till then."""
    group, moliere = graph.group, frame.unit[graph.sensor]
    return replace(
        graph,
        mip=config.mip * frame.radiation_lengths[group],
        thickness=frame.radiation_lengths[group],
        nuclear=frame.nuclear[group] / graph.cosine,
        behind=frame.behind[group] / graph.cosine,
        size=np.where(moliere > 0, graph.unit / np.where(moliere > 0, moliere, 1.0), 1.0),
        fraction=frame.fraction[graph.sensor],
    )


def live_cells(
    config: CellGraphConfig, detector: Detector, frame: CellFrame, event: Event
) -> tuple[Ints, NDArray[np.int32], Floats]:
    """Rows of the hits that lie in a cell and over threshold, these cells, and their energies in all material, GeV."""
    hits = event.hits
    group = np.append(frame.group, -1)[hits.sensor]
    check_energies(event, group >= 0)
    if hits.energy is None:
        return np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0)
    cell = hit_cells(detector, hits)
    energy = hits.energy / visible_fraction(detector, hits.sensor)
    least = np.append(config.threshold * config.mip * frame.radiation_lengths, 0.0)[group]
    least[np.append(frame.charge, False)[hits.sensor]] = 0.0
    index = np.flatnonzero((group >= 0) & (cell >= 0) & (energy > least))
    return index, cell[index], energy[index]


def check_energies(event: Event, wanted: NDArray[np.bool_]) -> None:
    """Raise `BadInput` where a hit that should have an energy has none, or one that is not a number."""
    if not wanted.any():
        return
    if event.hits.energy is None:
        why = "hits of a calorimeter without energy; give files that hold it (`gnnreco convert` keeps it in parquet)"
        raise BadInput(event.source, f"event {event.number}", why)
    bad = np.flatnonzero(wanted & ~np.isfinite(event.hits.energy))
    if len(bad):
        where = f"event {event.number}, hit {event.hits.hit_id[bad[0]]}"
        raise BadInput(event.source, where, "its energy is not a finite number; correct the file")


def _directions(
    frame: CellFrame, sensor: NDArray[np.int32], drifts: NDArray[np.bool_], xyz: Floats
) -> tuple[Floats, Floats]:
    """The way a shower from the origin runs through each cell, and its cosine to the sensor's normal."""
    outward = frame.outward[sensor]
    direction = xyz / np.maximum(np.linalg.norm(xyz, axis=1), 1e-9)[:, None]
    cosine = np.einsum("ij,ij->i", direction, outward)
    straight = drifts | (cosine < FLATTEST)
    direction = np.where(straight[:, None], outward, direction)
    return np.ascontiguousarray(direction), np.where(straight, 1.0, cosine)


def _carried(rotation: Floats, direction: Floats) -> tuple[Floats, Floats]:
    """See `ScaledCells.u`: u - w (u.d) / (w.d) for the axes u, v, w of each cell's sensor and its direction d."""
    steps = np.einsum("nka,nk->na", rotation, direction)
    u, v = (rotation[:, :, k] - rotation[:, :, 2] * (steps[:, k] / steps[:, 2])[:, None] for k in range(2))
    return u, v
