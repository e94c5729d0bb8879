"""Which showers may belong to which tracks and to which other showers, and what is told of each pair."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.columns import Floats
from gnnreco.graphs.elements.graph import EDGE_FEATURES, ElementConfig, ElementGraph, element_graph
from gnnreco.graphs.elements.showers import SHOWER_FEATURES, Showers
from gnnreco.graphs.elements.trails import TRACK_FEATURES, Trails

SEEDS = st.integers(0, 10_000)
UNIT = 20.0


def trails(directions: Any, momentum: float = 10.0, start: float = 1000.0, stop: float = 2500.0) -> Trails:
    """Straight tracks from the origin, with a point every 20 mm from `start` on."""
    way = np.array(directions, float).reshape(-1, 3)
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    s = np.arange(start, stop, 20.0)
    n, none = len(way), np.zeros(0, np.int64)
    return Trails(
        np.zeros((n, len(TRACK_FEATURES)), np.float32),
        np.full(n, momentum),
        np.full(n, 0.01),
        (s[None, :, None] * way[:, None]).reshape(-1, 3),
        np.repeat(way, len(s), axis=0),
        np.repeat(np.arange(n), len(s)),
        *(none, none, np.zeros(0)),
    )


def showers(middle: Any, energy: Any = 5.0, length: float = 100.0) -> Showers:
    """Showers that point to the origin, one cell each, which begin half of a length before their middle."""
    place = np.array(middle, float).reshape(-1, 3)
    n, one = len(place), np.ones(len(place))
    axis = place / np.maximum(np.linalg.norm(place, axis=1, keepdims=True), 1e-9)
    return Showers(
        np.zeros((n, len(SHOWER_FEATURES)), np.float32),
        energy * one,
        energy * one,
        place - length / 2 * axis,
        place,
        place + length / 2 * axis,
        axis,
        *(UNIT * one, 0.5 * one, 10.0 * one),
        np.arange(n),
        np.arange(n),
        energy * one,
    )


def edges(graph: ElementGraph) -> list[tuple[int, int]]:
    return list(zip(graph.shower.tolist(), graph.owner.tolist(), strict=True))


def told(graph: ElementGraph, name: str) -> Floats:
    return graph.edge_features[:, EDGE_FEATURES.index(name)].astype(np.float64)


def sphere(rng: np.random.Generator, n: int, low: float = 1300.0, high: float = 2000.0) -> Floats:
    """Places around the origin."""
    way = rng.normal(size=(n, 3))
    return rng.uniform(low, high, (n, 1)) * way / np.linalg.norm(way, axis=1, keepdims=True)


def test_a_shower_is_joined_to_the_tracks_within_reach() -> None:
    made = trails([[1, 0, 0], [1, 0.1, 0], [-1, 0, 0]])
    graph = element_graph(made, showers([[1500, 0, 0]]), ElementConfig())
    assert edges(graph) == [(0, 0), (0, 1)]
    assert told(graph, "to_track").tolist() == [1, 1]
    assert told(graph, "nearest_of_shower").tolist() == [1, 0]
    assert told(graph, "nearest_of_owner").tolist() == [1, 1]
    assert told(graph, "front_distance") == pytest.approx(
        [0, np.log1p(1450 * 0.1 / np.hypot(1, 0.1) / UNIT)], abs=1e-5
    )
    assert told(graph, "angle") == pytest.approx([1, 1 / np.hypot(1, 0.1)], abs=1e-6)


@given(SEEDS, st.integers(0, 6), st.integers(0, 12), st.integers(0, 4), st.integers(0, 4))
@settings(max_examples=40)
def test_edges_are_in_order_of_two_kinds_and_not_too_many(
    seed: int, n_tracks: int, n: int, most: int, neighbours: int
) -> None:
    rng = np.random.default_rng(seed)
    config = ElementConfig(tracks=max(most, 1), neighbours=neighbours, reach=4000.0)
    graph = element_graph(trails(sphere(rng, n_tracks)), showers(sphere(rng, n)), config)
    pairs = edges(graph)
    assert pairs == sorted(set(pairs))
    to_track = graph.owner < n_tracks
    assert (told(graph, "to_track") == to_track).all()
    assert (np.bincount(graph.shower[to_track], minlength=n) <= config.tracks).all()
    assert (np.bincount(graph.shower[~to_track], minlength=n) == min(neighbours, max(n - 1, 0))).all()
    assert (graph.owner - n_tracks != graph.shower).all(), "a shower is its own neighbour"
    assert np.isfinite(graph.edge_features).all()
    first = np.bincount(graph.shower[to_track], told(graph, "nearest_of_shower")[to_track], n)
    assert (first == (np.bincount(graph.shower[to_track], minlength=n) > 0)).all()


@given(SEEDS)
@settings(max_examples=25)
def test_neighbours_are_the_nearest_showers(seed: int) -> None:
    place = sphere(np.random.default_rng(seed), 9, 1300.0, 1600.0)
    graph = element_graph(trails([]), showers(place), ElementConfig(neighbours=3, reach=1e4))
    away = np.linalg.norm(place[:, None] - place[None], axis=2)
    np.fill_diagonal(away, np.inf)
    wanted = [(i, int(j)) for i in range(9) for j in np.sort(np.argsort(away[i])[:3])]
    assert edges(graph) == wanted
    nearest = [j == np.argmin(away[i]) for i, j in wanted]
    assert told(graph, "nearest_of_shower").tolist() == nearest


@given(SEEDS)
@settings(max_examples=25)
def test_turning_everything_changes_nothing(seed: int) -> None:
    from scipy.spatial.transform import Rotation

    rng = np.random.default_rng(seed)
    turn = Rotation.random(random_state=seed).as_matrix()
    ways, place, energy = sphere(rng, 3), sphere(rng, 6), rng.uniform(1, 20, 6)
    config = ElementConfig(reach=2000.0)
    one = element_graph(trails(ways), showers(place, energy), config)
    two = element_graph(trails(ways @ turn.T), showers(place @ turn.T, energy), config)
    assert edges(one) == edges(two)
    np.testing.assert_allclose(one.edge_features, two.edge_features, rtol=1e-3, atol=2e-3)


@given(SEEDS)
@settings(max_examples=25)
def test_the_order_of_showers_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ways, place, energy, order = sphere(rng, 3), sphere(rng, 7), rng.uniform(1, 20, 7), rng.permutation(7)
    config = ElementConfig(reach=2000.0)
    one = element_graph(trails(ways), showers(place, energy), config)
    two = element_graph(trails(ways), showers(place[order], energy[order]), config)
    back = np.append(np.arange(3), 3 + order)
    renamed = [(int(order[s]), int(back[o])) for s, o in edges(two)]
    assert sorted(renamed) == edges(one)
    rows = sorted(range(len(renamed)), key=renamed.__getitem__)
    np.testing.assert_allclose(one.edge_features, two.edge_features[rows], rtol=1e-4, atol=1e-4)


def test_energies_of_a_pair_are_compared() -> None:
    """A shower of twice the track's momentum, and two showers of 4 and 1 GeV."""
    to_track = element_graph(trails([[1, 0, 0]]), showers([[1500, 0, 0]], 20.0), ElementConfig())
    assert told(to_track, "energy_ratio") == pytest.approx([np.log(2)])
    assert told(to_track, "excess") == pytest.approx([10 / np.sqrt(2.51) / 5], rel=1e-5)
    pair = element_graph(
        trails([]), showers([[1500, 0, 0], [1500, 50, 0]], np.array([4.0, 1.0])), ElementConfig()
    )
    assert told(pair, "energy_ratio") == pytest.approx([np.log(4) / 2, -np.log(4) / 2])
    assert told(pair, "excess").tolist() == [0, 0]


