"""The TrackML score and its hit weights, as published with the challenge (arXiv:1904.06778)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from gnnreco.columns import Event, Floats, Ints, Tracks, Truth

from ..matching import match

# Relative worth of a hit along the track: the first hits decide the vertex, the last the momentum.
ORDER_WORTH = np.array([10.0, 8.0, 6.0, 5.0, 3.0, 3.0, 3.0, 5.0, 6.0])
MIN_HITS, MAX_HITS = 4, 20


def order_table() -> Floats:
    """Weight by (hits of the particle, position along the track); every row of 4 to 20 hits sums to one.

    Returns
    -------
    float64 (21, 21)
        The last column, of hits beyond the 20th, is zero, and so are the rows of fewer than 4 hits.
    """
    table = np.zeros((MAX_HITS + 1, MAX_HITS + 1))
    for n in range(MIN_HITS, MAX_HITS + 1):
        row = np.interp(np.linspace(0, len(ORDER_WORTH) - 1, n), np.arange(len(ORDER_WORTH)), ORDER_WORTH)
        table[n, :n] = row / row.sum()
    return table


def pt_weight(
    pt: ArrayLike, low: float = 0.5, high: float = 3.0, least: float = 0.2, most: float = 1.0
) -> Floats:
    """Weight by transverse momentum (GeV): `least` up to `low`, `most` from `high` on, a line between them.

    Below 0.05 GeV (or `low`, where that is less) it is zero.
    """
    return np.interp(np.asarray(pt, np.float64), [min(0.05, low), low, high], [least, least, most], left=0.0)


def hit_weights(event: Event) -> Floats:
    """Weight of every hit by the challenge's formula (accuracy phase: primaries and secondaries).

    The weight is w_order x w_pt: w_order falls from the first hit to the middle of the track and rises to
    the last, is zero for particles with fewer than 4 hits and for hits beyond the 20th; w_pt is 0.2 up to
    0.5 GeV and rises linearly to 1 at 3 GeV. The challenge orders hits by the true ``|z - vz|``; measured
    hits of long strips would be shuffled by that, so the distance from the production point is used (the
    same weight for 99.8 % of the hits). A hit shared by several particles takes the largest of their
    weights. The weights sum to one.

    Returns
    -------
    float64 (n_hits,)
    """
    truth, hits = _truth(event), event.hits
    p = truth.particles
    vertex = np.stack([p.vx, p.vy, p.vz], axis=1)
    distance = np.linalg.norm(hits.xyz[truth.hit] - vertex[truth.particle], axis=1)
    order = np.lexsort((distance, truth.particle))
    count = np.bincount(truth.particle, minlength=len(p))
    start = np.cumsum(count) - count
    position = np.empty(len(order), np.int64)
    position[order] = np.arange(len(order)) - start[truth.particle[order]]

    w_order = order_table()[np.minimum(count[truth.particle], MAX_HITS), np.minimum(position, MAX_HITS)]
    w_pt = pt_weight(np.hypot(p.px, p.py))[truth.particle]
    weights = np.zeros(len(hits))
    np.maximum.at(weights, truth.hit, w_order * w_pt)
    total = weights.sum()
    return weights / total if total > 0 else weights


def trackml_score(event: Event, tracks: Tracks) -> float | None:
    """Weighted fraction of hits on tracks that match a particle by double majority: the score of the TrackML challenge.

    Uses the weights of the file where it has them. The challenge allows a hit on one track only: a hit on
    several stays on the longest.

    Parameters
    ----------
    event : Event
        With truth.
    tracks : Tracks
        Found in this event.

    Returns
    -------
    float or None
        Between 0 and 1; None where no hit has a weight.

    Examples
    --------
    >>> import gnnreco
    >>> from dataclasses import replace
    >>> event = next(gnnreco.simulate("telescope", "beam", particle="muon", energy=(1, 10), seed=1))
    >>> weighed = replace(event, truth=replace(event.truth, weight=np.full(6, 1 / 6)))
    >>> trackml_score(weighed, gnnreco.Reconstructor("telescope")(event).tracks)
    1.0
    """
    truth = _truth(event)
    weights = truth.weight if truth.weight is not None else hit_weights(event)
    total = float(weights.sum())
    if not total > 0:
        return None
    single = each_hit_once(tracks)
    matching = match(single, truth, len(event.hits))
    good = matching.matched("double_majority")

    track = np.repeat(np.arange(len(single)), np.diff(single.offsets))
    wanted = np.where(good, matching.particle, -1)[track]
    n = max(len(truth.particles), 1)
    told = single.hit_index * n + wanted
    # a search, since np.isin spends most of the score's time on finding unique pairs first
    true = np.append(np.sort(truth.hit * n + truth.particle), np.iinfo(np.int64).max)
    true_pair = (true[np.searchsorted(true, told)] == told) & (wanted >= 0)
    return float(weights[single.hit_index[true_pair]].sum()) / total


def each_hit_once(tracks: Tracks) -> Tracks:
    """The same tracks with every hit on one of them only: the longest, then the first in the list."""
    size = np.diff(tracks.offsets)
    track = np.repeat(np.arange(len(tracks)), size)
    order = np.lexsort((track, -size[track], tracks.hit_index))
    keep = np.zeros(len(track), bool)
    first = np.ones(len(order), bool)
    first[1:] = np.diff(tracks.hit_index[order]) != 0
    keep[order[first]] = True
    offsets: Ints = np.concatenate([[0], np.cumsum(np.bincount(track[keep], minlength=len(tracks)))]).astype(
        np.int64
    )
    return Tracks(offsets=offsets, hit_index=tracks.hit_index[keep])


def _truth(event: Event) -> Truth:
    if event.truth is None:
        raise ValueError(f"event {event.number} of {event.source} has no truth to score against")
    return event.truth
