"""All points of a shower at once: from noise, in a few steps of a flow (Lipman et al., arXiv 2210.02747) or in one.

Points of a layer know of one another, and of those of the layers beside it, by means over layers alone: the work is
linear in their number, and their order says nothing. In the end the whole shower is turned about its axis by any angle, and
mirrored or not, so that no direction is special whatever the network has learned.
"""

from __future__ import annotations

import numpy as np

from gnnreco.columns import Floats, Ints
from gnnreco.kernels import njit

from .numbers import linear, through
from .points import DEPOSIT, A, B
from .weights import PLACED, Array, Dense, SetWeights

CORE, SPREAD = 8.0, 1.2  # log(1 + 8 r / R_M) / 1.2 of showers is spread about as a plane of normal numbers
FURTHEST = 6.0  # of this: 170 Moliere radii
LEAST, MOST = -8.0, 8.0  # of the logarithm of a point's energy over the mean of its layer


@njit(cache=True, error_model="numpy")
def place_sets(
    rng: np.random.Generator,
    x: Array,
    counts: Ints,
    means: Floats,
    moliere: Floats,
    weights: SetWeights | None,
) -> Floats:
    """Draw the points of all layers of a shower.

    Parameters
    ----------
    x : float32 (k, f)
        Features of each layer with `OF_LAYER`; used up.
    counts : int64 (k,)
    means : float64 (k,)
        Energy of a point, in what a minimum-ionising particle leaves: a layer's sum is exactly its count times this.
    moliere : float64 (k,)
        mm.
    weights : SetWeights or None
        Without them there are no points.

    Returns
    -------
    points : float64 (n, 3)
        Columns `A`, `B`, `DEPOSIT`, layer by layer.
    """
    if weights is None:  # known by the type, as in `cascade`
        return np.empty((0, 3))
    first = np.append(0, np.cumsum(counts))
    z, steps = np.empty((first[-1], PLACED), np.float32), len(weights.time)
    for j in range(len(z)):
        for c in range(PLACED):
            z[j, c] = rng.standard_normal()
    hidden = hidden_layers(x, counts, weights)
    for step in range(steps):
        speed = velocity(z, first, hidden, step, weights)
        for j in range(len(z)):
            for c in range(PLACED):
                z[j, c] += speed[j, c] / np.float32(steps)
    return laid_out(rng, z, first, means, moliere)


@njit(cache=True, error_model="numpy")
def hidden_layers(x: Array, counts: Ints, weights: SetWeights) -> Array:
    """What the trunk makes of the features of layers (k, f), which are used up; zeros where a layer is empty."""
    hidden = np.zeros((len(x), len(weights.trunk.two.bias)), np.float32)
    for i in range(len(x)):
        if counts[i] > 0:
            hidden[i] = through(weights.trunk, x[i])
    return hidden


@njit(cache=True, error_model="numpy")
def velocity(z: Array, first: Ints, hidden: Array, step: int, weights: SetWeights) -> Array:
    """Where each point (n, 3) goes in a step; points ``first[i]:first[i + 1]`` lie in layer i, of which `hidden` tells."""
    n, k, width = len(z), len(hidden), len(weights.two.bias)
    h, mean = np.empty((n, width), np.float32), np.zeros((k, width), np.float32)
    for i in range(k):
        given = linear(hidden[i], weights.layer) + weights.time[step]
        for j in range(first[i], first[i + 1]):
            radius = np.sqrt(z[j, 0] * z[j, 0] + z[j, 1] * z[j, 1])
            for o in range(width):
                own = z[j, 0] * weights.own[0, o] + z[j, 1] * weights.own[1, o]
                y = given[o] + own + radius * weights.own[2, o] + z[j, 2] * weights.own[3, o]
                h[j, o] = y / (np.float32(1.0) + np.exp(-y))
                mean[i, o] += h[j, o]
    one_round(h, mean, first, hidden, weights.mix_one, weights.two)
    one_round(h, mean, first, hidden, weights.mix_two, weights.three)
    speed = np.empty((n, PLACED), np.float32)
    for j in range(n):
        speed[j] = linear(h[j], weights.out)
    return speed


@njit(cache=True, error_model="numpy")
def one_round(h: Array, total: Array, first: Ints, hidden: Array, mix: Dense, dense: Dense) -> None:
    """Send sums over layers, `total` (k, w), to their points and their neighbours'; `h` (n, w) and `total` change."""
    k, width = total.shape
    mean, heard = np.zeros((k + 2, width), np.float32), np.empty(len(mix.weight), np.float32)
    for i in range(k):
        mean[i + 1] = total[i] / np.float32(max(first[i + 1] - first[i], 1))
    total[:] = 0.0
    y = np.empty(width, np.float32)
    for i in range(k):
        if first[i + 1] == first[i]:
            continue
        for side in range(3):
            heard[side * width : (side + 1) * width] = mean[i + side]
        heard[3 * width :] = hidden[i]
        given = linear(heard, mix)
        factor, shift = given[:width] + np.float32(1.0), given[width:] + dense.bias
        for j in range(first[i], first[i + 1]):
            y[:] = shift
            for a in range(width):
                own = h[j, a] * factor[a]
                for o in range(width):
                    y[o] += own * dense.weight[a, o]
            for o in range(width):
                h[j, o] = y[o] / (np.float32(1.0) + np.exp(-y[o]))
                total[i, o] += h[j, o]


@njit(cache=True, error_model="numpy")
def laid_out(rng: np.random.Generator, z: Array, first: Ints, means: Floats, moliere: Floats) -> Floats:
    """The points (n, 3) that numbers of the network's scale stand for, turned and mirrored at random as a whole."""
    turn, mirror = 2 * np.pi * rng.random(), 1.0 if rng.random() < 0.5 else -1.0
    cosine, sine, points = np.cos(turn), np.sin(turn), np.empty((len(z), 3))
    for i in range(len(moliere)):
        total = 0.0
        for j in range(first[i], first[i + 1]):
            x, y = float(z[j, 0]), mirror * float(z[j, 1])
            scaled = np.sqrt(x * x + y * y)
            radius = moliere[i] / CORE * np.expm1(SPREAD * min(scaled, FURTHEST))
            stretch = radius / scaled if scaled > 0 else 0.0
            points[j, A] = stretch * (cosine * x - sine * y)
            points[j, B] = stretch * (sine * x + cosine * y)
            points[j, DEPOSIT] = np.exp(min(max(float(z[j, 2]), LEAST), MOST))
            total += points[j, DEPOSIT]
        count = first[i + 1] - first[i]
        for j in range(first[i], first[i + 1]):
            points[j, DEPOSIT] *= count * means[i] / total
    return points