def test_the_part_of_a_shower_near_a_path_is_told_by_its_cells() -> None:
    """Three cells of one shower; the path passes two of them, one within a unit and one within four."""
    made, shower = trails([[1, 0, 0]]), showers([[1500, 0, 0]], 10.0)
    near = Trails(
        *(made.features, made.momentum, made.error, made.point, made.direction, made.track),
        np.array([0, 2]),
        np.array([0, 0]),
        np.array([0.5, 3.0]),
    )
    one = [np.array([0, 1, 2]), np.array([0, 0, 0]), np.array([5.0, 3.0, 2.0])]
    parts = Showers(*(getattr(shower, name) for name in Showers.__slots__[:-3]), *one)
    graph = element_graph(near, parts, ElementConfig())
    assert [float(told(graph, name)[0]) for name in ("near_1", "near_2", "near_4")] == pytest.approx(
        [0.5, 0.5, 0.7]
    )


def test_what_is_out_of_reach_is_not_joined() -> None:
    far = showers([[1500, 0, 0], [-1500, 0, 0]])
    assert edges(element_graph(trails([[0, 1, 0]]), far, ElementConfig(reach=400.0))) == []
    assert edges(element_graph(trails([[0, 1, 0]]), showers([]), ElementConfig())) == []
    assert edges(element_graph(trails([]), showers([[1500, 0, 0]]), ElementConfig())) == []
