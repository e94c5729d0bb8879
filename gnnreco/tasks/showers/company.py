"""The company of showers: a pi0 that is seen as two photons looks like a photon, but for what flies beside it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gnnreco.columns import Floats
from gnnreco.graphs.showers.cells import CellGraph

from .edges import Shares
from .targets import PI0_MASS

COMPANY = ("any", "energy_ratio", "distance", "mass", "depth", "energy_around")
REACH = 8.0  # lateral units of the cells: some four Moliere radii
ALONE = (0.0, -3.0, 1.0, -3.0, 0.0, 0.0)


def shower_company(graph: CellGraph, shares: Shares) -> NDArray[np.float32]:
    """What is near each cluster, by `COMPANY`: ratios to itself and to the mass of a pi0; float32 (n, 6).

    The companion is the shower within `REACH` that is loudest, the nearer the louder. `energy_ratio` and `mass` (of both
    together, over that of a pi0) are logarithms; `energy_around` is that of all showers within reach.
    """
    table = np.tile(np.array(ALONE), (shares.n, 1))
    if shares.n < 2:
        return table.astype(np.float32)
    e = shares.weight * graph.energy[shares.cell]
    total = np.maximum(np.bincount(shares.cluster, e, shares.n), 1e-12)

    def mean(values: Floats) -> Floats:
        return np.bincount(shares.cluster, e * values[shares.cell], shares.n) / total

    center = np.stack([mean(graph.xyz[:, k]) for k in range(3)], axis=1)
    length = np.maximum(np.linalg.norm(center, axis=1), 1e-9)
    way, depth = center / length[:, None], mean(graph.depth)
    reach = REACH * mean(graph.unit) / length  # an angle, nearly
    pairs = cKDTree(way).query_pairs(float(reach.max()), output_type="ndarray")
    apart = np.linalg.norm(way[pairs[:, 0]] - way[pairs[:, 1]], axis=1)
    near = apart < reach[pairs].max(axis=1)  # few are: the reach of most is far less than the largest
    pairs, apart = pairs[near], np.tile(apart[near], 2)
    one, two = np.concatenate([pairs, pairs[:, ::-1]]).T
    near = apart < reach[one]
    one, two, apart = one[near], two[near], apart[near]
    distance = apart / reach[one]
    order = np.lexsort((total[two] * (1 - distance**2), one))  # the last of each shower is its companion
    last = order[np.flatnonzero(np.diff(one[order], append=-1))]
    mass = np.sqrt(total[one] * total[two]) * apart  # 2 (1 - cos) is the square of the chord
    columns = [
        np.ones(len(one)),
        np.log(total[two] / total[one]) / 3,
        distance,
        np.log(mass / PI0_MASS + 0.05),
        (depth[two] - depth[one]) / 10,
        np.log1p(np.bincount(one, total[two], shares.n) / total)[one],
    ]
    table[one[last]] = np.stack(columns, axis=1)[last]
    return table.astype(np.float32)
