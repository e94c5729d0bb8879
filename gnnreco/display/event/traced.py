"""How tracks and particles go on from where they start: helices in a constant field along z, else traced."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gnnreco.columns import Floats, Ints, Particles, Tracks
from gnnreco.fit.helix import BEND
from gnnreco.fit.propagate import trace
from gnnreco.geometry import Field, along_z
from gnnreco.geometry.field.grid import kernel

from .curves import Helices

POINTS = 200  # along a traced curve
BEYOND = 1.6  # times the way to its farthest hit in a straight line: a curve is half a turn long at most


@dataclass(frozen=True, slots=True)
class Traced(Helices):
    """Curves of any shape, as points along each; `omega` is the largest change of direction for each mm.

    Attributes
    ----------
    points : float64 (n, k, 3)
        mm.
    step : float64 (n,)
        Path between two points, mm.
    """

    points: Floats
    step: Floats

    def at(self, row: Ints, way: Floats) -> Floats:
        """Points (m, 3) of curves `row` after `way` mm; straight beyond the ends."""
        place = way / self.step[row]
        before = np.clip(np.floor(place), 0, self.points.shape[1] - 2).astype(np.int64)
        one, two = self.points[row, before], self.points[row, before + 1]
        return np.asarray(one + (place - before)[:, None] * (two - one))

    def way_to(self, row: Ints, xyz: Floats) -> Floats:
        """Path length (m,) in mm from the start of curve `row` to the point of it nearest to `xyz` (m, 3)."""
        return np.asarray(_nearest(self.points, row, np.ascontiguousarray(xyz)) * self.step[row])

    def straightened(self, rows: Ints, start: Floats, phi: Floats, theta: Floats) -> Traced:
        """The same with straight lines from `start` in place of some rows."""
        lines = Helices.straightened(self, rows, start, phi, theta)
        points = self.points.copy()
        along = self.step[rows, None] * np.arange(points.shape[1])
        points[rows] = lines.start[rows, None] + along[:, :, None] * lines.direction[rows, None]
        return Traced(lines.start, lines.phi, lines.theta, lines.omega, points, self.step)


@kernel
def _nearest(points, row, xyz):  # type: ignore[no-untyped-def]
    """Place of the nearest point on each curve, in steps from its start."""
    out = np.zeros(len(row))
    for m in range(len(row)):
        curve, best, place = points[row[m]], np.inf, 0.0
        for j in range(len(curve) - 1):
            ahead, length = 0.0, 0.0
            for i in range(3):
                side = curve[j + 1, i] - curve[j, i]
                ahead += side * (xyz[m, i] - curve[j, i])
                length += side * side
            share = min(max(ahead / max(length, 1e-30), 0.0), 1.0)
            off = 0.0
            for i in range(3):
                off += (xyz[m, i] - curve[j, i] - share * (curve[j + 1, i] - curve[j, i])) ** 2
            if off < best:
                best, place = off, j + share
        out[m] = place
    return out


def track_curves(tracks: Tracks, field: Field, xyz: Floats) -> Helices:
    """Curves of found tracks from their perigee parameters through the event's hits at `xyz` (n, 3)."""
    start = np.stack([-tracks.d0 * np.sin(tracks.phi), tracks.d0 * np.cos(tracks.phi), tracks.z0], axis=1)
    return _curves(
        start, tracks.phi, tracks.theta, tracks.q_over_p, field, tracks.offsets, xyz[tracks.hit_index]
    )


def particle_curves(particles: Particles, field: Field, offsets: Ints, xyz: Floats) -> Helices:
    """Curves of particles from their production point; of particle i the hits ``xyz[offsets[i]:offsets[i + 1]]``."""
    p = np.sqrt(particles.px**2 + particles.py**2 + particles.pz**2)
    with np.errstate(divide="ignore", invalid="ignore"):
        q_over_p, theta = particles.charge / p, np.arccos(particles.pz / p)
    start = np.stack([particles.vx, particles.vy, particles.vz], axis=1)
    return _curves(start, np.arctan2(particles.py, particles.px), theta, q_over_p, field, offsets, xyz)


def _curves(
    start: Floats, phi: Floats, theta: Floats, q_over_p: Floats, field: Field, offsets: Ints, xyz: Floats
) -> Helices:
    bz = along_z(field)
    if bz is not None:
        return Helices(start, phi, theta, -BEND * bz * q_over_p)
    owner = np.repeat(np.arange(len(start)), np.diff(offsets))
    away = np.linalg.norm(xyz - start[owner], axis=1)
    reach = np.zeros(len(start))
    np.maximum.at(reach, owner, np.where(np.isfinite(away), away, 0.0))
    step = np.maximum(BEYOND * reach, 1.0) / POINTS
    straight = Helices(start, phi, theta, q_over_p)
    good, points = straight.usable, np.zeros((len(start), POINTS, 3))
    traced = np.zeros((int(good.sum()), POINTS, 3))
    trace(field.grid, np.column_stack([start, straight.direction, q_over_p])[good], step[good], traced)
    points[good] = traced
    chords = np.diff(points, axis=1) / step[:, None, None]
    omega = np.linalg.norm(np.diff(chords, axis=1), axis=2).max(axis=1, initial=0.0) / step
    return Traced(start, phi, theta, np.where(good, omega, np.nan), points, step)
