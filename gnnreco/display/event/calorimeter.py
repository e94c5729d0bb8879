"""Cells with energy in one event, and the clusters they belong to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import CLUSTER_CLASSES, Clusters, Event
from gnnreco.display.pack import Pack
from gnnreco.display.sensors import add_cells, cells_under
from gnnreco.files.json_types import JsonDict
from gnnreco.geometry import Detector

from .waypoints import ENERGY


def add_hit_cells(pack: Pack, event: Event, detector: Detector, kinds: NDArray[np.uint8]) -> JsonDict:
    """Pack the cell of each hit in a calorimeter; `c_hit` is the hit of each cell, `kinds` as `kinds_of_hits`."""
    sensor = event.hits.sensor.astype(np.int64)
    hits = np.flatnonzero(kinds == ENERGY)
    cell = cells_under(detector, sensor[hits], event.hits.xyz[hits])
    hits, cell = hits[cell >= 0], cell[cell >= 0]
    pack.add("c_hit", hits, "int32")
    return add_cells(pack, detector, sensor[hits], cell)


def add_clusters(pack: Pack, clusters: Clusters | None, n_hits: int) -> JsonDict | None:
    """Pack clusters, and for each hit the cluster that holds most of it (-1: none)."""
    if clusters is None:
        return None
    of = np.repeat(np.arange(len(clusters)), np.diff(clusters.offsets))
    order = np.lexsort((of, -clusters.hit_weight, clusters.hit_index))
    hit, first = np.unique(clusters.hit_index[order], return_index=True)
    owner = np.full(n_hits, -1, np.int64)
    owner[hit] = of[order][first]
    pack.add("h_cluster", owner, "int32")
    pack.add("k_offsets", clusters.offsets, "int32")
    pack.add("k_hits", clusters.hit_index, "int32")
    for name in ("energy", "energy_sigma", "x", "y", "z", "score", "axis"):
        pack.add(f"k_{name}", getattr(clusters, name), "float32")
    known = np.isfinite(clusters.class_probability).all(axis=1)
    best = np.nan_to_num(clusters.class_probability).argmax(axis=1)
    pack.add("k_class", np.where(known, best, -1), "int32")
    return {"count": len(clusters), "classes": [name.replace("_", " ") for name in CLUSTER_CLASSES]}
