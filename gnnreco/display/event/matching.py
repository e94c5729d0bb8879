"""Which found track belongs to which particle, and which particles should have been found: as `gnnreco.evaluate` says."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Event, Ints, Tracks
from gnnreco.events.select import seen
from gnnreco.files.json_types import JsonMapping
from gnnreco.geometry import Detector

MATCHED, DUPLICATE, FAKE, FOUND, TRUE, MISSED, GENERATED = range(7)
"""What a line is: three kinds of found track, a found track without truth, three kinds of true track."""
RULE = "acts"


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
        The best matched track of each particle; -1 for a particle nobody found.
    true_status : uint8 (n_particles,)
        `TRUE` with a matched track; `MISSED` without one where the particle is a target; else `GENERATED`.
    counts : dict
        What row "acts, all tracks" of `gnnreco evaluate` says of this event, with the words for its target and rule.
    """

    status: NDArray[np.uint8]
    particle: Ints
    shared: Ints
    track: Ints
    true_status: NDArray[np.uint8]
    counts: JsonMapping = field(default_factory=dict)


def match_tracks(tracks: Tracks | None, event: Event, detector: Detector) -> Match:
    """Match every track by the rule of row "acts, all tracks" of `gnnreco evaluate` with its default target."""
    n = 0 if tracks is None else len(tracks)
    nobody, none = np.full(n, -1, np.int64), np.zeros(n, np.int64)
    if event.truth is None:
        return Match(np.full(n, FOUND, np.uint8), nobody, none, none[:0], none[:0].astype(np.uint8))
    m = len(event.truth.particles)
    if tracks is None:
        status = np.full(m, GENERATED, np.uint8)
        return Match(none.astype(np.uint8), nobody, none, np.full(m, -1, np.int64), status)
    from gnnreco.evaluate.matching import RULES, match
    from gnnreco.evaluate.rates import rates
    from gnnreco.evaluate.target import kinematics, target_of

    mine = seen(event, detector, _measures(tracks, event, detector))
    assert mine.event.truth is not None
    matching = match(mine.narrow(tracks, len(event.hits)), mine.event.truth, len(mine.event.hits))
    matched = matching.matched(RULE)
    best = matching.best(matched)
    track = np.full(m, -1, np.int64)
    track[matching.particle[best]] = np.flatnonzero(best)
    target = target_of(detector)
    wanted = kinematics(mine.event.truth.particles).wanted(target, matching.particle_hits)
    found = rates(matching, RULE, wanted, np.ones(n, bool))
    counts = {name: found[name] for name in ("particles", "found", "tracks", "fakes", "duplicates")}
    return Match(
        np.where(best, MATCHED, np.where(matched, DUPLICATE, FAKE)).astype(np.uint8),
        matching.particle,
        matching.common,
        track,
        np.where(track >= 0, TRUE, np.where(wanted, MISSED, GENERATED)).astype(np.uint8),
        counts | {"target": target.describe(), "rule": RULES[RULE]},
    )


def _measures(tracks: Tracks, event: Event, detector: Detector) -> tuple[str]:
    """What the subsystems measure that these tracks were found in."""
    sensors = event.hits.sensor[tracks.hit_index]
    parts = np.unique(detector.subsystem[sensors[sensors >= 0]])
    measured = {what for part in parts for what in detector.subsystems[part].measures}
    return ("charge",) if "charge" in measured and "position" not in measured else ("position",)
