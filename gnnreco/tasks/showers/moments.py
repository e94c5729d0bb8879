"""Shape of showers in units that mean the same everywhere: what calorimetry has always looked at, as columns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.graphs.showers.cells import CellGraph
from gnnreco.graphs.showers.features import LoudNeighbours
from gnnreco.kernels import njit

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


def shower_moments(graph: CellGraph, loud: LoudNeighbours, shares: Shares) -> NDArray[np.float32]:
    """Moments of each cluster, by `MOMENTS`; float32 (n, 30)."""
    cell, cluster, n = shares.cell, shares.cluster, shares.n
    if n == 0:
        return np.zeros((0, len(MOMENTS)), np.float32)
    e = shares.weight * graph.energy[cell]
    total = np.maximum(np.bincount(cluster, e, n), 1e-12)
    hits = np.maximum(np.bincount(cluster, shares.weight, n), 1e-6)

    def mean(values: Floats) -> Floats:
        return np.bincount(cluster, e * values, n) / total

    group, mip, unit = graph.group[cell], np.maximum(graph.mip[cell], 1e-30), graph.unit[cell]
    depth, cosine = graph.depth[cell], graph.cosine[cell]
    nuclear, behind = graph.nuclear[cell], graph.behind[cell]
    middle_depth = mean(depth)
    start, end = _quantiles(cluster, depth, e, total)
    center = np.stack([mean(graph.xyz[cell, k]) for k in range(3)], axis=1)
    lateral = _lateral(graph.xyz[cell], unit, cluster, center)
    radius = np.hypot(*lateral)
    logs = np.maximum(LOG_WEIGHT + np.log(e / total[cluster]), 0.0) + 1e-9
    log_total = np.bincount(cluster, logs, n).astype(np.float64)
    width, roundness = _ellipse(lateral, cluster, e, total)
    log_width, log_roundness = _ellipse(lateral, cluster, logs, log_total)
    log_middle = np.bincount(cluster, logs * depth, n) / log_total
    log_spread = np.sqrt(np.bincount(cluster, logs * (depth - log_middle[cluster]) ** 2, n) / log_total)
    like_mip = (graph.energy[cell] < 2.0 * mip / cosine).astype(np.float64)
    loudest = np.zeros(n)
    np.maximum.at(loudest, cluster, e)
    pairs = np.unique(cluster << 32 | group)
    columns = [
        np.log(total) / 3, np.log(hits) / 4, middle_depth / 20, np.sqrt(mean((depth - middle_depth[cluster]) ** 2)) / 8,
        start / 20, end / 30, mean(nuclear) / 4, mean(behind) / 4, mean((behind < 0.4).astype(np.float64)),
        np.log(width + 0.1), roundness, *(mean((radius < core).astype(np.float64)) for core in CORES),
        mean(like_mip), np.bincount(cluster, shares.weight * like_mip, n) / hits, loudest / total,
        np.log(mean(1 / mip) * total / hits + 1e-9) / 3, np.log(mean(graph.size[cell])),
        np.log10(mean(graph.fraction[cell])) / 2,
        mean(cosine), *(mean(((depth >= a) & (depth < b)).astype(np.float64)) for a, b in
                        zip((0.0, *SECTIONS), (*SECTIONS, np.inf), strict=True)),
        np.log(np.bincount(pairs >> 32, minlength=n)) / 3, _foreign(loud, graph.energy, shares),
        np.log(log_width + 0.1), log_roundness, log_spread / 8,
    ]  # fmt: skip
    return np.stack(columns, axis=1).astype(np.float32)


def _lateral(xyz: Floats, unit: Floats, cluster: Ints, middle: Floats) -> tuple[Floats, Floats]:
    """Two components of the way of each cell from its shower's axis (from the origin through its middle), in units."""
    axis = middle / np.maximum(np.linalg.norm(middle, axis=1), 1e-9)[:, None]
    # Any two directions across the axis do: only lengths and eigenvalues are read.
    first = np.cross(axis, np.eye(3)[np.abs(axis).argmin(axis=1)])
    first /= np.linalg.norm(first, axis=1)[:, None]
    second = np.cross(axis, first)
    # Along the axis showers widen with the distance: carry each cell to the middle's distance.
    along = np.einsum("ij,ij->i", xyz, axis[cluster])
    scale = np.linalg.norm(middle, axis=1)[cluster] / np.where(along > 0, along, np.inf)
    scale = np.where(scale > 0, scale, 1.0)
    off = xyz * scale[:, None] - middle[cluster]
    return tuple(np.einsum("ij,ij->i", off, way[cluster]) / unit for way in (first, second))  # type: ignore[return-value]


def _ellipse(
    lateral: tuple[Floats, Floats], cluster: Ints, w: Floats, total: Floats
) -> tuple[Floats, Floats]:
    """Root of the larger eigenvalue of the lateral spread, and the smaller over the larger."""
    n = len(total)
    mu = [np.bincount(cluster, w * x, n) / total for x in lateral]
    xx, yy, xy = (
        np.bincount(cluster, w * lateral[a] * lateral[b], n) / total - mu[a] * mu[b]
        for a, b in ((0, 0), (1, 1), (0, 1))
    )
    half, root = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
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
    order = np.argsort(depth, kind="stable")
    return tuple(_quantile_rows(cluster, depth, e, total, order, part) for part in (0.05, 0.95))  # type: ignore[return-value]


def _foreign(loud: LoudNeighbours, energy: Floats, shares: Shares) -> Floats:
    """Energy of other showers' cells among the loud neighbours of each shower, over all of these."""
    main = np.full(len(energy), -1, np.int64)
    order = np.argsort(shares.weight, kind="stable")
    main[shares.cell[order]] = shares.cluster[order]
    here = main[:, None] >= 0
    heard = np.where(loud.real & here, np.sqrt(energy)[loud.neighbour], 0.0) * np.sqrt(energy)[:, None]
    other = heard * (main[loud.neighbour] != main[:, None])
    whole, foreign = (
        np.bincount(main[main >= 0], x.sum(axis=1)[main >= 0], shares.n) for x in (heard, other)
    )
    return foreign / np.maximum(whole, 1e-30)
