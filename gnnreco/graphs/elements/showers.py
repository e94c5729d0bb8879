"""Shape of each shower in units that mean the same everywhere, and the places where tracks may meet it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import CLUSTER_CLASSES, Clusters, Floats, Ints

from .cells import USUAL_UNIT, Cells
from .pairs import distinct_pairs

SHOWER_FEATURES = (
    "energy", "hits", "layers", "given_over_visible", "section_0", "section_1", "section_2", "section_3", "depth_start",
    "depth_mean", "depth_spread", "depth_end", "nuclear_start", "nuclear_mean", "nuclear_end", "width", "roundness",
    "length", "mip_energy", "cosine", "pointing", "unit", "sigma", "judged",
    *(f"is_{name}" for name in CLUSTER_CLASSES), "score",
)  # fmt: skip
SECTIONS = (6.0, 14.0, 26.0)  # radiation lengths
FRONT = 3.0  # radiation lengths of a shower that count as its beginning
#: What a shower without cells has in columns where 0 would say something: it is one lateral unit wide and long, its cells
#: have the energy of a minimum-ionising particle, and it is met at a right angle.
UNKNOWN = {"width": 0.0, "length": 0.0, "mip_energy": 0.0, "roundness": 0.5, "cosine": 1.0}


@dataclass(frozen=True, slots=True)
class Showers:
    """Showers as elements.

    Attributes
    ----------
    features : float32 (n, f)
        By `SHOWER_FEATURES`.
    visible : float64 (n,)
        Energy of the cells over their sampling fractions, GeV; of a shower without cells, the one that the finder says.
    energy : float64 (n,)
        The energy that the finder says, GeV.
    front, middle, back : float64 (n, 3)
        Where it begins, its middle and where it ends, mm.
    axis : float64 (n, 3)
    unit : float64 (n,)
        Lateral unit, mm.
    nuclear, depth : float64 (n,)
        Interaction and radiation lengths before its middle.
    cell, shower : int64 (m,)
        Which cell (row of `Cells`) is whose,
    share : float64 (m,)
        and with how much energy, GeV.
    """

    features: NDArray[np.float32]
    visible: Floats
    energy: Floats
    front: Floats
    middle: Floats
    back: Floats
    axis: Floats
    unit: Floats
    nuclear: Floats
    depth: Floats
    cell: Ints
    shower: Ints
    share: Floats

    def __len__(self) -> int:
        return len(self.visible)


def showers_of(clusters: Clusters, cells: Cells, n_hits: int) -> Showers:
    """Showers from clusters and the cells of the same event of `n_hits` hits, both in the source's frame.

    A cluster without cells, of a file that keeps no hits, has its energy, its place and its axis; its depth is 0, it has no
    energy in any section, and the other columns are those of `UNKNOWN`.
    """
    n, place = len(clusters), np.full(n_hits, -1, np.int64)
    place[cells.index] = np.arange(len(cells))
    cell, shower = place[clusters.hit_index], np.repeat(np.arange(n), np.diff(clusters.offsets))
    mine = cell >= 0
    cell, shower, weight = cell[mine], shower[mine], clusters.hit_weight[mine]
    share = weight * cells.energy[cell]
    some = np.bincount(shower, minlength=n) > 0
    visible = np.maximum(np.where(some, np.bincount(shower, share, n), clusters.energy), 1e-9)

    def mean(values: Floats, weights: Floats = share) -> Floats:
        return np.bincount(shower, weights * values, n) / np.maximum(np.bincount(shower, weights, n), 1e-30)

    depth, nuclear = cells.depth[cell], cells.nuclear[cell]
    start, end = (_quantile(shower, depth, share, visible, part) for part in (0.05, 0.95))
    given = np.stack([clusters.x, clusters.y, clusters.z], axis=1)

    def place_of(weights: Floats) -> Floats:
        found = np.stack([mean(cells.xyz[cell, k], weights) for k in range(3)], axis=1)
        return np.where(some[:, None], found, given)

    middle = place_of(share)
    off = cells.xyz[cell] - middle[shower]
    along = np.einsum("ij,ij->i", off, clusters.axis[shower])
    across2 = np.maximum((off**2).sum(axis=1) - along**2, 0.0)
    unit = np.where(some, mean(cells.unit[cell]), USUAL_UNIT)
    layers = np.bincount(distinct_pairs(shower, cells.group[cell])[0], minlength=n)
    hits = np.bincount(shower, minlength=n)
    sections = np.digitize(depth, SECTIONS)
    away = np.maximum(np.linalg.norm(middle, axis=1), 1e-9)
    judged = np.asarray(np.isfinite(clusters.class_probability).all(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        sigma = np.nan_to_num(clusters.energy_sigma / np.maximum(clusters.energy, 1e-9), nan=0.0)
    columns = [
        np.log(visible),
        np.log(np.maximum(hits, 1)),
        np.log(np.maximum(layers, 1)),
        np.log(np.clip(clusters.energy / visible, 0.1, 10.0)),
        *(np.bincount(shower, share * (sections == k), n) / visible for k in range(4)),
        start / 10,
        mean(depth) / 10,
        np.sqrt(np.maximum(mean(depth**2) - mean(depth) ** 2, 0.0)) / 5,
        end / 20,
        _quantile(shower, nuclear, share, visible, 0.05),
        mean(nuclear),
        _quantile(shower, nuclear, share, visible, 0.95) / 2,
        np.log(np.sqrt(mean(across2)) / unit + 0.1),
        _roundness(off, along, clusters.axis, shower, share, visible),
        np.log(np.sqrt(mean(along**2)) / unit + 0.1),
        np.log(mean(share / np.maximum(cells.mip[cell], 1e-9), np.ones(len(share))) + 0.1),
        mean(cells.cosine[cell]),
        np.einsum("ij,ij->i", clusters.axis, middle) / away,
        np.log(unit / USUAL_UNIT),
        np.minimum(sigma, 2.0),
        judged,
        *np.where(judged[:, None], clusters.class_probability, 0.0).T,
        clusters.score,
    ]
    features = np.stack([np.asarray(c, np.float64) for c in columns], axis=1).astype(np.float32)
    for name, value in UNKNOWN.items():
        features[~some, SHOWER_FEATURES.index(name)] = value
    return Showers(
        features,
        visible,
        clusters.energy,
        place_of(share * (depth <= start[shower] + FRONT)),
        middle,
        place_of(share * (depth >= end[shower] - FRONT)),
        clusters.axis,
        unit,
        mean(nuclear),
        mean(depth),
        cell,
        shower,
        share,
    )


def _quantile(shower: Ints, values: Floats, share: Floats, total: Floats, part: float) -> Floats:
    """Value below which a part of each shower's energy lies (n,); 0 for one without cells."""
    order = np.lexsort((values, shower))
    owner, ordered = shower[order], values[order]
    ends = np.cumsum(share[order])
    first = np.searchsorted(owner, np.arange(len(total)))
    before = np.concatenate([[0.0], ends])[first]
    # Sums run over all showers: the place is sought in the whole and kept inside the shower.
    last = np.searchsorted(owner, np.arange(len(total)), side="right")
    row = np.clip(np.searchsorted(ends, before + part * total), first, np.maximum(last - 1, first))
    return np.where(last > first, np.append(ordered, 0.0)[row], 0.0)


def _roundness(
    off: Floats, along: Floats, axis: Floats, shower: Ints, share: Floats, total: Floats
) -> Floats:
    """Smaller over larger spread across the axis (n,)."""
    n = len(total)
    across = off - along[:, None] * axis[shower]
    helper = np.where(np.abs(axis[:, 2:]) < 0.9, [[0.0, 0.0, 1.0]], [[1.0, 0.0, 0.0]])
    one = np.cross(axis, helper)
    one /= np.maximum(np.linalg.norm(one, axis=1, keepdims=True), 1e-9)
    two = np.cross(axis, one)
    u, v = (np.einsum("ij,ij->i", across, way[shower]) for way in (one, two))
    uu, vv, uv = (np.bincount(shower, share * a, n) / total for a in (u * u, v * v, u * v))
    half, root = (uu + vv) / 2, np.hypot((uu - vv) / 2, uv)
    return np.sqrt(np.maximum(half - root, 0.0) / np.maximum(half + root, 1e-9))
