"""Small graph networks for triggers: what they compute is written once, and runs on tensors, on any graph, or as hardware.

A buffer of N slots holds the nodes of a graph; which pairs of slots may be edges is fixed. Sums run over valid slots only.
First layers are split over nodes, as everywhere in gnnreco: ``A x[i] + B x[j]`` needs N products of each kind, not N**2.
After the interaction networks of Moreno et al. (arXiv 1908.05318) and, for `senders`, JEDI-linear (arXiv 2508.15468).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from gnnreco.files.limits import LAYERS_OF_NETWORK, SLOTS, WIDTH
from gnnreco.schema import within

from .arithmetic import Arithmetic, Cost, Rows, Tensors
from .fixed_point import BitsConfig, FixedDense, FixedPoint
from .score import Decoder, Score


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
    edge_layers : tuple of int
        Widths of the hidden layers that make messages.
    node_layers : tuple of int
        Widths of the hidden layers of nodes.
    head_layers : tuple of int
        Widths of the hidden layers before the answer.
    outputs : int
        Numbers that come out; with ``score=residual`` as many as features, with ``score=distance`` at most as many.
    score
        What is made of the outputs where they are no classes and no numbers: see `gnnreco.models.trigger.score`. The answers
        are then the score, and 1 where it is above the threshold, else 0.
    decoder_layers : tuple of int
        Of ``score=squares``: hidden layers of the decoder of a variational autoencoder, which is there in training only.
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
    score: Literal["none", "answer", "squares", "residual", "distance"] = "none"
    decoder_layers: tuple[int, ...] = (16, 32)
    bits: BitsConfig = field(default_factory=BitsConfig)

    def __post_init__(self) -> None:
        within(self, 1, WIDTH, "edge_layers", "node_layers", "head_layers", "outputs", "decoder_layers")
        within(self, 1, SLOTS, "slots")
        within(self, 0, self.slots, "groups")
        for name in ("edge_layers", "node_layers", "head_layers", "decoder_layers"):
            if not 1 <= len(getattr(self, name)) <= LAYERS_OF_NETWORK:
                raise ValueError(f"{name} must name the widths of 1 to {LAYERS_OF_NETWORK} layers")
        if self.score != "none" and self.kind not in ("dense", "nodes"):
            raise ValueError("score needs kind=dense or kind=nodes: one answer for each buffer")
        if self.score in ("residual", "distance") and self.kind != "dense":
            raise ValueError(f"score={self.score} needs kind=dense; take score=squares for a graph")
        if self.score == "answer" and self.outputs != 1:
            raise ValueError("score=answer needs outputs=1")

    def pairs(self) -> np.ndarray:
        """Sender and receiver slot of each edge the buffer can hold, int64 (e, 2), sorted by receiver."""
        slots = np.arange(self.slots)
        pair = np.stack(np.meshgrid(slots, slots, indexing="ij"), axis=-1).reshape(-1, 2)[:, ::-1]
        if not self.groups:
            return pair[pair[:, 0] != pair[:, 1]]
        group = pair // (self.slots // self.groups)
        return pair[group[:, 1] == group[:, 0] + 1]


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
        last = config.head_layers[-1]
        if config.score == "distance":
            last = features
        else:
            self.head = Layers(ends, config.head_layers, bits)
        self.answer = FixedDense(last, config.outputs, bits)
        if config.kind == "slots":  # sums of what comes in need no layers
            self.linear = FixedDense(features, config.outputs, bits, bias=False)
        if config.kind == "edges" and config.messages != "pairs":
            raise ValueError("kind=edges needs messages=pairs")
        if config.score == "residual" and config.outputs != features:
            raise ValueError(f"score=residual needs as many outputs as features: model.outputs={features}")
        if config.score == "distance" and config.outputs > features:
            raise ValueError(
                f"score=distance has at most as many outputs as features: model.outputs={features}"
            )
        if config.score != "none":
            self.score = Score(config.score, config.outputs, bits)
        if config.score == "squares":
            whole = features * (config.slots if graph else 1)
            self.decoder = Decoder(config.head_layers[-1], config.outputs, config.decoder_layers, whole)

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
            last = x if self.config.score == "distance" else self.head.finish(ops, self.head.say(ops, 0, x))
            return self._scored(ops, ops.dense(self.answer, last), x)
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
            return self._scored(
                ops, ops.dense(self.answer, self.head.finish(ops, self.head.say(ops, 0, pooled))), x
            )
        if self.config.kind == "slots":
            learned = ops.dense(self.answer, self.head.finish(ops, self.head.say(ops, 0, h)))
            answers = ops.valid(ops.add(learned, ops.dense(self.linear, x)), valid)
            twice = ops.rows(answers, np.tile(np.arange(n), 2))
            return ops.total(twice, np.concatenate([np.arange(n), np.full(n, n)]), n + 1)
        ends = [ops.rows(self.head.say(ops, k, h), end) for k, end in enumerate((sender, receiver))]
        heard = ops.add(ops.add(*ends), self.head.say(ops, 2, e))
        return ops.valid(ops.dense(self.answer, self.head.finish(ops, heard)), valid, sender, receiver)

    def _scored(self, ops: Arithmetic[Rows], out: Rows, x: Rows) -> Rows:
        """What is answered, from the outputs of the last layer and what the network read."""
        if self.config.score == "none":
            return out
        return self.score.run(ops, ops.add(x, out) if self.config.score == "residual" else out)

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
        last; 0 for edges and slots that are not valid. With a score (b, 2): see `TriggerNetworkConfig`.
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
        """Inputs in units of `scale` from `offset`, at the bits of the ports: rounded down, held at their ends.

        In floating point nothing is rounded, and numbers are held only where there is a score: it is to be learned by what
        has ports, and tails are what it judges.
        """
        x = (x - self.offset) / self.scale
        if self.config.bits.weights == "float":
            end = 2.0**self.config.bits.input_integer
            return x if self.config.score == "none" else torch.clamp(x, -end, end)
        end, step = 2.0**self.config.bits.input_integer, 2.0**-self.config.bits.input_fraction
        return torch.clamp(torch.floor(x / step) * step, -end, end - step)

    def cost(self) -> Tensor:
        """What the hardware costs, in about LUTs: see `Cost`."""
        ops, n = Cost(), self.config.slots
        bits = self.offset.new_full((len(self.offset),), float(self.config.bits.input_bits))
        self.run(ops, (bits, 1 if self.config.kind == "dense" else n), None, self.config.pairs(), n)
        return ops.sum
