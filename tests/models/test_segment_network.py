"""The network over segments: sums, symmetries, batches, and the same logits without torch."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.models import NetworkConfig, SegmentModel, infer, inference
from gnnreco.models.aggregate import segment_sum, sort_by_node
from gnnreco.models.segment_network import SegmentNetwork, tensors_of
from gnnreco.models.state import checked
from gnnreco.models.weights import segment_weights, weight_shapes

NODE_FEATURES, EDGE_FEATURES = 16, 8


def random_graph(seed: int, n: int, m: int):
    """Features and triplets (sorted by the inner node) of a graph without any meaning."""
    rng = np.random.default_rng(seed)
    triplets = rng.integers(0, max(n, 1), (m, 2)).astype(np.int32)
    triplets = triplets[np.lexsort((triplets[:, 1], triplets[:, 0]))]
    nodes, edges = (rng.normal(size=s).astype(np.float32) for s in ((n, NODE_FEATURES), (m, EDGE_FEATURES)))
    return nodes, edges, triplets


def arrays(net: SegmentNetwork) -> dict[str, np.ndarray]:
    return {k: v.detach().numpy() for k, v in net.state_dict().items()}


def scores(net: SegmentNetwork, graph) -> np.ndarray:
    """Without torch."""
    return infer(arrays(net), net.config.iterations, *graph)


def network(hidden: int = 24, iterations: int = 3, seed: int = 0) -> SegmentNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = SegmentNetwork(NetworkConfig(hidden, iterations), NODE_FEATURES, EDGE_FEATURES)
        for buffer in net.buffers():
            buffer.copy_(torch.rand_like(buffer) + 0.5)
        for name, p in net.named_parameters():
            if "norm" in name:
                torch.nn.init.uniform_(p, 0.5, 1.5)
    return net.eval()


def logits(net: SegmentNetwork, graph) -> tuple[np.ndarray, np.ndarray]:
    with torch.inference_mode():
        edge, node = net(tensors_of(*graph))
    return edge.numpy(), node.numpy()


@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(0, 200), st.integers(1, 9))
@settings(max_examples=30)
def test_segment_sum_is_index_add(seed, n, m, width):
    rng = np.random.default_rng(seed)
    node, values = rng.integers(0, n, m), torch.from_numpy(rng.normal(size=(m, width)).astype(np.float32))
    order, start = map(torch.from_numpy, sort_by_node(node, n))
    expected = torch.zeros(n, width).index_add_(0, torch.from_numpy(node), values)
    torch.testing.assert_close(segment_sum(values, torch.from_numpy(node), order, start), expected)


def test_segment_sum_has_the_gradient_of_a_sum():
    node = np.array([2, 0, 2, 1, 2])
    order, start = map(torch.from_numpy, sort_by_node(node, 4))
    values = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    values.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda v: segment_sum(v, torch.from_numpy(node), order, start), (values,), eps=1e-2, atol=1e-3
    )


def test_sort_by_node_is_stable():
    order, start = sort_by_node(np.array([1, 0, 1, 3, 0]), 5)
    assert order.tolist() == [1, 4, 0, 2, 3]
    assert start.tolist() == [0, 2, 4, 4, 5, 5]


def test_two_graphs_in_one_batch_do_not_see_each_other():
    net, one, two = network(), random_graph(1, 30, 50), random_graph(2, 20, 70)
    both = (
        np.concatenate([one[0], two[0]]),
        np.concatenate([one[1], two[1]]),
        np.concatenate([one[2], two[2] + 30]).astype(np.int32),
    )
    for part, first, second in zip(logits(net, both), logits(net, one), logits(net, two), strict=True):
        np.testing.assert_allclose(part, np.concatenate([first, second]), atol=1e-5)


@given(st.integers(0, 2**32))
@settings(max_examples=10)
def test_renumbered_nodes_keep_their_logits(seed):
    net, (nodes, edges, triplets) = network(), random_graph(seed, 25, 60)
    edge, node = logits(net, (nodes, edges, triplets))
    new = np.random.default_rng(seed + 1).permutation(25)  # the new number of each node
    moved = new[triplets].astype(np.int32)
    order = np.argsort(moved[:, 0], kind="stable")
    shuffled = logits(net, (nodes[np.argsort(new)], edges[order], moved[order]))
    np.testing.assert_allclose(shuffled[0], edge[order], atol=1e-5)
    np.testing.assert_allclose(shuffled[1], node[np.argsort(new)], atol=1e-5)


@pytest.mark.parametrize("hidden", [5, 16, 24])
@pytest.mark.parametrize(("n", "m"), [(2, 1), (40, 128), (300, 1000)])
def test_inference_gives_the_logits_of_the_network(hidden, n, m):
    net, graph = network(hidden), random_graph(n, n, m)
    np.testing.assert_allclose(scores(net, graph), logits(net, graph)[0], atol=1e-4)


@pytest.mark.parametrize("iterations", [1, 2])
def test_inference_with_few_iterations(iterations):
    net, graph = network(8, iterations), random_graph(3, 50, 90)
    np.testing.assert_allclose(scores(net, graph), logits(net, graph)[0], atol=1e-4)


@pytest.mark.parametrize("n", [0, 3])
def test_a_graph_without_edges_has_no_logits(n):
    net, graph = network(), random_graph(0, n, 0)
    assert scores(net, graph).shape == (0,)
    edge, node = logits(net, graph)
    assert edge.shape == (0,)
    assert node.shape == (n,)


def test_the_same_graph_gives_the_same_bytes():
    net, graph = network(), random_graph(5, 200, 700)
    assert scores(net, graph).tobytes() == scores(net, graph).tobytes()
    assert logits(net, graph)[0].tobytes() == logits(net, graph)[0].tobytes()


@pytest.mark.parametrize("edges", [1, 7, 64])
def test_a_graph_in_portions_gives_the_same_bytes(edges: int, monkeypatch: pytest.MonkeyPatch) -> None:
    net, graph = network(), random_graph(5, 400, 300)
    whole = scores(net, graph)
    monkeypatch.setattr(inference, "PORTION", edges)
    assert scores(net, graph).tobytes() == whole.tobytes()


@pytest.mark.parametrize("hidden", [1, 24])
def test_names_and_shapes_are_those_of_the_network(hidden):
    net = network(hidden)
    shapes = {k: tuple(v.shape) for k, v in net.state_dict().items()}
    assert weight_shapes(hidden, NODE_FEATURES, EDGE_FEATURES) == shapes


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda w: w.pop("edge_in.bias"), "lacks the weight 'edge_in.bias'"),
        (lambda w: w.update(more=np.zeros(1)), "knows no weight 'more'"),
        (lambda w: w.update({"node_mean": np.zeros(3)}), "'node_mean' has shape"),
    ],
)
def test_weights_that_do_not_fit_are_named(change, why):
    weights = arrays(network())
    change(weights)
    with pytest.raises(ValueError, match=why):
        checked(weights, segment_weights(24, NODE_FEATURES, EDGE_FEATURES))


def test_a_model_is_the_same_before_and_after_torch_takes_its_weights():
    net, graph = network(), random_graph(6, 30, 80)
    model = SegmentModel(net.config, NODE_FEATURES, EDGE_FEATURES)
    model.load(arrays(net))
    before = model.logits(*graph)
    assert {k: v.tobytes() for k, v in arrays(model.network).items()} == {
        k: v.tobytes() for k, v in arrays(net).items()
    }
    assert not model.network.training
    assert model.logits(*graph).tobytes() == before.tobytes()
    with torch.no_grad():
        model.network.edge_out[2].bias += 1.0
    np.testing.assert_allclose(model.logits(*graph), before + 1, atol=1e-5)
    kept = model.network.edge_out[2].bias
    model.load(arrays(net))
    assert model.network.edge_out[2].bias is kept  # an optimizer holds on to it
    assert model.logits(*graph).tobytes() == before.tobytes()


def test_a_new_model_depends_on_its_seed_alone():
    def state(seed: int) -> dict[str, bytes]:
        torch.manual_seed(seed + 100)
        first = torch.rand(1)
        weights = SegmentModel(NetworkConfig(), NODE_FEATURES, EDGE_FEATURES, seed).weights()
        torch.manual_seed(seed + 100)
        assert torch.rand(1) == first
        return {k: v.tobytes() for k, v in weights.items()}

    assert state(3) == state(3)
    assert state(3) != state(4)
