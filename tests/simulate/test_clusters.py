"""Compiled kernels for cells, each against a loop over all cells that anyone can check."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gnnreco.geometry.adjacency.connected import connected_parts
from gnnreco.simulate.clusters import across_grids, grid_pairs

FIRED = st.sets(st.tuples(st.integers(0, 2), st.integers(0, 6), st.integers(0, 4)), max_size=40)


def packed(cells: set[tuple[int, int, int]], columns: int = 5) -> np.ndarray:
    """Sorted numbers of (sensor, row, column)."""
    return np.array(sorted(s << 32 | u * columns + v for s, u, v in cells), np.int64)


def touching(cell: np.ndarray, columns: int = 5) -> set[tuple[int, int]]:
    """All pairs that touch, by trying all pairs."""
    sensor, (u, v) = cell >> 32, np.divmod(cell & 0xFFFFFFFF, columns)
    return {
        (i, j)
        for i in range(len(cell))
        for j in range(i + 1, len(cell))
        if sensor[i] == sensor[j] and abs(u[i] - u[j]) <= 1 and abs(v[i] - v[j]) <= 1
    }


@given(FIRED)
def test_pairs_are_those_that_a_loop_over_all_cells_finds(cells: set[tuple[int, int, int]]) -> None:
    cell = packed(cells)
    found = grid_pairs(cell, np.full(len(cell), 5, np.int64))
    assert len(found) == len({*map(tuple, found.tolist())})
    assert {(min(pair), max(pair)) for pair in found.tolist()} == touching(cell)


def test_cells_of_sensors_without_a_grid_have_no_pairs() -> None:
    cell = packed({(0, 0, 0), (0, 0, 1), (1, 2, 2), (1, 3, 3)})
    found = grid_pairs(cell, np.array([0, 0, 5, 5], np.int64))
    assert found.tolist() == [[2, 3]]


@pytest.mark.parametrize("n", [0, 1])
def test_none_and_one_have_no_pairs(n: int) -> None:
    assert grid_pairs(np.arange(n), np.full(n, 5, np.int64)).shape == (0, 2)
    label, count = connected_parts(np.zeros((0, 2), np.int64), n)
    assert (label.tolist(), count) == ([0] * n, n)


PAIRS = st.integers(1, 30).flatmap(
    lambda n: st.tuples(
        st.just(n), st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=60)
    )
)


@given(PAIRS)
def test_groups_are_the_connected_ones_in_the_order_of_their_first_cells(
    drawn: tuple[int, list[tuple[int, int]]],
) -> None:
    n, pairs = drawn
    rows = np.array(pairs, np.int64).reshape(-1, 2)
    label, count = connected_parts(rows, n)
    expected, theirs = connected_components(coo_array((np.ones(len(rows)), rows.T), (n, n)), directed=False)
    assert count == expected
    together = label[:, None] == label
    np.testing.assert_array_equal(together, theirs[:, None] == theirs)
    first = np.unique(label, return_index=True)[1]
    assert (np.diff(first) > 0).all()


@given(PAIRS, st.randoms(use_true_random=False))
def test_the_order_of_the_pairs_changes_no_label(drawn: tuple[int, list[tuple[int, int]]], random) -> None:  # type: ignore[no-untyped-def]
    n, pairs = drawn
    other = [pair if random.random() < 0.5 else pair[::-1] for pair in pairs]
    random.shuffle(other)
    one, two = (connected_parts(np.array(rows, np.int64).reshape(-1, 2), n)[0] for rows in (pairs, other))
    np.testing.assert_array_equal(one, two)


@given(st.integers(0, 30), st.integers(0, 1000))
@settings(max_examples=20)
def test_many_paths_at_once_are_the_paths_one_by_one(n: int, seed: int) -> None:
    path = np.random.default_rng(seed).uniform(-12, 12, (n, 4))
    grid = np.tile([0.5, 0.3, 20.0, 40.0], (len(path), 1))
    row, cell, part = across_grids(path, grid)
    alone = [across_grids(path[i : i + 1], grid[:1]) for i in range(len(path))]
    np.testing.assert_array_equal(row, np.repeat(np.arange(len(path)), [len(one[1]) for one in alone]))
    np.testing.assert_array_equal(cell, np.concatenate([np.zeros(0, int), *(one[1] for one in alone)]))
    np.testing.assert_array_equal(part, np.concatenate([np.zeros(0), *(one[2] for one in alone)]))


INNER = st.integers(-1900, 1900).map(lambda n: n * 0.00103)  # on no edge of a cell by accident


@given(INNER, INNER, INNER, INNER)
def test_a_path_walked_backwards_leaves_the_same_in_each_cell(
    u0: float, v0: float, u1: float, v1: float
) -> None:
    grid = np.array([[0.5, 0.3, 20.0, 40.0]])
    parts = []
    for path in ([u0, v0, u1, v1], [u1, v1, u0, v0]):
        _, cell, part = across_grids(np.array([path]), grid)
        parts.append(np.bincount(cell, part, 800))
    np.testing.assert_allclose(parts[0], parts[1], atol=1e-9)


def test_what_leaves_the_grid_is_lost() -> None:
    # Half of the path lies right of a grid of 2 by 2 cells of 1 mm.
    _, cell, part = across_grids(np.array([[0.0, 0.5, 2.0, 0.5]]), np.array([[1.0, 1.0, 2.0, 2.0]]))
    assert cell.tolist() == [3]
    assert part.tolist() == [0.5]


def test_a_path_through_a_corner_gives_nothing_to_the_cells_beside_it() -> None:
    _, cell, part = across_grids(np.array([[-1.0, -1.0, 1.0, 1.0]]), np.array([[1.0, 1.0, 2.0, 2.0]]))
    kept = part > 1e-12
    assert cell[kept].tolist() == [0, 3]
    np.testing.assert_allclose(part[kept], 0.5)


def test_a_path_at_right_angles_to_the_sensor_lies_in_one_cell() -> None:
    _, cell, part = across_grids(np.array([[0.2, -0.2, 0.2, -0.2]]), np.array([[1.0, 1.0, 2.0, 2.0]]))
    assert (cell.tolist(), part.tolist()) == ([2], [1.0])
