"""Where the points of a layer lie: near those of the layer before, near one another, or around the axis.

A shower is a graph that grows layer by layer. Each point hangs on the axis, on one of the points of the layer before
(a charged particle that went on), or on a point of its own layer (the same track, or what it knocked out). All
distances are drawn from mixtures of f(r) = 4 r R^4 / (r^2 + R^2)^3 of several R.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gnnreco.columns import Floats
from gnnreco.kernels import njit

from .numbers import chance, linear, pick, sigmoid, through, width
from .weights import (
    BY_ENERGY,
    BY_RADIUS,
    CHILD,
    DEPOSITS,
    FRESH,
    GROWTH,
    NEAR,
    NEAR_LATE,
    OF_CHILD,
    OF_FRESH,
    OF_SIBLING,
    SIBLING,
    Array,
    PointWeights,
)

A, B, DEPOSIT = range(
    3
)  # columns of a point: mm off the axis; energy in what a minimum-ionising particle leaves
SMALLEST, LARGEST = -6.0, 3.0  # of the logarithm of R over its unit
STRONGEST = 15.0  # of the logarithm of a parent's weight
NARROWEST = 0.02
NEAR_AXIS = (
    4.0  # a quarter of a Moliere radius is where the core ends: the scale of the distance from the axis
)


class Mixture(NamedTuple):
    """Weights and squared radii (mm^2) of the components around one kind of centre."""

    weight: Floats
    square: Floats


class Centers(NamedTuple):
    """What points hang on: float32 (n,) each, since twice as many fit a processor.

    Attributes
    ----------
    a, b : float64
        mm off the axis.
    weight : float64
        Chance of each.
    share : float64
        Room for what `crowd` counts.
    """

    a: Array
    b: Array
    weight: Array
    share: Array


@njit(cache=True, error_model="numpy")
def centers(n: int) -> Centers:
    """Room for `n`, of weight one each."""
    return Centers(
        np.empty(n, np.float32), np.empty(n, np.float32), np.ones(n, np.float32), np.empty(n, np.float32)
    )


@njit(cache=True, error_model="numpy")
def mixture(given: Array, first: int, n: int, unit: float) -> Mixture:
    """The mixture that stands in ``given[first : first + 2 n]``."""
    weight, square = np.empty(n), np.empty(n)
    for i in range(n):
        weight[i] = np.exp(given[first + i])
        square[i] = (unit * np.exp(min(max(given[first + n + i], SMALLEST), LARGEST))) ** 2
    return Mixture(weight / weight.sum(), square)


@njit(cache=True, error_model="numpy")
def density(m: Mixture, away: float) -> float:
    """Of points at the squared distance `away` from a centre, per mm^2."""
    total = 0.0
    for i in range(len(m.weight)):
        total += m.weight[i] * 2 * m.square[i] ** 2 / (np.pi * (away + m.square[i]) ** 3)
    return total


@njit(cache=True, error_model="numpy")
def crowd(m: Mixture, around: Centers, n: int, a: float, b: float) -> float:
    """Sum of the densities around the first `n` centres at a point, per mm^2, each times the centre's weight.

    Centres lie in columns and their shares are written down before they are summed, so that a processor takes several at
    once, and the sum has one order all the same.
    """
    share, total, x0, y0 = around.share, 0.0, np.float32(a), np.float32(b)
    for j in range(n):
        share[j] = 0.0
    for i in range(len(m.weight)):
        height, square = np.float32(m.weight[i] * 2 * m.square[i] ** 2 / np.pi), np.float32(m.square[i])
        for j in range(n):
            x, y = x0 - around.a[j], y0 - around.b[j]
            over = np.float32(1) / (x * x + y * y + square)
            share[j] += height * over * over * over
    for j in range(n):
        total += around.weight[j] * share[j]
    return total


@njit(cache=True, error_model="numpy")
def strengths(before: Floats, given: Array, moliere: float) -> Floats:
    """Chance of each point of the layer before (n, 3) to be the parent of one of this layer."""
    strength = np.empty(len(before))
    for j in range(len(before)):
        radius = np.sqrt(before[j, A] ** 2 + before[j, B] ** 2) / moliere
        logarithm = given[BY_ENERGY] * np.log(before[j, DEPOSIT]) + given[BY_RADIUS] * np.log1p(radius)
        strength[j] = np.exp(min(max(logarithm, -STRONGEST), STRONGEST))
    return strength / strength.sum()


@njit(cache=True, error_model="numpy")
def place_points(
    rng: np.random.Generator,
    x: Array,
    count: int,
    mean: float,
    before: Floats,
    moliere: float,
    weights: PointWeights | None,
) -> Floats:
    """Draw the points of a layer.

    Parameters
    ----------
    x : float32 (f,)
        Features of the layer with `OF_LAYER`; used up.
    count : int
    mean : float
        Energy of a point, in what a minimum-ionising particle leaves: their sum is exactly `count` times this.
    before : float64 (m, 3)
        The points of the layer before.
    moliere : float
        mm.
    weights : PointWeights or None
        Without them there are no points.

    Returns
    -------
    points : float64 (count, 3)
        Columns `A`, `B`, `DEPOSIT`.
    """
    if weights is None:  # known by the type, as in `cascade`
        return np.empty((0, 3))
    hidden = through(weights.trunk, x)
    given, of_layer = linear(hidden, weights.place), linear(hidden, weights.deposit_layer)
    fresh = mixture(given, OF_FRESH, FRESH, moliere)
    child, sibling = mixture(given, OF_CHILD, CHILD, moliere), mixture(given, OF_SIBLING, SIBLING, 1.0)
    strength, growth = strengths(before, given, moliere), np.exp(0.3 * given[GROWTH])
    alone = chance(given[0]) if len(before) > 0 else 1.0
    up_to = np.cumsum(strength)
    parents, siblings = centers(len(before)), centers(count)
    parents.a[:], parents.b[:], parents.weight[:] = growth * before[:, A], growth * before[:, B], strength
    points, off, among = np.empty((count, 3)), np.empty(count, np.float32), np.empty(count, np.float32)
    for i in range(count):
        near = chance(given[NEAR] + given[NEAR_LATE] * np.log(i / count + 1e-6)) if i > 0 else 0.0
        a, b, square = 0.0, 0.0, 0.0
        if rng.random() < near:
            j = int(rng.random() * i)
            a, b = points[j, A], points[j, B]
            square = sibling.square[pick(rng, given, OF_SIBLING, SIBLING)]
        elif rng.random() < alone:
            square = fresh.square[pick(rng, given, OF_FRESH, FRESH)]
        else:
            j = min(np.searchsorted(up_to, rng.random() * up_to[-1]), len(before) - 1)
            a, b = parents.a[j], parents.b[j]
            square = child.square[pick(rng, given, OF_CHILD, CHILD)]
        uniform, turn = rng.random(), 2 * np.pi * rng.random()
        radius = np.sqrt(square * (1 / np.sqrt(1 - uniform) - 1))
        a, b = a + radius * np.cos(turn), b + radius * np.sin(turn)
        points[i, A], points[i, B], siblings.a[i], siblings.b[i] = a, b, a, b
        around = alone * density(fresh, a * a + b * b)
        if len(before) > 0:
            around += (1 - alone) * crowd(child, parents, len(before), a, b)
        if i > 0:
            around = (1 - near) * around + near * crowd(sibling, siblings, i, a, b) / i
        off[i] = np.log1p(NEAR_AXIS * np.sqrt(a * a + b * b) / moliere)
        among[i] = np.log(count * around + 1e-6)
    points[:, DEPOSIT] = deposits(rng, of_layer, off, among, weights)
    points[:, DEPOSIT] *= count * mean / points[:, DEPOSIT].sum()
    return points


@njit(cache=True, error_model="numpy")
def deposits(
    rng: np.random.Generator, of_layer: Array, off: Array, among: Array, weights: PointWeights
) -> Floats:
    """Energies of points (n,), from the logarithms of their distance from the axis and of the density of points there.

    One hidden number of all points after the other, so that a processor takes several points at once.
    """
    n, energy = len(off), np.empty(len(off))
    given, hidden = np.empty((3 * DEPOSITS, n), np.float32), np.empty(n, np.float32)
    for k in range(3 * DEPOSITS):
        given[k] = weights.deposit.bias[k]
    for j in range(len(of_layer)):
        here, by_off, by_crowd = of_layer[j], weights.deposit_own[0, j], weights.deposit_own[1, j]
        for i in range(n):
            hidden[i] = here + by_off * off[i] + by_crowd * among[i]
        for i in range(n):
            hidden[i] *= sigmoid(hidden[i])
        for k in range(3 * DEPOSITS):
            row, weight = given[k], weights.deposit.weight[j, k]
            for i in range(n):
                row[i] += hidden[i] * weight
    for i in range(n):
        one = pick(rng, given[:, i].copy(), 0, DEPOSITS)
        spread = width(given[2 * DEPOSITS + one, i]) + NARROWEST
        energy[i] = np.exp(given[DEPOSITS + one, i] + spread * rng.standard_normal())
    return energy
