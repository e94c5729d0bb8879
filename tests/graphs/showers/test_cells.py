"""Cells as graphs: which cell a hit is, what is near, and that nothing depends on where the detector stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gnnreco.columns import Deposits, Event, Hits
from gnnreco.errors import BadInput, OverBudget
from gnnreco.geometry import Detector, load_detector
from gnnreco.geometry.adjacency.cell_graph import hit_graph
from gnnreco.graphs.showers.cells import (
    CellGraph,
    CellGraphConfig,
    build_cell_graph,
    hit_cells,
    visible_fraction,
)
from gnnreco.graphs.showers.frame import CellFrame

CONFIG = CellGraphConfig()
TEXT = """
templates:
  pads: {kind: grid, pitch: [10, 15], cells: [20, 12], thickness: 0.3}
  tracker: {kind: grid, pitch: [0.1, 0.1], cells: [100, 100], thickness: 0.3}
subsystems:
  tracks: {measures: [position], material: {radiation_lengths: 0.01, interaction_lengths: 0.001}}
  calo:
    measures: [energy]
    material: {radiation_lengths: 1.5, interaction_lengths: 0.05, moliere_radius: 24, sampling_fraction: 0.02}
sensors:
  - {rule: planes, template: tracker, subsystem: tracks, z: [100]}
  - {rule: planes, template: pads, subsystem: calo, z: [1000, 1012, 1024, 1036, 1200, 1212]}
