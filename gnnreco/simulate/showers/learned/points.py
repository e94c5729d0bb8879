"""Where the points of a layer lie: near those of the layer before, near one another, or around the axis.

A shower is a graph that grows layer by layer. Each point hangs on the axis, on one of the points of the layer before
(a charged particle that went on), or on a point of its own layer (the same track, or what it knocked out). All
distances follow the form of Grindhammer and Peters, f(r) = 2 r R^2 / (r^2 + R^2)^2, in mixtures of several R.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gnnreco.columns import Floats
from gnnreco.kernels import njit

from .numbers import chance, linear, pick, silu, through, width
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
    """What points hang on: float64 (n,) each.

    Attributes
    ----------
    a, b : float64
        mm off the axis.
    weight : float64
        Chance of each.
    share : float64
        Room for what `crowd` counts.
    """

    a: Floats
    b: Floats
    weight: Floats
    share: Floats


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
        total += m.weight[i] * m.square[i] / (np.pi * (away + m.square[i]) ** 2)
    return total


@njit(cache=True, error_model="numpy")
def crowd(m: Mixture, centers: Centers, n: int, a: float, b: float) -> float:
    """Sum of the densities around the first `n` centres at a point, per mm^2, each times the centre's weight.

    Centres lie in columns and their shares are written down before they are summed, so that a processor takes several at
    once, and the sum has one order all the same.
    """
    share, total = centers.share, 0.0
    for j in range(n):
        share[j] = 0.0
    for i in range(len(m.weight)):
        height, square = m.weight[i] * m.square[i] / np.pi, m.square[i]
        for j in range(n):
            x, y = a - centers.a[j], b - centers.b[j]
            wide = x * x + y * y + square
            share[j] += height / (wide * wide)
    for j in range(n):
        total += centers.weight[j] * share[j]
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
    parents = Centers(growth * before[:, A], growth * before[:, B], strength, np.empty(len(before)))
    points = np.empty((count, 3))
    siblings = Centers(np.empty(count), np.empty(count), np.ones(count), np.empty(count))
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
        radius = np.sqrt(square * uniform / (1 - uniform))
        a, b = a + radius * np.cos(turn), b + radius * np.sin(turn)
        points[i, A], points[i, B], siblings.a[i], siblings.b[i] = a, b, a, b
        around = alone * density(fresh, a * a + b * b)
        if len(before) > 0:
            around += (1 - alone) * crowd(child, parents, len(before), a, b)
        if i > 0:
            around = (1 - near) * around + near * crowd(sibling, siblings, i, a, b) / i
        off = np.sqrt(points[i, A] ** 2 + points[i, B] ** 2) / moliere
        points[i, DEPOSIT] = deposit(
            rng, of_layer, np.log1p(NEAR_AXIS * off), np.log(count * around + 1e-6), weights
        )
    points[:, DEPOSIT] *= count * mean / points[:, DEPOSIT].sum()
    return points


@njit(cache=True, error_model="numpy")
def deposit(
    rng: np.random.Generator, of_layer: Array, off: float, crowd: float, weights: PointWeights
) -> float:
    """Energy of a point, from its distance from the axis and the density of points there (logarithms)."""
    hidden = of_layer.copy()
    for i in range(len(hidden)):
        hidden[i] += (
            np.float32(off) * weights.deposit_own[0, i] + np.float32(crowd) * weights.deposit_own[1, i]
        )
    given = linear(silu(hidden), weights.deposit)
    one = pick(rng, given, 0, DEPOSITS)
    return np.exp(
        given[DEPOSITS + one] + (width(given[2 * DEPOSITS + one]) + NARROWEST) * rng.standard_normal()
    )
