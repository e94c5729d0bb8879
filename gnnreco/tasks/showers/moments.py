"""Shape of showers in units that mean the same everywhere: what calorimetry has always looked at, as columns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.graphs.order import by_key_and_value
from gnnreco.graphs.showers.cells import CellGraph
from gnnreco.graphs.showers.features import LoudNeighbours
from gnnreco.kernels import X, Y, Z, njit

from .edges import Shares

MOMENTS = (
    "energy", "hits", "depth", "depth_spread", "start", "end", "nuclear_depth", "nuclear_behind", "leaving",
    "width", "roundness", "core_half", "core_one", "core_two", "core_four", "mip_energy", "mip_hits", "loudest",
    "energy_per_hit", "cell_size", "fraction", "cosine", "front", "middle", "back", "layers", "foreign", "log_width",
    "log_roundness", "log_depth_spread",
)  # fmt: skip
CORES = (0.5, 1.0, 2.0, 4.0)  # radii, in lateral units of the cells
SECTIONS = (8.0, 16.0)  # radiation lengths
LOG_WEIGHT = 4.5  # cells count from exp(-4.5) of the shower's energy in logarithmic moments (Awes et al., NIM A 311, 130)


# Columns of the first sums over the shares of a cluster; `PLACE` has three.
(
    TOTAL, HITS, LOUDEST, DEPTH, NUCLEAR, BEHIND, LEAVING, MIP_ENERGY, MIP_HITS, PER_MIP, SIZE, FRACTION, COSINE, SECTION,
    LAYERS, PLACE, SUMS,
) = (*range(14), 16, 17, 20)  # fmt: skip
# Of the second sums: those by energy, then those by logarithms, each of `WEIGHT` to `ACROSS`.
WEIGHT, U, V, UU, VV, UV, ACROSS = range(7)
DEPTH_SPREAD, LOG_DEPTH, CORE, MORE_SUMS = 2 * ACROSS, 2 * ACROSS + 1, 2 * ACROSS + 2, 2 * ACROSS + 6


class _Cells(NamedTuple):
    """Columns of a `CellGraph`, as the kernels take them."""

    xyz: Floats
    energy: Floats
    depth: Floats
    nuclear: Floats
    behind: Floats
    mip: Floats
    size: Floats
    fraction: Floats
    cosine: Floats
    unit: Floats
    group: Ints


def shower_moments(graph: CellGraph, loud: LoudNeighbours, shares: Shares) -> NDArray[np.float32]:
    """Moments of each cluster, by `MOMENTS`; float32 (n, 30)."""
    cell, cluster, n = shares.cell, shares.cluster, shares.n
    if n == 0:
        return np.zeros((0, len(MOMENTS)), np.float32)
    cells = _Cells._make(getattr(graph, name) for name in _Cells._fields)
    groups = int(graph.group.max(initial=0)) + 1
    sums = _sums(cells, cell, cluster, shares.weight, n, groups)
    total = sums[:, TOTAL] = np.maximum(sums[:, TOTAL], 1e-12)
    hits = np.maximum(sums[:, HITS], 1e-6)
    mean = sums / total[:, None]
    e = shares.weight * graph.energy[cell]
    start, end = _quantiles(cluster, graph.depth[cell], e, total)
    center = mean[:, PLACE:]
    logs = np.maximum(LOG_WEIGHT + np.log(e / total[cluster]), 0.0) + 1e-9
    more = _spreads(cells, cell, cluster, e, logs, mean[:, DEPTH], center, *_across(center))
    width, roundness = _ellipse(more[:, :ACROSS])
    log_width, log_roundness = _ellipse(more[:, ACROSS : 2 * ACROSS])
    log_total = more[:, ACROSS + WEIGHT]
    off = graph.depth[cell] - (more[:, LOG_DEPTH] / log_total)[cluster]
    log_spread = np.sqrt(np.bincount(cluster, logs * off**2, n) / log_total)
    root = np.sqrt(graph.energy)
    foreign = _foreign(loud.neighbour, loud.real, root, cell, cluster, shares.weight, n)
    columns = [
        np.log(total) / 3, np.log(hits) / 4, mean[:, DEPTH] / 20, np.sqrt(more[:, DEPTH_SPREAD] / total) / 8,
        start / 20, end / 30, mean[:, NUCLEAR] / 4, mean[:, BEHIND] / 4, mean[:, LEAVING],
        np.log(width + 0.1), roundness, *(more[:, CORE : CORE + 4] / total[:, None]).T,
        mean[:, MIP_ENERGY], sums[:, MIP_HITS] / hits, mean[:, LOUDEST],
        np.log(mean[:, PER_MIP] * total / hits + 1e-9) / 3, np.log(mean[:, SIZE]),
        np.log10(mean[:, FRACTION]) / 2, mean[:, COSINE], *mean[:, SECTION : SECTION + 3].T,
        np.log(sums[:, LAYERS]) / 3, foreign,
        np.log(log_width + 0.1), log_roundness, log_spread / 8,
    ]  # fmt: skip
    return np.stack(columns, axis=1).astype(np.float32)


@njit(cache=True)
def _sums(cells: _Cells, cell: Ints, cluster: Ints, weight: Floats, n: int, groups: int) -> Floats:
    """Of each cluster: energy, hits, and what else is summed by energy (n, SUMS); shares are sorted by cluster."""
    xyz, energy, depth, nuclear, behind, mip, size, fraction, cosine, _, group = cells
    out, met = np.zeros((n, SUMS)), np.full(groups, -1, np.int64)
    for k in range(len(cell)):
        i, c = cell[k], cluster[k]
        row, e = out[c], weight[k] * energy[i]
        least = max(mip[i], 1e-30)
        row[TOTAL] += e
        row[HITS] += weight[k]
        row[LOUDEST] = max(row[LOUDEST], e)
        row[DEPTH] += e * depth[i]
        row[NUCLEAR] += e * nuclear[i]
        row[BEHIND] += e * behind[i]
        row[LEAVING] += e * (behind[i] < 0.4)
        if energy[i] < 2.0 * least / cosine[i]:  # like a minimum-ionising particle
            row[MIP_ENERGY] += e
            row[MIP_HITS] += weight[k]
        row[PER_MIP] += e * (1 / least)
        row[SIZE] += e * size[i]
        row[FRACTION] += e * fraction[i]
        row[COSINE] += e * cosine[i]
        if depth[i] >= 0:
            row[SECTION + (depth[i] >= SECTIONS[0]) + (depth[i] >= SECTIONS[1])] += e
        if met[group[i]] != c:
            met[group[i]] = c
            row[LAYERS] += 1
        for axis in range(3):
            row[PLACE + axis] += e * xyz[i, axis]
    return out


def _across(middle: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Axis of each shower from the origin through its middle, two ways across, and the middle's distance.

    Any two ways across do: only lengths and eigenvalues are read.
    """
    length = np.linalg.norm(middle, axis=1)
    axis = middle / np.maximum(length, 1e-9)[:, None]
    first = np.cross(axis, np.eye(3)[np.abs(axis).argmin(axis=1)])
    first /= np.linalg.norm(first, axis=1)[:, None]
    return axis, first, np.cross(axis, first), length


