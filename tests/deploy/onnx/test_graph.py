"""The graph of ONNX is the network of torch: on any graph, any number of threads, and in no order of the edges."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch

from gnnreco.deploy.onnx.parity import random_graph, relative
from gnnreco.models import NetworkConfig, infer
from gnnreco.models.onnx.check import check_onnx
from gnnreco.models.onnx.graph import IR, OPSET, build_onnx
from gnnreco.models.onnx.session import OnnxNetwork
from gnnreco.models.segment_network import SegmentNetwork, tensors_of

SIZES = 7, 5  # features of nodes and edges


def network(hidden: int, iterations: int, seed: int = 0):
    """A network of random weights, its arrays, and its models by number of threads."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = SegmentNetwork(NetworkConfig(hidden, iterations), *SIZES).eval()
        for name, p in net.named_parameters():
            if "norm" in name:
                torch.nn.init.uniform_(p, 0.5, 1.5)
        for buffer in net.buffers():
            buffer.copy_(torch.rand_like(buffer) + 0.5)
    weights = {k: v.detach().numpy() for k, v in net.state_dict().items()}
    return net, weights, {n: build_onnx(weights, iterations, one_thread=n == 1) for n in (1, 2)}


def wanted(net, graph):
    with torch.inference_mode():
        return tuple(x.numpy() for x in net(tensors_of(*graph)))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("n", "m"), [(0, 0), (3, 0), (1, 1), (50, 400), (5_000, 50_000)])
def test_gives_what_torch_gives(n, m, threads):
    net, weights, models = network(24, 3)
    graph = random_graph(weights, n, m)
    found, expected = OnnxNetwork(models[threads], threads).both(*graph), wanted(net, graph)
    assert [f.shape for f in found] == [(m,), (n,)]
    assert relative(found, expected) < 1e-5


@pytest.mark.parametrize(("hidden", "iterations"), [(1, 1), (5, 2), (16, 4)])
def test_any_size_of_the_network(hidden, iterations):
    net, weights, models = network(hidden, iterations)
    nodes, edges, pairs = random_graph(weights, 40, 150, seed=1)
    graph = nodes, edges, pairs[np.argsort(pairs[:, 0], kind="stable")]
    for model in models.values():
        assert relative(OnnxNetwork(model).both(*graph), wanted(net, graph)) < 1e-5
        np.testing.assert_allclose(
            OnnxNetwork(model).logits(*graph), infer(weights, iterations, *graph), atol=1e-4
        )


def test_own_network_wants_edges_by_their_inner_node():
    _, weights, _ = network(5, 2)
    nodes, edges, pairs = random_graph(weights, 40, 150, seed=1)
    with pytest.raises(ValueError, match="sorted by their inner node"):
        infer(weights, 2, nodes, edges, pairs)


def test_sums_are_the_same_bytes_every_time_and_on_two_threads():
    """What ScatterND does not give on two threads, when all edges meet at few nodes."""
    _, weights, models = network(24, 3)
    nodes, edges, _ = random_graph(weights, 10, 50_000)
    pairs = np.random.default_rng(2).integers(0, 10, (50_000, 2)).astype(np.int32)
    two = OnnxNetwork(models[2], 2)
    first = two.both(nodes, edges, pairs)
    for _ in range(5):
        assert [x.tobytes() for x in two.both(nodes, edges, pairs)] == [x.tobytes() for x in first]
    for model in models.values():
        assert relative(OnnxNetwork(model, 1).both(nodes, edges, pairs), first) < 1e-5


def test_the_model_for_one_thread_is_refused_on_two():
    model = build_onnx(network(8, 1)[1], 1, {"gnnreco.threads": "1"}, one_thread=True)
    assert OnnxNetwork(model, 1)
    with pytest.raises(ValueError, match="one thread, not 2"):
        OnnxNetwork(model, 2)


def test_only_the_model_for_one_thread_has_the_sums_that_race():
    sums = {n: {x.op_type for x in check_onnx(model).graph.node} for n, model in network(24, 3)[2].items()}
    assert "ScatterND" in sums[1]
    assert "ScatterElements" in sums[2]
    assert "ScatterND" not in sums[2]