"""


@pytest.fixture(scope="module")
def detector(detector_folder: Callable[..., Path]) -> Detector:
    return load_detector(detector_folder("stack", TEXT))


def cells_of(detector: Detector, sensor: np.ndarray, cell: np.ndarray, energy: np.ndarray) -> Event:
    u, v = detector.templates[detector.template[sensor[0]]].channel(cell)
    n = len(sensor)
    deposits = Deposits(np.arange(n + 1), u, v, energy.astype(np.float32))
    xyz = detector.cell_position(sensor, cell)
    return Event(3, "cells", Hits(np.arange(n), *xyz.T, sensor, energy=energy, deposits=deposits))


def random_event(detector: Detector, n: int, seed: int) -> Event:
    rng = np.random.default_rng(seed)
    code = np.sort(rng.choice(6 * 240, n, replace=False))
    sensor, cell = (code // 240 + 1).astype(np.int32), (code % 240).astype(np.int32)
    return cells_of(detector, sensor, cell, rng.exponential(0.001, n) + 2e-4)


def graph_of(detector: Detector, event: Event, config: CellGraphConfig = CONFIG) -> CellGraph:
    return build_cell_graph(config, detector, CellFrame.of(detector), event)


def test_layers_are_stacked_by_depth_whatever_lies_between(detector: Detector) -> None:
    frame = CellFrame.of(detector)
    assert frame.group.tolist() == [-1, 0, 1, 2, 3, 4, 5]
    assert len(set(frame.stack.tolist())) == 1
    np.testing.assert_allclose(frame.depth, 1.5 * np.arange(1, 7))  # the gap of 164 mm weighs nothing
    np.testing.assert_allclose(frame.middle, [1000, 1012, 1024, 1036, 1200, 1212])
    assert visible_fraction(detector, np.array([0, 1, -1], np.int32)).tolist() == [1.0, 0.02, 1.0]


def test_the_cell_of_a_hit_comes_from_its_deposit_or_its_position(detector: Detector) -> None:
    event = random_event(detector, 300, 1)
    by_channel = hit_cells(detector, event.hits)
    assert (by_channel == hit_cells(detector, replace(event.hits, deposits=None))).all()
    assert (by_channel >= 0).all()
    deposits = event.hits.deposits
    assert deposits is not None
    far = replace(deposits, u=deposits.u + np.int32(1000))
    assert (hit_cells(detector, replace(event.hits, deposits=far)) == -1).all()
    assert (hit_cells(detector, replace(event.hits, sensor=np.full(300, -1, np.int32))) == -1).all()


def test_pairs_are_those_of_brute_force(detector: Detector) -> None:
    event = random_event(detector, 250, 2)
    graph = graph_of(detector, event)
    frame = CellFrame.of(detector)
    n = len(graph)
    assert n > 200
    found = np.zeros((n, n))
    found[np.repeat(np.arange(n), np.diff(graph.offsets)), graph.neighbour] = graph.distance
    assert (found == found.T).all()
    one, two = np.triu_indices(n, 1)
    deeper = np.where(graph.depth[one] >= graph.depth[two], one, two)
    other = one + two - deeper
    off = graph.xyz[other] - graph.xyz[deeper]
    way = graph.direction[deeper]
    across = off - np.einsum("ij,ij->i", off, way)[:, None] * way
    plane = off - (off[:, 2] / way[:, 2])[:, None] * way
    length = np.hypot(plane[:, 0], plane[:, 1])
    unit = np.maximum([10.0, 15.0], CONFIG.lateral_unit * 24)
    aside = np.hypot(plane[:, 0] / unit[0], plane[:, 1] / unit[1]) * np.linalg.norm(across, axis=1)
    aside = np.divide(aside, length, out=np.zeros(len(one)), where=length > 1e-6)
    step = max(CONFIG.depth_unit, frame.radiation_lengths[0])
    expected = np.hypot(aside, (graph.depth[one] - graph.depth[two]) / step)
    # On one layer either cell may be the first, and they look along slightly different ways.
    sure = np.abs(expected - CONFIG.reach) > 0.05
    near = found[one, two] > 0
    assert (near == (expected < CONFIG.reach))[sure].all()
    np.testing.assert_allclose(found[one, two][near & sure], expected[near & sure], atol=0.02)


@pytest.mark.parametrize("seed", [3, 4])
def test_cells_that_touch_are_near(detector: Detector, seed: int) -> None:
    graph = graph_of(detector, event := random_event(detector, 600, seed))
    cell = hit_cells(detector, event.hits)[graph.index]
    offsets, rows = hit_graph(detector, graph.sensor, cell, layers="projective")
    owner = np.repeat(np.arange(len(graph)), np.diff(offsets))
    mine = np.repeat(np.arange(len(graph)), np.diff(graph.offsets)) * len(graph) + graph.neighbour
    assert len(rows) > 500
    assert np.isin(owner * len(graph) + rows, mine).all()


def test_turning_everything_changes_nothing(detector: Detector) -> None:
    event = random_event(detector, 400, 5)
    angle = 0.7
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1.0]])
    moved = detector.moved(turn, np.zeros(3))
    x, y, z = turn @ event.hits.xyz.T
    turned = replace(event, hits=replace(event.hits, x=x, y=y, z=z))
    one, two = graph_of(detector, event), graph_of(moved, turned)
    pairs = [np.repeat(np.arange(len(g)), np.diff(g.offsets)) * len(g) + g.neighbour for g in (one, two)]
    assert (np.sort(pairs[0]) == np.sort(pairs[1])).all()
    np.testing.assert_allclose(np.sort(one.distance), np.sort(two.distance), atol=1e-5)


def test_what_is_no_signal_is_left_out(detector: Detector) -> None:
    event = random_event(detector, 50, 6)
    energy = event.hits.energy
    assert energy is not None
    energy[:3] = (-1.0, 0.0, 1e-9)
    graph = graph_of(detector, event)
    assert graph.index.min() == 3
    energy[10] = np.nan
    with pytest.raises(BadInput, match=r"event 3, hit 10: its energy is not a finite number"):
        graph_of(detector, event)
    with pytest.raises(BadInput, match="hits of a calorimeter without energy"):
        graph_of(detector, replace(event, hits=replace(event.hits, energy=None)))


def test_too_many_pairs_are_refused_with_their_number(detector: Detector) -> None:
    event = random_event(detector, 600, 7)
    pairs = len(graph_of(detector, event).neighbour) // 2
    with pytest.raises(OverBudget, match=f"event 3: {pairs:,} pairs of close cells, over the budget of 100"):
        graph_of(detector, event, replace(CONFIG, max_edges=100))


def test_a_detector_without_calorimeters_has_no_cells(detector: Detector) -> None:
    trackers = detector.select(detector.subsystem == 0)
    hits = Hits(np.arange(2), *np.zeros((3, 2)), np.array([0, -1], np.int32))
    assert len(graph_of(trackers, Event(1, "", hits))) == 0


def test_a_group_bends_by_the_step_between_its_normals() -> None:
    frame = CellFrame.of(load_detector("clic_ecal"))  # twelve sides
    assert frame.bend.max() == pytest.approx(2 * np.sin(np.pi / 12), abs=1e-3)
    assert CellFrame.of(load_detector("hgcal")).bend.max() == 0


def test_the_folder_of_a_detector_tells_the_units(detector_folder: Callable[..., Path]) -> None:
    text = TEXT.replace(", moliere_radius: 24, sampling_fraction: 0.02", "")
    frame = CellFrame.of(load_detector(detector_folder("plain", text)))
    assert frame.unit.tolist() == [0.0] * 7
    assert frame.fraction.tolist() == [1.0] * 7
