"""Scored segment graph to fitted tracks: no hit in two tracks, holes allowed, outliers dropped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Event, Tracks
from gnnreco.geometry import Detector
from gnnreco.graphs import Points, SegmentGraph

from .candidates import Assumed, Candidates
from .chains import best_links, claim, group_by_owner, hand_out, walk_chains
from .merge import merge


@dataclass(frozen=True)
class DecodeConfig:
    """How tracks are read off the scores.

    Attributes
    ----------
    link_probability : float
        Triplets below it link nothing.
    attach_probability : float
        Triplets above it may give a left-over hit to a track.
    min_hits : int
        Hits of the shortest track.
    max_chi2_hit : float
        A hit that adds more to chi2 (two degrees of freedom) leaves the fit, up to three of a track.
    lost_chi2_hit : float
        Of those, one that adds more than this leaves the track too: the field may differ from the detector's, and a
        particle may lose energy or kink, which throws right hits out of a fit.
    merge_chi2 : float
        What joining two pieces may add to chi2 (five degrees of freedom).
    merge_rounds : int
        How often pieces are joined two by two; a track in n pieces needs log2 n rounds.
    momentum_without_field : float
        GeV, for scattering where there is no field to tell it: that of the beam.
    energy_loss : bool
        Whether fits correct q/p for the mean energy that a pion loses in each sensor. Particles of full simulations and of
        `gnnreco simulate` lose it; those of the ACTS events that trained `tracking-trackml` do not.
    """

    link_probability: float = 0.05
    attach_probability: float = 0.3
    min_hits: int = 4
    max_chi2_hit: float = 30.0
    lost_chi2_hit: float = 3000.0
    merge_chi2: float = 50.0
    merge_rounds: int = 2
    momentum_without_field: float = 1.0
    energy_loss: bool = True


def decode(
    event: Event,
    detector: Detector,
    points: Points,
    graph: SegmentGraph,
    edge_logit: NDArray[np.float32],
    config: DecodeConfig,
) -> Tracks:
    """Tracks of one event.

    Parameters
    ----------
    edge_logit : float32 (n_triplets,)
    """
    inner, outer = graph.triplets[:, 0], graph.triplets[:, 1]
    following = best_links(inner, outer, edge_logit, len(graph.doublets), _logit(config.link_probability))
    offsets, chain_points, quality = walk_chains(graph.doublets, inner, outer, edge_logit, following)
    order = np.argsort(-quality, kind="stable")
    owner = claim(offsets, chain_points, order, len(points), 3)
    sure = np.flatnonzero(edge_logit > _logit(config.attach_probability))
    sure = sure[np.argsort(-edge_logit[sure], kind="stable")]
    while hand_out(graph.doublets, inner, outer, sure, owner):
        pass
    chains, offsets, found = group_by_owner(owner, np.hypot(points.r, points.z))
    assumed = Assumed(config.momentum_without_field, config.energy_loss)
    candidates = Candidates.fitted(
        detector, event.hits, offsets, points.index[found], quality[chains], assumed=assumed
    )
    for _ in range(config.merge_rounds):
        candidates = merge(detector, event.hits, candidates, config.merge_chi2, assumed)
    candidates = candidates.without_outliers(
        detector, event.hits, config.max_chi2_hit, config.lost_chi2_hit, assumed
    )
    return candidates.tracks(config.min_hits)


def _logit(probability: float) -> float:
    return float(np.log(probability / (1 - probability)))
