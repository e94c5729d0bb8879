"""Programs as ONNX: what ONNX Runtime answers equals the program in every bit, as all its numbers are exact.

Single precision is chosen where no sum, in whatever order, can need more than the 24 bits that it holds; else double.
Opset 18 and IR 10 are the newest that CMSSW's ONNX Runtime takes. No weights outside the file, no code in it.
"""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnnreco import __version__
from gnnreco.columns import Floats, Ints
from gnnreco.deploy.program.intervals import Intervals, Range, answer_range, grid_of
from gnnreco.deploy.program.program import Program
from gnnreco.errors import BadBundle
from gnnreco.files.json_types import JsonDict, JsonMapping

MODEL = "program.onnx"
OPSET, IR = 18, 10
HOLDS = {"float32": 24, "float64": 53}  # bits of an integer
EXTRA = "install it with pip install 'gnnreco[deploy]'"


class Widths(Intervals):
    """`Intervals` that also remember the most bits that any sum needs, in whatever order it is made."""

    def __init__(self) -> None:
        self.most = 0

    def port(self, x: Range, offset: Floats, scale: Floats, integer: Ints, fraction: Ints) -> Range:
        """See `Machine`."""
        self._need(_size(x) + np.abs(offset), np.maximum(x.fraction, grid_of(offset)))
        return super().port(x, offset, scale, integer, fraction)

    def dense(self, x: Range, weight: Floats, bias: Floats | None = None) -> Range:
        """See `Machine`."""
        out = super().dense(x, weight, bias)
        size = _size(x) @ np.abs(weight).T
        self._need(size if bias is None else size + np.abs(bias), out.fraction)
        return out

    def add(self, a: Range, b: Range) -> Range:
        """See `Machine`."""
        out = super().add(a, b)
        self._need(_size(a) + _size(b), out.fraction)
        return out

    def total(self, x: Range, group: Ints, n: Ints) -> Range:
        """See `Machine`."""
        out = super().total(x, group, n)
        size = np.zeros(out.low.shape)
        np.add.at(size, group, _size(x))
        self._need(size, out.fraction)
        return out

    def square(self, x: Range) -> Range:
        """See `Machine`."""
        out = super().square(x)
        self._need(out.high, out.fraction)
        return out

    def _need(self, size: Floats, fraction: Ints) -> None:
        steps = (size * np.exp2(fraction.astype(np.float64))).max(initial=1.0)
        self.most = max(self.most, math.ceil(math.log2(steps + 1)))


def most_bits(program: Program) -> int:
    """Bits that the widest sum of a program needs, in any order of its terms, without its sign."""
    widths = Widths()
    answer_range(program, widths)
    return widths.most


class Nodes:
    """The arithmetic whose values are names in an ONNX graph.

    Parameters
    ----------
    kind : str
        Type of the numbers: ``float32`` or ``float64``.
    """

    def __init__(self, kind: str) -> None:
        self.kind = np.dtype(kind)
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def port(self, x: str, offset: Floats, scale: Floats, integer: Ints, fraction: Ints) -> str:
        """See `Machine`; dividing by a power of two is multiplying by one."""
        moved = self._node("Mul", self._node("Sub", x, self._number(offset)), self._number(1.0 / scale))
        return self.cut(moved, np.ones_like(integer), integer, fraction)

    def dense(self, x: str, weight: Floats, bias: Floats | None = None) -> str:
        """See `Machine`."""
        out = self._node("MatMul", x, self._number(weight.T))
        return out if bias is None else self._node("Add", out, self._number(bias))

    def cut(self, x: str, signed: Ints, integer: Ints, fraction: Ints) -> str:
        """See `Machine`; a channel without bits is held between 0 and 0."""
        alive = signed + integer + fraction > 0
        low = np.where(alive, -signed * np.exp2(integer), 0.0)
        high = np.where(alive, np.exp2(integer) - np.exp2(-fraction), 0.0)
        down = self._node("Floor", self._node("Mul", x, self._number(np.exp2(fraction))))
        grid = self._node("Mul", down, self._number(np.exp2(-fraction)))
        held = self._node("Min", grid, self._number(np.maximum(high, low)))
        return self._node("Max", held, self._number(low))

    def add(self, a: str, b: str) -> str:
        """See `Machine`."""
        return self._node("Add", a, b)

    def rows(self, x: str, index: Ints) -> str:
        """See `Machine`."""
        return self._node("Gather", x, self._constant(index), axis=-2)

    def valid(self, x: str, valid: str, slots: Ints | None = None) -> str:
        """See `Machine`."""
        on = valid
        for place, row in enumerate([] if slots is None else slots):
            one = self._node("Gather", valid, self._constant(row), axis=-1)
            on = self._node("Mul", on, one) if place else one
        return self._node("Mul", x, self._node("Unsqueeze", on, self._constant(np.array([-1]))))

    def total(self, x: str, group: Ints, n: Ints) -> str:
        """See `Machine`; a product with zeros and ones, as scattered sums race in ONNX Runtime (its issue 18048)."""
        return self._node("MatMul", self._number(np.arange(n[0])[:, None] == group), x)

    def square(self, x: str) -> str:
        """See `Machine`."""
        return self._node("Mul", x, x)

    def _number(self, values: NDArray) -> str:
        numbers = np.asarray(values, np.float64)
        kept = numbers.astype(self.kind)
        if (kept != numbers).any():
            raise BadBundle("network", f"holds a weight that {self.kind} does not: use precision=float64")
        return self._constant(kept)

    def _constant(self, values: NDArray) -> str:
        from onnx import numpy_helper

        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(values, order="C"), name))
        return name

    def _node(self, op: str, *inputs: str, **attributes: Any) -> str:
        from onnx import helper

        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], name, **attributes))
        return name


