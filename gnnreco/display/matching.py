"""Which found track belongs to which particle: a simple majority of hits, enough to choose colours.

The rates of record, with their five published matching rules, come from `gnnreco.evaluate`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Ints, Tracks, Truth

MATCHED, DUPLICATE, FAKE, FOUND, TRUE, MISSED, GENERATED = range(7)
"""What a line is: three kinds of found track, a found track without truth, three kinds of true track."""


@dataclass(frozen=True, slots=True)
class Match:
    """Found tracks against particles.

    Attributes
    ----------
    status : uint8 (n_tracks,)
        `MATCHED`, `DUPLICATE`, `FAKE`, or `FOUND` where there is no truth.
    particle : int64 (n_tracks,)
        Row of the particle that made most of the track's hits; -1 without one.
    shared : int64 (n_tracks,)
        Hits of the track that this particle made.
    track : int64 (n_particles,)
        The matched track of each particle; -1 for a particle nobody found.
    """

    status: NDArray[np.uint8]
    particle: Ints
    shared: Ints
    track: Ints


def match_tracks(tracks: Tracks, truth: Truth | None) -> Match:
    """Match each track to the particle that made more than half of its hits.

    Of several tracks matched to one particle, the one that shares most hits keeps it (ties: the first);
    the others are duplicates. A track without such a particle is a fake.
    """
    n = len(tracks)
    particle, shared = np.full(n, -1, np.int64), np.zeros(n, np.int64)
    if truth is None:
        return Match(np.full(n, FOUND, np.uint8), particle, shared, np.zeros(0, np.int64))
    lengths = np.diff(tracks.offsets)
    track, row = _particles_of_tracks(tracks, truth)
    if len(track):
        pair, count = np.unique(np.stack([track, row]), axis=1, return_counts=True)
        order = np.lexsort((pair[1], -count, pair[0]))
        best = order[np.unique(pair[0][order], return_index=True)[1]]
        particle[pair[0][best]], shared[pair[0][best]] = pair[1][best], count[best]
    good = np.flatnonzero((shared * 2 > lengths) & (particle >= 0))
    status = np.full(n, FAKE, np.uint8)
    status[good] = DUPLICATE
    order = good[np.lexsort((good, -shared[good], particle[good]))]
    claimed, first = np.unique(particle[order], return_index=True)
    owner = np.full(len(truth.particles), -1, np.int64)
    owner[claimed] = order[first]
    status[order[first]] = MATCHED
    return Match(status, particle, shared, owner)


def _particles_of_tracks(tracks: Tracks, truth: Truth) -> tuple[Ints, Ints]:
    """Every (track, particle row) met along the tracks: one entry for each hit and each of its particles."""
    of_track = np.repeat(np.arange(len(tracks)), np.diff(tracks.offsets))
    start = np.searchsorted(truth.hit, tracks.hit_index, "left")
    count = np.searchsorted(truth.hit, tracks.hit_index, "right") - start
    step = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return np.repeat(of_track, count), truth.particle[np.repeat(start, count) + step]
