"""What is on the page: sensors, hits and lines of one event as packed arrays and a little text."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Event, Floats, Ints, Particles, Tracks, Truth
from gnnreco.display.curves import curves, particle_helices, track_helices
from gnnreco.display.matching import GENERATED, MISSED, TRUE, Match, match_tracks
from gnnreco.display.pack import Pack
from gnnreco.geometry import Detector

ON_TRACK, UNASSIGNED, NOISE, NOWHERE = range(4)  # kinds of hit; NOWHERE has no finite position and is not drawn
SHORTEST = 3  # hits that a particle needs to be drawn as a line
MOST_CELLS = 400_000  # of one template in all its sensors together: finer ones are described, not drawn


def add_sensors(pack: Pack, detector: Detector) -> dict[str, Any]:
    """Pack the sensors, ordered by template so that each template is one instanced draw call."""
    order = np.argsort(detector.template, kind="stable")
    pack.add("s_row", order, "int32")
    pack.add("s_centre", detector.center[order], "float32")
    for name, axis in (("s_u", 0), ("s_v", 1)):
        pack.add(name, np.rint(detector.rotation[order, :, axis] * 32767).clip(-32767, 32767), "int16")
    pack.add("s_layer", detector.layer[order], "int32")
    pack.add("s_subsystem", detector.subsystem[order], "int32")
    for name in ("radiation_lengths", "resolution_u", "resolution_v"):
        pack.add(f"s_{name}", getattr(detector, name)[order], "float32")
    for name, values in detector.labels.items():
        pack.add(f"label:{name}", values[order], "int64")
    count = np.bincount(detector.template, minlength=len(detector.templates))
    templates = []
    for i, template in enumerate(detector.templates):
        pack.add(f"outline:{i}", template.outline, "float32")
        drawn = 0 < template.n_cells * int(count[i]) <= MOST_CELLS
        if drawn:
            cells = np.flatnonzero(template.exists(np.arange(template.n_cells)))
            pack.add(f"cells:{i}", template.corners(cells), "float32")
        templates.append(
            {
                "name": template.name,
                "cells": int(template.n_cells),
                "drawn": drawn,
                "corners": int(template.corners(cells).shape[1]) if drawn else 0,
                "pitch": [float(p) for p in template.pitch],
                "thickness": float(template.thickness),
                "sensors": int(count[i]),
            }
        )
    return {
        "name": detector.name,
        "bz": float(detector.field.bz),
        "sensors": int(detector.n_sensors),
        "layers": int(detector.n_layers),
        "subsystems": [{"name": s.name, "measures": ", ".join(s.measures)} for s in detector.subsystems],
        "templates": templates,
        "labels": list(detector.labels),
    }


def add_event(pack: Pack, event: Event, detector: Detector, tracks: Tracks | None) -> dict[str, Any]:
    """Pack hits, particles, found tracks and the lines of both."""
    hits, truth, bz = event.hits, event.truth, float(detector.field.bz)
    xyz, finite = hits.xyz, np.isfinite(hits.xyz).all(axis=1)
    found = Tracks() if tracks is None else tracks
    match = match_tracks(found, truth)
    seen = np.zeros(0, np.int64)
    table = _CSR(np.zeros(1, np.int64), seen)
    if truth is not None:
        seen, table = _hits_of_particles(truth)
    low, high = _box(detector, xyz[finite])

    of_hit, several = _first_particle(len(hits), seen, truth)
    of_track = np.full(len(hits), -1, np.int64)
    of_track[found.hit_index] = np.repeat(np.arange(len(found)), np.diff(found.offsets))
    kind = np.where(of_track >= 0, ON_TRACK, UNASSIGNED)
    kind[(of_hit < 0) & (of_track < 0) & (truth is not None)] = NOISE
    kind[~finite] = NOWHERE
    pack.add_points("h_xyz", xyz)
    pack.add("h_id", hits.hit_id, "int64")
    for name, values in (("sensor", hits.sensor), ("particle", of_hit), ("track", of_track)):
        pack.add(f"h_{name}", values, "int32")
    pack.add("h_kind", kind, "uint8")
    pack.add("h_particles", several.clip(0, 255), "uint8")
    for name in ("time", "energy"):
        if (values := getattr(hits, name)) is not None:
            pack.add(f"h_{name}", values, "float32")

    _add_found(pack, found, match, seen)
    lines = [curves(track_helices(found, bz), *_finite_rows(found.offsets, found.hit_index, xyz, finite), low, high)]
    if truth is not None:
        particles = _rows(truth.particles, seen)
        _add_particles(pack, particles, table, _true_status(match.track[seen], tracks), match.track[seen])
        long = table.at_least(SHORTEST)
        line, vertices = curves(
            particle_helices(particles, bz), *_finite_rows(long.offsets, long.rows, xyz, finite), low, high
        )
        lines.append((line + len(found), vertices))
    pack.add("line", np.concatenate([line for line, _ in lines]), "int32")
    pack.add_points("vertex", np.concatenate([vertices for _, vertices in lines]))
    return {
        "number": int(event.number),
        "source": str(event.source),
        "truth": truth is not None,
        "tracks": tracks is not None,
        "nowhere": int((~finite).sum()),
        "outside": int((hits.sensor < 0).sum()),
    }


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


def _first_particle(n_hits: int, seen: Ints, truth: Truth | None) -> tuple[Ints, Ints]:
    """For each hit the first of its particles, as a position in `seen` (-1 for none), and how many it has."""
    first = np.full(n_hits, -1, np.int64)
    if truth is None:
        return first, np.zeros(n_hits, np.int64)
    hit, row = np.unique(truth.hit, return_index=True)
    first[hit] = np.searchsorted(seen, truth.particle[row])
    return first, np.bincount(truth.hit, minlength=n_hits)


def _true_status(track: Ints, tracks: Tracks | None) -> NDArray[np.uint8]:
    if tracks is None:
        return np.full(len(track), GENERATED, np.uint8)
    return np.where(track >= 0, TRUE, MISSED).astype(np.uint8)


def _add_found(pack: Pack, found: Tracks, match: Match, seen: Ints) -> None:
    pack.add("f_offsets", found.offsets, "int32")
    pack.add("f_hits", found.hit_index, "int32")
    pack.add("f_status", match.status, "uint8")
    row = np.searchsorted(seen, match.particle) if len(seen) else match.particle
    pack.add("f_particle", np.where(match.particle >= 0, row, -1), "int32")
    pack.add("f_shared", match.shared, "int32")
    with np.errstate(divide="ignore", invalid="ignore"):
        pack.add("f_pt", np.sin(found.theta) / np.abs(found.q_over_p), "float32")
        pack.add("f_eta", -np.log(np.tan(found.theta / 2)), "float32")
    for name in ("d0", "z0", "phi", "q_over_p", "chi2", "ndf", "score"):
        pack.add(f"f_{name}", getattr(found, name), "float32")


def _add_particles(pack: Pack, particles: Particles, table: _CSR, status: NDArray[np.uint8], track: Ints) -> None:
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


def _rows(particles: Particles, rows: Ints) -> Particles:
    return Particles(*(getattr(particles, name)[rows] for name in Particles.__slots__))


def _finite_rows(offsets: Ints, rows: Ints, xyz: Floats, finite: NDArray[np.bool_]) -> tuple[Ints, Floats]:
    """Positions by CSR, without the hits that have none."""
    good = finite[rows]
    return np.append(0, np.cumsum(good))[offsets], xyz[rows[good]]


def _box(detector: Detector, xyz: Floats) -> tuple[Floats, Floats]:
    """Corners of a box around sensors, hits and the origin, with a margin."""
    points = np.concatenate([detector.center, xyz, np.zeros((1, 3))])
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.05 * float((high - low).max())
    return low - margin, high + margin
