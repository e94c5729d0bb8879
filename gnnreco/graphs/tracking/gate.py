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
AT_ONCE = 1 << 16  # pairs of which all logits are there at once


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

    def doublets(
        self, points: Points, frame: Frame, pairs: NDArray[np.int32]
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Pairs of points that it lets through, sorted by their first point (else as they came), and their logits.

        They are gathered at the front of `pairs` itself, and its rest is given back: the caller must not use it any more.
        """
        pairs = np.require(pairs, requirements=["C", "O", "W"])
        given, weights = doublet_arguments(points, frame), self.weights()
        room, logits, kept = np.empty(AT_ONCE, np.float32), np.empty(len(pairs), np.float32), 0
        for first in range(0, len(pairs), AT_ONCE):
            their = room[: len(pairs) - first]
            _pair_logits(given, pairs[first : first + AT_ONCE], weights, their)
            kept = _keep(pairs, first, their, self.threshold[0], logits, kept)
        pairs.resize((kept, 2), refcheck=False)
        logits.resize(kept, refcheck=False)
        return _by_first(pairs, logits, len(points))


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
def _keep(
    pairs: NDArray[np.int32],
    first: int,
    their: NDArray[np.float32],
    threshold: np.float32,
    logits: NDArray[np.float32],
    kept: int,
) -> int:
    """Of pairs from `first` on, put those with a logit above the threshold behind the `kept` ones; how many that makes."""
    for m in range(len(their)):
        if their[m] > threshold:
            pairs[kept, FIRST], pairs[kept, SECOND] = pairs[first + m, FIRST], pairs[first + m, SECOND]
            logits[kept] = their[m]
            kept += 1
    return kept


@njit(cache=True, boundscheck=False)
def _by_first(
    pairs: NDArray[np.int32], logits: NDArray[np.float32], n_points: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Pairs sorted by their first point, else as they came, and their logits."""
    place = np.zeros(n_points + 1, np.int64)
    for m in range(len(pairs)):
        place[pairs[m, FIRST] + 1] += 1
    for k in range(n_points):
        place[k + 1] += place[k]
    out, their = np.empty_like(pairs), np.empty_like(logits)
    for m in range(len(pairs)):
        row = place[pairs[m, FIRST]]
        place[pairs[m, FIRST]] += 1
        out[row, FIRST], out[row, SECOND], their[row] = pairs[m, FIRST], pairs[m, SECOND], logits[m]
    return out, their


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