def write_onnx_program(
    program: Program, folder: Path, provenance: JsonMapping, precision: str = ""
) -> JsonDict:
    """Write ``program.onnx`` into a folder that is there; returns the facts of `make_onnx_program`."""
    data, facts = make_onnx_program(program, provenance, precision)
    (folder / MODEL).write_bytes(data)
    return facts


def make_onnx_program(
    program: Program, provenance: JsonMapping, precision: str = ""
) -> tuple[bytes, JsonDict]:
    """A program as a file of ONNX, and facts of it; the same program gives the same bytes.

    Its inputs: ``x`` (batch, [slots,] features) as they come from the detector and, for graphs, ``valid`` (batch, slots) of
    zeros and ones; its output: ``answer`` (batch, [rows,] outputs).

    Parameters
    ----------
    program : Program
    provenance : mapping
        Kept as the model's metadata: plain values.
    precision : str
        ``float32`` or ``float64``; by default the narrower that is exact.

    Returns
    -------
    bytes, dict
        ``file, bytes, sha256, opset, ir, precision, most_bits, nodes``

    Raises
    ------
    BadBundle
        If `precision` does not hold every sum, or onnx is not installed.
    """
    try:
        from onnx import checker, helper
    except ImportError as error:
        raise BadBundle("network", f"the onnx target needs onnx; {EXTRA}") from error
    bits = most_bits(program)
    kind = precision or ("float32" if bits <= HOLDS["float32"] else "float64")
    if bits > HOLDS[kind]:
        raise BadBundle("network", f"a sum needs {bits} bits, more than {kind} holds: use precision=float64")
    nodes = Nodes(kind)
    valid = "valid" if program.slots else None
    ports = nodes.cut("x", program.signed, program.integer, program.fraction)
    last = program.run(nodes, ports, valid)
    nodes.nodes.append(helper.make_node("Identity", [last], ["answer"]))
    # One row of features goes in, so that no program ever sees an empty shape.
    shape: list[str | int] = ["batch", *([program.slots] if program.slots else []), program.features]
    element = helper.np_dtype_to_tensor_dtype(nodes.kind)
    inputs = [helper.make_tensor_value_info("x", element, shape)]
    if valid:
        inputs.append(helper.make_tensor_value_info(valid, element, ["batch", program.slots]))
    rows, outputs = answer_range(program).low.shape
    out = helper.make_tensor_value_info("answer", element, ["batch", *([rows] if valid else []), outputs])
    graph = helper.make_graph(nodes.nodes, "gnnreco", inputs, [out], nodes.constants)
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR,
        producer_name="gnnreco",
        producer_version=__version__,
    )
    helper.set_model_props(
        model, {k: v if isinstance(v, str) else json.dumps(v) for k, v in provenance.items()}
    )
    checker.check_model(model, full_check=True)
    data = model.SerializeToString(deterministic=True)
    return data, {
        "file": MODEL,
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "opset": OPSET,
        "ir": IR,
        "precision": kind,
        "most_bits": bits,
        "nodes": len(nodes.nodes),
    }


def _size(x: Range) -> Floats:
    return np.maximum(np.abs(x.low), np.abs(x.high))
