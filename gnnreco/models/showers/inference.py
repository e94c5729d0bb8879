"""The shower network without torch: the same weights, stretch by stretch of cells, nothing kept for a backward pass.

It says what `ShowerNetwork` says but for rounding, in less time and memory: PyTorch writes and reads several tables
(cells, neighbours, width) in each round, which takes longer than the arithmetic.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Ints
from gnnreco.kernels import njit

from .loud_messages import Reals, in_stretches, listen, score

EPSILON = np.float32(1e-5)  # of torch's LayerNorm
ABREAST = 16  # rows
TOTAL, WORTH, HITS, STATES = range(4)  # columns of the sums over a cluster
CROWDED = 0.01  # of the moment `foreign`: other showers have this much of what a shower's cells hear
Columns = Mapping[str, NDArray[Any]]


class Scores(NamedTuple):
    """States of the cells (n, hidden) and logits of their pairs (n, k)."""

    state: Reals
    logit: Reals


class Held(NamedTuple):
    """Which cluster has how much of which cell: arrays as in `ClusterCells`."""

    cell: Ints
    cluster: Ints
    weight: Reals
    start: Ints


class ShowerInference:
    """What `ShowerNetwork` does to find and judge showers, with arrays for tensors.

    Parameters
    ----------
    weights : mapping of arrays
        The network's state by name.
    rounds, piece_rounds : int
        Of its configuration.
    crowding : int
        Column of the moments that tells showers that are alone from others.
    """

    def __init__(self, weights: Columns, rounds: int, piece_rounds: int, crowding: int) -> None:
        self._w, self._rounds, self._piece_rounds = weights, rounds, piece_rounds
        self._crowding = crowding

    @staticmethod
    def given(column: NDArray[Any]) -> NDArray[Any]:
        """A column as this network takes it: as it is."""
        return column

    def cells(self, graph: Columns) -> Scores:
        """See `ShowerNetwork.cells`."""
        return Scores(*self._pairs("cell", self._rounds, graph["cells"], graph))

    def pieces(self, state: Reals, energy: Reals, shares: Held, moments: Reals, graph: Columns) -> Reals:
        """See `ShowerNetwork.pieces`."""
        pooled = _means(_sums(state, energy, *shares[:3], shares.weight, len(moments)))
        return self._pairs("piece", self._piece_rounds, np.concatenate([moments, pooled], axis=1), graph)[1]

    def showers(
        self, state: Reals, energy: Reals, shares: Held, moments: Reals, company: Reals
    ) -> tuple[Reals, Reals, Reals]:
        """See `ShowerNetwork.showers`."""
        gain = np.empty(len(shares.cell), np.float32)

        def weigh(rows: slice) -> None:
            gain[rows] = self._layers("weigh", state[shares.cell[rows]])[:, 0]

        in_stretches(weigh, len(gain))
        worth = np.exp(np.clip(gain, -3, 3))
        total = _sums(state, energy, *shares[:3], worth, len(moments))
        gained = np.log(total[:, [WORTH]] / total[:, [TOTAL]])
        seen = np.concatenate([moments, gained, _means(total)], axis=1)
        out = self._layers("shower", seen)
        kind = out[:, 2:]
        if "identity.0.weight" in self._w:
            kind = kind + self._layers("identity", np.concatenate([seen, company], axis=1))
        crowded = (moments[:, self._crowding] > CROWDED).astype(np.int64)
        scale = self._w["sigma_scale"][crowded, kind.argmax(axis=1)]
        log_sigma = np.clip(out[:, 1] - np.float32(1.5), -5, 2) + np.log(scale)
        return np.log(total[:, WORTH]) + out[:, 0], log_sigma, kind

    def _linear(self, name: str, x: Reals) -> Reals:
        out: Reals = x @ self._w[f"{name}.weight"].T
        if f"{name}.bias" in self._w:
            out += self._w[f"{name}.bias"]
        return out

    def _layers(self, name: str, x: Reals) -> Reals:
        """Layers with relu between them; torch numbers both."""
        for k in range(0, 6, 2):
            if f"{name}.{k}.weight" in self._w:
                x = self._linear(f"{name}.{k}", np.maximum(x, 0, out=x) if k else x)
        return x

    def _normed(self, name: str, x: Reals) -> Reals:
        return _norm(x, self._w[f"{name}.weight"], self._w[f"{name}.bias"])  # type: ignore[no-any-return]

    def _pairs(self, name: str, rounds: int, inputs: Reals, graph: Columns) -> tuple[Reals, Reals]:
        """States (n, hidden) and the first number of each pair (n, k): see `Pairs`."""
        n, width = len(inputs), len(self._w[f"{name}_in.0.bias"])
        pairs, neighbour, real = graph["pairs"], graph["neighbour"], graph["real"]
        h, other = np.empty((n, width), np.float32), np.empty((n, width), np.float32)
        logit = np.empty(neighbour.shape, np.float32)
        name_in, name = f"{name}_in", f"{name}_pairs"

        def begin(rows: slice) -> None:
            h[rows] = self._layers(name_in, inputs[rows])

        in_stretches(begin, n)
        for turn in (f"{name}.rounds.{k}" for k in range(rounds)):
            weight = np.ascontiguousarray(self._w[f"{turn}.pair.weight"].T)

            def tell(rows: slice, turn: str = turn) -> None:
                other[rows] = self._linear(f"{turn}.other", self._normed(f"{turn}.norm", h[rows]))

            def hear(rows: slice, turn: str = turn, weight: Reals = weight) -> None:
                now = self._normed(f"{turn}.norm", h[rows])
                me = self._linear(f"{turn}.me", now)
                heard = listen(me, other, pairs[rows], weight, neighbour[rows], real[rows])
                h[rows] += self._layers(f"{turn}.update", np.concatenate([now, heard], axis=1))

            in_stretches(tell, n)
            in_stretches(hear, n)

        weight, bias = np.ascontiguousarray(self._w[f"{name}.pair.weight"].T), self._w[f"{name}.out.bias"][0]

        def settle(rows: slice) -> None:
            h[rows] = self._normed(f"{name}.last", h[rows])
            other[rows] = self._linear(f"{name}.other", h[rows])

        def judge(rows: slice) -> None:
            last = self._w[f"{name}.out.weight"][0]
            me = self._linear(f"{name}.me", h[rows])
            logit[rows] = score(me, other, pairs[rows], weight, neighbour[rows], last, bias)

        in_stretches(settle, n)
        in_stretches(judge, n)
        return h, logit


@njit(cache=True, nogil=True)
def _norm(x: Reals, scale: Reals, shift: Reals) -> Reals:
    """torch's LayerNorm of each row; sums of several rows side by side, as each waits for its last addition."""
    n, width = x.shape
    out, many = np.empty((n, width), np.float32), np.float32(width)
    mean, square = np.empty(ABREAST, np.float32), np.empty(ABREAST, np.float32)
    for start in range(0, n, ABREAST):
        rows = x[start : start + ABREAST]
        mean[:], square[:] = 0, 0
        for c in range(width):
            for r in range(len(rows)):
                mean[r] += rows[r, c]
        mean /= many
        for c in range(width):
            for r in range(len(rows)):
                square[r] += (rows[r, c] - mean[r]) ** 2
        for r in range(len(rows)):
            factor = np.float32(1) / np.sqrt(square[r] / many + EPSILON)
            for c in range(width):
                out[start + r, c] = (rows[r, c] - mean[r]) * factor * scale[c] + shift[c]
    return out


@njit(cache=True, nogil=True)
def _sums(
    state: Reals, energy: Reals, cell: Ints, cluster: Ints, weight: Reals, worth: Reals, n: int
) -> Reals:
    """Of each cluster: energy, energy times worth, hits, and the states by energy and by hits (n, 3 + 2 hidden)."""
    width = state.shape[1]
    out = np.zeros((n, STATES + 2 * width), np.float32)
    for k in range(len(cell)):
        i, row = cell[k], out[cluster[k]]
        part = weight[k] * energy[i]
        row[TOTAL] += part
        row[WORTH] += part * worth[k]
        row[HITS] += weight[k]
        for c in range(width):
            row[STATES + c] += part * state[i, c]
            row[STATES + width + c] += weight[k] * state[i, c]
    return out


def _means(sums: Reals) -> Reals:
    """Of the states, by energy and by hits (n, 2 hidden)."""
    width = (sums.shape[1] - STATES) // 2
    by_energy = sums[:, STATES : STATES + width] / sums[:, [TOTAL]]
    return np.concatenate([by_energy, sums[:, STATES + width :] / sums[:, [HITS]]], axis=1)
