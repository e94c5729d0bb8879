"""The segment network without torch: the same weights, edges and nodes in lanes, nothing kept for a backward pass."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnnreco.graphs.connected import portions
from gnnreco.graphs.dense import LANES, UNROLLED, ZERO, compiled, dense, inlined, packed
from gnnreco.kernels import FIRST, SECOND

from .weights import Weights

EPSILON = np.float32(1e-5)  # of torch's LayerNorm
ONE: Any = np.float32(1)
#: Edges that are worked on at once: parts of a graph that no edge connects follow one another, in memory that is used again.
PORTION = 1 << 12
Layer = tuple[NDArray[np.float32], NDArray[np.float32]]  # weight and bias
LAYERS = (
    "node_in.0",
    "node_in.2",
    "edge_in",
    "inner",
    "outer",
    "edge_mix",
    "message",
    "update.0",
    "update.2",
    "edge_out.0",
    "edge_out.2",
)


class _Layers(NamedTuple):
    """What the network has learned: `LAYERS`, then scale and shift of the norms of nodes and of edges."""

    node_in: Layer
    node_mid: Layer
    edge_in: Layer
    inner: Layer
    outer: Layer
    edge_mix: Layer
    message: Layer
    update: Layer
    update_out: Layer
    edge_out: Layer
    last_out: Layer
    node_scale: NDArray[np.float32]
    node_shift: NDArray[np.float32]
    edge_scale: NDArray[np.float32]
    edge_shift: NDArray[np.float32]


def infer(
    w: Weights,
    iterations: int,
    nodes: NDArray[np.float32],
    edges: NDArray[np.float32],
    triplets: NDArray[np.int32],
) -> NDArray[np.float32]:
    """Logits of the edges, as the network's `forward` gives them but for rounding.

    Parameters
    ----------
    w : mapping of arrays
        What the network has learned, by name; with it the `iterations` of its configuration.
    nodes : float32 (n, f), edges : float32 (m, g)
        Features of doublets and of triplets.
    triplets : int32 (m, 2)
        Inner and outer node of each edge, sorted by the inner one.

    Returns
    -------
    float32 (m,)

    Raises
    ------
    ValueError
        If the edges are not sorted.
    """

    def layer(name: str) -> Layer:
        weight = w[f"{name}.weight"]
        bias = w.get(f"{name}.bias", np.zeros(len(weight), np.float32))
        parts = (
            np.split(weight, 3, axis=1) if name == "update.0" else [weight]
        )  # three inputs of the hidden width
        return np.concatenate([packed(part.T) for part in parts], axis=1), bias

    def first(name: str, part: str) -> Layer:
        """The layer that reads the features, their normalisation folded in."""
        mean, scale = w[f"{part}_mean"].astype(np.float64), w[f"{part}_scale"].astype(np.float64)
        weight = w[f"{name}.weight"] / scale
        bias = w[f"{name}.bias"] - weight @ mean
        return packed(weight.T.astype(np.float32)), bias.astype(np.float32)

    if not len(triplets):
        return np.zeros(0, np.float32)
    if np.any(triplets[1:, FIRST] < triplets[:-1, FIRST]):
        raise ValueError("the edges of a graph are to be sorted by their inner node")
    norms = tuple(w[f"{part}_norm.{what}"] for part in ("node", "edge") for what in ("weight", "bias"))
    layers = {name: layer(name) for name in LAYERS}
    layers |= {"node_in.0": first("node_in.0", "node"), "edge_in": first("edge_in", "edge")}
    learned, width = _Layers._make((*layers.values(), *norms)), len(w["edge_in.bias"])
    if len(triplets) <= PORTION:
        return _of_portion(nodes, edges, triplets, iterations, learned, width)
    logits = np.empty(len(triplets), np.float32)
    for rows, held, ends in portions(triplets, len(nodes), PORTION):
        logits[held] = _of_portion(nodes[rows], edges[held], ends, iterations, learned, width)
    return logits


def _of_portion(
    nodes: NDArray[np.float32],
    edges: NDArray[np.float32],
    triplets: NDArray[np.int32],
    iterations: int,
    learned: _Layers,
    width: int,
) -> NDArray[np.float32]:
    """The logits of a graph, all of it in memory at once."""
    # NumPy asks the system for large pages, which numba does not: the rest of the network takes as long as their absence
    n, blocks, n_blocks = len(nodes), -(-len(nodes) // LANES), -(-len(triplets) // LANES)
    padded = -(-width // UNROLLED) * UNROLLED * LANES
    room = (
        np.zeros((blocks, padded), np.float32),
        np.zeros((n_blocks, padded), np.float32),
        np.zeros((n, width), np.float32),
        np.zeros((n, width), np.float32),
        np.zeros((n, width), np.float32),
        np.zeros(n_blocks * LANES, np.float32),
    )
    _infer(nodes, edges, triplets, iterations, learned, room)
    return room[-1][: len(triplets)]


@inlined
def _norm(
    x: NDArray[np.float32],
    width: int,
    weight: NDArray[np.float32],
    bias: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """LayerNorm of each lane over `width` rows."""
    mean, square = np.zeros(LANES, np.float32), np.zeros(LANES, np.float32)
    share = ONE / np.float32(width)
    for k in range(width):
        row = x[k * LANES : (k + 1) * LANES]
        for n in range(LANES):
            mean[n] += row[n] * share
    for k in range(width):
        row = x[k * LANES : (k + 1) * LANES]
        for n in range(LANES):
            square[n] += (row[n] - mean[n]) * (row[n] - mean[n])
    for n in range(LANES):
        square[n] = ONE / math.sqrt(square[n] * share + EPSILON)
    for k in range(width):
        row, to, a, b = x[k * LANES : (k + 1) * LANES], out[k * LANES : (k + 1) * LANES], weight[k], bias[k]
        for n in range(LANES):
            to[n] = (row[n] - mean[n]) * square[n] * a + b


@inlined
def _spread(block: NDArray[np.float32], rows: NDArray[np.float32]) -> None:
    """Lanes to rows (size, width)."""
    for n in range(len(rows)):
        row = rows[n]
        for k in range(rows.shape[1]):
            row[k] = block[k * LANES + n]


@inlined
def _gather(rows: NDArray[np.float32], block: NDArray[np.float32]) -> None:
    """Rows (size, width) to lanes."""
    for n in range(len(rows)):
        row = rows[n]
        for k in range(rows.shape[1]):
            block[k * LANES + n] = row[k]


@compiled
def _infer(
    nodes: NDArray[np.float32],
    edges: NDArray[np.float32],
    triplets: NDArray[np.int32],
    iterations: int,
    layers: _Layers,
    room: tuple[NDArray[np.float32], ...],
) -> None:
    """Fill the last of `room`, the logits of the edges; before them nodes, edges, what nodes say and what they receive.

    Edges are sorted by their inner node: what it says is read for the last time where its edges end, and gives way to what
    it has received from them.
    """
    (
        node_in,
        node_mid,
        edge_in,
        inner,
        outer,
        edge_mix,
        message,
        update,
        update_out,
        edge_out,
        last_out,
        node_scale,
        node_shift,
        edge_scale,
        edge_shift,
    ) = layers
    node, edge, as_inner, as_outer, received, logits = room  # what is received: by the outer nodes
    (n_nodes, width), padded = as_inner.shape, node.shape[1]
    hidden, wide, steady = (
        np.zeros(padded, np.float32),
        np.zeros(padded + LANES, np.float32),
        np.zeros(padded, np.float32),
    )
    given = np.zeros(max(node_in[0].shape[1], edge_in[0].shape[1]) * LANES, np.float32)
    rows, added = np.zeros((LANES, width), np.float32), np.zeros(width * LANES, np.float32)
    around, sums = np.zeros(3 * padded, np.float32), np.zeros(width, np.float32)
    for block in range(len(node)):
        _gather(nodes[block * LANES : (block + 1) * LANES], given)
        dense(given, *node_in, hidden, True)
        dense(hidden, *node_mid, node[block], False)
    for turn in range(iterations):
        for block in range(len(node)):
            first = block * LANES
            size = min(LANES, n_nodes - first)
            if turn > 0:
                _norm(node[block], width, node_scale, node_shift, around)
                _gather(received[first : first + size], around[padded:])
                _gather(as_inner[first : first + size], around[2 * padded :])
                dense(around, *update, hidden, True)
                dense(hidden, *update_out, wide, False)
                row = node[block]
                for n in range(width * LANES):
                    row[n] += wide[n]
            _norm(node[block], width, node_scale, node_shift, around)
            dense(around, *inner, wide, False)
            _spread(wide, as_inner[first : first + size])
            dense(around, *outer, wide, False)
            _spread(wide, as_outer[first : first + size])
        received[:], begun = ZERO, 0
        for block in range(len(edge)):
            ends = triplets[block * LANES : (block + 1) * LANES]
            _gather(edges[block * LANES : (block + 1) * LANES], given)
            dense(given, *edge_in, steady, False)  # sooner made again than read from memory
            dense(edge[block] if turn > 0 else steady, *edge_mix, hidden, False)
            _add_ends(ends, as_inner, as_outer, rows, added, hidden)
            dense(hidden, *message, wide, False)
            for n in range(width * LANES):
                wide[n] += steady[n]
            _norm(wide, width, edge_scale, edge_shift, edge[block])
            if turn < iterations - 1:
                begun = _send(ends, edge[block], wide[width * LANES :], rows, received, as_inner, sums, begun)
            else:
                dense(edge[block], *edge_out, hidden, True)
                dense(hidden, *last_out, logits[block * LANES : (block + 1) * LANES], False)
        _end(begun, n_nodes, sums, as_inner)


@inlined
def _add_ends(
    ends: NDArray[np.int32],
    as_inner: NDArray[np.float32],
    as_outer: NDArray[np.float32],
    rows: NDArray[np.float32],
    added: NDArray[np.float32],
    hidden: NDArray[np.float32],
) -> None:
    """Add what both nodes of each edge say, and cut off at zero."""
    width = rows.shape[1]
    for n in range(len(ends)):
        row, a, b = rows[n], as_inner[ends[n, FIRST]], as_outer[ends[n, SECOND]]
        for k in range(width):
            row[k] = a[k] + b[k]
    _gather(rows[: len(ends)], added)
    for n in range(width * LANES):
        hidden[n] = max(hidden[n] + added[n], ZERO)


@inlined
def _send(
    ends: NDArray[np.int32],
    edge: NDArray[np.float32],
    logit: NDArray[np.float32],
    rows: NDArray[np.float32],
    received: NDArray[np.float32],
    as_inner: NDArray[np.float32],
    sums: NDArray[np.float32],
    begun: int,
) -> int:
    """Add each edge, weighted by its gate, to both its nodes: one edge after the other, so always in the same order.

    `sums` is what the inner node `begun` has received so far; returns the one whose edges have begun last.
    """
    width = rows.shape[1]
    _spread(edge, rows[: len(ends)])
    for n in range(len(ends)):
        gate = ONE / (ONE + math.exp(-logit[n]))
        row, to_outer = rows[n], received[ends[n, SECOND]]
        if ends[n, FIRST] != begun:
            _end(begun, ends[n, FIRST], sums, as_inner)
            begun = ends[n, FIRST]
        for k in range(width):
            sums[k] += row[k] * gate
        for k in range(width):
            to_outer[k] += row[k] * gate
    return begun


@inlined
def _end(begun: int, following: int, sums: NDArray[np.float32], received: NDArray[np.float32]) -> None:
    """Write what the node `begun` has received, and nothing for those up to the `following` one."""
    received[begun] = sums
    received[begun + 1 : following] = ZERO
    sums[:] = ZERO
