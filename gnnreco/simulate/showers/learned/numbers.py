"""Small networks and mixtures, one row at a time: compiled, sums always in the same order."""

from __future__ import annotations

import numpy as np

from gnnreco.kernels import njit

from .weights import Array, Dense, Trunk


@njit(cache=True, error_model="numpy")
def linear(x: Array, dense: Dense) -> Array:
    """``x @ weight + bias``."""
    y = dense.bias.copy()
    for i in range(len(x)):
        row = dense.weight[i]
        for j in range(len(y)):
            y[j] += x[i] * row[j]
    return y


@njit(cache=True, error_model="numpy")
def silu(x: Array) -> Array:
    """``x / (1 + exp(-x))``, in place."""
    for i in range(len(x)):
        x[i] /= np.float32(1.0) + np.exp(-x[i])
    return x


@njit(cache=True, error_model="numpy")
def through(trunk: Trunk, x: Array) -> Array:
    """What a trunk makes of features (f,), which become those of its own scale."""
    for i in range(len(x)):
        x[i] = (x[i] - trunk.mean[i]) * trunk.scale[i]
    return silu(linear(silu(linear(x, trunk.one)), trunk.two))


@njit(cache=True, error_model="numpy", forceinline=True)
def sigmoid(x: np.float32) -> np.float32:
    """``1 / (1 + exp(-x))`` to 1e-7, without a jump: many at once fit a processor.

    By the rational approximation of tanh of Eigen (`generic_fast_tanh_float`) and XLA.
    """
    h = min(max(np.float32(0.5) * x, np.float32(-7.9)), np.float32(7.9))
    t = h * h
    above = np.float32(-2.76076847742355e-16)
    above = above * t + np.float32(2.00018790482477e-13)
    above = above * t + np.float32(-8.60467152213735e-11)
    above = above * t + np.float32(5.12229709037114e-08)
    above = above * t + np.float32(1.48572235717979e-05)
    above = above * t + np.float32(6.37261928875436e-04)
    above = above * t + np.float32(4.89352455891786e-03)
    below = np.float32(1.19825839466702e-06)
    below = below * t + np.float32(1.18534705686654e-04)
    below = below * t + np.float32(2.26843463243900e-03)
    below = below * t + np.float32(4.89352518554385e-03)
    return np.float32(0.5) + np.float32(0.5) * (h * above / below)


@njit(cache=True, error_model="numpy")
def chance(logit: float) -> float:
    """Probability of a logit."""
    return 1 / (1 + np.exp(-logit))


@njit(cache=True, error_model="numpy")
def width(x: float) -> float:
    """Softplus: a width from any number."""
    return np.log1p(np.exp(x)) if x < 20.0 else x


@njit(cache=True, error_model="numpy")
def pick(rng: np.random.Generator, logit: Array, first: int, n: int) -> int:
    """One of `n` components by the softmax of ``logit[first : first + n]``."""
    largest, total = logit[first], 0.0
    for i in range(1, n):
        largest = max(largest, logit[first + i])
    for i in range(n):
        total += np.exp(logit[first + i] - largest)
    left = rng.random() * total
    for i in range(n):
        left -= np.exp(logit[first + i] - largest)
        if left <= 0:
            return i
    return n - 1
