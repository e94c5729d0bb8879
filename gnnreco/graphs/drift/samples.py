"""Charge samples of drift chambers as a graph to score: which of two that touch belong to one particle."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Event, Floats, Ints
from gnnreco.geometry import Detector
from gnnreco.graphs.showers.cells import CellGraph, CellGraphConfig, build_cell_graph, hit_cells
from gnnreco.graphs.showers.frame import CellFrame
from gnnreco.kernels import FIRST, SECOND, X, Y, Z, njit
from gnnreco.renamed import old_names

from .features import PAIR_FEATURES, SAMPLE_FEATURES
from .pads import Pads, pads_of
from .shape import LONG, THIN, WIDE, main_axes, spread_moments

(
    CHARGE,
    CHARGE_AROUND,
    NEIGHBOURS,
    ABOVE_NEIGHBOURS,
    MIDDLE_ACROSS,
    MIDDLE_ALONG_DRIFT,
    LENGTH,
    FLATNESS,
    LONG_LENGTH,
    LONG_FLATNESS,
    ALONG_ROWS,
    ALONG_DRIFT,
    TURN,
    DIFFUSION,
) = range(len(SAMPLE_FEATURES))
(
    ALONG,
    ACROSS_ONE,
    DRIFT_ONE,
    ACROSS_TWO,
    DRIFT_TWO,
    ACROSS_MIDDLES,
    DRIFT_MIDDLES,
    ANGLE,
    LONG_ANGLE,
    LONG_ACROSS,
    LONG_DRIFT,
    LESS_CHARGE,
    CHARGE_RATIO,
    SAME_ROW,
    DISTANCE,
) = range(len(PAIR_FEATURES))
# Columns: units of a sample; what `_across` returns.
PAD, SAMPLE = range(2)
ACROSS, DRIFT = range(2)


@dataclass(frozen=True)
class DriftGraphConfig:
    """How charge samples become nodes and edges.

    Attributes
    ----------
    cells : CellGraphConfig
        Of it the reach in pads and samples, and the budget.
    near : int
        Edges around a sample over which the shape of the charge near it is taken.
    far : int
        Edges over which this shape is taken a second time, farther around.
    """

    cells: CellGraphConfig = field(default_factory=lambda: CellGraphConfig(charge_reach=1.8))
    near: int = 2
    far: int = 6


@dataclass(frozen=True, slots=True)
class PadSamples:
    """Samples with a charge, and which of them touch.

    Attributes
    ----------
    cells : CellGraph
        Only cells of drift chambers.
    pads : Pads
        Where they lie among the rows of pads.
    by_row : int64 (n,)
        Samples in the order of their sensors, rows, and places along the row.
    """

    cells: CellGraph
    pads: Pads
    by_row: Ints

    def __len__(self) -> int:
        return len(self.cells)


@dataclass(frozen=True, slots=True)
class DriftGraph(PadSamples):
    """Samples as nodes, pairs of them that touch as edges.

    Attributes
    ----------
    pairs : int32 (m, 2)
        Nearer to the origin first, sorted by it.
    sample_features, pair_features : float32 (n, len(SAMPLE_FEATURES)), (m, len(PAIR_FEATURES))
    """

    pairs: NDArray[np.int32]
    sample_features: NDArray[np.float32]
    pair_features: NDArray[np.float32]


def pad_samples(config: CellGraphConfig, detector: Detector, frame: CellFrame, event: Event) -> PadSamples:
    """The samples of an event; hits of other subsystems, in no cell, or without a positive charge are left out.

    Raises
    ------
    BadInput
        A hit has no energy, or one that is not a number.
    OverBudget
        More pairs than ``config.max_edges``.
    """
    only = replace(frame, group=np.where(frame.charge, frame.group, -1))
    cells = build_cell_graph(config, detector, only, event)
    pads = pads_of(detector, cells.sensor, hit_cells(detector, event.hits)[cells.index], cells.xyz)
    return PadSamples(cells, pads, np.lexsort((pads.local[:, 0], pads.row, cells.sensor)))


def build_drift_graph(
    config: DriftGraphConfig, detector: Detector, frame: CellFrame, event: Event
) -> DriftGraph:
    """The graph of an event; see `pad_samples` for what it leaves out and raises."""
    from gnnreco.simulate.drift.gas import electrons_per_mm

    samples = pad_samples(config.cells, detector, frame, event)
    cells, pads = samples.cells, samples.pads
    size = pads.size
    pair_energy = np.array([s.drift.pair_energy if s.drift else 0.0 for s in detector.subsystems])
    per_mm = (electrons_per_mm(detector) * pair_energy[detector.subsystem])[cells.sensor]
    # What a minimum-ionising particle leaves where it crosses the longer side of a pad, GeV.
    expected = np.maximum(per_mm * np.maximum(size[:, 0], size[:, 1]), 1e-12)
    # The root keeps a sample with a knock-on electron from outweighing all others.
    weight = np.sqrt(cells.energy / expected)
    near, far = spread_moments(cells.xyz, weight, cells.offsets, cells.neighbour, config.near, config.far)
    near_shape, far_shape = main_axes(near), main_axes(far)
    pairs = _pairs(cells.offsets, cells.neighbour, np.einsum("ij,ij->i", cells.xyz, cells.xyz))
    unit = np.stack([np.minimum(size[:, 0], size[:, 1]), frame.sample[cells.sensor]], axis=1)
    charge = cells.energy / expected
    drift = np.ascontiguousarray(cells.direction)
    drifted = pads.local[:, 2] + 0.5 * detector.thickness[cells.sensor]
    middle = near[:, 1:4]
    nodes = _sample_features(
        charge,
        cells.offsets,
        cells.neighbour,
        middle,
        near_shape,
        far_shape,
        pads.across,
        drift,
        unit,
        np.sqrt(np.maximum(drifted, 0.0)),
    )
    features = _pair_features(
        pairs, cells.xyz, charge, middle, near_shape[0], far_shape[0], drift, pads.across, unit, size[:, 1]
    )
    return DriftGraph(cells, pads, samples.by_row, pairs, nodes, features)


@njit(cache=True, nogil=True)
def _pairs(offsets: Ints, neighbour: NDArray[np.int32], distance: Floats) -> NDArray[np.int32]:
    """Each pair once, from its end nearer to the origin."""
    pairs, m = np.empty((len(neighbour) // 2, 2), np.int32), 0
    for i in range(len(distance)):
        for k in range(offsets[i], offsets[i + 1]):
            j = neighbour[k]
            if distance[i] < distance[j] or (distance[i] == distance[j] and i < j):
                pairs[m, FIRST], pairs[m, SECOND] = i, j
                m += 1
    return pairs


@njit(cache=True, nogil=True, inline="always")
def _dot(a: Floats, b: Floats) -> float:
    return a[X] * b[X] + a[Y] * b[Y] + a[Z] * b[Z]


@njit(cache=True, nogil=True)
def _across(dx: float, dy: float, dz: float, way: Floats, drift: Floats) -> tuple[float, float]:
    """What of a step is square to a way: in the plane of the pads, and along the drift; both without a sign, mm."""
    along = dx * way[X] + dy * way[Y] + dz * way[Z]
    x, y, z = dx - along * way[X], dy - along * way[Y], dz - along * way[Z]
    w = x * drift[X] + y * drift[Y] + z * drift[Z]
    return np.sqrt(max(x * x + y * y + z * z - w * w, 0.0)), abs(w)


@njit(cache=True, nogil=True)
def _sample_features(
    charge: Floats,
    offsets: Ints,
    neighbour: NDArray[np.int32],
    middle: Floats,
    near_shape: tuple[Floats, Floats],
    far_shape: tuple[Floats, Floats],
    row_axis: Floats,
    drift: Floats,
    unit: Floats,
    diffusion: Floats,
) -> NDArray[np.float32]:
    (near, near_variance), (far, far_variance) = near_shape, far_shape
    n = len(charge)
    out = np.empty((n, len(SAMPLE_FEATURES)), np.float32)
    for i in range(n):
        total, most = charge[i], 1e-6
        for k in range(offsets[i], offsets[i + 1]):
            total += charge[neighbour[k]]
            most = max(most, charge[neighbour[k]])
        t, w = _across(middle[i, X], middle[i, Y], middle[i, Z], near[i], drift[i])
        length = max(near_variance[i, LONG], 1e-3)
        long = max(far_variance[i, LONG], 1e-3)
        out[i, CHARGE] = np.log(charge[i] + 1e-3)
        out[i, CHARGE_AROUND] = np.log(total + 1e-3)
        out[i, NEIGHBOURS] = 0.1 * (offsets[i + 1] - offsets[i])
        out[i, ABOVE_NEIGHBOURS] = np.log((charge[i] + 1e-3) / (most + 1e-3))
        out[i, MIDDLE_ACROSS] = t / unit[i, PAD]
        out[i, MIDDLE_ALONG_DRIFT] = w / unit[i, SAMPLE]
        out[i, LENGTH] = (near_variance[i, LONG] - near_variance[i, WIDE]) / length
        out[i, FLATNESS] = (near_variance[i, WIDE] - near_variance[i, THIN]) / length
        out[i, LONG_LENGTH] = (far_variance[i, LONG] - far_variance[i, WIDE]) / long
        out[i, LONG_FLATNESS] = (far_variance[i, WIDE] - far_variance[i, THIN]) / long
        out[i, ALONG_ROWS] = abs(_dot(far[i], row_axis[i]))
        out[i, ALONG_DRIFT] = abs(_dot(far[i], drift[i]))
        out[i, TURN] = 1.0 - abs(_dot(far[i], near[i]))
        out[i, DIFFUSION] = 0.02 * diffusion[i]
    return out


@njit(cache=True, nogil=True)
def _pair_features(
    pairs: NDArray[np.int32],
    xyz: Floats,
    charge: Floats,
    middle: Floats,
    near: Floats,
    far: Floats,
    drift: Floats,
    row_axis: Floats,
    unit: Floats,
    height: Floats,
) -> NDArray[np.float32]:
    out = np.empty((len(pairs), len(PAIR_FEATURES)), np.float32)
    for m in range(len(pairs)):
        i, j = pairs[m]
        pad, sample = 0.5 * (unit[i, PAD] + unit[j, PAD]), 0.5 * (unit[i, SAMPLE] + unit[j, SAMPLE])
        dx, dy, dz = xyz[j, X] - xyz[i, X], xyz[j, Y] - xyz[i, Y], xyz[j, Z] - xyz[i, Z]
        along = dx * far[i, X] + dy * far[i, Y] + dz * far[i, Z]
        one, two = _across(dx, dy, dz, near[i], drift[i]), _across(dx, dy, dz, near[j], drift[j])
        mx, my, mz = (
            dx + middle[j, X] - middle[i, X],
            dy + middle[j, Y] - middle[i, Y],
            dz + middle[j, Z] - middle[i, Z],
        )
        first, second = _across(mx, my, mz, near[i], drift[i]), _across(mx, my, mz, near[j], drift[j])
        long_one, long_two = _across(mx, my, mz, far[i], drift[i]), _across(mx, my, mz, far[j], drift[j])
        rows = dx * row_axis[i, X] + dy * row_axis[i, Y] + dz * row_axis[i, Z]
        out[m, ALONG] = abs(along) / pad
        out[m, ACROSS_ONE], out[m, DRIFT_ONE] = one[ACROSS] / pad, one[DRIFT] / sample
        out[m, ACROSS_TWO], out[m, DRIFT_TWO] = two[ACROSS] / pad, two[DRIFT] / sample
        out[m, ACROSS_MIDDLES] = 0.5 * (first[ACROSS] + second[ACROSS]) / pad
        out[m, DRIFT_MIDDLES] = 0.5 * (first[DRIFT] + second[DRIFT]) / sample
        out[m, ANGLE] = np.log(1.001 - min(abs(_dot(near[i], near[j])), 1.0))
        out[m, LONG_ANGLE] = np.log(1.001 - min(abs(_dot(far[i], far[j])), 1.0))
        out[m, LONG_ACROSS] = 0.5 * (long_one[ACROSS] + long_two[ACROSS]) / pad
        out[m, LONG_DRIFT] = 0.5 * (long_one[DRIFT] + long_two[DRIFT]) / sample
        out[m, LESS_CHARGE] = np.log(min(charge[i], charge[j]) + 1e-3)
        out[m, CHARGE_RATIO] = abs(np.log((charge[i] + 1e-3) / (charge[j] + 1e-3)))
        out[m, SAME_ROW] = 1.0 if abs(rows) < 0.25 * height[i] else 0.0
        out[m, DISTANCE] = np.sqrt(dx * dx + dy * dy + dz * dz) / pad
    return out


if not TYPE_CHECKING:  # a name that is not here shall stay an error of types
    __getattr__ = old_names(
        __name__,
        {
            "ChargeGraphConfig": "gnnreco.graphs.drift.samples.DriftGraphConfig",
            "ChargeSamples": "gnnreco.graphs.drift.samples.PadSamples",
            "ChargeGraph": "gnnreco.graphs.drift.samples.DriftGraph",
            "charge_samples": "gnnreco.graphs.drift.samples.pad_samples",
            "build_charge_graph": "gnnreco.graphs.drift.samples.build_drift_graph",
        },
    )
