"""Scores of hit lists alone: what can be asked of any track finder, fitted or not, with and without truth."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gnnreco.columns import Event, Ints, Particles, Tracks, Truth
from gnnreco.evaluate import ALL_TRACKS, RULES, Matching, Target, match, trackml_score
from gnnreco.evaluate.matching import concatenate
from gnnreco.evaluate.rates import rates
from gnnreco.evaluate.target import Kinematics, kinematics
from gnnreco.evaluate.tracking.trackml import MIN_HITS

RULE = "acts"
SOFT = (0.15, 1.0)  # GeV
DISPLACED_MM = 20.0
LONG = 6  # hits


def targets(usual: Target) -> dict[str, Target]:
    """The particles that are asked for, by the names of the rows in the result.

    Particles made late leave few hits and are soft: all of those are asked for whose hits have a weight in the TrackML score.
    """
    made_late = replace(ALL_TRACKS, min_hits=MIN_HITS).displaced(DISPLACED_MM)
    return {"usual": usual, "soft": usual.between(*SOFT), "displaced": made_late}


def definitions(usual: Target) -> dict[str, str]:
    """What each figure means."""
    asked = {name: f"charged, {target.describe()}" for name, target in targets(usual).items()}
    return {f"target {name}": text for name, text in asked.items()} | {
        "matching": f"{RULES[RULE]}; a track is tested against the particle with most of its hits",
        "tracks": "every track counts, whatever its length: a hit list has neither pt nor eta",
        "trackml_score": "mean over events; weights of the file, else by the published formula over all particles",
        "long_tracks": f"tracks of {LONG} and more hits, all events",
        "agreement": "of the long tracks of one finder, those that match a track of the other (of any length) as a track "
        "matches a particle",
        "cpu_seconds_per_event": "of a program: its whole process, of gnnreco: hits in memory to tracks, in a process "
        "that has done the events before; medians of the runs, mean over events",
        "process_cpu_seconds_per_event": "the whole process, from start to exit, divided by its events",
        "peak_mib": "largest resident memory of the process, any event",
    }


@dataclass(slots=True)
class HitLists:
    """Collects the tracks of one finder event by event; memory grows with particles and tracks, not with hits."""

    tracks: int = 0
    long_tracks: int = 0
    _matchings: list[Matching] = field(default_factory=list)
    _particles: list[Kinematics] = field(default_factory=list)
    _scores: list[float] = field(default_factory=list)

    def add(self, event: Event, tracks: Tracks) -> None:
        """Count and, where there is truth, match the tracks of one event."""
        self.tracks += len(tracks)
        self.long_tracks += int(np.sum(tracks.n_hits >= LONG))
        if event.truth is None:
            return
        self._matchings.append(match(tracks, event.truth, len(event.hits)))
        self._particles.append(kinematics(event.truth.particles))
        score = trackml_score(event, tracks)
        if score is not None:
            self._scores.append(score)

    @property
    def with_truth(self) -> int:
        """Events that had truth."""
        return len(self._matchings)

    def result(self, usual: Target) -> dict[str, Any]:
        """Score, rates of each of the `targets`, counts; the rates are None where no event had truth."""
        counts = {"tracks": self.tracks, "long_tracks": self.long_tracks}
        names = targets(usual)
        if not self._matchings:
            return {"trackml_score": None, **dict.fromkeys(names), **counts}
        m = concatenate(self._matchings)
        columns = zip(*((k.pt, k.eta, k.charge, k.vertex, k.z) for k in self._particles))
        kin = Kinematics(*(np.concatenate(column) for column in columns))
        every = np.ones(len(m.particle), bool)
        asked = {
            name: rates(m, RULE, kin.wanted(target, m.particle_hits), every) for name, target in names.items()
        }
        score = float(np.mean(self._scores)) if self._scores else None
        return {"trackml_score": score, **asked, **counts}


def agreement(event: Event, tracks: Tracks, other: Tracks) -> tuple[int, int]:
    """How many long tracks there are, and how many of them the other finder has too, by the rule `RULE`."""
    size = tracks.n_hits
    keep = size >= LONG
    offsets: Ints = np.concatenate([[0], np.cumsum(size[keep])]).astype(np.int64)
    long = Tracks(offsets=offsets, hit_index=tracks.hit_index[np.repeat(keep, size)])
    return len(long), int(match(long, as_truth(other), len(event.hits)).matched(RULE).sum())


def as_truth(tracks: Tracks) -> Truth:
    """Tracks in the place of particles; of these nothing but the hits is known."""
    row, nothing = np.repeat(np.arange(len(tracks)), tracks.n_hits), np.zeros(len(tracks))
    order = np.lexsort((row, tracks.hit_index))
    particles = Particles(np.arange(1, len(tracks) + 1), nothing.astype(np.int32), *([nothing] * 7))
    return Truth(particles, tracks.hit_index[order], row[order])
