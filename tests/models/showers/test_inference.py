"""The shower network without torch says what torch says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from gnnreco.models.showers import loud_messages
from gnnreco.models.showers.inference import Held, ShowerInference
from gnnreco.models.showers.network import ClusterCells, ShowerNetwork
from gnnreco.models.showers.weights import ShowerNetworkConfig, shower_weights
from gnnreco.models.state import of_network

CELL, PAIR, MOMENTS, PIECE, CLASSES, COMPANY, FOREIGN = 16, 8, 30, 9, 6, 6, 26
CONFIG = ShowerNetworkConfig(hidden=24, rounds=2, piece_rounds=1, shower_hidden=32)


def both(config: ShowerNetworkConfig) -> tuple[ShowerNetwork, ShowerInference]:
    torch.manual_seed(3)
    network = ShowerNetwork(config, CELL, PAIR, MOMENTS, PIECE, CLASSES, False, COMPANY, FOREIGN)
    for parameter in network.parameters():  # the last layers begin at zero
        torch.nn.init.normal_(parameter, std=0.3)
    network.sigma_scale.copy_(torch.rand(2, CLASSES) + 0.5)
    state = {name: tensor.detach().numpy() for name, tensor in network.state_dict().items()}
    return network, ShowerInference(state, config.rounds, config.piece_rounds, FOREIGN)


def table(n: int, features: int, pair_features: int, k: int = 8) -> dict[str, np.ndarray]:
    """Rows with their neighbours: rows with none and rows with all of them too."""
    rng = np.random.default_rng(4)
    real = np.arange(k) < np.arange(n)[:, None] % (k + 1)
    other = rng.integers(0, max(n, 1), (n, k))
    return {
        "cells": rng.normal(size=(n, features)).astype(np.float32),
        "pairs": rng.normal(size=(n, k, pair_features)).astype(np.float32) * real[:, :, None],
        "neighbour": np.where(real, other, np.arange(n)[:, None]).astype(np.int32),
        "real": real,
    }


def tensors(columns: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    return {name: ShowerNetwork.given(column) for name, column in columns.items()}


def held(n: int, clusters: int) -> Held:
    """Each cell in one cluster, each tenth in two."""
    cell = np.concatenate([np.arange(n), np.arange(0, n, 10)])
    cluster = np.concatenate([np.arange(n) % clusters, (np.arange(0, n, 10) + 1) % clusters])
    order = np.argsort(cluster, kind="stable")
    weight = np.random.default_rng(5).uniform(0.2, 1, len(cell)).astype(np.float32)
    start = np.searchsorted(cluster[order], np.arange(clusters + 1))
    return Held(cell[order], cluster[order], weight, start)


@pytest.mark.parametrize("n", [0, 1, 500])
def test_cells(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loud_messages, "STRETCH", 64)
    network, inference = both(CONFIG)
    graph = table(n, CELL, PAIR)
    with torch.no_grad():
        wanted = network.cells(tensors(graph))
    found = inference.cells(graph)
    np.testing.assert_allclose(found.state, wanted.state, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found.logit, wanted.logit, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("identity", [0, 20])
def test_pieces_and_showers(identity: int) -> None:
    network, inference = both(replace(CONFIG, identity_hidden=identity))
    n, clusters = 400, 12
    rng = np.random.default_rng(6)
    state = rng.normal(size=(n, CONFIG.hidden)).astype(np.float32)
    energy = rng.exponential(1.0, n).astype(np.float32) + np.float32(0.01)
    shares, moments = held(n, clusters), rng.normal(size=(clusters, MOMENTS)).astype(np.float32)
    company = rng.normal(size=(clusters, COMPANY)).astype(np.float32)
    graph = table(clusters, MOMENTS, PIECE)
    graph.pop("cells")
    crowd = inference.showers(state, energy, shares, moments, company)
    pieces = inference.pieces(state, energy, shares, moments, graph)
    given = tuple(torch.from_numpy(x) for x in (state, energy))
    cells = ClusterCells(*(torch.from_numpy(x) for x in shares))
    with torch.no_grad():
        judged = network.showers(*given, cells, torch.from_numpy(moments), torch.from_numpy(company))
        joined = network.pieces(*given, cells, torch.from_numpy(moments), tensors(graph))
    assert 0 < (moments[:, FOREIGN] > 0.01).sum() < clusters
    for found, wanted in zip((*crowd, pieces), (*judged, joined), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-3)


def test_neither_the_order_of_rows_nor_the_threads_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    _, inference = both(CONFIG)
    graph = table(300, CELL, PAIR)
    plain = inference.cells(graph)
    monkeypatch.setattr(loud_messages, "get_num_threads", lambda: 3)
    monkeypatch.setattr(loud_messages, "STRETCH", 100)
    for one, two in zip(plain, inference.cells(graph), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-5)
    order = np.random.default_rng(7).permutation(300)
    place = np.argsort(order).astype(np.int32)
    mixed = {name: column[order] for name, column in graph.items()}
    mixed["neighbour"] = place[mixed["neighbour"]]
    for one, two in zip(plain, inference.cells(mixed), strict=True):
        np.testing.assert_allclose(one[order], two, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("pivot", [False, True])
@pytest.mark.parametrize("identity", [0, 20])
def test_the_arrays_expected_are_those_of_the_network(identity: int, pivot: bool) -> None:
    config = replace(CONFIG, identity_hidden=identity, rounds=3)
    sizes = (CELL, PAIR, MOMENTS, PIECE, CLASSES, pivot, COMPANY)
    wanted = of_network(ShowerNetwork(config, *sizes, FOREIGN))
    found = shower_weights(config, *sizes)
    assert {name: (x.shape, x.dtype) for name, x in found.items()} == {
        name: (x.shape, x.dtype) for name, x in wanted.items()
    }
    assert all(x.optional == name.startswith(("adversary.", "identity.")) for name, x in found.items())


@pytest.mark.parametrize("width", [3, 8, 9, 18])
def test_messages_of_any_number_of_columns(width: int) -> None:
    rng = np.random.default_rng(width)
    me, other, pairs, weight, last = (
        rng.normal(size=shape).astype(np.float32)
        for shape in ((40, 5), (60, 5), (40, 4, width), (width, 5), 5)
    )
    neighbour, real = rng.integers(0, 60, (40, 4)).astype(np.int32), rng.random((40, 4)) < 0.7
    message = np.maximum(me[:, None] + other[neighbour] + pairs @ weight, 0)
    heard = message * real[:, :, None]
    found = loud_messages.listen(me, other, pairs, weight, neighbour, real)
    np.testing.assert_allclose(
        found, np.hstack([heard.mean(axis=1), heard.max(axis=1)]), rtol=1e-4, atol=1e-5
    )
    score = loud_messages.score(me, other, pairs, weight, neighbour, last, 0.5)
    np.testing.assert_allclose(score, message @ last + 0.5, rtol=1e-4, atol=1e-4)
