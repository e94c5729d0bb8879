"""Lines to draw: curves that bend with the field and still pass through every hit.

A curve from the fitted (or true) parameters leaves the hits behind wherever material bent the particle. So each line is
its curve plus the residual at the hits, interpolated in between.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints

STEP = 0.08  # rad of turning that one straight piece may stand for: 0.08 % of the radius off the arc at most
MOST_PIECES = 48  # between two hits, so that a particle at rest costs no more than any other
FORWARD = 0.9  # |cos theta| from which z measures the way better than the transverse plane


@dataclass(frozen=True, slots=True)
class Helices:
    """Where each track starts and how it bends.

    Attributes
    ----------
    start : float64 (n, 3)
        A point of the track, mm.
    phi, theta : float64 (n,)
        Direction at `start`, rad.
    omega : float64 (n,)
        Change of phi for each mm of path (in three dimensions).
    """

    start: Floats
    phi: Floats
    theta: Floats
    omega: Floats

    @property
    def direction(self) -> Floats:
        """Unit vectors at the start, (n, 3)."""
        sin = np.sin(self.theta)
        return np.stack([np.cos(self.phi) * sin, np.sin(self.phi) * sin, np.cos(self.theta)], axis=1)

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Rows whose every number is finite, (n,)."""
        numbers = np.column_stack([self.start, self.phi, self.theta, self.omega])
        return np.isfinite(numbers).all(axis=1) & (self.theta > 0) & (self.theta < np.pi)

    def at(self, row: Ints, way: Floats) -> Floats:
        """Points (m, 3) of helices `row` after `way` mm; exact for any curvature, straight lines included."""
        half = self.omega[row] * way / 2
        phi, theta = self.phi[row] + half, self.theta[row]
        chord = way * np.sin(theta) * np.sinc(half / np.pi)
        step = np.stack([chord * np.cos(phi), chord * np.sin(phi), way * np.cos(theta)], axis=1)
        return np.asarray(self.start[row] + step)

    def way_to(self, row: Ints, xyz: Floats) -> Floats:
        """Path length (m,) in mm from the start of helix `row` to the point of it nearest to `xyz` (m, 3)."""
        d = xyz - self.start[row]
        phi, sin, cos = self.phi[row], np.sin(self.theta[row]), np.cos(self.theta[row])
        along = d[:, 0] * np.cos(phi) + d[:, 1] * np.sin(phi)
        across = d[:, 1] * np.cos(phi) - d[:, 0] * np.sin(phi)
        with np.errstate(divide="ignore", invalid="ignore"):
            bend = self.omega[row] / sin  # turning for each mm in the transverse plane
            turn = np.arctan2(bend * along, 1 - bend * across)
            plane = np.where(np.abs(bend) > 1e-9, turn / bend, along)
            period = np.abs(2 * np.pi / bend)
            plane += np.where(plane < -period / 8, period, 0)  # arctan2 ends at half a turn
            winds = np.rint((d[:, 2] * sin / cos - plane) / period)
            winds = np.where((np.abs(cos) > 0.1) & np.isfinite(winds), winds, 0)
            plane += np.where(winds > 0, winds * period, 0)
            return np.asarray(np.where(np.abs(cos) > FORWARD, d[:, 2] / cos, plane / sin))

    def straightened(self, rows: Ints, start: Floats, phi: Floats, theta: Floats) -> Helices:
        """The same with straight lines from `start` in place of some rows."""
        lines = (np.array(column) for column in (self.start, self.phi, self.theta, self.omega))
        new_start, new_phi, new_theta, omega = lines
        new_start[rows], new_phi[rows], new_theta[rows], omega[rows] = start, phi, theta, 0.0
        return Helices(new_start, new_phi, new_theta, omega)


def curves(helices: Helices, offsets: Ints, points: Floats, low: Floats, high: Floats) -> tuple[Ints, Floats]:
    """Draw each helix from its start to its last hit, through all of its hits.

    Parameters
    ----------
    helices : Helices, n rows
        Rows that are not `usable` become straight lines from hit to hit.
    offsets : int64 (n + 1,)
        Rows ``offsets[i]:offsets[i + 1]`` of `points` are the hits of helix ``i``, in any order.
    points : float64 (m, 3)
        Hits, mm, finite.
    low, high : float64 (3,)
        Corners of what is drawn; a start outside (a perigee far from a test beam, say) is left out.

    Returns
    -------
    line : int64 (k,)
        Helix of each vertex, ascending.
    vertices : float64 (k, 3)
        mm.
    """
    n = len(offsets) - 1
    row = np.repeat(np.arange(n), np.diff(offsets))
    helices, started = _repaired(helices, offsets, points)
    started &= ((helices.start >= low) & (helices.start <= high)).all(axis=1)
    first = np.flatnonzero(started)
    way = np.concatenate([np.zeros(len(first)), helices.way_to(row, points)])
    row = np.concatenate([first, row])
    residual = np.concatenate(
        [np.zeros((len(first), 3)), points - helices.at(row[len(first) :], way[len(first) :])]
    )
    order = np.lexsort((way, row))
    row, way, residual = row[order], way[order], residual[order]
    if not len(row):
        return row, residual
    inside = np.append(row[1:] == row[:-1], False)  # a gap follows this knot
    gap = np.where(inside, np.append(np.diff(way), 0.0), 0.0)
    pieces = np.ceil(np.abs(helices.omega[row]) * gap / STEP).clip(1, MOST_PIECES).astype(np.int64)
    knot = np.repeat(np.arange(len(row)), pieces)
    share = (np.arange(len(knot)) - np.repeat(np.cumsum(pieces) - pieces, pieces)) / pieces[knot]
    after = np.minimum(knot + inside[knot], len(row) - 1)
    bent = helices.at(row[knot], way[knot] + share * gap[knot])
    return row[knot], bent + residual[knot] + share[:, None] * (residual[after] - residual[knot])


def _repaired(helices: Helices, offsets: Ints, points: Floats) -> tuple[Helices, NDArray[np.bool_]]:
    """The helices, with straight lines in place of unusable rows, and which rows were usable."""
    usable = helices.usable
    bad = np.flatnonzero(~usable & (np.diff(offsets) > 0))
    begin, end = points[offsets[bad]], points[offsets[bad + 1] - 1]
    way = end - begin
    theta = np.arctan2(np.hypot(way[:, 0], way[:, 1]), way[:, 2]).clip(1e-6, np.pi - 1e-6)
    return helices.straightened(bad, begin, np.arctan2(way[:, 1], way[:, 0]), theta), usable
