"""From a trigger network to its program: the network runs once in an arithmetic that takes notes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gnnreco.errors import BadBundle
from gnnreco.models.trigger.fixed_point import BitsConfig, FixedDense, FixedPoint
from gnnreco.models.trigger.network import TriggerNetwork
from gnnreco.models.trigger.score import Score

from .program import Op, Program


class Notes:
    """The arithmetic of `TriggerNetwork.run` whose values are numbers of operations."""

    def __init__(self) -> None:
        self.ops: list[Op] = []

    def note(self, kind: str, *inputs: int, **arrays: NDArray | None) -> int:
        """Write down an operation; returns the number of its result."""
        self.ops.append(Op(kind, inputs, {k: v for k, v in arrays.items() if v is not None}))
        return len(self.ops)

    def dense(self, layer: FixedDense, x: int) -> int:
        """See `Arithmetic`."""
        bias = layer.biases()
        return self.note(
            "dense",
            x,
            weight=layer.weights().detach().cpu().double().numpy(),
            bias=None if bias is None else bias.detach().cpu().double().numpy(),
        )

    def cut(self, layer: FixedPoint, x: int) -> int:
        """See `Arithmetic`."""
        form = layer.format()
        return self.note("cut", x, signed=form.signed, integer=form.integer, fraction=form.fraction)

    def add(self, a: int, b: int) -> int:
        """See `Arithmetic`."""
        return self.note("add", a, b)

    def rows(self, x: int, index: NDArray[np.int64]) -> int:
        """See `Arithmetic`."""
        return self.note("rows", x, index=index)

    def valid(self, x: int, by: None, *slots: NDArray[np.int64]) -> int:
        """See `Arithmetic`."""
        return self.note("valid", x, slots=np.stack(slots) if slots else None)

    def total(self, x: int, group: NDArray[np.int64], n: int) -> int:
        """See `Arithmetic`."""
        return self.note("total", x, group=group, n=np.array([n]))

    def squares(self, x: int) -> int:
        """See `Arithmetic`: the squares, and their sum as a product with ones."""
        return self.note("dense", self.note("square", x), weight=np.ones((1, self.channels(x))))

    def flag(self, score: Score, x: int) -> int:
        """See `Arithmetic`: the score is beyond the threshold where the difference is at least one step of its grid."""
        form = score.total.format()
        steps, threshold = 2.0 ** form.fraction[0], float(score.threshold)
        both = self.note(
            "dense", x, weight=np.array([[1.0], [steps]]), bias=np.array([0.0, -threshold * steps])
        )
        ends = {"signed": 0, "integer": 1, "fraction": 0}
        cut = {
            name: np.array([values[0], ends[name]]) for name, values in zip(form._fields, form, strict=True)
        }
        return self.note("cut", both, **cut)

    def channels(self, x: int) -> int:
        """Channels of a value that is a cut."""
        return len(self.ops[x - 1].arrays["signed"])


def lower(network: TriggerNetwork) -> Program:
    """The program of a network: equal to it in every bit, for every graph that fits its buffer.

    Raises
    ------
    BadBundle
        If the network is not quantised.
    """
    config = network.config
    if config.bits.weights == "float":
        raise BadBundle(
            "network", "has float weights, which no program holds: train it with model.bits.weights=fixed"
        )
    notes = Notes()
    offset, scale = (t.detach().cpu().double().numpy() for t in (network.offset, network.scale))
    integer, fraction = config.bits.input_integer, config.bits.input_fraction
    one = np.ones(len(offset), np.int64)
    x = notes.note("port", 0, offset=offset, scale=scale, integer=integer * one, fraction=fraction * one)
    pairs = config.pairs() if config.kind != "dense" else np.zeros((0, 2), np.int64)
    network.run(notes, x, None, pairs, config.slots)
    slots = 0 if config.kind == "dense" else config.slots
    return Program(slots, *ports(offset, scale, config.bits), tuple(notes.ops))


def ports(
    offset: NDArray[np.float64], scale: NDArray[np.float64], bits: BitsConfig
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Formats of input ports that reach as far as the network looks: what lies beyond is held at their ends by both.

    `offset` lies on the grid of ``scale * 2**-bits.input_fraction``.
    """
    step = np.log2(scale) - bits.input_fraction
    reach = 2.0**bits.input_integer
    low, high = offset - reach * scale, offset + reach * scale
    integer = np.ceil(np.log2(np.maximum(np.maximum(high, -low), np.exp2(step))))
    return (low < 0).astype(np.int64), integer.astype(np.int64), (-step).astype(np.int64)
