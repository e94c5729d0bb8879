"""Cells laid flat for kernels: nothing lost, nothing doubled, frames there and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.geometry import CellTemplate
from gnnreco.geometry.adjacency.shapes import (
    bins,
    fired_shapes,
    frames,
    grown,
    in_frame,
    in_space,
    real_cells,
    stamped_shapes,
)
from tests.geometry.adjacency.plates import grid, plates
from tests.geometry.cells.templates import any_template, cells_of, grids, hexes


@given(any_template, st.integers(1, 7))
@settings(max_examples=40)
def test_all_real_cells_whatever_the_chunk(template: CellTemplate, chunk: int) -> None:
    np.testing.assert_array_equal(real_cells(template, max(template.n_cells // chunk, 1)), cells_of(template))


@given(grids(), hexes(), st.integers(0, 99))
@settings(max_examples=12)
def test_fired_cells_come_by_sensor_with_their_own_corners(
    one: CellTemplate, two: CellTemplate, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    detector = plates([one, two], rng.uniform(-300, 300, (5, 3)).tolist(), template=[0, 1, 0, 1, 1])
    sensor = rng.integers(0, 5, 30).astype(np.int32)
    real = [cells_of(one), cells_of(two)]
    cell = np.array([rng.choice(real[detector.template[s]]) for s in sensor], np.int32)
    shapes, order = fired_shapes(detector, sensor, cell)
    assert sorted(order.tolist()) == list(range(30))
    np.testing.assert_array_equal(shapes.cell, cell[order])
    assert (shapes.end - shapes.start).tolist() == np.bincount(sensor, minlength=5).tolist()
    for s in range(5):
        assert (sensor[order[shapes.start[s] : shapes.end[s]]] == s).all()
    for i in range(30):
        template = detector.templates[detector.template[sensor[order[i]]]]
        corners = template.corners(shapes.cell[i : i + 1])[0]
        mine = shapes.points[shapes.first[i] : shapes.first[i + 1]]
        assert {tuple(row) for row in mine} == {tuple(row) for row in corners}
        np.testing.assert_array_equal(shapes.middle[i], template.position(shapes.cell[i : i + 1])[0])
        away = np.linalg.norm(mine - shapes.middle[i], axis=1)
        assert shapes.reach[i] == pytest.approx(away.max())


@given(grids(), hexes())
@settings(max_examples=20)
def test_stamped_cells_stand_once_for_all_sensors_of_a_template(one: CellTemplate, two: CellTemplate) -> None:
    detector = plates([one, two], [[0, 0, 0], [0, 0, 9], [0, 0, 18]], template=[0, 1, 0])
    cells = cells_of(one)[:5]
    shapes = stamped_shapes(detector, {0: cells})
    assert (shapes.start[0], shapes.end[0]) == (shapes.start[2], shapes.end[2]) == (0, len(cells))
    assert shapes.start[1] == shapes.end[1]  # left out
    np.testing.assert_array_equal(shapes.cell, cells)


@given(st.integers(1, 200), st.integers(0, 99), st.sampled_from(["plane", "line", "point"]))
def test_every_point_stands_in_its_box_and_in_no_other(n: int, seed: int, kind: str) -> None:
    place = np.random.default_rng(seed).uniform(-5, 5, (n, 2))
    place *= {"plane": [1, 1], "line": [1, 0], "point": [0, 0]}[kind]
    u, v, size, along, across, offsets, rows = bins(place)
    assert sorted(rows.tolist()) == list(range(n))
    assert offsets[-1] == n
    assert along * across <= 4 * n + 4  # as many boxes as points, whatever their shape
    box = np.repeat(np.arange(along * across), np.diff(offsets))
    np.testing.assert_array_equal(box // across, ((place[rows, 0] - u) / size).astype(int))
    np.testing.assert_array_equal(box % across, ((place[rows, 1] - v) / size).astype(int))


@given(st.integers(0, 99), st.tuples(*[st.floats(-50, 50)] * 3))
@settings(max_examples=30)
def test_into_space_and_back(seed: int, uvw: tuple[float, float, float]) -> None:
    rng = np.random.default_rng(seed)
    turn = rng.uniform(-180, 180, (3, 3)).tolist()
    detector = plates([grid()], rng.uniform(-90, 90, (3, 3)).tolist(), turn=turn)
    laid = frames(detector)
    xyz = in_space(laid, 2, *uvw)
    np.testing.assert_allclose(xyz, detector.center[2] + detector.rotation[2] @ uvw, atol=1e-9)
    np.testing.assert_allclose(in_frame(laid, 2, *xyz), uvw, atol=1e-9)


def test_columns_grow() -> None:
    assert grown(np.array([1, 2, 3]))[:3].tolist() == [1, 2, 3]
    assert len(grown(np.zeros(0))) == 16
