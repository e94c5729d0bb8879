"""One evaluator for all matching rules: a sparse table of the hits each track shares with each particle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from gnnreco.columns import Event, Ints, Tracks, Truth
from gnnreco.errors import BadInput

Mask = NDArray[np.bool_]

RULES: dict[str, str] = {
    "acts": "at least 50 % of the track's hits are the particle's, and at least 50 % of the particle's hits "
    "are on the track (ACTS TrackTruthMatcher, double matching, ratio 0.5)",
    "lhc": "at least 75 % of the track's hits are the particle's",
    "double_majority": "more than 50 % of the track's hits are the particle's, and more than 50 % of the "
    "particle's hits are on the track (TrackML)",
    "perfect": "the track has all hits of the particle and no other",
    "atlas": "more than 50 % of the track's hits are the particle's, every hit with the same weight",
}


@dataclass(frozen=True, slots=True)
class Matching:
    """The majority particle of every track, and the three counts that all rules are made of.

    Attributes
    ----------
    particle : int64 (n_tracks,)
        Row of the particle with most hits on the track; -1 where the track has no true hit.
    common : int64 (n_tracks,)
        Hits the track shares with that particle.
    track_hits : int64 (n_tracks,)
        Hits on the track.
    particle_hits : int64 (n_particles,)
        Hits of the particle; a hit shared by several particles counts for each.
    """

    particle: Ints
    common: Ints
    track_hits: Ints
    particle_hits: Ints

    def matched(self, rule: str) -> Mask:
        """Which tracks the rule calls matched to their majority particle; bool (n_tracks,)."""
        size, has = self.track_hits, self.particle >= 0
        whole = self.particle_hits[self.particle] if len(self.particle_hits) else np.ones_like(size)
        # integer arithmetic: a fraction of exactly one half must not depend on rounding
        match rule:
            case "acts":
                passed = (2 * self.common >= size) & (2 * self.common >= whole)
            case "lhc":
                passed = 4 * self.common >= 3 * size
            case "double_majority":
                passed = (2 * self.common > size) & (2 * self.common > whole)
            case "perfect":
                passed = (self.common == size) & (self.common == whole)
            case "atlas":
                passed = 2 * self.common > size
            case _:
                raise ValueError(f"no matching rule {rule!r}; there are {', '.join(RULES)}")
        return passed & has

    def best(self, matched: Mask) -> Mask:
        """The one best of the matched tracks of each particle: most common hits, then fewest foreign ones."""
        rows = np.flatnonzero(matched)
        foreign = self.track_hits[rows] - self.common[rows]
        order = rows[np.lexsort((rows, foreign, -self.common[rows], self.particle[rows]))]
        first = np.ones(len(order), bool)
        first[1:] = np.diff(self.particle[order]) != 0
        best = np.zeros(len(matched), bool)
        best[order[first]] = True
        return best


def check_hit_rows(event: Event, rows: Ints, what: str) -> None:
    """Raise `BadInput` where hit rows (n,) of a track or cluster, as `what` calls it, are none of the event's."""
    n_hits = len(event.hits)
    for row in rows[(rows < 0) | (rows >= n_hits)][:1]:
        why = f"a {what} holds hit row {row}, the event has {n_hits:,} hits; is it the same input?"
        raise BadInput(event.source, f"event {event.number}", why)


def _made_by(truth: Truth, n_hits: int) -> sparse.csr_array:
    """Sparse table (n_hits, n_particles) of ones: which particles made which hit."""
    table = sparse.coo_array(
        (np.ones(len(truth.hit), np.int64), (truth.hit, truth.particle)), shape=(n_hits, len(truth.particles))
    ).tocsr()
    table.data[:] = 1  # a particle that crossed the same cluster twice made one hit
    return table


def match(tracks: Tracks, truth: Truth, n_hits: int) -> Matching:
    """Find the majority particle of every track of one event.

    Parameters
    ----------
    tracks : Tracks
    truth : Truth
    n_hits : int
        Hits in the event.

    Returns
    -------
    Matching
        Of particles that share equally many hits the one with fewer hits wins: the more complete match.
    """
    n_tracks, n_particles = len(tracks), len(truth.particles)
    made_by = _made_by(truth, n_hits)
    particle_hits = np.bincount(made_by.indices, minlength=n_particles).astype(np.int64)
    on_track = sparse.csr_array(
        (np.ones(len(tracks.hit_index), np.int64), tracks.hit_index, tracks.offsets), shape=(n_tracks, n_hits)
    )
    table = sparse.coo_array(on_track @ made_by)
    track, column = table.coords
    order = np.lexsort((column, particle_hits[column], -table.data, track))
    first = np.ones(len(order), bool)
    first[1:] = np.diff(track[order]) != 0
    top = order[first]
    particle, common = np.full(n_tracks, -1, np.int64), np.zeros(n_tracks, np.int64)
    particle[track[top]] = column[top]
    common[track[top]] = table.data[top]
    return Matching(particle, common, np.diff(tracks.offsets).astype(np.int64), particle_hits)


def concatenate(parts: Sequence[Matching]) -> Matching:
    """Many events as one table: particle rows move up by the particles of the events before."""
    starts = np.cumsum([0, *(len(m.particle_hits) for m in parts)])
    moved = [np.where(m.particle >= 0, m.particle + s, -1) for m, s in zip(parts, starts, strict=False)]
    empty = np.zeros(0, np.int64)
    return Matching(
        np.concatenate([empty, *moved]),
        np.concatenate([empty, *(m.common for m in parts)]),
        np.concatenate([empty, *(m.track_hits for m in parts)]),
        np.concatenate([empty, *(m.particle_hits for m in parts)]),
    )
