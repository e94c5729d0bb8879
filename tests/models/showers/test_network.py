"""The network over cells and showers: no cells, another order, padded places, and energies that scale."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from gnnreco.models.showers.network import ClusterCells, ShowerNetwork
from gnnreco.models.showers.weights import ShowerNetworkConfig

CELLS, PAIRS, MOMENTS, PIECES, CLASSES, K = 5, 4, 6, 3, 6, 4


@pytest.fixture(scope="module")
def network() -> ShowerNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        net = ShowerNetwork(ShowerNetworkConfig(12, 2, K, 2, K, 16), CELLS, PAIRS, MOMENTS, PIECES, CLASSES)
        for parameter in net.weigh[2].parameters():
            torch.nn.init.normal_(parameter, std=0.3)
    return net.eval()


def random_graph(n: int, seed: int, rows: int = CELLS, pairs: int = PAIRS) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return {
        "cells": torch.randn(n, rows, generator=draw),
        "pairs": torch.randn(n, K, pairs, generator=draw),
        "neighbour": torch.randint(0, max(n, 1), (n, K), generator=draw, dtype=torch.int32),
        "real": (torch.rand(n, K, generator=draw) < 0.7).float(),
    }


def random_showers(n: int, clusters: int, seed: int) -> tuple[Tensor, Tensor, ClusterCells, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    owner = torch.sort(
        torch.cat([torch.arange(clusters), torch.randint(0, clusters, (n,), generator=draw)])
    ).values
    shares = ClusterCells(
        torch.randint(0, n, (len(owner),), generator=draw),
        owner,
        torch.rand(len(owner), generator=draw) + 0.1,
        torch.searchsorted(owner, torch.arange(clusters + 1)),
    )
    state, energy = torch.randn(n, 12, generator=draw), torch.rand(n, generator=draw) + 0.1
    return state, energy, shares, torch.randn(clusters, MOMENTS, generator=draw)


def test_no_cells_and_no_showers(network: ShowerNetwork) -> None:
    scores = network.cells(random_graph(0, 0))
    assert [tuple(x.shape) for x in scores] == [(0, 12), (0, K), (0, K), (0,)]
    none = torch.zeros(0, dtype=torch.int64)
    shares = ClusterCells(none, none, torch.zeros(0), torch.zeros(1, dtype=torch.int64))
    energy, sigma, kind = network.showers(torch.zeros(0, 12), torch.zeros(0), shares, torch.zeros(0, MOMENTS))
    assert (energy.shape, sigma.shape, kind.shape) == ((0,), (0,), (0, CLASSES))
    graph = random_graph(0, 0, pairs=PIECES)
    assert network.pieces(
        torch.zeros(0, 12), torch.zeros(0), shares, torch.zeros(0, MOMENTS), graph
    ).shape == (0, K)


@given(st.integers(1, 40), st.integers(0, 2**32))
@settings(max_examples=20)
def test_renumbered_cells_keep_their_scores(network: ShowerNetwork, n: int, seed: int) -> None:
    graph = random_graph(n, seed)
    old = torch.randperm(n, generator=torch.Generator().manual_seed(seed + 1))  # the old number of each cell
    moved = {name: table[old] for name, table in graph.items()}
    moved["neighbour"] = torch.argsort(old)[moved["neighbour"].long()].int()
    for one, two in zip(network.cells(graph), network.cells(moved), strict=True):
        torch.testing.assert_close(one[old], two, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_what_is_not_real_is_not_heard(network: ShowerNetwork, seed: int) -> None:
    graph, noise = random_graph(30, seed), random_graph(30, seed + 100)
    real = graph["real"] > 0
    other = graph | {
        "pairs": torch.where(real[:, :, None], graph["pairs"], 50 * noise["pairs"]),
        "neighbour": torch.where(real, graph["neighbour"], noise["neighbour"]),
    }
    one, two = network.cells(graph), network.cells(other)
    torch.testing.assert_close(one.state, two.state)
    torch.testing.assert_close(one.beta, two.beta)
    torch.testing.assert_close(one.pull, two.pull)
    torch.testing.assert_close(one.logit[real], two.logit[real])
    assert (one.pull[~real] == 0).all()
    assert not torch.equal(one.logit[~real], two.logit[~real])  # so there was something to hear


@pytest.mark.parametrize("factor", [0.01, 30.0])
def test_energy_scales_with_that_of_the_cells(network: ShowerNetwork, factor: float) -> None:
    state, energy, shares, moments = random_showers(50, 7, 1)
    one = network.showers(state, energy, shares, moments)
    two = network.showers(state, factor * energy, shares, moments)
    shift = torch.log(torch.tensor(factor))
    torch.testing.assert_close(one[0] + shift, two[0], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(one[1:], two[1:], atol=1e-4, rtol=1e-4)


def test_a_shower_is_judged_alone_and_in_any_order_of_its_cells(network: ShowerNetwork) -> None:
    state, energy, shares, moments = random_showers(40, 5, 2)
    whole = network.showers(state, energy, shares, moments)
    for c in range(5):
        rows = torch.nonzero(shares.cluster == c)[:, 0].flip(0)
        start = torch.tensor([0, len(rows)])
        mine = ClusterCells(shares.cell[rows], torch.zeros_like(rows), shares.weight[rows], start)
        alone = network.showers(state, energy, mine, moments[c : c + 1])
        for one, two in zip(whole, alone, strict=True):
            torch.testing.assert_close(one[c : c + 1], two, atol=1e-5, rtol=1e-4)


def test_pieces_do_not_hear_what_is_not_real(network: ShowerNetwork) -> None:
    state, energy, shares, moments = random_showers(60, 9, 3)
    graph, noise = random_graph(9, 4, pairs=PIECES), random_graph(9, 5, pairs=PIECES)
    real = graph["real"] > 0
    other = graph | {"pairs": torch.where(real[:, :, None], graph["pairs"], noise["pairs"])}
    one, two = (network.pieces(state, energy, shares, moments, g) for g in (graph, other))
    torch.testing.assert_close(one[real], two[real])
    assert not torch.equal(one[~real], two[~real])


def test_a_new_network_gives_every_cell_its_energy() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = ShowerNetwork(ShowerNetworkConfig(12), CELLS, PAIRS, MOMENTS, PIECES, CLASSES)
    state, energy, shares, moments = random_showers(30, 1, 6)
    torch.nn.init.zeros_(net.shower[-1].weight)
    torch.nn.init.zeros_(net.shower[-1].bias)
    seen = (shares.weight * energy[shares.cell]).sum()
    torch.testing.assert_close(net.showers(state, energy, shares, moments)[0].exp(), seen[None])
