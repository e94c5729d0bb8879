"""Whether a file of ONNX is one that this program would have written: nothing in it leads outside of it."""

from __future__ import annotations

from collections.abc import Iterator

import onnx
from google.protobuf.message import DecodeError

from .graph import INPUTS, IR, OPSET, OUTPUTS


def check_onnx(model: bytes) -> onnx.ModelProto:
    """Read and check a model. Raises `ValueError` that says what is wrong.

    Operators of other domains need a library to be loaded, and external data another file to be read: both are refused.
    """
    try:
        proto = onnx.load_model_from_string(model)
    except DecodeError as error:
        raise ValueError("is not a file of ONNX") from error
    foreign = sorted({n.domain for n in _nodes(proto.graph) if n.domain not in ("", "ai.onnx")})
    if foreign or proto.functions:
        raise ValueError(
            f"has operators of its own ({', '.join(foreign) or 'functions'}); only those of ONNX are run"
        )
    if any(t.data_location == onnx.TensorProto.EXTERNAL or t.external_data for t in _tensors(proto.graph)):
        raise ValueError("keeps its weights in another file (external data); only what is in it is read")
    opsets = {o.domain: o.version for o in proto.opset_import}
    if set(opsets) - {"", "ai.onnx"} or max(opsets.values(), default=99) > OPSET or proto.ir_version > IR:
        raise ValueError(
            f"is of opset {opsets}, IR {proto.ir_version}; at most opset {OPSET} and IR {IR} are read"
        )
    given = {i.name for i in proto.graph.input} - {t.name for t in proto.graph.initializer}
    if given != set(INPUTS) or tuple(o.name for o in proto.graph.output) != OUTPUTS:
        raise ValueError(f"must take {', '.join(INPUTS)} and give {', '.join(OUTPUTS)}")
    try:
        onnx.checker.check_model(proto, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ValueError(f"is not valid ONNX: {error}") from error
    return proto


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
                yield from _graphs(inner)


def _nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    for part in _graphs(graph):
        yield from part.node


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    for part in _graphs(graph):
        yield from part.initializer
        for sparse in part.sparse_initializer:
            yield from (sparse.values, sparse.indices)
        for node in part.node:
            for attribute in node.attribute:
                yield from (*attribute.tensors, *([attribute.t] if attribute.HasField("t") else []))
