"""What a shower network reads of cells: the same for every order of hits and every symmetry of the detector."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gnnreco.columns import Event
from gnnreco.geometry import Detector, load_detector
from gnnreco.graphs.showers.cells import CellGraph
from gnnreco.graphs.showers.features import CELL_FEATURES, PAIR_FEATURES, LoudNeighbours, loud_neighbours
from tests.graphs.showers.test_cells import CONFIG, TEXT, graph_of, random_event

SQUARE = TEXT.replace("pitch: [10, 15], cells: [20, 12]", "pitch: [12, 12], cells: [16, 16]")
ENERGY, CLIMB, LATERAL, DEPTH = (
    CELL_FEATURES.index("energy"),
    CELL_FEATURES.index("climb"),
    PAIR_FEATURES.index("lateral"),
    PAIR_FEATURES.index("depth"),
)


@pytest.fixture(scope="module")
def detectors(detector_folder: Callable[..., Path]) -> dict[str, Detector]:
    """Planes of oblong and of square cells."""
    texts = {"oblong": TEXT, "square": SQUARE}
    return {name: load_detector(detector_folder(name, text)) for name, text in texts.items()}


def loud_of(detector: Detector, event: Event, k: int = 8) -> LoudNeighbours:
    return loud_neighbours(graph_of(detector, event), k, CONFIG.reach)


def line(x: list[float], energy: list[float], depth: list[float] | None = None) -> CellGraph:
    """Cells one metre away, at `x` lateral units from the middle; all are near each other."""
    n = len(x)
    one, row = np.ones(n), np.arange(n)
    xyz = np.stack([10.0 * np.array(x), 0 * one, 1000 * one], axis=1)
    way = np.tile([0.0, 0.0, 1.0], (n, 1))
    deep = np.array(depth or [0.0] * n)
    pair = row[:, None] != row
    length = np.hypot(np.subtract.outer(x, x), np.subtract.outer(deep, deep) / 2)[pair]
    return CellGraph(
        row, row.astype(np.int32), row, np.array(energy), 0.01 * one, xyz, way, deep, 10 * one, 2 * one, one, one, one, one,
        one, one, np.arange(n + 1) * max(n - 1, 0), np.nonzero(pair)[1].astype(np.int32), length.astype(np.float32),
    )  # fmt: skip


def test_the_loudest_by_hand() -> None:
    graph = line([0.0, 1.0, 2.0, 4.0], [1.0, 2.0, 9.0, 80.0])
    loud = loud_neighbours(graph, 2, 2.6)
    # Energy over 0.3 + distance^2, seen from the first: 1.54, 2.09, 4.91; from the last: 0.06, 0.21, 2.09.
    assert loud.neighbour.tolist() == [[3, 2], [3, 2], [3, 1], [2, 1]]
    assert loud.real.all()
    few = loud_neighbours(graph, 5, 2.6)
    assert few.real.sum(axis=1).tolist() == [3, 3, 3, 3]
    assert (few.neighbour[~few.real] == np.repeat(np.arange(4), 2)).all()
    assert (few.pairs[~few.real] == 0).all()


def test_densities_and_pairs_by_hand() -> None:
    graph = line([0.0, 1.0], [1.0, 3.0], [4.0, 6.0])
    loud = loud_neighbours(graph, 1, 2.6)
    within = 1 - 2 / 1.5**2  # the distance is the root of two
    np.testing.assert_allclose(loud.density, [1 + 3 * within, 3 + within], rtol=1e-6)
    np.testing.assert_allclose(loud.cells[:, ENERGY], np.log([100.0, 300.0]) / 3, rtol=1e-6)
    np.testing.assert_allclose(
        loud.cells[:, CLIMB], [2**0.5 / 2.6, 1.0], rtol=1e-6
    )  # nothing is above the second
    np.testing.assert_allclose(loud.pairs[:, 0, LATERAL], 1 / 2.6, rtol=1e-6)
    np.testing.assert_allclose(loud.pairs[:, 0, DEPTH], [1 / 2.6, -1 / 2.6], rtol=1e-6)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_permuted_hits_have_permuted_features(detectors: dict[str, Detector], seed: int) -> None:
    detector, event = detectors["oblong"], random_event(detectors["oblong"], 400, seed)
    event = replace(event, hits=replace(event.hits, deposits=None))
    new = np.random.default_rng(seed).permutation(len(event.hits))
    columns = {name: getattr(event.hits, name)[new] for name in ("hit_id", "x", "y", "z", "sensor", "energy")}
    shuffled = replace(event, hits=replace(event.hits, **columns))
    one, two = (graph_of(detector, e) for e in (event, shuffled))
    row = np.argsort(one.index)[
        np.searchsorted(np.sort(one.index), new[two.index])
    ]  # of each row of the second
    first, second = (loud_neighbours(g, 8, CONFIG.reach) for g in (one, two))
    assert len(one) > 300
    assert (first.real[row] == second.real).all()
    assert (first.neighbour[row] == row[second.neighbour]).all()
    np.testing.assert_allclose(first.pairs[row], second.pairs, atol=1e-5)
    np.testing.assert_allclose(first.cells[row], second.cells, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "turn"),
    [("oblong", [[-1, 0], [0, -1]]), ("oblong", [[-1, 0], [0, 1]]), ("square", [[0, -1], [1, 0]])],
)
def test_symmetries_of_the_detector_change_nothing(
    detectors: dict[str, Detector], name: str, turn: list[list[int]]
) -> None:
    detector = detectors[name]
    event = random_event(detectors["oblong"], 300, 4)
    xyz = event.hits.xyz
    sensor = event.hits.sensor
    if name == "square":  # the same places in other cells
        u, v = (xyz - detector.center[sensor]).T[:2] * 0.9
        xyz = detector.cell_position(sensor, np.maximum(detector.cell_at(sensor, u, v), 0))
        _, first = np.unique(xyz, axis=0, return_index=True)
        rows = np.sort(first)
    else:
        rows = np.arange(len(xyz))
    energy = event.hits.energy
    assert energy is not None
    x, y, z = xyz[rows].T
    plain = replace(
        event.hits, hit_id=rows, sensor=sensor[rows], energy=energy[rows], x=x, y=y, z=z, deposits=None
    )
    u, v = np.array(turn, float) @ [x, y]
    one, two = (loud_of(detector, replace(event, hits=hits)) for hits in (plain, replace(plain, x=u, y=v)))
    assert one.real.sum() > 500
    assert (one.neighbour == two.neighbour).all()
    np.testing.assert_allclose(one.cells, two.cells, atol=1e-5)
    np.testing.assert_allclose(one.pairs, two.pairs, atol=1e-5)


def test_no_cell_and_one_cell() -> None:
    none = loud_neighbours(line([], []), 3, 2.6)
    assert none.neighbour.shape == (0, 3)
    assert none.pairs.shape == (0, 3, len(PAIR_FEATURES))
    assert none.cells.shape == (0, len(CELL_FEATURES))
    one = loud_neighbours(line([0.5], [2.0]), 3, 2.6)
    assert one.neighbour.tolist() == [[0, 0, 0]]
    assert not one.real.any()
    assert np.isfinite(one.cells).all()
    assert one.density.tolist() == [2.0]
