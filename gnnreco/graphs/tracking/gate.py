"""A small network that throws away most candidates, pairs of points or triplets, at a stated efficiency."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from gnnreco.graphs.dense import LANES, compiled, dense, inlined, packed
from gnnreco.kernels import FIRST, SECOND, njit

from .features import GATHERED, DoubletArguments, doublet_arguments, doublet_block
from .frame import Frame, Points

HIDDEN = (32, 16)


#: What a gate has learned, as the kernels take it; room for a block: input, two hidden layers, logits.
Weights = tuple[NDArray[np.float32], ...]
Layers = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True)
class Gate:
    """Two hidden layers, normalisation folded into the first; a candidate stays when its logit is above `threshold`.

    Attributes
    ----------
    w1 (features, 32), b1 (32,), w2 (32, 16), b2 (16,), w3 (16,), b3 (1,) : float32
    threshold : float32 (1,)
    """

    w1: NDArray[np.float32]
    b1: NDArray[np.float32]
    w2: NDArray[np.float32]
    b2: NDArray[np.float32]
    w3: NDArray[np.float32]
    b3: NDArray[np.float32]
    threshold: NDArray[np.float32]

    @classmethod
    def open(cls, features: int) -> Gate:
        """A gate that has learned nothing and lets everything through."""
        widths = (features, *HIDDEN)
        shapes = [shape for w in itertools.pairwise(widths) for shape in (w, w[1:])]
        w1, b1, w2, b2, w3, b3 = (np.zeros(shape, np.float32) for shape in (*shapes, HIDDEN[-1], 1))
        return cls(w1, b1, w2, b2, w3, b3, np.array([-np.inf], np.float32))

    def state(self) -> dict[str, NDArray[np.generic]]:
        """The weights as named arrays, for a bundle."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def weights(self) -> Weights:
        """What the kernels take."""
        layers = ((self.w1, self.b1), (self.w2, self.b2), (self.w3[:, None], self.b3))
        return tuple(part for weight, bias in layers for part in (packed(weight), bias))

    def logits(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """One number for each row of features (n, f)."""
        return _logits(features, self.weights())

    def pair_logits(self, points: Points, frame: Frame, pairs: NDArray[np.int32]) -> NDArray[np.float32]:
        """The same for pairs of points, without writing their features down."""
        out = np.empty(len(pairs), np.float32)
        _pair_logits(doublet_arguments(points, frame), pairs, self.weights(), out)
        return out


@inlined
def hidden_layers(weights: Weights) -> Layers:
    """Room for the input, the two hidden layers and the logits of a block."""
    w1, _, w2, _, w3, _ = weights
    return (
        np.zeros(w1.shape[1] * LANES, np.float32),
        np.zeros(w2.shape[1] * LANES, np.float32),
        np.zeros(w3.shape[1] * LANES, np.float32),
        np.zeros(LANES, np.float32),
    )


@inlined
def gate_block(weights: Weights, layers: Layers) -> None:
    """Fill the last of `layers`, the logits, from the first, the features: rows of LANES."""
    w1, b1, w2, b2, w3, b3 = weights
    f, h1, h2, logits = layers
    dense(f, w1, b1, h1, True)
    dense(h1, w2, b2, h2, True)
    dense(h2, w3, b3, logits, False)


@compiled
def _logits(features: NDArray[np.float32], weights: Weights) -> NDArray[np.float32]:
    out = np.empty(len(features), np.float32)
    layers = hidden_layers(weights)
    f, _, _, logits = layers
    for first in range(0, len(out), LANES):
        size = min(LANES, len(out) - first)
        for n in range(size):
            for k in range(features.shape[1]):
                f[k * LANES + n] = features[first + n, k]
        gate_block(weights, layers)
        out[first : first + size] = logits[:size]
    return out


@njit(cache=True, boundscheck=False)
def above(
    pairs: NDArray[np.int32], logits: NDArray[np.float32], threshold: np.float32, n_points: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Pairs with a logit above the threshold, sorted by their first point (else as they came), and their logits."""
    place = np.zeros(n_points + 1, np.int64)
    for m in range(len(pairs)):
        if logits[m] > threshold:
            place[pairs[m, FIRST] + 1] += 1
    for k in range(n_points):
        place[k + 1] += place[k]
    kept, their = np.empty((place[-1], 2), np.int32), np.empty(place[-1], np.float32)
    for m in range(len(pairs)):
        if logits[m] > threshold:
            row = place[pairs[m, FIRST]]
            place[pairs[m, FIRST]] += 1
            kept[row, FIRST], kept[row, SECOND], their[row] = pairs[m, FIRST], pairs[m, SECOND], logits[m]
    return kept, their


@compiled
def _pair_logits(
    given: DoubletArguments, pairs: NDArray[np.int32], weights: Weights, out: NDArray[np.float32]
) -> None:
    layers, g = hidden_layers(weights), np.zeros(GATHERED * LANES, np.float32)
    f, _, _, logits = layers
    for first in range(0, len(out), LANES):
        doublet_block(given, pairs, first, g, f)
        gate_block(weights, layers)
        size = min(LANES, len(out) - first)
        out[first : first + size] = logits[:size]
