"""Loud neighbours in one pass are those of the table of pairs, whatever the stretches, threads and other hits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gnnreco.columns import Event
from gnnreco.errors import OverBudget
from gnnreco.geometry import Detector, load_detector
from gnnreco.graphs.showers import pairs
from gnnreco.graphs.showers.bars import first_from
from gnnreco.graphs.showers.cells import CellGraph
from gnnreco.graphs.showers.features import CELL_FEATURES, LoudNeighbours, loud_neighbours
from gnnreco.graphs.showers.frame import CellFrame
from gnnreco.graphs.showers.loud import build_loud_graph
from tests.graphs.showers.test_cells import CONFIG, TEXT, cells_of, graph_of, random_event

CLIMB, CROWD = CELL_FEATURES.index("climb"), CELL_FEATURES.index("neighbours")
BARREL = """
templates:
  pads: {kind: grid, pitch: [20, 20], cells: [12, 12], thickness: 0.3}
subsystems:
  calo:
    measures: [energy]
    material: {radiation_lengths: 1.5, interaction_lengths: 0.05, moliere_radius: 24, sampling_fraction: 0.02}
sensors:
  - rule: barrel
    template: pads
    subsystem: calo
    layers: [{radius: 210, count: 6, z: [0]}, {radius: 222, count: 6, z: [0]}]
