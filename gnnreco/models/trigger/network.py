"""Small graph networks for triggers: what they compute is written once, and runs on tensors, on any graph, or as hardware.

A buffer of N slots holds the nodes of a graph; which pairs of slots may be edges is fixed. Sums run over valid slots only.
First layers are split over nodes, as everywhere in gnnreco: ``A x[i] + B x[j]`` needs N products of each kind, not N**2.
After the interaction networks of Moreno et al. (arXiv 1908.05318) and, for `senders`, JEDI-linear (arXiv 2508.15468).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from gnnreco.files.limits import LAYERS_OF_NETWORK, SLOTS, WIDTH
from gnnreco.schema import within

from .fixed_point import BitsConfig, FixedDense, FixedPoint

PORT_INTEGER = 3  # input ports reach 8 units


@dataclass(frozen=True)
class TriggerNetworkConfig:
    """Shape of the network.

    Attributes
    ----------
    kind
        ``dense``: one row of features to one answer; ``nodes``: a graph to one answer; ``edges``: an answer for each edge;
        ``slots``: an answer for each slot and, last, their sum.
    slots : int
        Nodes that the input buffer holds.
    groups : int
        0: all pairs of slots are edges. Else slots come in as many groups (layers of a tracker, say) of equal size, and
        edges lead from each group to the next.
    messages
        ``pairs``: a small network for each edge; ``senders``: one for each node, whose sum all nodes hear.
    edge_layers, node_layers, head_layers : tuple of int
        Widths of the hidden layers of messages, of nodes, and of what answers.
    outputs : int
    bits : BitsConfig
    """

    kind: Literal["dense", "nodes", "edges", "slots"] = "dense"
    slots: int = 8
    groups: int = 0
    messages: Literal["pairs", "senders"] = "pairs"
    edge_layers: tuple[int, ...] = (8, 4)
    node_layers: tuple[int, ...] = (8, 8)
    head_layers: tuple[int, ...] = (64, 32, 32)
    outputs: int = 5
    bits: BitsConfig = field(default_factory=BitsConfig)

    def __post_init__(self) -> None:
        within(self, 1, WIDTH, "edge_layers", "node_layers", "head_layers", "outputs")
        within(self, 1, SLOTS, "slots")
        within(self, 0, self.slots, "groups")
        for name in ("edge_layers", "node_layers", "head_layers"):
            if not 1 <= len(getattr(self, name)) <= LAYERS_OF_NETWORK:
                raise ValueError(f"{name} must name the widths of 1 to {LAYERS_OF_NETWORK} layers")

    def pairs(self) -> np.ndarray:
        """Sender and receiver slot of each edge the buffer can hold, int64 (e, 2), sorted by receiver."""
        slots = np.arange(self.slots)
        pair = np.stack(np.meshgrid(slots, slots, indexing="ij"), axis=-1).reshape(-1, 2)[:, ::-1]
        if not self.groups:
            return pair[pair[:, 0] != pair[:, 1]]
        group = pair // (self.slots // self.groups)
        return pair[group[:, 1] == group[:, 0] + 1]


Rows = TypeVar("Rows")


class Arithmetic(Protocol[Rows]):
    """What a network is made of; `x` are rows of numbers, ``(..., rows, channels)`` or ``(..., channels)``."""

    def dense(self, layer: FixedDense, x: Rows) -> Rows:
        """Product with the weights, plus the bias."""

    def cut(self, layer: FixedPoint, x: Rows) -> Rows:
        """To fixed point."""

    def add(self, a: Rows, b: Rows) -> Rows:
        """Sum of two; one row is added to all rows."""

    def rows(self, x: Rows, index: np.ndarray) -> Rows:
        """Rows by their number."""

    def valid(self, x: Rows, by: Any, *slots: np.ndarray) -> Rows:
        """Zero in rows that are not valid; `slots` names the slots that each row needs (without: its own)."""

    def total(self, x: Rows, group: np.ndarray, n: int) -> Rows:
        """Sums of the rows of each of `n` groups."""


class Tensors:
    """The arithmetic on batches of tensors."""

    def dense(self, layer: FixedDense, x: Tensor) -> Tensor:
        """See `Arithmetic`."""
        out: Tensor = layer(x)
        return out

    def cut(self, layer: FixedPoint, x: Tensor) -> Tensor:
        """See `Arithmetic`."""
        out: Tensor = layer(x)
        return out

    def add(self, a: Tensor, b: Tensor) -> Tensor:
        """See `Arithmetic`."""
        return a + b

    def rows(self, x: Tensor, index: np.ndarray) -> Tensor:
        """See `Arithmetic`."""
        return x.index_select(-2, torch.from_numpy(index))

    def valid(self, x: Tensor, by: Tensor, *slots: np.ndarray) -> Tensor:
        """See `Arithmetic`."""
        on = by
        if slots:
            on = torch.stack([by.index_select(-1, torch.from_numpy(s)) for s in slots]).prod(dim=0)
        return x * on[..., None]

    def total(self, x: Tensor, group: np.ndarray, n: int) -> Tensor:
        """See `Arithmetic`."""
        size = len(group) // max(n, 1)
        if np.array_equal(group, np.arange(n).repeat(size)):
            return x.unflatten(-2, (n, size)).sum(dim=-2)
        out = x.new_zeros(*x.shape[:-2], n, x.shape[-1])
        return out.index_add(-2, torch.from_numpy(group), x)


class Cost:
    """The arithmetic on numbers of bits: adds up what hardware pays for, in about LUTs.

    A product costs the bits of both factors (effective bit operations, arXiv 2405.00645), a sum those of one term. A value
    stands for ``(bits (channels,), rows)``.
    """

    def __init__(self) -> None:
        self.sum: Tensor = torch.zeros(())

    def dense(self, layer: FixedDense, x: tuple[Tensor, int]) -> tuple[Tensor, int]:
        """See `Arithmetic`."""
        self.sum = self.sum + x[1] * (layer.bits() @ x[0]).sum()
        return x[0].new_zeros(len(layer.weight)), x[1]

    def cut(self, layer: FixedPoint, x: tuple[Tensor, int]) -> tuple[Tensor, int]:
        """See `Arithmetic`."""
        return layer.bits(), x[1]

    def add(self, a: tuple[Tensor, int], b: tuple[Tensor, int]) -> tuple[Tensor, int]:
        """See `Arithmetic`."""
        rows, bits = max(a[1], b[1]), torch.maximum(a[0], b[0])
        self.sum = self.sum + rows * bits.sum()
        return bits, rows

    def rows(self, x: tuple[Tensor, int], index: np.ndarray) -> tuple[Tensor, int]:
        """See `Arithmetic`."""
        return x[0], len(index)

    def valid(self, x: tuple[Tensor, int], by: object, *slots: np.ndarray) -> tuple[Tensor, int]:
        """See `Arithmetic`."""
        self.sum = self.sum + x[1] * x[0].sum()
        return x

    def total(self, x: tuple[Tensor, int], group: np.ndarray, n: int) -> tuple[Tensor, int]:
        """See `Arithmetic`."""
        self.sum = self.sum + (len(group) - n) * x[0].sum()
        return x[0], n


class Layers(nn.Module):
    """Dense layers, each cut to unsigned fixed point; the first one may have several inputs, which are added."""

    def __init__(self, inputs: Sequence[int], widths: Sequence[int], bits: BitsConfig) -> None:
        super().__init__()
        self.first = nn.ModuleList(
            FixedDense(n, widths[0], bits, bias=place == 0) for place, n in enumerate(inputs)
        )
        # Sums over edges add what each node says: a few bits of it do.
        several = len(inputs) > 1
        self.said = nn.ModuleList(FixedPoint(widths[0], bits, signed=True) for _ in inputs if several)
        self.cuts = nn.ModuleList(FixedPoint(width, bits) for width in widths)
        self.rest = nn.ModuleList(FixedDense(a, b, bits) for a, b in pairwise(widths))

    def say(self, ops: Arithmetic[Rows], place: int, x: Rows) -> Rows:
        """One input's part of the first layer."""
        x = ops.dense(self.first[place], x)  # type: ignore[arg-type]
        return ops.cut(self.said[place], x) if len(self.said) else x  # type: ignore[arg-type]

    def finish(self, ops: Arithmetic[Rows], x: Rows) -> Rows:
        """What follows the sum of the first layer."""
        x = ops.cut(self.cuts[0], x)  # type: ignore[arg-type]
        for layer, cut in zip(self.rest, list(self.cuts)[1:]):
            x = ops.cut(cut, ops.dense(layer, x))  # type: ignore[arg-type]
        return x


