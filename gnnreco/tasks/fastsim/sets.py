"""Whole showers as sets of points, each with the noise that it comes from."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from gnnreco.columns import Ints
from gnnreco.models.fastsim.batch import ShowerSets
from gnnreco.simulate.showers.learned.sets import CORE, SPREAD

from .samples import FastSimSample

Points = NDArray[np.float32]

TOGETHER = 48  # points of a layer that are paired with their noise at once: the work goes with the square


def sets_of(sample: FastSimSample, layers: int, paired: bool, seed: int) -> ShowerSets:
    """Some showers of a sample, turned about their axes and mirrored at random.

    Parameters
    ----------
    layers : int
        About so many layers are taken, of whole showers.
    paired : bool
        In each layer points and noise are so paired that the squares of their distances are small in sum: paths from noise
        are then nearly straight, and few steps follow them (Tong et al., arXiv 2302.00482).
    """
    rng = np.random.default_rng(seed)
    begins = np.flatnonzero(sample.before.numpy() < 0)
    ends = np.append(begins[1:], len(sample.before))
    taken = max(1, layers * len(begins) // max(len(sample.before), 1))
    chosen = np.sort(rng.permutation(len(begins))[:taken])
    rows = np.concatenate([np.arange(begins[i], ends[i]) for i in chosen])
    shower = np.repeat(np.arange(len(chosen)), (ends - begins)[chosen])
    offsets = sample.offsets.numpy()
    count = np.diff(offsets)[rows]
    layer = np.repeat(np.arange(len(rows)), count)
    points = np.concatenate([sample.points.numpy()[offsets[i] : offsets[i + 1]] for i in rows])
    points = points[np.lexsort([rng.random(len(layer)), layer])]  # they came in the order of cells
    total = np.bincount(layer, points[:, 2], minlength=len(rows))
    mean = total / np.maximum(count, 1)
    of_layer = np.stack([np.log1p(count), np.log(np.where(count > 0, mean, 1.0))], axis=1)
    features = np.concatenate([sample.features.numpy()[rows], of_layer.astype(np.float32)], axis=1)
    turn, mirror = 2 * np.pi * rng.random(len(chosen)), rng.choice([-1.0, 1.0], len(chosen))
    z = scaled(points, sample.moliere.numpy()[rows][layer], mean[layer])
    z = turned(z, turn[shower][layer], mirror[shower][layer])
    noise = rng.standard_normal(z.shape).astype(np.float32)
    if paired:
        noise = pair(z, noise, np.append(0, np.cumsum(count)))
    return ShowerSets(*(torch.from_numpy(array) for array in (features, shower, layer, z, noise)))


def scaled(points: Points, moliere: Points, mean: NDArray[np.float64]) -> Points:
    """Points (n, 3) in the numbers that the network moves: the inverse of `laid_out`, but for its turn."""
    radius = np.hypot(points[:, 0], points[:, 1])
    stretch = np.log1p(CORE * radius / moliere) / SPREAD / np.maximum(radius, 1e-9)
    z = np.stack([stretch * points[:, 0], stretch * points[:, 1], np.log(points[:, 2] / mean)], axis=1)
    return z.astype(np.float32)


def turned(z: Points, turn: NDArray[np.float64], mirror: NDArray[np.float64]) -> Points:
    """Points turned by an angle each, after their second coordinate was mirrored or not."""
    x, y = z[:, 0], mirror * z[:, 1]
    both = np.cos(turn) * x - np.sin(turn) * y, np.sin(turn) * x + np.cos(turn) * y
    return np.stack([*both, z[:, 2]], axis=1).astype(np.float32)


def pair(z: Points, noise: Points, first: Ints) -> Points:
    """The noise in another order within each layer, and there in blocks of `TOGETHER` points."""
    paired = np.empty_like(noise)
    for begin, end in pairwise(first):
        for low in range(begin, end, TOGETHER):
            block = slice(low, min(low + TOGETHER, end))
            apart = ((z[block, None] - noise[None, block]) ** 2).sum(2)
            paired[block] = noise[block][linear_sum_assignment(apart)[1]]
    return paired
