"""True segments: which pairs of hits a track finder ought to join, from the truth of an event."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Event, Truth

from .frame import Frame, Points


@dataclass(frozen=True)
class Targets:
    """Which true particles, and so which segments, a graph should find.

    Attributes
    ----------
    min_pt : float
        GeV.
    min_hits : int
        Hits a particle must have left.
    """

    min_pt: float = 0.15
    min_hits: int = 4


def first_particle(truth: Truth, n_hits: int) -> NDArray[np.int64]:
    """Row of one particle behind each hit, -1 for noise; of several, the one listed first. Shape (n_hits,)."""
    owner = np.full(n_hits, -1, np.int64)
    owner[truth.hit[::-1]] = truth.particle[::-1]
    return owner


def target_particles(truth: Truth, targets: Targets) -> NDArray[np.bool_]:
    """Which rows of ``truth.particles`` count. Shape (n_particles,)."""
    p = truth.particles
    n_hits = np.bincount(truth.particle, minlength=len(p))
    return (np.hypot(p.px, p.py) >= targets.min_pt) & (p.charge != 0) & (n_hits >= targets.min_hits)


def true_segments(event: Event, points: Points, targets: Targets, frame: Frame) -> NDArray[np.int64]:
    """Pairs of points on successive layers of one particle, from the inside outwards. Shape (n, 2).

    Hits are ordered by their distance from the production point, up to half a turn: a particle that curls back crosses
    the same layers again, and its way back would be taken for steps of the way out. Where modules of a layer overlap,
    every hit of the layer is joined with every hit of the next.
    """
    truth = event.truth
    if truth is None or len(points) == 0:
        return np.zeros((0, 2), np.int64)
    wanted = target_particles(truth, targets)
    row_of_hit = np.full(len(event.hits), -1, np.int64)
    row_of_hit[points.index] = np.arange(len(points))
    keep = wanted[truth.particle] & (row_of_hit[truth.hit] >= 0)
    hit, particle = truth.hit[keep], truth.particle[keep]
    p = truth.particles
    chord = (
        event.hits.xyz[hit] - np.stack([p.vx[particle], p.vy[particle], p.vz[particle]], axis=1)
    ) @ frame.rotation.T
    momentum = np.stack([p.px[particle], p.py[particle], p.pz[particle]], axis=1) @ frame.rotation.T
    # The chord of a circle leaves its tangent by half the angle turned: ahead means less than half a turn.
    ahead = (chord[:, :2] * momentum[:, :2]).sum(axis=1) > 0
    hit, particle, distance = hit[ahead], particle[ahead], np.linalg.norm(chord[ahead], axis=1)
    order = np.lexsort((hit, distance, particle))
    point, particle = row_of_hit[hit[order]], particle[order]
    layer = points.layer[point]
    new = np.ones(len(point), bool)
    new[1:] = (particle[1:] != particle[:-1]) | (layer[1:] != layer[:-1])
    start = np.flatnonzero(new)
    size = np.diff(np.append(start, len(point)))
    joined = particle[start[1:]] == particle[start[:-1]]
    most = int(size.max(initial=0))
    pairs = []
    for i in range(most):  # hits of one particle on one layer: rarely more than two
        for j in range(most):
            k = np.flatnonzero(joined & (size[:-1] > i) & (size[1:] > j))
            pairs.append(np.stack([point[start[k] + i], point[start[k + 1] + j]], axis=1))
    found = np.concatenate(pairs) if pairs else np.zeros((0, 2), np.int64)
    away = np.sqrt(points.x**2 + points.y**2 + points.z**2)
    found = found[away[found[:, 1]] > away[found[:, 0]]]
    return found[np.lexsort((found[:, 1], found[:, 0]))]