class TriggerNetwork(nn.Module):
    """See the module."""

    offset: Tensor
    scale: Tensor
    steps: Tensor

    def __init__(self, config: TriggerNetworkConfig, features: int) -> None:
        super().__init__()
        bits, graph = config.bits, config.kind != "dense"
        self.config = config
        # Input ports: numbers are read in units of `scale`, a power of two, from `offset`.
        self.register_buffer("offset", torch.zeros(features))
        self.register_buffer("scale", torch.ones(features))
        self.register_buffer("steps", torch.zeros(()))  # of training, for what follows a schedule
        self.input = FixedPoint(features, bits, signed=True)
        seen = features
        if graph:
            several = config.messages == "pairs"
            self.edge = Layers([features] * (2 if several else 1), config.edge_layers, bits)
            heard = seen = config.edge_layers[-1]
            self.heard = FixedPoint(heard, bits)
            self.node = Layers([features, heard], config.node_layers, bits)
            self.pooled = FixedPoint(config.node_layers[-1], bits)
            seen = config.node_layers[-1]
        ends = [seen, seen, config.edge_layers[-1]] if config.kind == "edges" else [seen]
        self.head = Layers(ends, config.head_layers, bits)
        self.answer = FixedDense(config.head_layers[-1], config.outputs, bits)
        if config.kind == "slots":  # sums of what comes in need no layers
            self.linear = FixedDense(features, config.outputs, bits, bias=False)
        if config.kind == "edges" and config.messages != "pairs":
            raise ValueError("kind=edges needs messages=pairs")

    def run(self, ops: Arithmetic[Rows], x: Rows, valid: Any, pairs: np.ndarray, n: int) -> Rows:
        """The network in any arithmetic.

        Parameters
        ----------
        x : rows (n, features), or (features,) for ``kind=dense``; in units of `scale` from `offset`
        valid : of each row
        pairs : int64 (e, 2)
            Sender and receiver of each edge, sorted by receiver.
        n : int
            Rows.
        """
        x = ops.cut(self.input, x)
        if self.config.kind == "dense":
            return ops.dense(self.answer, self.head.finish(ops, self.head.say(ops, 0, x)))
        sender, receiver = pairs[:, 0], pairs[:, 1]
        all_rows = np.zeros(n, np.int64)
        if self.config.messages == "pairs":
            said = [ops.rows(self.edge.say(ops, k, x), end) for k, end in enumerate((sender, receiver))]
            e = ops.valid(self.edge.finish(ops, ops.add(*said)), valid, sender, receiver)
            heard = ops.total(e, receiver, n)
        else:
            e = ops.valid(self.edge.finish(ops, self.edge.say(ops, 0, x)), valid)
            heard = ops.total(e, all_rows, 1)
        heard = self.node.say(ops, 1, ops.cut(self.heard, heard))
        h = self.node.finish(ops, ops.add(self.node.say(ops, 0, x), heard))
        if self.config.kind == "nodes":
            pooled = ops.cut(self.pooled, ops.total(ops.valid(h, valid), all_rows, 1))
            return ops.dense(self.answer, self.head.finish(ops, self.head.say(ops, 0, pooled)))
        if self.config.kind == "slots":
            learned = ops.dense(self.answer, self.head.finish(ops, self.head.say(ops, 0, h)))
            answers = ops.valid(ops.add(learned, ops.dense(self.linear, x)), valid)
            twice = ops.rows(answers, np.tile(np.arange(n), 2))
            return ops.total(twice, np.concatenate([np.arange(n), np.full(n, n)]), n + 1)
        ends = [ops.rows(self.head.say(ops, k, h), end) for k, end in enumerate((sender, receiver))]
        last = ops.add(ops.add(*ends), self.head.say(ops, 2, e))
        return ops.valid(ops.dense(self.answer, self.head.finish(ops, last)), valid, sender, receiver)

    def forward(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        """Answers of a batch of full buffers.

        Parameters
        ----------
        x : (b, slots, features), or (b, features) for ``kind=dense``
            As they come in.
        valid : (b, slots)
            1 where a slot holds a node, else 0.

        Returns
        -------
        (b, outputs), (b, edges, outputs) by `TriggerNetworkConfig.pairs`, or (b, slots + 1, outputs), the sum of the slots
        last; 0 for edges and slots that are not valid
        """
        out = self.run(Tensors(), self.ported(x), valid, self.config.pairs(), self.config.slots)
        return out[..., 0, :] if self.config.kind == "nodes" else out

    def graph(self, x: Tensor, edges: np.ndarray) -> Tensor:
        """Answer for one graph of any size: no buffer, nothing padded.

        Parameters
        ----------
        x : (n, features)
        edges : int64 (m, 2)
            Sender and receiver, in any order.

        Returns
        -------
        (outputs,), (m, outputs) for ``kind=edges``, or (n + 1, outputs) for ``kind=slots``
        """
        out = self.run(Tensors(), self.ported(x), x.new_ones(len(x)), edges, len(x))
        return out[0] if self.config.kind == "nodes" else out

    def ported(self, x: Tensor) -> Tensor:
        """Inputs in units of `scale` from `offset`, at the bits of the ports: rounded down, held at their ends."""
        x = (x - self.offset) / self.scale
        if self.config.bits.weights == "float":
            return x
        end, step = 2.0**PORT_INTEGER, 2.0 ** (PORT_INTEGER + 1 - self.config.bits.input_bits)
        return torch.clamp(torch.floor(x / step) * step, -end, end - step)

    def cost(self) -> Tensor:
        """What the hardware costs, in about LUTs: see `Cost`."""
        ops, n = Cost(), self.config.slots
        bits = self.offset.new_full((len(self.offset),), float(self.config.bits.input_bits))
        self.run(ops, (bits, 1 if self.config.kind == "dense" else n), None, self.config.pairs(), n)
        return ops.sum
