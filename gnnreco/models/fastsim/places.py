"""How likely points lie where they do in their layers: densities and their derivatives in one pass over all pairs, compiled.

A point may hang on the axis, on each point of the layer before, and on each point of its own layer that was drawn before: a
hundred pairs for each point. Written out as tensors these pairs were nine tenths of a step of training.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gnnreco.columns import Ints
from gnnreco.kernels import njit
from gnnreco.simulate.showers.learned.points import DEPOSIT, LARGEST, SMALLEST, STRONGEST, A, B
from gnnreco.simulate.showers.learned.weights import (
    BY_ENERGY,
    BY_RADIUS,
    CHILD,
    FRESH,
    GROWTH,
    NEAR,
    NEAR_LATE,
    OF_CHILD,
    OF_FRESH,
    OF_SIBLING,
    PLACES,
    SIBLING,
)

from .batch import ShowerPoints

Array = NDArray[np.float32]
#: Sums may be taken in lanes: training asks for the same bits on the same machine only.
LAWS = {"reassoc", "contract"}
compiled = njit(cache=True, error_model="numpy", fastmath=LAWS)
inlined = njit(cache=True, error_model="numpy", fastmath=LAWS, forceinline=True)  # see `gnnreco.graphs.dense`


def log_density(given: Tensor, points: ShowerPoints) -> Tensor:
    """Logarithm of the density of points where each lies, per mm^2 (t,), differentiable by `given` (l, PLACES) alone."""
    return _Density.apply(given, points)  # type: ignore[no-any-return,no-untyped-call]


class _Density(torch.autograd.Function):
    """`densities` with its derivatives."""

    @staticmethod
    def forward(ctx: Any, given: Tensor, points: ShowerPoints) -> Tensor:
        """Logarithms of densities (t,)."""
        density, slope = densities(
            given.detach().numpy(),
            points.moliere.numpy(),
            *(
                points.first.numpy(),
                points.points.numpy(),
                points.parent_first.numpy(),
                points.parents.numpy(),
            ),
            *(points.layer.numpy(), points.rank.numpy()),
        )
        ctx.save_for_backward(torch.from_numpy(slope), points.layer)
        ctx.rows = len(given)
        return torch.log(torch.from_numpy(density) + 1e-30)

    @staticmethod
    def backward(ctx: Any, *given: Tensor) -> Any:
        """Derivatives by `given`, and nothing by the points."""
        slope, layer = ctx.saved_tensors
        whole = torch.zeros(ctx.rows, PLACES).index_add_(0, layer, given[0][:, None] * slope)
        return whole, None


@compiled
def densities(
    given: Array,
    moliere: Array,
    first: Ints,
    points: Array,
    parent_first: Ints,
    parents: Array,
    layer: Ints,
    rank: Ints,
) -> tuple[Array, Array]:
    """Density at some points (t,), per mm^2, and the derivatives of its logarithm by what their layer was given (t, PLACES).

    Parameters
    ----------
    given : float32 (l, PLACES)
    moliere : float32 (l,)
        mm.
    first, parent_first : int64 (l + 1,)
        Points ``first[i]:first[i + 1]`` lie in layer i, in the order in which they were drawn; possible parents likewise.
    points, parents : float32 (m, 3), (q, 3)
    layer, rank : int64 (t,)
        Which points: their layer, and how many of it were drawn before.
    """
    density, slope = np.empty(len(layer), np.float32), np.zeros((len(layer), PLACES), np.float32)
    known, some = -1, 0
    place, about = np.empty((0, 2), np.float32), np.empty((0, 3), np.float32)
    for t in range(len(layer)):
        i = layer[t]
        g = given[i]
        if i != known:  # points of a layer follow one another
            known, some = i, parent_first[i + 1] - parent_first[i]
            about = _parents(g, parents[parent_first[i] : parent_first[i + 1]], moliere[i])
            place = points[first[i] : first[i + 1], :2].T.copy()
        count, r = first[i + 1] - first[i], rank[t]
        p = (place[A, r], place[B, r])
        axis = np.zeros((3, 1), np.float32)
        axis[2, 0] = 1
        s = slope[t]
        alone = 1 / (1 + np.exp(-g[0])) if some > 0 else 1.0
        late = np.log(np.float32(r / count) + np.float32(1e-6))
        near = 1 / (1 + np.exp(-(g[NEAR] + g[NEAR_LATE] * late))) if r > 0 else 0.0
        own = near / max(r, 1)
        f = _mixture(g, OF_FRESH, FRESH, moliere[i], p, axis[:2], axis[2], (1 - near) * alone, s)
        c = 0.0
        if some > 0:
            c = _mixture(g, OF_CHILD, CHILD, moliere[i], p, about[:2], about[2], (1 - near) * (1 - alone), s)
            _of_parents(g, moliere[i], p, about, (1 - near) * (1 - alone), c, s)
        b = 0.0
        if r > 0:
            b = _mixture(g, OF_SIBLING, SIBLING, 1.0, p, place[:, :r], np.ones(r, np.float32), own, s) / r
        around = alone * f + (1 - alone) * c
        whole = (1 - near) * around + near * b
        if some > 0:
            s[0] += (1 - near) * alone * (1 - alone) * (f - c)
        s[NEAR] += near * (1 - near) * (b - around)
        s[NEAR_LATE] += near * (1 - near) * (b - around) * late
        density[t] = whole
        for k in range(PLACES):
            s[k] /= whole + np.float32(1e-30)
    return density, slope


@inlined
def _parents(g: Array, parents: Array, moliere: float) -> Array:
    """Of each possible parent (5, m): where its children lie about (a, b), its chance, and what its chance depends on."""
    about, growth, total = np.empty((5, len(parents)), np.float32), np.exp(0.3 * g[GROWTH]), 0.0
    for j in range(len(parents)):
        radius = np.sqrt(parents[j, A] ** 2 + parents[j, B] ** 2) / moliere
        about[3, j], about[4, j] = np.log(parents[j, DEPOSIT]), np.log1p(radius)
        strength = g[BY_ENERGY] * about[3, j] + g[BY_RADIUS] * about[4, j]
        about[A, j], about[B, j] = growth * parents[j, A], growth * parents[j, B]
        about[2, j] = np.exp(min(max(strength, -STRONGEST), STRONGEST))
        total += about[2, j]
    about[2] /= total + 1e-12
    return about


@inlined
def _mixture(
    g: Array,
    column: int,
    n: int,
    unit: float,
    p: tuple[float, float],
    centre: Array,
    weight: Array,
    share: float,
    s: Array,
) -> float:
    """Sum over centres (2, m) of their weights (m,) times the density around each; adds derivatives times `share` to `s`."""
    total, heights, largest = 0.0, np.empty(n), g[column]
    for k in range(1, n):
        largest = max(largest, g[column + k])
    for k in range(n):
        heights[k] = np.exp(g[column + k] - largest)
    heights /= heights.sum()
    x0, y0 = np.float32(p[0]), np.float32(p[1])
    for k in range(n):
        size = g[column + n + k]
        square = np.float32((unit * np.exp(min(max(size, SMALLEST), LARGEST))) ** 2)
        value, steep = np.float32(0), np.float32(0)
        for j in range(centre.shape[1]):
            x, y = x0 - centre[A, j], y0 - centre[B, j]
            over = 1 / (x * x + y * y + square)
            one = weight[j] * over * over * over
            value += one
            steep += one * over
        here = heights[k] * 2 * square * square / np.pi
        total += here * value
        s[column + k] += share * here * value
        if SMALLEST < size < LARGEST:
            s[column + n + k] += share * here * (4 * value - 6 * square * steep)
    for k in range(n):
        s[column + k] -= share * heights[k] * total
    return total


@inlined
def _of_parents(
    g: Array, moliere: float, p: tuple[float, float], about: Array, share: float, total: float, s: Array
) -> None:
    """Add the derivatives by growth and by what the chance of a parent depends on, times `share`."""
    largest, norm = g[OF_CHILD], 0.0
    for k in range(1, CHILD):
        largest = max(largest, g[OF_CHILD + k])
    for k in range(CHILD):
        norm += np.exp(g[OF_CHILD + k] - largest)
    m = about.shape[1]
    x0, y0 = np.float32(p[0]), np.float32(p[1])
    mean_energy, mean_radius = np.float32(0), np.float32(0)
    for j in range(m):
        mean_energy += about[2, j] * about[3, j]
        mean_radius += about[2, j] * about[4, j]
    growth, by_energy, by_radius = 0.0, -total * mean_energy, -total * mean_radius
    for k in range(CHILD):
        size = min(max(g[OF_CHILD + CHILD + k], SMALLEST), LARGEST)
        square = np.float32((moliere * np.exp(size)) ** 2)
        pull, energy, radius = np.float32(0), np.float32(0), np.float32(0)
        for j in range(m):
            x, y = x0 - about[A, j], y0 - about[B, j]
            over = 1 / (x * x + y * y + square)
            one = about[2, j] * over * over * over
            pull += one * over * (x * about[A, j] + y * about[B, j])
            energy += one * about[3, j]
            radius += one * about[4, j]
        here = np.exp(g[OF_CHILD + k] - largest) / norm * 2 * square * square / np.pi
        growth += here * pull
        by_energy += here * energy
        by_radius += here * radius
    s[GROWTH] += share * 6 * 0.3 * growth
    s[BY_ENERGY] += share * by_energy
    s[BY_RADIUS] += share * by_radius