@pytest.mark.filterwarnings("error")
def test_a_plain_session_takes_it_without_a_word(capfd):
    import onnxruntime

    net, weights, models = network(24, 3)
    nodes, edges, pairs = graph = random_graph(weights, 300, 30_000)
    session = onnxruntime.InferenceSession(models[2], providers=["CPUExecutionProvider"])
    assert [i.name for i in session.get_inputs()] == ["nodes", "edges", "inner", "outer"]
    inner, outer = pairs.T.astype(np.int64)
    found = session.run(None, {"nodes": nodes, "edges": edges, "inner": inner, "outer": outer})
    assert relative(found, wanted(net, graph)) < 1e-5
    assert capfd.readouterr() == ("", "")


def test_the_file_is_small_old_enough_and_tells_who_it_is():
    _, weights, _ = network(24, 3)
    model = build_onnx(weights, 3, {"who": "ü \u2028 'x'"})
    assert model == build_onnx(weights, 3, {"who": "ü \u2028 'x'"})
    proto = check_onnx(model)
    assert len(model) < 300_000
    assert (proto.ir_version, [(o.domain, o.version) for o in proto.opset_import]) == (IR, [("", OPSET)])
    assert OnnxNetwork(model).metadata == {"who": "ü \u2028 'x'"}
    dims = {i.name: [d.dim_param for d in i.type.tensor_type.shape.dim] for i in proto.graph.input}
    assert dims["nodes"][0] == "n_nodes"
    assert dims["edges"][0] == dims["inner"][0] == dims["outer"][0] == "n_edges"


def test_eight_bits_are_smaller_and_near():
    net, weights, models = network(24, 3)
    small = build_onnx(weights, 3, int8=True)
    check_onnx(small)
    assert len(small) < 0.7 * len(models[2])
    graph = random_graph(weights, 100, 500)
    assert 1e-6 < relative(OnnxNetwork(small).both(*graph), wanted(net, graph)) < 0.1


def test_what_is_not_a_number_or_not_there_is_an_error():
    _, weights, models = network(8, 1)
    nodes, edges, pairs = random_graph(weights, 10, 20)
    session = OnnxNetwork(models[1])
    for name, rows in (("nodes", nodes), ("edges", edges)):
        broken = {"nodes": nodes, "edges": edges} | {name: rows.copy()}
        broken[name][3, 1] = np.nan
        with pytest.raises(ArithmeticError, match=f"row 3 of {name}"):
            session.logits(broken["nodes"], broken["edges"], pairs)
    for wrong in (-1, 10):
        bad = pairs.copy()
        bad[7, 1] = wrong
        with pytest.raises(IndexError, match="there are 10"):
            session.logits(nodes, edges, bad)


def damaged(kind: str) -> bytes:
    proto = onnx.load_model_from_string(network(8, 1)[2][2])
    if kind == "custom":
        proto.graph.node[0].domain = "com.example"
        proto.opset_import.add(domain="com.example", version=1)
    elif kind == "inside a branch":
        inner = onnx.helper.make_node("Identity", ["nodes"], ["y"], domain="com.example")
        branch = onnx.helper.make_graph([inner], "branch", [], [onnx.ValueInfoProto(name="y")])
        proto.graph.node.append(
            onnx.helper.make_node("If", ["c"], ["z"], then_branch=branch, else_branch=branch)
        )
    elif kind == "external":
        tensor = proto.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="/etc/passwd")
    elif kind == "functions":
        proto.functions.add(name="f", domain="")
    elif kind == "young":
        proto.ir_version = 13
    elif kind == "other":
        proto.graph.input[0].name = "x"
    elif kind == "invalid":
        proto.graph.node[0].op_type = "NoSuchThing"
    elif kind == "bytes":
        return b"\xff\xff not a model"
    return proto.SerializeToString()


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("custom", "com.example"),
        ("inside a branch", "com.example"),
        ("external", "external data"),
        ("functions", "functions"),
        ("young", "IR 13"),
        ("other", "must take"),
        ("invalid", "not valid"),
        ("bytes", "not a file of ONNX"),
    ],
)
def test_a_model_that_leads_elsewhere_is_refused(kind, why):
    with pytest.raises(ValueError, match=why):
        check_onnx(damaged(kind))
