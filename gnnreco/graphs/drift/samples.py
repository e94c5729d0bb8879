"""Charge samples of drift chambers as a graph to score: which of two that touch belong to one particle."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Event, Floats, Ints
from gnnreco.geometry import Detector
from gnnreco.graphs.showers.cells import CellGraph, CellGraphConfig, build_cell_graph, hit_cells
from gnnreco.graphs.showers.frame import CellFrame
from gnnreco.kernels import njit
from gnnreco.simulate.drift.gas import electrons_per_mm

from .shape import main_axes, spread_moments

SAMPLE_FEATURES = (
    "charge", "charge around", "neighbours", "above neighbours", "middle across", "middle along drift", "length",
    "flatness", "long length", "long flatness", "along rows", "along drift", "turn", "diffusion",
)  # fmt: skip
PAIR_FEATURES = (
    "along", "across one", "drift one", "across two", "drift two", "across middles", "drift middles", "angle",
    "long angle", "long across", "long drift", "less charge", "charge ratio", "same row", "distance",
)  # fmt: skip


@dataclass(frozen=True)
class ChargeGraphConfig:
    """How charge samples become nodes and edges.

    Attributes
    ----------
    cells : CellGraphConfig
        Of it the reach in pads and samples, and the budget.
    near, far : int
        Edges over which the shape of the charge around a sample is taken, twice.
    """

    cells: CellGraphConfig = field(default_factory=lambda: CellGraphConfig(charge_reach=1.8))
    near: int = 2
    far: int = 6


@dataclass(frozen=True, slots=True)
class ChargeSamples:
    """Samples with a charge, and which of them touch.

    Attributes
    ----------
    cells : CellGraph
        Only cells of drift chambers.
    size : float64 (n, 2)
        Of the pad along u and v, mm.
    local : float64 (n, 3)
        Place in the sensor, mm.
    """

    cells: CellGraph
    size: Floats
    local: Floats

    def __len__(self) -> int:
        return len(self.cells)


@dataclass(frozen=True, slots=True)
class ChargeGraph(ChargeSamples):
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


def charge_samples(
    config: CellGraphConfig, detector: Detector, frame: CellFrame, event: Event
) -> ChargeSamples:
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
    cell = hit_cells(detector, event.hits)[cells.index]
    size = detector.cell_size(cells.sensor, cell) if len(cells) else np.zeros((0, 2))
    local = detector.to_local(cells.sensor, cells.xyz) if len(cells) else np.zeros((0, 3))
    return ChargeSamples(cells, size, local)


def build_charge_graph(
    config: ChargeGraphConfig, detector: Detector, frame: CellFrame, event: Event
) -> ChargeGraph:
    """The graph of an event; see `charge_samples` for what it leaves out and raises."""
    samples = charge_samples(config.cells, detector, frame, event)
    cells, size, local = samples.cells, samples.size, samples.local
    pair_energy = np.array([s.drift.pair_energy if s.drift else 0.0 for s in detector.subsystems])
    per_mm = (electrons_per_mm(detector) * pair_energy[detector.subsystem])[cells.sensor]
    # What a minimum-ionising particle leaves where it crosses the longer side of a pad, GeV.
    expected = np.maximum(per_mm * size.max(axis=1, initial=0.0), 1e-12)
    # The root keeps a sample with a knock-on electron from outweighing all others.
    weight = np.sqrt(cells.energy / expected)
    near = spread_moments(cells.xyz, weight, cells.offsets, cells.neighbour, config.near)
    far = spread_moments(cells.xyz, weight, cells.offsets, cells.neighbour, config.far)
    near_axis, near_variance = main_axes(near)
    far_axis, far_variance = main_axes(far)
    pairs = _pairs(cells.offsets, cells.neighbour, np.einsum("ij,ij->i", cells.xyz, cells.xyz))
    unit = np.stack([size.min(axis=1, initial=np.inf), frame.sample[cells.sensor]], axis=1)
    charge = cells.energy / expected
    row_axis = np.ascontiguousarray(detector.rotation[cells.sensor, :, 1])
    drift = np.ascontiguousarray(cells.direction)
    drifted = local[:, 2] + 0.5 * detector.thickness[cells.sensor]
    middle = near[:, 1:4]
    nodes = _sample_features(
        charge, cells.offsets, cells.neighbour, middle, near_axis, near_variance, far_axis, far_variance,
        row_axis, drift, unit, np.sqrt(np.maximum(drifted, 0.0)),
    )  # fmt: skip
    features = _pair_features(
        pairs, cells.xyz, charge, middle, near_axis, far_axis, drift, row_axis, unit, size[:, 1]
    )
    return ChargeGraph(cells, size, local, pairs, nodes, features)


@njit(cache=True, nogil=True)
def _pairs(offsets: Ints, neighbour: NDArray[np.int32], distance: Floats) -> NDArray[np.int32]:
    """Each pair once, from its end nearer to the origin."""
    pairs, m = np.empty((len(neighbour) // 2, 2), np.int32), 0
    for i in range(len(distance)):
        for k in range(offsets[i], offsets[i + 1]):
            j = neighbour[k]
            if distance[i] < distance[j] or (distance[i] == distance[j] and i < j):
                pairs[m, 0], pairs[m, 1] = i, j
                m += 1
    return pairs


@njit(cache=True, nogil=True, inline="always")
def _dot(a, b):  # type: ignore[no-untyped-def]
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@njit(cache=True, nogil=True)
def _across(dx, dy, dz, way, drift):  # type: ignore[no-untyped-def]
    """What of a step is square to a way: in the plane of the pads, and along the drift; both without a sign, mm."""
    along = dx * way[0] + dy * way[1] + dz * way[2]
    x, y, z = dx - along * way[0], dy - along * way[1], dz - along * way[2]
    w = x * drift[0] + y * drift[1] + z * drift[2]
    return np.sqrt(max(x * x + y * y + z * z - w * w, 0.0)), abs(w)


@njit(cache=True, nogil=True)
def _sample_features(  # type: ignore[no-untyped-def]
    charge, offsets, neighbour, middle, near, near_variance, far, far_variance, row_axis, drift, unit, diffusion
):  # fmt: skip
    n = len(charge)
    out = np.empty((n, 14), np.float32)
    for i in range(n):
        total, most = charge[i], 1e-6
        for k in range(offsets[i], offsets[i + 1]):
            total += charge[neighbour[k]]
            most = max(most, charge[neighbour[k]])
        t, w = _across(middle[i, 0], middle[i, 1], middle[i, 2], near[i], drift[i])
        length = max(near_variance[i, 0], 1e-3)
        long = max(far_variance[i, 0], 1e-3)
        out[i, 0] = np.log(charge[i] + 1e-3)
        out[i, 1] = np.log(total + 1e-3)
        out[i, 2] = 0.1 * (offsets[i + 1] - offsets[i])
        out[i, 3] = np.log((charge[i] + 1e-3) / (most + 1e-3))
        out[i, 4] = t / unit[i, 0]
        out[i, 5] = w / unit[i, 1]
        out[i, 6] = (near_variance[i, 0] - near_variance[i, 1]) / length
        out[i, 7] = (near_variance[i, 1] - near_variance[i, 2]) / length
        out[i, 8] = (far_variance[i, 0] - far_variance[i, 1]) / long
        out[i, 9] = (far_variance[i, 1] - far_variance[i, 2]) / long
        out[i, 10] = abs(_dot(far[i], row_axis[i]))
        out[i, 11] = abs(_dot(far[i], drift[i]))
        out[i, 12] = 1.0 - abs(_dot(far[i], near[i]))
        out[i, 13] = 0.02 * diffusion[i]
    return out


@njit(cache=True, nogil=True)
def _pair_features(pairs, xyz, charge, middle, near, far, drift, row_axis, unit, height):  # type: ignore[no-untyped-def]
    out = np.empty((len(pairs), 15), np.float32)
    for m in range(len(pairs)):
        i, j = pairs[m]
        pad, sample = 0.5 * (unit[i, 0] + unit[j, 0]), 0.5 * (unit[i, 1] + unit[j, 1])
        dx, dy, dz = xyz[j, 0] - xyz[i, 0], xyz[j, 1] - xyz[i, 1], xyz[j, 2] - xyz[i, 2]
        along = dx * far[i, 0] + dy * far[i, 1] + dz * far[i, 2]
        one, two = _across(dx, dy, dz, near[i], drift[i]), _across(dx, dy, dz, near[j], drift[j])
        mx, my, mz = (
            dx + middle[j, 0] - middle[i, 0],
            dy + middle[j, 1] - middle[i, 1],
            dz + middle[j, 2] - middle[i, 2],
        )
        first, second = _across(mx, my, mz, near[i], drift[i]), _across(mx, my, mz, near[j], drift[j])
        long_one, long_two = _across(mx, my, mz, far[i], drift[i]), _across(mx, my, mz, far[j], drift[j])
        rows = dx * row_axis[i, 0] + dy * row_axis[i, 1] + dz * row_axis[i, 2]
        out[m, 0] = abs(along) / pad
        out[m, 1], out[m, 2] = one[0] / pad, one[1] / sample
        out[m, 3], out[m, 4] = two[0] / pad, two[1] / sample
        out[m, 5] = 0.5 * (first[0] + second[0]) / pad
        out[m, 6] = 0.5 * (first[1] + second[1]) / sample
        out[m, 7] = np.log(1.001 - min(abs(_dot(near[i], near[j])), 1.0))
        out[m, 8] = np.log(1.001 - min(abs(_dot(far[i], far[j])), 1.0))
        out[m, 9] = 0.5 * (long_one[0] + long_two[0]) / pad
        out[m, 10] = 0.5 * (long_one[1] + long_two[1]) / sample
        out[m, 11] = np.log(min(charge[i], charge[j]) + 1e-3)
        out[m, 12] = abs(np.log((charge[i] + 1e-3) / (charge[j] + 1e-3)))
        out[m, 13] = 1.0 if abs(rows) < 0.25 * height[i] else 0.0
        out[m, 14] = np.sqrt(dx * dx + dy * dy + dz * dz) / pad
    return out
