"""An edge classifier cut into four kernels, each a program of one row: what hardware needs that takes one edge a clock.

``nodes``: features of a node -> what it says to its edges (as sender, as receiver) and to itself;
``edges``: what both ends say -> message; ``heard``: what a node said to itself, sum of messages -> what it says in the end;
``answers``: what both ends say in the end, message -> answer. Sums over the edges of a receiver come before the third.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.deploy.program.lower import Notes, ports
from gnnreco.deploy.program.ports import Form
from gnnreco.deploy.program.program import Program
from gnnreco.errors import BadBundle
from gnnreco.models.trigger.fixed_point import FixedDense, Format
from gnnreco.models.trigger.network import TriggerNetwork


@dataclass(frozen=True)
class Kernels:
    """The four programs, and the format of every number between them.

    Attributes
    ----------
    nodes, edges, heard, answers : Program
        Each takes one row of what the module says, one after the other.
    said : tuple of Format
        As sender, as receiver, to itself.
    message, sums : Format
        Of one edge, and of all edges of one receiver.
    told : tuple of Format
        In the end, as sender and as receiver.
    """

    nodes: Program
    edges: Program
    heard: Program
    answers: Program
    said: tuple[Format, Format, Format]
    message: Format
    sums: Format
    told: tuple[Format, Format]

    def graph(self, x: Floats, edges: Ints) -> Floats:
        """Answers for one graph, as the hardware finds them.

        Parameters
        ----------
        x : float64 (n, features)
        edges : int64 (m, 2)
            Sender and receiver.

        Returns
        -------
        float64 (m, outputs)
        """
        sender, receiver = edges.T
        said = _parts(run(self.nodes, x), self.said)
        message = run(self.edges, np.concatenate([said[0][sender], said[1][receiver]], axis=1))
        sums = np.zeros((len(x), message.shape[1]))
        np.add.at(sums, receiver, message)
        told = _parts(run(self.heard, np.concatenate([said[2], sums], axis=1)), self.told)
        return run(self.answers, np.concatenate([told[0][sender], told[1][receiver], message], axis=1))


def run(program: Program, rows: Floats) -> Floats:
    """A kernel on many rows, one row each time."""
    return program.answer(program.ported(rows)) if len(rows) else np.zeros((0, 1))


def kernels(network: TriggerNetwork, edges: int) -> Kernels:
    """Cut a network; equal to it in every bit, for graphs of up to so many edges.

    Raises
    ------
    BadBundle
        If the network does not answer for edges, or is not quantised.
    """
    config = network.config
    if config.kind != "edges" or config.bits.weights == "float":
        raise BadBundle(
            "network", "only edge classifiers in fixed point (model.kind=edges) can take edges one by one"
        )
    edge, node, head = network.edge, network.node, network.head
    said = edge.said[0].format(), edge.said[1].format(), node.said[0].format()  # type: ignore[operator]
    told = head.said[0].format(), head.said[1].format()  # type: ignore[operator]
    message = edge.cuts[-1].format()  # type: ignore[operator]
    more = int(np.ceil(np.log2(max(edges, 2))))
    sums = Format(
        message.signed, np.where(message.bits > 0, message.integer + more, message.integer), message.fraction
    )

    notes = Notes()
    offset, scale = (t.detach().cpu().double().numpy() for t in (network.offset, network.scale))
    integer, fraction = config.bits.input_integer, config.bits.input_fraction
    one = np.ones(len(offset), np.int64)
    x = notes.note("port", 0, offset=offset, scale=scale, integer=integer * one, fraction=fraction * one)
    _say(notes, notes.cut(network.input, x), [edge.first[0], edge.first[1], node.first[0]], said)
    nodes = Program(0, *ports(offset, scale, config.bits), tuple(notes.ops))

    notes = Notes()
    edge.finish(notes, _sum(notes, [said[0].bits.size] * 2))
    between = _program(notes, said[:2])

    notes, widths = Notes(), [said[2].bits.size, message.bits.size]
    heard = node.say(notes, 1, notes.cut(network.heard, _part(notes, widths, 1)))
    h = node.finish(notes, notes.add(_part(notes, widths, 0), heard))
    _say(notes, h, [head.first[0], head.first[1]], told)
    after = _program(notes, (said[2], sums))

    notes, widths = Notes(), [told[0].bits.size] * 2 + [message.bits.size]
    last = head.say(notes, 2, _part(notes, widths, 2))
    last = notes.add(_sum(notes, widths), last)
    notes.dense(network.answer, head.finish(notes, last))
    return Kernels(nodes, between, after, _program(notes, (*told, message)), said, message, sums, told)


def forms(*formats: Format) -> list[Form]:
    """The form of each number of several formats; without bits: of none."""
    joined = (np.concatenate(f) for f in zip(*formats, strict=True))
    found = [Form(*map(int, numbers)) for numbers in zip(*joined, strict=True)]
    return [form if form.bits else Form(0, 0, 0) for form in found]


def _program(notes: Notes, formats: Sequence[Format]) -> Program:
    """What was noted, with input ports of these formats."""
    signed, integer, fraction = np.array(
        [(f.signed, f.integer, f.fraction) for f in forms(*formats)], np.int64
    ).T
    return Program(0, signed, integer, fraction, tuple(notes.ops))


def _say(notes: Notes, x: int, layers: Sequence[Any], formats: Sequence[Format]) -> int:
    """Several layers of the same input, side by side."""
    weight = np.concatenate([layer.weights().detach().double().numpy() for layer in layers])
    bias = np.concatenate([_bias(layer) for layer in layers])
    signed, integer, fraction = (np.concatenate(f) for f in zip(*formats, strict=True))
    out = notes.note("dense", x, weight=weight, bias=bias)
    return notes.note("cut", out, signed=signed, integer=integer, fraction=fraction)


def _bias(layer: FixedDense) -> NDArray[np.float64]:
    bias = layer.biases()
    out: NDArray[np.float64] = np.zeros(len(layer.weight)) if bias is None else bias.detach().double().numpy()
    return out


def _part(notes: Notes, widths: Sequence[int], place: int) -> int:
    """One of the inputs that lie side by side."""
    start = sum(widths[:place])
    return notes.note("dense", 0, weight=np.eye(sum(widths))[start : start + widths[place]])


def _sum(notes: Notes, widths: Sequence[int]) -> int:
    """The sum of the first two."""
    return notes.note(
        "dense", 0, weight=np.eye(widths[0], sum(widths)) + np.eye(widths[0], sum(widths), widths[0])
    )


def _parts(row: Floats, formats: Sequence[Format]) -> list[Floats]:
    ends = np.cumsum([f.bits.size for f in formats])[:-1]
    return np.split(row, ends, axis=1)
