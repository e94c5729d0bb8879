"""Showers by a trained network, layer by layer: drawn, not averaged; energies are kept exactly."""

from __future__ import annotations

import numpy as np

from gnnreco.columns import Floats
from gnnreco.kernels import njit
from gnnreco.simulate.showers.ray import land
from gnnreco.simulate.showers.spots import VISIBLE, Passage, put, room

from .behind import with_layers_behind
from .features import FEATURES, OF_LAYER, Depths, depths_of, describe, overall
from .layers import fill_layer, share_seen
from .nuclear import describe_nuclei, overall_nuclei, start_of
from .points import DEPOSIT, A, B, place_points
from .sets import place_sets
from .weights import Engine

N_FEATURES, N_OF_LAYER = len(FEATURES), len(OF_LAYER)
LEAST = 0.2  # of the energy of a pion's shower that it keeps, whatever the track before it left


@njit(cache=True, error_model="numpy")
def cascade(
    rng: np.random.Generator,
    passage: Passage,
    engine: Engine | None,
    spots: Floats,
    used: int,
    energy: float,
    electron: bool,
    start: float,
    off: tuple[float, float],
) -> tuple[Floats, int]:
    """Add the points of a photon, an electron or, by an engine for these, a charged pion of this energy (GeV).

    Parameters
    ----------
    engine : Engine or None
        Without it nothing is added.
    start : float
        Depth, radiation lengths, from which on it showers.
    off : (float, float)
        mm from the axis of the passage, along its two directions across.
    """
    if engine is None:  # known by the type: no network is compiled then
        return spots, used
    stack, ray = passage.stack, passage.ray
    d = depths_of(stack, ray, start, engine.ranges)
    n_features, there = len(engine.layer.trunk.mean), len(d.depth)
    pion = n_features > N_FEATURES
    if not pion:
        d = with_layers_behind(stack, ray, d)
    about = overall(energy, electron, d)
    if pion:
        about = np.concatenate((about, overall_nuclei(d)))
    total = share_seen(rng, about, engine.total)
    if total == 0.0:
        return spots, used
    k, at_once, n_both = len(d.depth), engine.sets is not None, n_features + N_OF_LAYER
    rows, means = np.zeros((k if at_once else 0, n_both), np.float32), np.zeros(k)
    deposits, counts, x, before = np.zeros(k), np.zeros(k), np.empty(n_features), np.empty((0, 3))
    begin = np.full(k, used)
    for i in range(k):
        describe(x, i, energy, electron, total, d, deposits, counts)
        if pion:
            describe_nuclei(x[N_FEATURES:], i, energy, d, deposits, counts)
        count, mean = fill_layer(rng, x.astype(np.float32), engine.layer)
        if count == 0:
            before = np.empty((0, 3))
            continue
        counts[i], deposits[i] = count, count * mean * d.mip[i]
        both = np.empty(n_both, np.float32)
        both[:n_features] = x
        both[n_features], both[n_features + 1] = np.log1p(count), np.log(mean)
        if at_once:
            rows[i], means[i] = both, mean
            continue
        points, begin[i] = place_points(rng, both, count, mean, before, d.moliere[i], engine.points), used
        if i < there:
            spots, used = lay(rng, passage, spots, used, d, i, off, points)
        before = points
    if at_once:
        numbers = counts.astype(np.int64)
        points, end = place_sets(rng, rows, numbers, means, d.moliere, engine.sets), np.cumsum(numbers)
        for i in range(k):
            mine, begin[i] = points[end[i] - numbers[i] : end[i]], used
            if i < there:
                spots, used = lay(rng, passage, spots, used, d, i, off, mine)
    # Layers know what is left for them: what is missing is little. A pion's track keeps its energy, its shower gives.
    since = start_of(counts, k) if pion else 0
    if since >= 0:
        seen = (deposits[since:] / d.fraction[since:]).sum() / energy
        left = total - (deposits[:since] / d.fraction[:since]).sum() / energy if since > 0 else total
        if seen > 0:
            spots[begin[since] : used, VISIBLE] *= max(left / seen, LEAST) if pion else left / seen
    return spots, used


@njit(cache=True, error_model="numpy")
def lay(
    rng: np.random.Generator,
    passage: Passage,
    spots: Floats,
    used: int,
    d: Depths,
    i: int,
    off: tuple[float, float],
    points: Floats,
) -> tuple[Floats, int]:
    """Add the points (n, 3) of layer `i` of a shower."""
    stack, ray, place = passage.stack, passage.ray, d.place[i]
    spots = room(spots, used, len(points))
    for j in range(len(points)):
        part = (d.piece[i] + rng.random()) / d.pieces[i]
        landed = land(stack, ray, place, part, off[0] + points[j, A], off[1] + points[j, B])
        row = landed[0]
        if row >= 0:
            # A neighbour in the same layer may be thinner than the sensor on the axis.
            mip = d.mip[i] * stack.mip[row] / stack.mip[ray.row[place]]
            used = put(spots, used, passage, place, landed, points[j, DEPOSIT] * mip, 0.0)
    return spots, used
