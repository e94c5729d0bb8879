"""The segment network as an ONNX graph, node by node from its weights: small, exact, and made without torch.

A sum at nodes has two spellings. `ScatterND` is the fastest, but ONNX Runtime races in it on more than one thread
(github.com/microsoft/onnxruntime/issues/18048); `ScatterElements` gives the same bytes on any number of threads and takes
longer. So there are two models of a network: one for sessions with one thread, and one for all others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from gnnreco.models.weights import Weights

OPSET, IR = 18, 10  # what CMSSW's ONNX Runtime reads
EPSILON = 1e-5  # of torch's LayerNorm
INPUTS = ("nodes", "edges", "inner", "outer")
OUTPUTS = ("edge_logits", "node_logits")
INT8 = 127  # largest weight in eight bits, the same on both sides of zero


def build_onnx(
    weights: Weights,
    iterations: int,
    metadata: Mapping[str, str] | None = None,
    int8: bool = False,
    one_thread: bool = False,
) -> bytes:
    """The network as a file of ONNX.

    Inputs are ``nodes`` float32 (n, f), ``edges`` float32 (m, g), ``inner`` and ``outer`` int64 (m,), in any order of the
    edges; outputs ``edge_logits`` float32 (m,) and ``node_logits`` (n,). Either n or m may be nothing.

    Parameters
    ----------
    weights : mapping of arrays
        See `gnnreco.models.weights.weight_shapes`.
    iterations : int
        Rounds of message passing.
    metadata : mapping of str, optional
        Written into the file.
    int8 : bool
        Keep the weights of layers in eight bits, one scale for each output; numbers between layers stay float32.
    one_thread : bool
        The faster sums, which are wrong where a session has more than one thread.
    """
    g = _Graph(weights, int8)
    hidden = len(weights["node_norm.weight"])
    width, axis = g.constant("width", np.array([hidden])), g.constant("axis", np.array([1]))
    n_nodes = g.op("Shape", "nodes", start=0, end=1)
    zeros = g.op("ConstantOfShape", g.op("Concat", n_nodes, width, axis=0))
    sum_at = _sums_on_one_thread(g, zeros) if one_thread else _sums(g, zeros, hidden)
    h = g.layer(g.op("Relu", g.layer(g.normalised("nodes", "node"), "node_in.0")), "node_in.2")
    fixed = e = g.layer(g.normalised("edges", "edge"), "edge_in")
    for _ in range(iterations):
        hn = g.norm(h, "node")
        ends = [g.op("Gather", g.layer(hn, side), side, axis=0) for side in ("inner", "outer")]
        mixed = g.op("Relu", g.op("Add", g.op("Add", *ends), g.layer(e, "edge_mix")))
        change, gate = g.split(g.layer(mixed, "message"), hidden)
        e = g.norm(g.op("Add", fixed, change), "edge")
        sent = g.op("Mul", e, g.op("Sigmoid", gate))
        received = [sum_at[side](sent) for side in ("outer", "inner")]
        update = g.layer(g.op("Concat", hn, *received, axis=1), "update.0")
        h = g.op("Add", h, g.layer(g.op("Relu", update), "update.2"))
    logits = g.layer(g.op("Relu", g.layer(e, "edge_out.0")), "edge_out.2"), g.layer(h, "node_out")
    for logit, name in zip(logits, OUTPUTS, strict=True):
        g.op("Squeeze", logit, axis, name=name)
    return g.model(metadata or {})


def _sums_on_one_thread(g: _Graph, zeros: str) -> dict[str, Callable[[str], str]]:
    """What sums rows at their inner or outer nodes, row by row."""

    def at(side: str) -> Callable[[str], str]:
        place = g.op("Unsqueeze", side, "axis")
        return lambda rows: g.op("ScatterND", zeros, place, rows, reduction="add")

    return {side: at(side) for side in ("inner", "outer")}


def _sums(g: _Graph, zeros: str, hidden: int) -> dict[str, Callable[[str], str]]:
    """The same number by number, in a line: so `ScatterElements` is quickest. 32 bits serve up to 80 million nodes."""
    width = g.constant("width32", np.array([hidden], np.int32))
    columns = g.constant("columns", np.arange(hidden, dtype=np.int32))
    flat, table = g.constant("flat", np.array([-1])), g.constant("table", np.array([-1, hidden]))
    line = g.op("Reshape", zeros, flat)

    def at(side: str) -> Callable[[str], str]:
        node = g.op("Cast", g.op("Unsqueeze", side, "axis"), to=TensorProto.INT32)
        place = g.op("Reshape", g.op("Add", g.op("Mul", node, width), columns), flat)
        return lambda rows: g.op(
            "Reshape",
            g.op("ScatterElements", line, place, g.op("Reshape", rows, flat), axis=0, reduction="add"),
            table,
        )

    return {side: at(side) for side in ("inner", "outer")}


class _Graph:
    """Nodes and constants in the making."""

    def __init__(self, weights: Weights, int8: bool) -> None:
        self.weights, self.int8 = weights, int8
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, NDArray[np.generic]] = {}

    def constant(self, name: str, array: NDArray[np.generic]) -> str:
        self.constants[name] = array
        return name

    def op(self, kind: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        name = name or f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def split(self, rows: str, width: int) -> tuple[str, str]:
        """The first `width` columns, and the one left."""
        first, last = f"{rows}_first", f"{rows}_last"
        sizes = self.constant("sizes", np.array([width, 1]))
        self.nodes.append(
            helper.make_node("Split", [rows, sizes], [first, last], name=f"{rows}_split", axis=1)
        )
        return first, last

    def layer(self, rows: str, name: str) -> str:
        """A dense layer."""
        bias = f"{name}.bias"
        more = [self.constant(bias, self.weights[bias])] if bias in self.weights else []
        return self.op("Gemm", rows, self._weight(f"{name}.weight"), *more, transB=1)

    def _weight(self, name: str) -> str:
        weight, real = self.weights[name], f"{name}.real"
        if not self.int8:
            return self.constant(name, weight)
        if name not in self.constants:
            scale = np.maximum(np.abs(weight).max(axis=1), np.finfo(np.float32).tiny) / INT8
            self.constant(name, np.rint(weight / scale[:, None]).astype(np.int8))
            self.constant(f"{name}.scale", scale.astype(np.float32))
            made = helper.make_node("DequantizeLinear", [name, f"{name}.scale"], [real], name=real, axis=0)
            self.nodes.append(made)
        return real

    def normalised(self, rows: str, part: str) -> str:
        """Features less their mean, over their scale."""
        mean, scale = (
            self.constant(f"{part}_{what}", self.weights[f"{part}_{what}"]) for what in ("mean", "scale")
        )
        return self.op("Div", self.op("Sub", rows, mean), scale)

    def norm(self, rows: str, part: str) -> str:
        names = (f"{part}_norm.{what}" for what in ("weight", "bias"))
        given = (self.constant(name, self.weights[name]) for name in names)
        return self.op("LayerNormalization", rows, *given, axis=-1, epsilon=EPSILON)

    def model(self, metadata: Mapping[str, str]) -> bytes:
        w, info = self.weights, helper.make_tensor_value_info
        inputs = [
            info("nodes", TensorProto.FLOAT, ["n_nodes", len(w["node_mean"])]),
            info("edges", TensorProto.FLOAT, ["n_edges", len(w["edge_mean"])]),
            *(info(side, TensorProto.INT64, ["n_edges"]) for side in ("inner", "outer")),
        ]
        outputs = [
            info(n, TensorProto.FLOAT, [size])
            for n, size in zip(OUTPUTS, ("n_edges", "n_nodes"), strict=True)
        ]
        constants = [numpy_helper.from_array(array, name) for name, array in self.constants.items()]
        graph = helper.make_graph(self.nodes, "segment_network", inputs, outputs, constants)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR, producer_name="gnnreco"
        )
        helper.set_model_props(model, dict(metadata))
        onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString(deterministic=True))
