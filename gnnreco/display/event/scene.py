"""What is on the page of an event: hits, cells, clusters and lines as packed arrays and a little text."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import (
    Anomalies,
    Clusters,
    Event,
    Floats,
    Ints,
    Particles,
    ReconstructedParticles,
    Tracks,
    Truth,
)
from gnnreco.display.pack import Pack
from gnnreco.files.json_types import JsonDict
from gnnreco.geometry import Detector

from .calorimeter import add_clusters, add_hit_cells
from .curves import Helices, curves
from .flow import add_flow
from .matching import FAKE, Match, match_tracks
from .strange import add_anomalies
from .traced import particle_curves, track_curves
from .waypoints import kinds_of_hits, waypoints

ON_TRACK, UNASSIGNED, NOISE, NOWHERE = range(
    4
)  # kinds of hit; NOWHERE has no finite position and is not drawn
LATER = np.array([1, 2, 4, 1, 0, 3, 0])  # by status of the line: a larger number is drawn on top
SHORTEST = 3  # hits that a particle needs to be drawn as a line
_NONE = np.zeros(0)
_NO_PARTICLES = Particles(_NONE.astype(np.int64), _NONE.astype(np.int32), *[_NONE] * 7)
_NO_TRUTH = Truth(_NO_PARTICLES, _NONE.astype(np.int64), _NONE.astype(np.int64))


def add_event(
    pack: Pack,
    event: Event,
    detector: Detector,
    tracks: Tracks | None,
    clusters: Clusters | None = None,
    flow: ReconstructedParticles | None = None,
    anomalies: Anomalies | None = None,
) -> JsonDict:
    """Pack hits, cells of calorimeter hits, particles with a hit, what was found, what is strange, and lines."""
    found = Tracks() if tracks is None else tracks
    truth = _NO_TRUTH if event.truth is None else event.truth
    match = match_tracks(tracks, event, detector)
    seen, table = _hits_of_particles(truth)
    particles = Particles(*(getattr(truth.particles, name)[seen] for name in Particles.__slots__))
    track = match.track[seen] if len(seen) else seen
    kinds = kinds_of_hits(event, detector)
    status = match.true_status[seen].astype(np.int64)
    nowhere = _add_hits(pack, event, found, seen, truth)
    _add_found(pack, found, match, seen)
    _add_fit(pack, found, match, truth, detector)
    _add_particles(pack, particles, table, status, track)
    long, statuses = table.at_least(SHORTEST), np.concatenate([match.status.astype(np.int64), status])
    _add_lines(pack, event, detector, found, particles, long, statuses, kinds)
    return {
        "number": int(event.number),
        "source": str(event.source),
        "truth": event.truth is not None,
        "tracks": tracks is not None,
        "match": dict(match.counts),
        "nowhere": nowhere,
        "outside": int((event.hits.sensor < 0).sum()),
        "cells": add_hit_cells(pack, event, detector, kinds),
        "clusters": add_clusters(pack, clusters, len(event.hits)),
        "flow": add_flow(pack, flow),
        "strange": add_anomalies(pack, anomalies, len(event.hits)),
    }


def _add_hits(pack: Pack, event: Event, found: Tracks, seen: Ints, truth: Truth) -> int:
    """Pack the hits with their first particle and their track; returns how many have no position."""
    hits, finite = event.hits, np.isfinite(event.hits.xyz).all(axis=1)
    particle = np.full(len(hits), -1, np.int64)
    order = np.arange(len(truth.hit))
    if truth.energy is not None:  # the particle that left most comes first
        order = np.lexsort((-truth.energy, truth.hit))
    hit, row = np.unique(truth.hit[order], return_index=True)
    particle[hit] = np.searchsorted(seen, truth.particle[order][row])
    track = np.full(len(hits), -1, np.int64)
    track[found.hit_index] = np.repeat(np.arange(len(found)), np.diff(found.offsets))
    kind = np.where(track >= 0, ON_TRACK, UNASSIGNED)
    if event.truth is not None:
        kind[(particle < 0) & (track < 0)] = NOISE
    kind[~finite] = NOWHERE
    pack.add_points("h_xyz", hits.xyz)
    pack.add("h_id", hits.hit_id, "int64")
    for name, values in (("sensor", hits.sensor), ("particle", particle), ("track", track)):
        pack.add(f"h_{name}", values, "int32")
    pack.add("h_kind", kind, "uint8")
    pack.add("h_particles", np.bincount(truth.hit, minlength=len(hits)).clip(0, 255), "uint8")
    for name in ("time", "energy"):
        if (values := getattr(hits, name)) is not None:
            pack.add(f"h_{name}", values, "float32")
    return int((~finite).sum())


def _add_lines(
    pack: Pack,
    event: Event,
    detector: Detector,
    found: Tracks,
    particles: Particles,
    table: _CSR,
    status: Ints,
    kinds: NDArray[np.uint8],
) -> None:
    """Pack the lines of found tracks and particles; what is rare and what is fast comes last, on top."""
    field, xyz = detector.field, event.hits.xyz
    low, high = _box(detector, xyz[np.isfinite(xyz).all(axis=1)])
    size = float((high - low).max())

    def lines(helices: Helices, offsets: Ints, rows: Ints) -> tuple[Ints, Floats]:
        return curves(helices, *waypoints(helices, offsets, rows, event, kinds, size), low, high)

    made = (
        lines(track_curves(found, field, xyz), found.offsets, found.hit_index),
        lines(particle_curves(particles, field, table.offsets, xyz[table.rows]), table.offsets, table.rows),
    )
    line = np.append(made[0][0], made[1][0] + len(found))
    pt = np.append(_pt(found), np.hypot(particles.px, particles.py))
    turn = np.empty(len(pt), np.int64)
    turn[np.lexsort((pt, LATER[status]))] = np.arange(len(pt))
    order = np.argsort(turn[line], kind="stable")
    pack.add("line", line[order], "int32")
    pack.add_points("vertex", np.concatenate([made[0][1], made[1][1]])[order])


class _CSR:
    """Rows of hits by particle."""

    def __init__(self, offsets: Ints, rows: Ints) -> None:
        self.offsets, self.rows = offsets, rows

    def at_least(self, n: int) -> _CSR:
        """The same table with the shorter lists emptied."""
        lengths = np.diff(self.offsets)
        keep = lengths >= n
        return _CSR(np.append(0, np.cumsum(lengths * keep)), self.rows[np.repeat(keep, lengths)])


def _hits_of_particles(truth: Truth) -> tuple[Ints, _CSR]:
    """Rows of the particles that made a hit, and their hits."""
    order = np.lexsort((truth.hit, truth.particle))
    seen, count = np.unique(truth.particle, return_counts=True)
    return seen, _CSR(np.append(0, np.cumsum(count)), truth.hit[order])


def _add_found(pack: Pack, found: Tracks, match: Match, seen: Ints) -> None:
    pack.add("f_offsets", found.offsets, "int32")
    pack.add("f_hits", found.hit_index, "int32")
    pack.add("f_status", match.status, "uint8")
    row = np.searchsorted(seen, match.particle) if len(seen) else match.particle
    pack.add("f_particle", np.where(match.particle >= 0, row, -1), "int32")
    pack.add("f_shared", match.shared, "int32")
    with np.errstate(divide="ignore", invalid="ignore"):
        pack.add("f_pt", _pt(found), "float32")
        pack.add("f_eta", -np.log(np.tan(found.theta / 2)), "float32")
    for name in ("d0", "z0", "phi", "q_over_p", "chi2", "ndf", "score"):
        pack.add(f"f_{name}", getattr(found, name), "float32")


def _add_fit(pack: Pack, found: Tracks, match: Match, truth: Truth, detector: Detector) -> None:
    """Pack the five fitted parameters, their errors, and the true ones of matched tracks (5 a track, NaN where unknown)."""
    fitted = np.stack([found.d0, found.z0, found.phi, found.theta, found.q_over_p], axis=1)
    true, error = np.full((2, len(found), 5), np.nan)
    rows = np.flatnonzero((match.particle >= 0) & (match.status != FAKE))
    if len(found):
        from gnnreco.evaluate.target import true_perigee  # here, since pages of hits alone need no kernels
        from gnnreco.evaluate.tracking.resolution import residuals

        if len(rows):
            true[rows] = true_perigee(truth.particles[match.particle[rows]], detector.field)
        error = residuals(found, fitted)[1]
        error[error <= 0] = np.nan
    pack.add("f_fit", fitted, "float32")
    pack.add("f_error", error, "float32")
    pack.add("f_true", true, "float32")


def _add_particles(pack: Pack, particles: Particles, table: _CSR, status: Ints, track: Ints) -> None:
    pack.add("p_offsets", table.offsets, "int32")
    pack.add("p_hits", table.rows, "int32")
    pack.add("p_status", status, "uint8")
    pack.add("p_track", track, "int32")
    pack.add("p_id", particles.particle_id, "int64")
    pack.add("p_pdg", particles.pdg, "int32")
    pt = np.hypot(particles.px, particles.py)
    with np.errstate(divide="ignore", invalid="ignore"):
        pack.add("p_eta", np.arcsinh(particles.pz / pt), "float32")
    pack.add("p_pt", pt, "float32")
    pack.add("p_phi", np.arctan2(particles.py, particles.px), "float32")
    for name in ("charge", "vx", "vy", "vz"):
        pack.add(f"p_{name}", getattr(particles, name), "float32")


def _pt(found: Tracks) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.sin(found.theta) / np.abs(found.q_over_p))


def _box(detector: Detector, xyz: Floats) -> tuple[Floats, Floats]:
    """Corners of a box around sensors, hits and the origin, with a margin."""
    points = np.concatenate([detector.center, xyz, np.zeros((1, 3))])
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.05 * float((high - low).max())
    return low - margin, high + margin
