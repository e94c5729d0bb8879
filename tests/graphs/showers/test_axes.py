"""Axes of pieces: which points to which, and what no turn of the event changes."""

from __future__ import annotations

import numpy as np
import pytest

from gnnreco.graphs.showers.axes import AXIS_FEATURES, axes_of, axis_features
from gnnreco.graphs.showers.cells import CellGraph
from tests.tasks.toy import cell_graph

ASIDE, ASIDE_TWO, ALONG, ALONG_TWO, ALIKE, LONG, LONG_TWO, SLANT, SLANT_TWO = range(len(AXIS_FEATURES))
TURN = np.array([[0.36, 0.48, -0.8], [-0.8, 0.6, 0.0], [0.48, 0.64, 0.6]])


def line(start: tuple[float, float, float], step: tuple[float, float, float], n: int) -> np.ndarray:
    return np.array(start) + np.arange(n)[:, None] * np.array(step)


def graph_of(*parts: np.ndarray) -> CellGraph:
    xyz = np.concatenate(parts)
    return cell_graph(xyz, np.linspace(1.0, 1.3, len(xyz)), (xyz[:, 2] - 1000) / 5)


def features(graph: CellGraph, *sizes: int) -> np.ndarray:
    n, owner = len(sizes), np.repeat(np.arange(len(sizes)), sizes)
    neighbour = np.array([[j for j in range(n) if j != i] for i in range(n)], np.int32)
    return axis_features(graph, np.arange(len(graph)), owner, neighbour)


def test_a_track_points_to_what_lies_on_its_line() -> None:
    track = line((0, 0, 1000), (4, 0, 10), 9)  # it is bent, so that it does not come from the source
    ahead, beside = line((56, 0, 1140), (0.5, 1, 0), 5), line((-60, 0, 1140), (0.5, 1, 0), 5)
    out = features(graph_of(track, ahead, beside), 9, 5, 5)
    assert out[0, 0, ASIDE] < -0.5 < 0.5 < out[0, 1, ASIDE]
    assert out[0, 0, ASIDE] == pytest.approx(out[1, 0, ASIDE_TWO], abs=1e-6)  # from the other side
    assert out[0, 0, ALONG] > out[0, 1, ALONG]
    assert out[0, 0, SLANT] > 0.05
    assert out[1, 0, LONG] < out[0, 0, LONG] == out[1, 0, LONG_TWO]


def test_axes_are_as_alike_as_their_lines() -> None:
    parts = [
        line((x, 0, 1000), step, 6) for x, step in ((0, (0, 0, 10)), (50, (0, 0, 10)), (100, (10, 0, 0)))
    ]
    out = features(graph_of(*parts), 6, 6, 6)
    assert out[0, 0, ALIKE] == pytest.approx(1.0, abs=1e-6)
    assert out[0, 1, ALIKE] == pytest.approx(0.0, abs=1e-6)


def test_few_cells_have_the_way_from_the_source() -> None:
    graph = graph_of(line((300, 0, 1000), (10, 0, 0), 2))
    axes = axes_of(graph, np.arange(2), np.zeros(2, np.int64), 1)
    np.testing.assert_allclose(axes.axis, axes.way)
    np.testing.assert_allclose(np.linalg.norm(axes.way, axis=1), 1.0)


def test_neither_a_turn_nor_the_order_of_cells_matters() -> None:
    rng = np.random.default_rng(5)
    parts = [rng.normal(size=(n, 3)) * [10, 10, 40] + [x, 20, 1050] for n, x in ((20, 0), (2, 60), (15, 120))]
    xyz = np.concatenate(parts)
    energy, depth = rng.exponential(size=len(xyz)) + 0.1, (xyz[:, 2] - 1000) / 5
    plain = features(cell_graph(xyz, energy, depth), 20, 2, 15)
    turned = features(cell_graph(xyz @ TURN.T, energy, depth), 20, 2, 15)
    np.testing.assert_allclose(plain, turned, atol=1e-5)
    order = np.concatenate([rng.permutation(20), 20 + rng.permutation(2), 22 + rng.permutation(15)])
    mixed = features(cell_graph(xyz[order], energy[order], depth[order]), 20, 2, 15)
    np.testing.assert_allclose(plain, mixed, atol=1e-5)
    assert np.isfinite(plain).all()
