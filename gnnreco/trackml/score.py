"""The score of the challenge (accuracy phase), for tables of truth and submission.

How hits count that a submission says nothing good of: one that it leaves out (or gives NaN) is a track of its own, as
if found alone, which is right where a particle made one hit only. `track_id` -1 is no track at all. Every other
number, also 0, is a track like any other, and particle 0 (noise) is a particle like any other, whose hits have no
weight in the files of the challenge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gnnreco.columns import Event, Floats, Hits, Ints, Particles, Tracks, Truth
from gnnreco.evaluate.tracking.trackml import trackml_score

from .tables import need_pandas, require_columns, require_once

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pandas import DataFrame

#: The number of hits that are on no track.
UNASSIGNED = -1


def score_event(truth: DataFrame, submission: DataFrame) -> float:
    """Weight of the hits on tracks that match a particle, as a part of the weight of all hits of the event.

    A track counts when more than half of its hits are of one particle, and more than half of that particle's hits
    are on it; what counts are their common hits.

    Parameters
    ----------
    truth : pandas.DataFrame
        With the columns ``hit_id``, ``particle_id`` and ``weight``.
    submission : pandas.DataFrame
        With the columns ``hit_id`` and ``track_id``, one row a hit; hits that are not in the truth do not count.

    Returns
    -------
    numpy.float64
        Between 0 and 1; 0 where no hit has a weight.

    Raises
    ------
    KeyError
        A column is missing.
    ValueError
        A hit stands twice in one of the tables (`pandas.errors.MergeError`), the truth has no hit, or a weight is NaN.

    Examples
    --------
    >>> from gnnreco.trackml.dataset import load_event
    >>> from gnnreco.trackml.randomize import shuffle_hits
    >>> (truth,) = load_event("examples/events/event000000001", parts=["truth"])
    >>> 0.8 < score_event(truth, shuffle_hits(truth, 0.1)) < 0.95
    True
    """
    told = _join(truth, submission)
    return np.float64(trackml_score(told.event(), told.tracks()) or 0.0)


def _analyze_tracks(truth: DataFrame, submission: DataFrame) -> DataFrame:
    """Majority particle, hits and weight of every track; programs import it by this name.

    Parameters
    ----------
    truth, submission : pandas.DataFrame
        As in `score_event`.

    Returns
    -------
    pandas.DataFrame
        ``track_id, nhits, major_particle_id, major_particle_nhits, major_nhits, major_weight``, by `track_id`; of
        particles with equally many hits the one with the lowest number. `major_weight` is a part of the weight of
        all hits. A hit that the submission leaves out has a row of its own at the end, with NaN as `track_id`.

    Raises
    ------
    KeyError, ValueError
        As in `score_event`.
    """
    told = _join(truth, submission)
    pairs = need_pandas().DataFrame({"track": told.track, "particle": told.particle, "weight": told.weight})
    pairs = pairs[pairs["track"] >= 0].groupby(["track", "particle"], as_index=False)
    shared = pairs.agg(hits=("weight", "size"), weight=("weight", "sum"))
    by_track = shared.groupby("track")["hits"]
    # the first of several maxima, and the rows are sorted by particle
    major = shared.loc[by_track.idxmax()]
    particle = major["particle"].to_numpy()
    return need_pandas().DataFrame(
        {
            "track_id": told.track_ids[major["track"].to_numpy()],
            "nhits": by_track.sum().to_numpy(),
            "major_particle_id": told.particle_ids[particle],
            "major_particle_nhits": np.bincount(told.particle)[particle],
            "major_nhits": major["hits"].to_numpy(),
            "major_weight": (major["weight"] / told.weight.sum()).to_numpy(),
        }
    )


@dataclass(frozen=True, slots=True)
class _Joined:
    """Truth and submission, hit by hit in the order of the truth.

    Attributes
    ----------
    particle : int64 (n_hits,)
        Row of the hit's particle in `particle_ids`, which are sorted.
    particle_ids : (n_particles,)
    track : int64 (n_hits,)
        Row of the hit's track in `track_ids`; -1 where it is on none.
    track_ids : (n_tracks,)
        Sorted; then NaN for each hit that the submission leaves out, in the order of their particles.
    weight : float64 (n_hits,)
    """

    particle: Ints
    particle_ids: NDArray
    track: Ints
    track_ids: NDArray
    weight: Floats

    def event(self) -> Event:
        """The truth as columns; what the score does not ask for is zero."""
        n_hits, n_particles = len(self.particle), len(self.particle_ids)
        nothing, rows = np.zeros(n_particles), np.arange(n_particles)
        particles = Particles(rows, np.zeros(n_particles, np.int32), *[nothing] * 7)
        nowhere, hit = np.zeros(n_hits), np.arange(n_hits)
        hits = Hits(hit, nowhere, nowhere, nowhere, np.zeros(n_hits, np.int32))
        return Event(0, "a table of truth", hits, Truth(particles, hit, self.particle, self.weight))

    def tracks(self) -> Tracks:
        """The submission as columns."""
        on_track = np.flatnonzero(self.track >= 0)
        order = on_track[np.argsort(self.track[on_track], kind="stable")]
        count = np.bincount(self.track[on_track], minlength=len(self.track_ids))
        return Tracks(offsets=np.concatenate([[0], np.cumsum(count)]), hit_index=order)


def _join(truth: DataFrame, submission: DataFrame) -> _Joined:
    pandas = need_pandas()
    require_columns(truth, "truth", ("hit_id", "particle_id", "weight"))
    require_columns(submission, "submission", ("hit_id", "track_id"))
    require_once(truth, "truth", "hit_id")
    require_once(submission, "submission", "hit_id")
    weight = truth["weight"].to_numpy(np.float64)
    if not len(weight):
        raise ValueError("the truth has no hits; a score is a part of their weight")
    if np.isnan(weight).any():
        hit = truth["hit_id"].to_numpy()[np.isnan(weight)][0]
        raise ValueError(f"the weight of hit {hit} is NaN; gnnreco.trackml.weights makes new weights")
    particle, particle_ids = pandas.factorize(truth["particle_id"].to_numpy(), sort=True)
    track, track_ids = _tracks(truth, submission, particle)
    return _Joined(particle.astype(np.int64), particle_ids, track, track_ids, weight)


def _tracks(truth: DataFrame, submission: DataFrame, particle: Ints) -> tuple[Ints, NDArray]:
    """Track of each hit of the truth and the numbers of these tracks, as in `_Joined`."""
    pandas = need_pandas()
    row = pandas.Index(submission["hit_id"]).get_indexer(truth["hit_id"])
    told = np.flatnonzero(row >= 0)
    # not by a merge: beside hits left out, that makes floats of the numbers, and two long ones the same
    number, track_ids = pandas.factorize(submission["track_id"].to_numpy()[row[told]], sort=True)
    track = np.full(len(truth), len(track_ids))
    track[told] = np.where(number >= 0, number, len(track_ids))
    alone = np.flatnonzero(track == len(track_ids))
    alone = alone[np.argsort(particle[alone], kind="stable")]
    track[alone] += np.arange(len(alone))
    track[np.isin(track, np.flatnonzero(track_ids == UNASSIGNED))] = -1
    if len(alone):
        track_ids = np.concatenate([track_ids, np.full(len(alone), np.nan)])
    return track, track_ids
