"""Which hits, or which particles, make an event strange."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import ANOMALY_PARTS, Floats
from gnnreco.graphs.regions import Regions
from gnnreco.graphs.regions.fill import HIGH_FROM
from gnnreco.graphs.regions.pieces import Pieces
from gnnreco.graphs.regions.totals import BY_ENERGY, BY_HITS, BY_IONISATION, BY_LATENESS, HARDEST

TRACKS, IONISATION, ELECTROMAGNETIC, HADRONIC, CELLS, ALL = range(len(ANOMALY_PARTS))


def attribution_of(
    regions: Regions,
    by_region: Floats,
    contributions: Floats,
    hadronic: NDArray[np.bool_],
    tracker: NDArray[np.bool_],
) -> Floats:
    """How much of the score each hit gives (n_hits,).

    What a region gives goes to its hits: to all of its tracker, to those that ionise more than usual, or by energy.
    What the event gives as a whole goes to all hits in the same way.

    Parameters
    ----------
    regions : Regions
    by_region : float64 (n_regions, 6)
        See `of_regions`.
    contributions : float64 (k,)
        Of the columns of the event's row.
    hadronic, tracker : bool (n_hits,)
        Hits in the deep part of a calorimeter, and hits of trackers.
    """
    strong = np.maximum(np.log(np.maximum(regions.ionisation, 1.0)), 0.0)
    ways = {
        TRACKS: tracker.astype(np.float64),
        IONISATION: strong,
        ELECTROMAGNETIC: regions.deposit * ~hadronic,
        HADRONIC: regions.deposit * hadronic,
        CELLS: regions.deposit,
        ALL: regions.deposit + tracker * (1e-3 + strong),
    }
    out = np.zeros(len(regions.region))
    for part, weight in ways.items():
        out += _spread(by_region[:, part], regions.region, weight)
    strange = np.maximum(contributions, 0.0)
    hardest = np.argsort(-regions.transverse, kind="stable")[: len(HARDEST)]
    for at, column in enumerate(HARDEST):
        one = np.zeros(len(by_region))
        one[hardest[at]] = strange[column]
        out += _spread(one, regions.region, regions.deposit)
    out += _everywhere(sum(strange[k] for k in BY_ENERGY), regions.deposit)
    out += _everywhere(strange[BY_LATENESS], regions.deposit * regions.late)
    out += _everywhere(sum(strange[k] for k in BY_HITS), tracker.astype(np.float64))
    return out + _everywhere(
        sum(strange[k] for k in BY_IONISATION), strong * (regions.ionisation > HIGH_FROM)
    )


def shares_of(pieces: Pieces, by_region: Floats, parts: Floats, contributions: Floats) -> Floats:
    """How much of the score each particle gives (n,).

    What a region gives goes to those of its particles of which its features speak, by their size; what the event or the jet
    gives as a whole goes to all by how much they take part in it.

    Parameters
    ----------
    pieces : Pieces
    by_region : float64 (n_regions, 5)
        See `of_regions`.
    parts : float64 (n, t)
        How much each takes part in each total.
    contributions : float64 (k,)
        Of the columns of the row; the first t are those of the totals.
    """
    out = np.zeros(len(pieces.region))
    for kind, weight in enumerate(pieces.by_kind().T):
        out += _spread(by_region[:, kind], pieces.region, weight)
    for amount, weight in zip(np.maximum(contributions, 0.0), parts.T, strict=False):
        out += _everywhere(amount, weight)
    return out


def _spread(amount: Floats, region: NDArray[np.integer], weight: Floats) -> Floats:
    """What each region has to give (n_regions,), to its hits by their weight (n_hits,)."""
    inside = region >= 0
    total = np.bincount(region[inside], weight[inside], len(amount))
    share = np.divide(amount, total, out=np.zeros_like(amount), where=total > 0)
    return np.where(inside, share[np.maximum(region, 0)] * weight, 0.0)


def _everywhere(amount: float, weight: Floats) -> Floats:
    total = weight.sum()
    return amount * weight / total if total > 0 else np.zeros_like(weight)