@njit(cache=True)
def _spreads(
    cells: _Cells,
    cell: Ints,
    cluster: Ints,
    e: Floats,
    logs: Floats,
    depth: Floats,
    middle: Floats,
    axis: Floats,
    first: Floats,
    second: Floats,
    length: Floats,
) -> Floats:
    """Second sums of each cluster (n, MORE_SUMS): of the cells' ways from the axis, in their units, and of depth."""
    out = np.zeros((len(depth), MORE_SUMS))
    for k in range(len(cell)):
        i, c = cell[k], cluster[k]
        row, x, y, z = out[c], cells.xyz[i, X], cells.xyz[i, Y], cells.xyz[i, Z]
        # Along the axis showers widen with the distance: carry each cell to the middle's distance.
        along = x * axis[c, X] + y * axis[c, Y] + z * axis[c, Z]
        scale = length[c] / along if along > 0 and length[c] > 0 else 1.0
        x, y, z = x * scale - middle[c, X], y * scale - middle[c, Y], z * scale - middle[c, Z]
        u = (x * first[c, X] + y * first[c, Y] + z * first[c, Z]) / cells.unit[i]
        v = (x * second[c, X] + y * second[c, Y] + z * second[c, Z]) / cells.unit[i]
        for at, w in ((0, e[k]), (ACROSS, logs[k])):
            row[at + WEIGHT] += w
            row[at + U] += w * u
            row[at + V] += w * v
            row[at + UU] += w * u * u
            row[at + VV] += w * v * v
            row[at + UV] += w * u * v
        row[DEPTH_SPREAD] += e[k] * (cells.depth[i] - depth[c]) ** 2
        row[LOG_DEPTH] += logs[k] * cells.depth[i]
        radius = np.hypot(u, v)
        for m in range(4):
            row[CORE + m] += e[k] * (radius < CORES[m])
    return out


