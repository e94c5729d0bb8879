"""How sure it is that a track or a cluster is right: the features that its calibration reads.

What a network says alone is no probability: a track that took in a left-over hit has fewer sure links than a short one of
noise, and a network that saw little noise in its training calls all of it a shower. Length, fit and energies tell more.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from gnnreco.columns import CLUSTER_CLASSES, Clusters, Floats, Tracks
from gnnreco.models.calibration import Calibration

if TYPE_CHECKING:
    from gnnreco.graphs.showers.cells import CellGraph

SURE = 1e-3  # the network's own confidence is read no closer to 0 or 1 than this
TRACK_FEATURES = ("sure", "hits", "chi2", "momentum", "momentum_error")
CLUSTER_FEATURES = (
    "sure",
    "energy",
    "visible",
    "error",
    "cells",
    "layers",
    "mips",
    "loudest",
    "held",
    "electromagnetic",
    "muon",
)
ELECTROMAGNETIC, MUON = CLUSTER_CLASSES.index("electromagnetic"), CLUSTER_CLASSES.index("muon")
Found = TypeVar("Found", Tracks, Clusters)


def check_features(calibration: Calibration | None, features: tuple[str, ...]) -> None:
    """Raise `ValueError` where a calibration reads other features than those it will be given."""
    if calibration is not None and calibration.features != features:
        raise ValueError(
            f"calibration.features are {', '.join(calibration.features)}; this version reads {', '.join(features)}: "
            "calibrate the bundle again"
        )


def scored(found: Found, table: Floats, calibration: Calibration | None) -> Found:
    """What was found, with the probability to be right as `score`; without a calibration as it is."""
    return found if calibration is None else replace(found, score=calibration(table))


def track_features(tracks: Tracks) -> Floats:
    """What tells right tracks from wrong ones, by `TRACK_FEATURES`; float64 (n, 5).

    The network's own confidence (log odds), hits, chi2 over its degrees of freedom, momentum (GeV) and relative error of
    q/p (logarithms). Nothing depends on where the detector stands or how it is turned.
    """
    freedom = np.maximum(tracks.ndf, 1.0)
    curved = np.clip(np.abs(tracks.q_over_p), 1e-4, 1e2)
    columns = [
        _log_odds(tracks.score),
        np.log(np.maximum(np.diff(tracks.offsets), 1)),
        np.log(tracks.chi2 / freedom + 0.1),
        -np.log(curved),
        0.5 * np.log(np.clip(tracks.covariance[:, 14] / curved**2, 1e-8, 1e4)),
    ]
    return np.stack(columns, axis=1)


def cluster_features(clusters: Clusters, graph: CellGraph) -> Floats:
    """What tells showers from noise and from parts of showers, by `CLUSTER_FEATURES`; float64 (n, 11).

    The finder's own confidence (log odds); energy, visible energy, relative error of the energy, cells, layers, energy of a
    cell over what a minimum-ionising particle leaves there, share of the loudest cell (logarithms); the part of its cells'
    energy that is the cluster's own; the probabilities to be electromagnetic and a muon (0 where nothing tells).

    Parameters
    ----------
    clusters : Clusters
        With the finder's own confidence as `score`.
    graph : CellGraph
        That they were found in.
    """
    n = len(clusters)
    row = np.zeros(int(graph.index.max(initial=-1)) + 1, np.int64)
    row[graph.index] = np.arange(len(graph.index))
    cell, cluster = row[clusters.hit_index], np.repeat(np.arange(n), np.diff(clusters.offsets))
    order = np.lexsort((cell, cluster))  # sums must not depend on the order of the hits
    cell, weight = cell[order], clusters.hit_weight[order]

    def total(values: Floats) -> Floats:
        return np.maximum(np.bincount(cluster, values, n), 1e-12)

    part = weight * graph.energy[cell]
    visible, cells, mips = total(part), total(weight), total(part / np.maximum(graph.mip[cell], 1e-12))
    loudest = np.zeros(n)
    np.maximum.at(loudest, cluster, part)
    layers = np.bincount(np.unique(cluster << 32 | graph.group[cell]) >> 32, minlength=n)
    energy = np.maximum(clusters.energy, 1e-12)
    told = np.nan_to_num(clusters.class_probability)
    columns = [
        _log_odds(clusters.score),
        np.log(energy),
        np.log(visible),
        np.log(clusters.energy_sigma / energy + 1e-6),
        np.log(cells),
        np.log(np.maximum(layers, 1)),
        np.log(mips / cells),
        np.log(loudest / visible + 1e-6),
        visible / total(graph.energy[cell]),
        told[:, ELECTROMAGNETIC],
        told[:, MUON],
    ]
    return np.stack(columns, axis=1)


def _log_odds(probability: Floats) -> Floats:
    p = np.clip(probability, SURE, 1 - SURE)
    return np.log(p / (1 - p))
