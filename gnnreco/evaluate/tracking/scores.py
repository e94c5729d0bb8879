"""Scores found tracks against the truth in one pass: all rules, bins, resolutions, the TrackML score."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from gnnreco.columns import Event, Floats, Tracks
from gnnreco.errors import BadInput
from gnnreco.events.select import seen
from gnnreco.files.json_types import JsonDict, JsonMapping, JsonObject
from gnnreco.geometry import Detector, Field
from gnnreco.statistics import COVERAGE
from gnnreco.summary import counted

from ..confidence import calibration_curve
from ..matching import RULES, Mask, Matching, check_hit_rows, concatenate, match
from ..rates import binned_rates, rates
from ..target import ALL_TRACKS, Kinematics, Target, kinematics, passed, track_kinematics, true_perigee
from .resolution import residuals, resolutions
from .trackml import trackml_score

LOW_PT = 0.15  # GeV
DISPLACED_MM = 2.0

DEFINITIONS = {
    "efficiency": "target particles with at least one matched counted track / target particles",
    "fake_rate": "counted tracks that the rule matches to no particle of the event / counted tracks",
    "duplicate_rate": "matched counted tracks beyond the best of their particle / counted tracks",
    "purity": "matched counted tracks / counted tracks",
    "hit_purity": "mean over matched tracks of hits of the matched particle / hits of the track",
    "hit_efficiency": "mean over matched tracks of the particle's hits on the track / hits of the particle",
    "intervals": f"Clopper-Pearson, {100 * COVERAGE:.0f} %",
    "matching": "a track is tested against the particle with most of its hits; "
    "a hit shared by several particles counts for each",
    "bins": "the cut on the binned variable is lifted; particles as produced, tracks as fitted; "
    "bins of production radius take the radius of the track's particle",
    "all_tracks": "the same particles; every track counts, whatever its pt, eta and length",
    "low_pt": f"particles from {LOW_PT:g} GeV to the pt of the target; every track counts that is fitted in that range or "
    "made mostly by such a particle, whatever its eta and length; none where the target has no cut on pt",
    "displaced": f"target particles that the source did not make itself: at least {DISPLACED_MM:g} mm from its line, beyond "
    "its spread, or behind the first sensor where sensors lie across it; every track counts, as in all_tracks",
    "trackml_score": "mean over events of the weighted fraction of hits on double-majority tracks; "
    "weights of the file, else by the published formula over all particles",
    "calibration": "score against the part of all tracks that the rule acts matches, in bins of the score; ece: mean over "
    "tracks of |mean score - matched part| of their bin",
    "resolutions": "fitted minus true perigee parameters of the best acts-matched track of a particle; "
    "the truth goes from its production point through the field to the z axis; core: interquartile range / 1.349, "
    "with an error as of normal values; pull: the difference over its stated error; "
    "opposite_charge: tracks of the other charge",
    "seconds": "hits in to tracks out, from the manifest of reconstruct",
}


@dataclass(slots=True)
class Scores:
    """Collects matched events one by one, then answers with rates; memory grows with particles, not hits.

    Parameters
    ----------
    magnet : Field, optional
        Magnetic field; without it there are no resolutions.
    """

    magnet: Field | None = None
    events: int = 0
    _matchings: list[Matching] = field(default_factory=list)
    _particles: list[Floats] = field(default_factory=list)
    _tracks: list[Floats] = field(default_factory=list)
    _perigees: list[Floats] = field(default_factory=list)
    _scores: list[float] = field(default_factory=list)
    _confidence: list[Floats] = field(default_factory=list)

    def add(self, event: Event, tracks: Tracks) -> None:
        """Match the tracks of one event; raises BadInput where the tracks cannot belong to it."""
        check_tracks(event, tracks)
        truth = event.truth
        if truth is None:
            raise BadInput(event.source, f"event {event.number}", "no truth: give particles and truth files")
        matching = match(tracks, truth, len(event.hits))
        kin, (pt, eta) = kinematics(truth.particles), track_kinematics(tracks.theta, tracks.q_over_p)
        self._matchings.append(matching)
        self._confidence.append(tracks.score)
        self._particles.append(np.stack([kin.pt, kin.eta, kin.charge, kin.vertex, kin.z], axis=1))
        self._tracks.append(np.stack([pt, eta], axis=1))
        score = trackml_score(event, tracks)
        if score is not None:
            self._scores.append(score)
        if self.magnet is not None:
            perigee = np.append(true_perigee(truth.particles, self.magnet), np.full((1, 5), np.nan), axis=0)
            # a row for each track: fitted residual, expected error, truth
            known = perigee[matching.particle]
            self._perigees.append(np.concatenate([*residuals(tracks, known), known], axis=1))
        self.events += 1

    def result(self, target: Target, counted: Target) -> JsonDict:
        """All figures of merit of the events so far, as the JSON of `evaluate` holds them."""
        m = concatenate(self._matchings)
        particles = np.concatenate([np.zeros((0, 5)), *self._particles])
        pt, eta = np.concatenate([np.zeros((0, 2)), *self._tracks]).T
        kin = Kinematics(*particles.T)

        def particle_mask(t: Target) -> Mask:
            return kin.wanted(t, m.particle_hits)

        def track_mask(t: Target) -> Mask:
            return t.kinematics(pt, eta, m.track_hits)

        def lifted(variable: str) -> tuple[Mask, Mask]:
            return particle_mask(target.lift(variable)), track_mask(counted.lift(variable))

        wanted, tracks, every = particle_mask(target), track_mask(counted), track_mask(ALL_TRACKS)
        low = particle_mask(target.between(LOW_PT, target.min_pt))  # none where the target begins lower
        low_tracks = ((pt > LOW_PT) & (pt <= target.min_pt)) | np.append(low, False)[m.particle]
        displaced = particle_mask(target.displaced(DISPLACED_MM))
        of_particle = {"pt": kin.pt, "eta": kin.eta, "production_radius": kin.vertex}
        of_track = {"pt": pt, "eta": eta}
        out: JsonDict = {}
        for rule in RULES:
            bins = binned_rates(m, rule, lifted, of_particle, of_track)
            out[rule] = rates(m, rule, wanted, tracks) | {"bins": bins}
        out["all_tracks"] = {rule: rates(m, rule, wanted, every) for rule in RULES}
        out["low_pt"] = {rule: rates(m, rule, low, low_tracks) for rule in RULES}
        out["low_pt_range"] = [LOW_PT, target.min_pt] if low.any() else None
        out["displaced"] = {rule: rates(m, rule, displaced, every) for rule in RULES}
        out["trackml_score"] = float(np.mean(self._scores)) if self._scores else None
        score = np.concatenate([np.zeros(0), *self._confidence])
        out["calibration"] = calibration_curve(score, m.matched("acts"))
        out["resolutions"] = self._resolutions(m, wanted, tracks, kin)
        warnings = []
        for what, all_of, kept, among, cuts in (
            (
                "particle is a target",
                "charged particles that left hits",
                wanted,
                (kin.charge != 0) & (m.particle_hits > 0),
                target.cuts(kin.pt, kin.eta, m.particle_hits),
            ),
            (
                "track is counted",
                "tracks",
                tracks,
                np.ones(len(pt), bool),
                counted.cuts(pt, eta, m.track_hits),
            ),
        ):
            if not kept.any():
                counts = {name: int((among & mask).sum()) for name, mask in cuts.items()}
                warnings.append(passed(what, all_of, counts, int(among.sum())))
        out["warnings"] = warnings + opposite_charges(out["resolutions"])
        return out

    def _resolutions(self, m: Matching, wanted: Mask, counted: Mask, kin: Kinematics) -> JsonObject | None:
        if self.magnet is None or not self._perigees:
            return None
        best = m.best(m.matched("acts") & counted)
        best[best] = wanted[m.particle[best]]
        residual, sigma, truth = np.split(np.concatenate(self._perigees)[best], [5, 10], axis=1)
        return resolutions(
            residual, sigma, truth, {"pt": kin.pt[m.particle[best]], "eta": kin.eta[m.particle[best]]}
        )


def opposite_charges(resolutions: JsonMapping | None) -> list[str]:
    """One line where most tracks have the charge that the truth has not."""
    if resolutions is None:
        return []
    row = resolutions["q_over_p_relative"]
    if 2 * row["opposite_charge"] <= row["tracks"]:
        return []
    return [
        f"{row['opposite_charge']:,} of {row['tracks']:,} tracks have the opposite charge of their particle: does the field "
        "of the detector point the other way than that of the events?"
    ]


def check_tracks(event: Event, tracks: Tracks) -> None:
    """Raise BadInput where hit rows, parameters or errors cannot be those of tracks of this event."""
    check_hit_rows(event, tracks.hit_index, "track")
    where, n_hits, rows = f"event {event.number}", len(event.hits), tracks.hit_index
    on_track = np.repeat(np.arange(len(tracks)), np.diff(tracks.offsets)) * max(n_hits, 1) + rows
    if len(np.unique(on_track)) < len(rows):
        raise BadInput(event.source, where, "a track holds a hit twice; reconstruct again")
    parameters = np.stack([tracks.d0, tracks.z0, tracks.phi, tracks.theta, tracks.q_over_p], axis=1)
    for name, values in (("parameters", parameters), ("covariance", tracks.covariance)):
        nan = np.flatnonzero(~np.isfinite(values).all(axis=1))
        if len(nan):
            why = f"{counted(len(nan), 'track')} with {name} not finite (first: track {nan[0]})"
            raise BadInput(event.source, where, f"{why}; reconstruct again")
    # Along z it is 0: hits in the same cell of all planes.
    if ((tracks.theta < 0) | (tracks.theta > np.pi)).any():
        raise BadInput(event.source, where, "a track has theta outside 0 to pi rad; reconstruct again")


def as_seen(
    pairs: Iterable[tuple[Event, Tracks]], detector: Detector | None, measures: Sequence[str]
) -> Iterator[tuple[Event, Tracks]]:
    """Events and tracks as the task saw them, to be scored; without a detector as they are."""
    for event, tracks in pairs:
        if detector is None:
            yield event, tracks
            continue
        check_tracks(event, tracks)
        mine = seen(event, detector, measures)
        yield mine.event, mine.narrow(tracks, len(event.hits))


def score_tracks(
    pairs: Iterable[tuple[Event, Tracks]],
    magnet: Field | None = None,
    target: Target | None = None,
    counted: Target | None = None,
) -> JsonDict:
    """Score any tracks, ours or a peer's, against the truth of their events.

    Parameters
    ----------
    pairs : iterable of (Event, Tracks)
        Streamed; every event needs truth.
    magnet : Field, optional
        Magnetic field, for the resolutions.
    target : Target, optional
        Particles that should be found; charged, pt > 1 GeV, |eta| < 3, at least 9 hits unless given.
    counted : Target, optional
        Tracks that are counted; `Target.counted` of the target unless given.

    Returns
    -------
    dict
        The keys that `evaluate --json` writes for tracking, without the timing.
    """
    target = target or Target()
    counted = counted or target.counted()
    scores = Scores(magnet)
    for event, tracks in pairs:
        scores.add(event, tracks)
    spoken = {
        "target": f"charged particles, {target.describe()}, pile-up included",
        "tracks": counted.describe(),
    }
    definitions = spoken | {f"rule {name}": text for name, text in RULES.items()} | DEFINITIONS
    return {"events": scores.events, "definitions": definitions, **scores.result(target, counted)}
