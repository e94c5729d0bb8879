"""Tracks followed outwards from their perigee, through any field: where they would be in the calorimeters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Tracks
from gnnreco.geometry import Field

from .propagate import trace

#: A last hit farther than this from the path, mm, does not belong to it: the path stays where it is.
FARTHEST = 50.0


@dataclass(frozen=True, slots=True)
class Paths:
    """Points along tracks, equally far apart.

    Attributes
    ----------
    points, directions : float64 (n, k, 3)
        mm; unit vectors.
    beyond : bool (n, k)
        Whether the point lies behind the track's last hit.
    """

    points: Floats
    directions: Floats
    beyond: NDArray[np.bool_]


def outward(tracks: Tracks, field: Field, last: Floats, step: float, count: int) -> Paths:
    """Follow tracks from the perigee outwards.

    Matter is left out: what a track loses and scatters in the tracker is made good by shifting the path sideways onto its
    last hit.

    Parameters
    ----------
    tracks : Tracks
        In the frame of the field.
    field : Field
    last : float64 (n, 3)
        The outermost hit of each track, mm; NaN where there is none.
    step : float
        mm of path between two points.
    count : int
        Points on each track.

    Returns
    -------
    Paths
    """
    sin, cos = np.sin(tracks.phi), np.cos(tracks.phi)
    rays = np.column_stack(
        [-tracks.d0 * sin, tracks.d0 * cos, tracks.z0]
        + [np.sin(tracks.theta) * cos, np.sin(tracks.theta) * sin, np.cos(tracks.theta), tracks.q_over_p]
    )
    points = np.empty((len(tracks), count, 3))
    trace(field.grid, rays, np.full(len(tracks), step), points)
    directions = np.gradient(points, axis=1) if count > 1 else np.zeros_like(points)
    directions /= np.maximum(np.linalg.norm(directions, axis=2, keepdims=True), 1e-9)
    away = np.linalg.norm(points - np.nan_to_num(last)[:, None], axis=2)
    nearest = away.argmin(axis=1)
    rows = np.arange(len(tracks))
    miss = last - points[rows, nearest]
    along = np.einsum("ij,ij->i", miss, directions[rows, nearest])
    miss -= along[:, None] * directions[rows, nearest]
    known = np.linalg.norm(miss, axis=1) < FARTHEST  # False where the last hit is NaN
    points += np.where(known[:, None], miss, 0.0)[:, None]
    return Paths(points, directions, np.arange(count) > np.where(known, nearest, -1)[:, None])
