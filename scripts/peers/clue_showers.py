"""Showers by CLUE: layer by layer and then linked (CLUE + CLUE3D, as the TICL of CMS does), or in all layers at once.

Layer clusters: arXiv 2001.09761. Their linking: CMSSW, RecoHGCal/TICL, PatternRecognitionbyCLUE3D, with its defaults in
comments below: the density of a layer cluster is its energy and a fifth of those on neighbouring layers within 18 mm, in
coordinates that run through the origin; seeds have over 0.6 GeV and make 15 % of their density themselves. Lengths are in
Moliere radii here, so that the same settings serve other detectors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from clue import ClueConfig, Points, clue
from shower_cells import Calorimeter, Cells

from gnnreco.columns import Floats, Ints

W0 = 2.9  # of the logarithmic weights of positions, as in CMSSW


@dataclass(frozen=True)
class LayerConfig:
    """Layer clusters.

    Attributes
    ----------
    reach : float
        Critical distance, Moliere radii.
    cells : float
        Critical distance at least, cell sizes.
    density : float
        Lowest density of a seed, minimum-ionising particles.
    separation, outlier : float
        As in `ClueConfig`.
    """

    reach: float
    cells: float
    density: float
    separation: float = 1.0
    outlier: float = 2.0


@dataclass(frozen=True)
class LinkConfig:
    """CLUE3D.

    Attributes
    ----------
    reach : float
        Of the density, Moliere radii (18 mm in CMS).
    separation : float
        Of seeds, in `reach` (1 in CMS).
    density : float
        Of seeds, GeV (0.6).
    self_density : float
        Part of it that a seed makes itself (0.15).
    span : int
        Neighbouring layers on each side (3).
    kernel, outlier : float
        As in `ClueConfig` (0.2 and 2).
    min_cells : int
        Of a layer cluster that takes part (2).
    """

    reach: float
    separation: float = 1.0
    density: float = 0.6
    self_density: float = 0.15
    span: int = 3
    kernel: float = 0.2
    outlier: float = 2.0
    min_cells: int = 2


@dataclass(frozen=True)
class VolumeConfig:
    """CLUE in all layers at once.

    Attributes
    ----------
    reach, cells, density, separation, outlier
        As in `LayerConfig`.
    layers : float
        Critical distance along the shower.
    """

    reach: float
    cells: float
    density: float
    layers: float
    separation: float = 1.0
    outlier: float = 2.0


def layer_clusters(cells: Cells, calorimeter: Calorimeter, config: LayerConfig) -> Ints:
    """Layer cluster of each cell (n,); -1: outlier."""
    graph = cells.graph
    s, t, _, period = calorimeter.place(graph.xyz, along(cells, calorimeter), graph.group, projected=False)
    reach = critical_distance(cells, calorimeter, config.reach, config.cells)
    points = Points(s, t, np.zeros(len(s)), graph.group, graph.energy, reach, calorimeter.frame.stack, period)
    return clue(points, graph.mip, ClueConfig(config.density, config.separation, config.outlier))[0]


def clue_linked(cells: Cells, calorimeter: Calorimeter, layer: LayerConfig, link: LinkConfig) -> Ints:
    """Shower of each cell (n,) by layer clusters and CLUE3D; -1: none."""
    flat = layer_clusters(cells, calorimeter, layer)
    size = np.bincount(flat[flat >= 0])
    number = np.where(size >= link.min_cells, np.cumsum(size >= link.min_cells) - 1, -1)
    mine = np.append(number, -1)[flat]
    if mine.max(initial=-1) < 0:
        return np.full(len(cells), -1, np.int64)
    points = _layer_points(cells, calorimeter, mine, link.reach)
    far = link.outlier * link.separation
    settings = ClueConfig(
        link.density, link.separation, far, link.kernel, link.span, own=False, self_density=link.self_density
    )
    shower, _ = clue(points, np.ones(len(points.s)), settings)
    return np.append(shower, -1)[mine]


def _layer_points(cells: Cells, calorimeter: Calorimeter, label: Ints, reach: float) -> Points:
    """Layer clusters as points, at the mean of their cells, weighted by the logarithm of the energy."""
    graph, kept = cells.graph, np.flatnonzero(label >= 0)
    label, n = label[kept], int(label.max()) + 1
    energy = np.bincount(label, graph.energy[kept], n)
    weight = np.maximum(0.0, W0 + np.log(graph.energy[kept] / energy[label]))
    # Of many equal cells none has a weight: all count the same.
    weight = np.where(np.bincount(label, weight, n)[label] > 0, weight, 1.0)
    total = np.bincount(label, weight, n)

    def mean(values: Floats) -> Floats:
        return np.bincount(label, weight * values[kept], n) / total

    xyz = np.stack([mean(column) for column in graph.xyz.T], axis=1)
    group = np.zeros(n, np.int64)
    group[label] = graph.group[kept]
    s, t, scale, period = calorimeter.place(xyz, mean(along(cells, calorimeter)), group, projected=True)
    unit = mean(calorimeter.frame.unit[graph.sensor])
    return Points(s, t, np.zeros(n), group, energy, reach * unit * scale, calorimeter.frame.stack, period)


def clue_volume(cells: Cells, calorimeter: Calorimeter, config: VolumeConfig) -> Ints:
    """Shower of each cell (n,) by CLUE in projected coordinates and layers; -1: none."""
    graph = cells.graph
    s, t, scale, period = calorimeter.place(graph.xyz, along(cells, calorimeter), graph.group, projected=True)
    reach = scale * critical_distance(cells, calorimeter, config.reach, config.cells)
    depth = graph.group / config.layers
    points = Points(s, t, depth, graph.group, graph.energy, reach, calorimeter.frame.stack, period)
    span = int(np.floor(config.layers * max(1.0, config.separation, config.outlier)))
    settings = ClueConfig(config.density, config.separation, config.outlier, span=span)
    return clue(points, graph.mip, settings)[0]


def along(cells: Cells, calorimeter: Calorimeter) -> Floats:
    """Distance of each cell's sensor from the origin along its normal, mm (n,)."""
    return calorimeter.frame.distance[cells.graph.sensor]


def critical_distance(cells: Cells, calorimeter: Calorimeter, moliere: float, sizes: float) -> Floats:
    """So many Moliere radii, at least so many sizes of the cell, mm (n,)."""
    return np.maximum(moliere * calorimeter.frame.unit[cells.graph.sensor], sizes * cells.size)
