"""Toy showers as graphs of cells, and a small calorimeter written as YAML."""

from __future__ import annotations

import numpy as np

from gnnreco.graphs.showers.cells import CellGraph
from gnnreco.graphs.showers.features import LoudNeighbours, loud_neighbours
from gnnreco.tasks.showers.targets import CellTruth

REACH, UNIT, STEP = 2.6, 10.0, 2.0
STACK = """
templates:
  pads: {kind: grid, pitch: [12, 12], cells: [50, 50], thickness: 0.3}
subsystems:
  calo:
    measures: [energy]
    material: {radiation_lengths: 1.5, interaction_lengths: 0.08, moliere_radius: 24, sampling_fraction: 0.02}
sensors:
  - {rule: planes, template: pads, subsystem: calo, z: [1000, 1012, 1024, 1036, 1048, 1060, 1072, 1084, 1096, 1108, 1120, 1132,
     1144, 1156, 1168, 1180]}
"""


def cell_graph(xyz: np.ndarray, energy: np.ndarray, depth: np.ndarray | None = None) -> CellGraph:
    """Cells of 10 mm and 2 radiation lengths at these places (n, 3), with all pairs that are near."""
    n = len(energy)
    xyz = np.asarray(xyz, np.float64).reshape(n, 3)
    depth = np.ones(n) if depth is None else np.asarray(depth, np.float64)
    way = xyz / np.maximum(np.linalg.norm(xyz, axis=1), 1e-9)[:, None]
    off = xyz[None] - xyz[:, None]
    across = off - np.einsum("ijk,ik->ij", off, way)[:, :, None] * way[:, None]
    lateral = np.linalg.norm(across, axis=2) / UNIT
    length = np.hypot((lateral + lateral.T) / 2, (depth[:, None] - depth) / STEP)
    near = (length < REACH) & ~np.eye(n, dtype=bool)
    ones, row = np.ones(n), np.arange(n)
    return CellGraph(
        row, row.astype(np.int32), np.round(depth).astype(np.int64), np.asarray(energy, np.float64), 0.01 * ones, xyz, way,
        depth, UNIT * ones, STEP * ones, ones, ones, depth / 25, 2 - depth / 25, ones, 0.02 * ones,
        np.append(0, np.cumsum(near.sum(axis=1))), np.nonzero(near)[1].astype(np.int32), length[near].astype(np.float32),
    )  # fmt: skip


def loud_of(graph: CellGraph, k: int = 6) -> LoudNeighbours:
    return loud_neighbours(graph, k, REACH)


def blob(
    middle: tuple[float, float],
    n: int = 60,
    seed: int = 0,
    widths: tuple[float, float] = (8.0, 8.0),
    mean: float = 8.0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places, energies and depths of the cells of a shower a metre away; `widths` and `middle` in mm, across z."""
    rng = np.random.default_rng(seed)
    depth = rng.gamma(4.0, mean / 4, n)
    x, y = (m + w * rng.normal(size=n) for m, w in zip(middle, widths, strict=True))
    z = 1000 + 5 * depth
    return np.stack([x * z / 1000, y * z / 1000, z], axis=1), rng.exponential(0.5, n) + 0.05, depth


def together(*showers: tuple[np.ndarray, np.ndarray, np.ndarray]) -> CellGraph:
    """Some of `blob` in one graph."""
    return cell_graph(*(np.concatenate(columns) for columns in zip(*showers, strict=True)))


def truth_of(
    links: list[tuple[int, int, float]],
    energy: list[float],
    kind: list[int] | None = None,
    partner: list[int] | None = None,
) -> CellTruth:
    """Truth from rows of (cell, particle, GeV), sorted by cell."""
    cell, particle, part = zip(*links) if links else ((), (), ())
    n = len(energy)
    return CellTruth(
        np.array(cell, np.int64),
        np.array(particle, np.int64),
        np.array(part, np.float64),
        np.array(energy, np.float64),
        np.array(kind or [0] * n, np.int64),
        np.array(partner or [-1] * n, np.int64),
    )