def _ellipse(sums: Floats) -> tuple[Floats, Floats]:
    """Root of the larger eigenvalue of the lateral spread, and the smaller over the larger."""
    mean = sums / sums[:, [WEIGHT]]
    xx, yy = mean[:, UU] - mean[:, U] ** 2, mean[:, VV] - mean[:, V] ** 2
    half, root = (xx + yy) / 2, np.hypot((xx - yy) / 2, mean[:, UV] - mean[:, U] * mean[:, V])
    return np.sqrt(np.maximum(half + root, 0.0)), np.maximum(half - root, 0.0) / np.maximum(half + root, 1e-9)


@njit(cache=True)
def _quantile_rows(
    cluster: Ints, depth: Floats, e: Floats, total: Floats, order: Ints, part: float
) -> Floats:
    sums, out, done = np.zeros(len(total)), np.zeros(len(total)), np.zeros(len(total), np.bool_)
    for i in order:
        c = cluster[i]
        sums[c] += e[i]
        if not done[c] and sums[c] >= part * total[c]:
            out[c], done[c] = depth[i], True
    return out


def _quantiles(cluster: Ints, depth: Floats, e: Floats, total: Floats) -> tuple[Floats, Floats]:
    """Depths before which 5 % and 95 % of each shower's energy lie."""
    order, _ = by_key_and_value(cluster, depth, len(total))
    return tuple(_quantile_rows(cluster, depth, e, total, order, part) for part in (0.05, 0.95))  # type: ignore[return-value]


@njit(cache=True)
def _foreign(
    neighbour: NDArray[np.int32],
    real: NDArray[np.bool_],
    root: Floats,
    cell: Ints,
    cluster: Ints,
    weight: Floats,
    n: int,
) -> Floats:
    """Energy of other showers' cells among the loud neighbours of each shower, over all of these; `root` of energies."""
    main, most = np.full(len(root), -1, np.int64), np.zeros(len(root))
    for k in range(len(cell)):
        if weight[k] >= most[cell[k]]:
            main[cell[k]], most[cell[k]] = cluster[k], weight[k]
    whole, foreign = np.zeros(n), np.zeros(n)
    for i in range(len(root)):
        if main[i] < 0:
            continue
        for m in range(neighbour.shape[1]):
            j = neighbour[i, m]
            if real[i, m]:
                whole[main[i]] += root[i] * root[j]
                if main[j] != main[i]:
                    foreign[main[i]] += root[i] * root[j]
    return foreign / np.maximum(whole, 1e-30)
