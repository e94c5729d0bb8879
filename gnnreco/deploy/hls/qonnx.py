"""Dense programs as QONNX: quantisers and products that hls4ml, FINN and Brevitas' tools read.

A node of QONNX has one width for all its channels; here each channel has its own. So a quantiser is a ``Quant`` node as wide
as its widest channel, on the grid of each (scales may differ), then ``Min`` and ``Max`` where a channel's range ends before
that: standard nodes, exact under qonnx's own executor. `steps` reads them back as what they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.deploy.onnx.program import Nodes
from gnnreco.deploy.program.intervals import Intervals, Range, answer_range, grid_of
from gnnreco.deploy.program.program import Program

DOMAIN = "qonnx.custom_op.general"
OPSET = 13  # the newest that qonnx 1.0 runs all of
NARROWEST = 2  # a signed Quant of one bit is +1 or -1 to qonnx


class Cut(NamedTuple):
    """A quantiser: rounded down to `step`, held within `low` and `high`, float64 (c,) each."""

    step: Floats
    low: Floats
    high: Floats


class Affine(NamedTuple):
    """Each channel times `scale`, plus `bias`, float64 (c,) each."""

    scale: Floats
    bias: Floats


class Product(NamedTuple):
    """``x @ weight + bias``: float64 (inputs, outputs) and (outputs,)."""

    weight: Floats
    bias: Floats


class QuantNodes(Nodes):
    """The arithmetic whose values are names in a QONNX graph; numbers are single precision, as qonnx runs them.

    Parameters
    ----------
    ports : Range
        Of what comes in; `seen` is that of the last value, as operations follow each other.
    """

    def __init__(self, ports: Range) -> None:
        super().__init__("float32")
        self.seen = ports

    def port(self, x: str, offset: Floats, scale: Floats, integer: Ints, fraction: Ints) -> str:
        """See `Machine`."""
        grid = np.maximum(self.seen.fraction, grid_of(offset)) + np.log2(scale).astype(np.int64)
        self.seen = Range((self.seen.low - offset) / scale, (self.seen.high - offset) / scale, grid)
        return super().port(x, offset, scale, integer, fraction)

    def dense(self, x: str, weight: Floats, bias: Floats | None = None) -> str:
        """See `Machine`."""
        self.seen = Intervals().dense(self.seen, weight, bias)
        out = self._node("MatMul", x, self._quantised(weight.T))
        return out if bias is None else self._node("Add", out, self._quantised(bias))

    def cut(self, x: str, signed: Ints, integer: Ints, fraction: Ints) -> str:
        """See `Machine`.

        hls4ml takes a value that was held at the end of a range to lie on the grid of what came in, and drops the bits that
        the end has besides. Half a step more, which rounding down takes off again, gives it those bits.
        """
        alive = signed + integer + fraction > 0
        step = np.exp2(-fraction)
        low = np.where(alive, -signed * np.exp2(integer), 0.0)
        high = np.where(alive, np.exp2(integer) - step, 0.0)
        held = (self.seen.high > high) | (self.seen.low < low)
        lacks = (alive & held & (self.seen.fraction < fraction)).any(axis=0)
        if lacks.any():
            x = self._node("Add", x, self._number(np.where(lacks, step / 2, 0.0)))
        self.seen = Intervals().cut(self.seen, signed, integer, fraction)
        negative = bool((low < 0).any())
        bits = max(int((negative + integer + fraction)[alive].max(initial=1)), NARROWEST)
        out = self._quant(x, step, bits, negative)
        ends = Cut(step, *_ends(step, bits, negative))
        if (high < ends.high).any():
            out = self._node("Min", out, self._number(high))
        if (low > ends.low).any():
            out = self._node("Max", out, self._number(low))
        return out

    def _quantised(self, values: Floats) -> str:
        fraction = int(grid_of(values).max(initial=0))
        most = float(np.abs(values).max(initial=0.0)) * 2.0**fraction
        bits = max(int(np.floor(np.log2(most + 1))) + 2, NARROWEST)
        return self._quant(self._number(values), np.exp2(np.array(-fraction, np.float64)), bits, True)

    def _quant(self, x: str, step: NDArray, bits: int, signed: bool) -> str:
        numbers = (self._number(v) for v in (step, np.array(0.0), np.array(bits)))
        return self._node(
            "Quant", x, *numbers, domain=DOMAIN, signed=int(signed), narrow=0, rounding_mode="FLOOR"
        )


def qonnx_model(program: Program, batch: int = 1) -> Any:
    """A dense program as an ONNX model with QONNX nodes.

    Parameters
    ----------
    program : Program
        With ``slots == 0``.
    batch : int
        Rows, a fixed number in QONNX. Input ``x``: numbers on the grids of the ports; output ``answer``.
    """
    from onnx import TensorProto, helper
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.transformation.infer_shapes import InferShapes

    nodes = QuantNodes(answer_range(replace(program, ops=())))
    program.run(nodes, nodes.cut("x", program.signed, program.integer, program.fraction), None)
    nodes.nodes[-1].output[0] = "answer"
    outputs = nodes.seen.low.shape[1]
    graph = helper.make_graph(
        nodes.nodes,
        "gnnreco",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, program.features])],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, [batch, outputs])],
        nodes.constants,
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(DOMAIN, 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="gnnreco")
    return ModelWrapper(model).transform(InferShapes()).model


def steps(model: Any) -> Iterator[Cut | Affine | Product]:
    """What a model written by `qonnx_model` does, in order."""
    from onnx import numpy_helper

    constants = {c.name: numpy_helper.to_array(c).astype(np.float64) for c in model.graph.initializer}
    found: list[Cut | Affine | Product] = []
    for node in model.graph.node:
        name, inputs = node.op_type, list(node.input)
        if name == "Quant" and inputs[0] in constants:
            constants[node.output[0]] = constants[inputs[0]]
            continue
        given = [constants[i] for i in inputs if i in constants]
        last = found[-1] if found else None
        if name == "Quant":
            signed = next(a.i for a in node.attribute if a.name == "signed")
            found.append(Cut(given[0], *_ends(given[0], int(given[2]), bool(signed))))
        elif name == "MatMul":
            found.append(Product(given[0], np.zeros(given[0].shape[1])))
        elif name == "Sub":
            found.append(Affine(np.ones(len(given[0])), -given[0]))
        elif name == "Mul" and isinstance(last, Affine):
            found[-1] = Affine(last.scale * given[0], last.bias * given[0])
        elif name == "Add" and isinstance(last, Product | Affine):
            found[-1] = last._replace(bias=last.bias + given[0])
        elif name == "Add":
            found.append(Affine(np.ones(len(given[0])), given[0]))
        elif name in ("Min", "Max") and isinstance(last, Cut):
            found[-1] = last._replace(**{"high" if name == "Min" else "low": given[0]})
        else:
            raise ValueError(f"node {node.name} ({name}) is none that qonnx_model writes")
    yield from found


def _ends(step: NDArray, bits: int, signed: bool) -> tuple[Floats, Floats]:
    """Lowest and highest value of a ``Quant`` node."""
    width = bits - int(signed)
    return -int(signed) * np.exp2(width) * step, (np.exp2(width) - 1) * step