"""


@pytest.fixture(scope="module")
def detector(detector_folder: Callable[..., Path]) -> Detector:
    return load_detector(detector_folder("stack", TEXT))


@pytest.fixture(scope="module")
def barrel(detector_folder: Callable[..., Path]) -> Detector:
    """Two layers with six sides each."""
    return load_detector(detector_folder("barrel", BARREL))


def one_pass(detector: Detector, event: Event, k: int = 8) -> tuple[CellGraph, LoudNeighbours]:
    return build_loud_graph(CONFIG, detector, CellFrame.of(detector), event, k)


def same(one: LoudNeighbours, two: LoudNeighbours) -> None:
    assert (one.neighbour == two.neighbour).all()
    assert (one.real == two.real).all()
    np.testing.assert_allclose(one.density, two.density, rtol=1e-12)
    np.testing.assert_allclose(one.cells, two.cells, atol=1e-6)
    np.testing.assert_allclose(one.pairs, two.pairs, atol=1e-6)


@pytest.mark.parametrize("stretch", [7, 100, 4096])
@pytest.mark.parametrize("seed", [1, 2])
def test_one_pass_gives_what_the_table_gives(
    detector: Detector, seed: int, stretch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = random_event(detector, 700, seed)
    table = loud_neighbours(graph_of(detector, event), 8, CONFIG.reach)
    monkeypatch.setattr(pairs, "STRETCH", stretch)
    graph, loud = one_pass(detector, event)
    assert len(graph) > 600
    assert not len(graph.neighbour)
    same(loud, table)


@pytest.mark.parametrize("rows", [slice(0, 7), slice(500, 900), slice(40, 40)])
def test_cells_and_pairs_in_parts_are_those_of_the_table(detector: Detector, rows: slice) -> None:
    event = random_event(detector, 700, 4)
    _, whole = one_pass(detector, event)
    _, parts = build_loud_graph(CONFIG, detector, CellFrame.of(detector), event, 8, in_parts=True)
    for part, kept in ((parts.pairs, whole.pairs), (parts.cells, whole.cells)):
        assert type(part) is not np.ndarray
        assert (part[rows] == kept[rows]).all()
        assert part[rows].shape == kept[rows].shape
    assert len(parts.cells) == len(whole.cells)
    same(replace(parts, pairs=parts.pairs[:], cells=parts.cells[:]), whole)


def test_the_table_by_plain_loops(detector: Detector) -> None:
    event = random_event(detector, 300, 3)
    graph = graph_of(detector, event)
    _, loud = one_pass(detector, event, 4)
    near = graph.energy.copy()
    for i in range(len(graph)):
        row = slice(graph.offsets[i], graph.offsets[i + 1])
        distance, energy = graph.distance[row].astype(float), graph.energy[graph.neighbour[row]]
        near[i] += (np.maximum(1 - distance**2 / 1.5**2, 0) * energy).sum()
        best = np.argsort(-energy / (0.3 + distance**2))[:4]
        assert loud.neighbour[i, : len(best)].tolist() == graph.neighbour[row][best].tolist()
        assert loud.real[i].sum() == len(best)
    np.testing.assert_allclose(loud.density, near, rtol=1e-6)
    for i in range(len(graph)):
        row = slice(graph.offsets[i], graph.offsets[i + 1])
        higher = graph.distance[row][near[graph.neighbour[row]] > near[i]]
        assert loud.cells[i, CLIMB] == pytest.approx(min([*higher, CONFIG.reach]) / CONFIG.reach, rel=1e-5)
        assert loud.cells[i, CROWD] == pytest.approx(np.log1p(row.stop - row.start) / 4)


def test_threads_change_no_bit(detector: Detector, monkeypatch: pytest.MonkeyPatch) -> None:
    event = random_event(detector, 700, 4)
    monkeypatch.setattr(pairs, "STRETCH", 50)
    found = []
    for threads in (1, 3):
        monkeypatch.setattr(pairs, "get_num_threads", lambda count=threads: count)
        found.append(one_pass(detector, event)[1])
    for name in LoudNeighbours.__dataclass_fields__:
        assert (getattr(found[0], name) == getattr(found[1], name)).all()


def test_too_many_pairs_are_refused_with_their_number(
    detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = random_event(detector, 600, 7)
    needed = len(graph_of(detector, event).neighbour) // 2
    monkeypatch.setattr(pairs, "STRETCH", 64)
    with pytest.raises(OverBudget, match=f"event 3: {needed:,} pairs of close cells, over the budget of 100"):
        build_loud_graph(replace(CONFIG, max_edges=100), detector, CellFrame.of(detector), event, 8)


def test_a_far_hit_changes_no_other_pair_across_the_edges_of_a_barrel(barrel: Detector) -> None:
    rng = np.random.default_rng(5)
    sensor = rng.integers(0, barrel.n_sensors, 900).astype(np.int32)
    cell = rng.integers(0, 144, 900).astype(np.int32)
    rows = np.unique(sensor.astype(np.int64) * 144 + cell)
    sensor, cell = (rows // 144).astype(np.int32), (rows % 144).astype(np.int32)
    whole = cells_of(barrel, sensor, cell, rng.exponential(0.001, len(sensor)) + 2e-4)
    graph = graph_of(barrel, whole)
    one = np.repeat(np.arange(len(graph)), np.diff(graph.offsets))
    crossing = graph.sensor[one] != graph.sensor[graph.neighbour]
    crossing &= graph.group[one] == graph.group[graph.neighbour]
    assert crossing.sum() > 100  # pairs across the edges of a layer
    keys = {(graph.index[a], graph.index[b]) for a, b in zip(one, graph.neighbour)}
    for gone in (0, 1, 2):  # what lies lowest sets the grid of boxes; it must not matter where that is
        axis = np.argsort(whole.hits.xyz[:, gone])
        kept = np.sort(axis[40:])
        part = graph_of(barrel, replace(whole, hits=whole.hits[kept]))
        ones = np.repeat(np.arange(len(part)), np.diff(part.offsets))
        found = {(kept[part.index[a]], kept[part.index[b]]) for a, b in zip(ones, part.neighbour)}
        mine = set(kept[part.index].tolist())
        assert found == {(a, b) for a, b in keys if a in mine and b in mine}


@pytest.mark.parametrize("least", [-1.0, 0.0, 2.5, 3.0, 9.0])
@pytest.mark.parametrize("row", [0, 3, 4, 6, 9])
def test_the_first_row_of_a_bar_is_found_from_wherever_one_looks(row: int, least: float) -> None:
    place = np.array([7.0, 7.0, 0.0, 1.0, 3.0, 3.0, 3.0, 8.0, -5.0, 2.0])
    assert first_from(row, place, 2, 8, least) == 2 + np.searchsorted(place[2:8], least)
