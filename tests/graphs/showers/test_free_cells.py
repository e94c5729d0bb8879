"""Graphs of hits without a detector: cells are the unit, however large, however turned."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from gnnreco.columns import Collections, Event, Hits
from gnnreco.graphs.showers.free_cells import FreeGraphConfig, build_free_graph, cell_edges, with_energy


def wall(
    pitch: tuple[float, float, float], n: int = 5, told: bool = True, turn: Rotation | None = None
) -> Event:
    """Two layers of n x n cells across z, 3 m from the origin, in one collection."""
    k = np.arange(n) - n // 2
    grid = np.stack(np.meshgrid(k, k, [0, 1], indexing="ij"), axis=-1).reshape(-1, 3)
    xyz = grid * np.array(pitch) + [0, 0, 3000]
    edges = np.tile(np.diag(np.array(pitch, float)), (len(xyz), 1, 1))
    if turn is not None:
        xyz, edges = turn.apply(xyz), turn.apply(edges.reshape(-1, 3)).reshape(-1, 3, 3)
    hits = Hits(
        np.arange(len(xyz)),
        *xyz.T,
        sensor=np.full(len(xyz), -1, np.int32),
        energy=np.linspace(1, 2, len(xyz)),
    )
    of = np.zeros(len(xyz), np.int32)
    return Event(
        1, "wall", hits, None, Collections(("wall",), of, edges if told else np.full_like(edges, np.nan))
    )


def neighbours(event: Event, **changed: float) -> np.ndarray:
    config = FreeGraphConfig(**changed)  # type: ignore[arg-type]
    return np.diff(build_free_graph(config, event, cell_edges(event, config)).offsets)


@pytest.mark.parametrize("pitch", [(10, 10, 10), (2, 60, 30), (25, 25, 230), (0.1, 0.1, 0.1)])
def test_the_cell_is_the_unit(pitch: tuple[float, float, float]) -> None:
    turn = Rotation.from_euler("xyz", [0.3, 1.1, -0.7])
    upright, turned = wall(pitch, near := 5), wall(pitch, near, turn=turn)
    count = neighbours(upright, reach=1.1, near=49)
    assert sorted(set(count.tolist())) == [3, 4, 5]  # corner, rim, inside: those that share a face
    np.testing.assert_array_equal(count, neighbours(turned, reach=1.1, near=49))
    distance = build_free_graph(
        FreeGraphConfig(reach=1.1), upright, cell_edges(upright, FreeGraphConfig())
    ).distance
    np.testing.assert_allclose(distance, 1, rtol=1e-5)


def test_a_thin_cell_is_not_close_to_what_lies_beside_it() -> None:
    event = wall((10, 10, 0))
    count = neighbours(event, reach=1.1, near=49)
    assert count.max() <= 9  # the two layers are one: the cell behind, four beside, and those behind them
    assert count.min() > 0


def test_sizes_from_distances() -> None:
    event = wall((12, 12, 30), told=False)
    edges = cell_edges(event, FreeGraphConfig(crowd=2))
    length = np.linalg.norm(edges, axis=2)
    np.testing.assert_allclose(length[:, :2], 12, rtol=0.05)
    np.testing.assert_allclose(length[:, 2], 30, rtol=0.15)
    np.testing.assert_allclose(np.abs(edges[:, 2] @ [0, 0, 1]), length[:, 2], rtol=0.01)


def test_lone_hits_stay_alone_and_one_hit_is_no_fault() -> None:
    event = wall((12, 12, 30), told=False)
    hits = event.hits
    far = replace(hits, x=np.where(hits.hit_id == 0, 900.0, hits.x))
    event = replace(event, hits=far)
    assert neighbours(event)[0] == 0
    one = Hits(*(np.full(1, v) for v in (1, 5.0, 6.0, 7.0, -1)), energy=np.ones(1))
    assert neighbours(Event(1, "one", one)).tolist() == [0]
    none = Hits(*(np.zeros(0) for _ in range(5)), energy=np.zeros(0))
    assert len(neighbours(Event(1, "none", none))) == 0


def test_collections_are_not_joined_and_points_have_no_cell() -> None:
    event = wall((10, 10, 10))
    told = event.collections
    assert told is not None
    of = (np.arange(len(told.of)) % 2).astype(np.int32)
    event = replace(event, collections=replace(told, names=("a", "b"), of=of))
    graph = build_free_graph(FreeGraphConfig(), event, cell_edges(event, FreeGraphConfig()))
    owner = np.repeat(np.arange(len(graph)), np.diff(graph.offsets))
    assert (graph.group[owner] == graph.group[graph.neighbour]).all()
    energy = np.where(of == 1, np.nan, 1.0)
    event = replace(
        event, hits=replace(event.hits, energy=energy), collections=replace(told, names=("a", "b"), of=of)
    )
    np.testing.assert_array_equal(with_energy(event), of == 0)
    graph = build_free_graph(FreeGraphConfig(), event, cell_edges(event, FreeGraphConfig()))
    assert (of[graph.index] == 0).all()
