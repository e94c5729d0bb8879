"""Tracks as elements: which cells lie near their paths, how much energy, and what was found behind the calorimeters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.columns import Floats, Tracks
from gnnreco.graphs.elements.cells import Cells
from gnnreco.graphs.elements.pairs import distinct_pairs
from gnnreco.graphs.elements.trails import (
    NEAR,
    TRACK_FEATURES,
    Points,
    Trails,
    perpendicular,
    trails_of,
)

SEEDS = st.integers(0, 10_000)
UNIT = 20.0  # mm


def tracks(momentum: list[float], d0: float = 0.0, hits: int = 10) -> Tracks:
    """Tracks along x of these momenta, each known to one percent."""
    n = len(momentum)
    one, q_over_p = np.ones(n), 1 / np.array(momentum)
    covariance = np.zeros((n, 15))
    covariance[:, 0], covariance[:, 14] = 0.02**2, (0.01 * q_over_p) ** 2
    return Tracks(
        hits * np.arange(n + 1),
        np.arange(hits * n),
        *(d0 * one, 0 * one, 0 * one, np.pi / 2 * one, q_over_p, covariance),
        *(12.0 * one, 12.0 * one, 0.5 * one),
    )


def lines(n: int, apart: float = 300.0, start: float = 1000.0, stop: float = 2000.0) -> Points:
    """Points every 20 mm along x of lines that lie `apart` mm along y from each other."""
    x = np.arange(start, stop, 20.0)
    place = np.stack(np.broadcast_arrays(x[None, :], apart * np.arange(n)[:, None], 0.0), axis=-1)
    return Points(
        place.reshape(-1, 3), np.tile([1.0, 0.0, 0.0], (n * len(x), 1)), np.repeat(np.arange(n), len(x))
    )


def cells(place: Any, energy: Any, depth: Any = 5.0, group: Any = 0) -> Cells:
    place = np.array(place, float).reshape(-1, 3)
    one = np.ones(len(place))
    return Cells(
        np.arange(len(place)),
        energy * one,
        0.02 * one,
        place,
        depth * one,
        0.1 * depth * one,
        UNIT * one,
        one,
        (group * one).astype(np.int64),
    )


def trails(
    found: Tracks, points: Points, seen: Cells, behind: Any = (), layers: Any = (), own: Any = None
) -> Trails:
    hits, rows = np.array(behind, float).reshape(-1, 3), np.array(layers, np.int64)
    mine = np.zeros(len(found), np.int64) if own is None else np.array(own)
    return trails_of(found, points, seen, hits, rows, mine)


def column(made: Trails, name: str) -> Floats:
    return made.features[:, TRACK_FEATURES.index(name)].astype(np.float64)


NO_CELLS = cells([], 1.0)


@given(SEEDS, st.integers(1, 3), st.integers(0, 40))
@settings(max_examples=40)
def test_near_cells_are_those_within_four_units_of_the_line(seed: int, n: int, m: int) -> None:
    place = np.random.default_rng(seed).uniform([1100, -150, -150], [1900, 300 * n, 150], (m, 3))
    made = trails(tracks([5.0] * n), lines(n), cells(place, 1.0))
    wanted = {
        (cell, track): distance
        for cell in range(m)
        for track in range(n)
        if (distance := float(np.hypot(place[cell, 1] - 300 * track, place[cell, 2])) / UNIT) < NEAR[-1]
    }
    found = dict(zip(zip(made.cell.tolist(), made.near.tolist(), strict=True), made.distance, strict=True))
    assert list(found) == sorted(wanted)
    assert [found[pair] for pair in sorted(wanted)] == pytest.approx([wanted[p] for p in sorted(wanted)])


def test_energies_within_one_two_and_four_units_by_hand() -> None:
    place = [[1500, 0.5 * UNIT, 0], [1500, 0, -1.5 * UNIT], [1520, 3 * UNIT, 0], [1500, 5 * UNIT, 0]]
    made = trails(tracks([10.0]), lines(1), cells(place, np.array([1.0, 2.0, 4.0, 8.0])))
    for name, energy in (("near_1", 1.0), ("near_2", 3.0), ("near_4", 7.0)):
        assert column(made, name) == pytest.approx(np.log(energy / 10.0 + 0.01), abs=1e-5)
    assert column(made, "any_near") == 1


def test_sections_layers_and_depths_are_of_cells_within_two_units() -> None:
    place = [[1200, 0, 0], [1300, UNIT, 0], [1300, -UNIT, 0], [1400, 3 * UNIT, 0]]
    depth = np.array([4.0, 12.0, 30.0, 50.0])
    made = trails(tracks([10.0]), lines(1), cells(place, 1.0, depth, np.array([1, 2, 2, 3])))
    for name in ("near_front", "near_middle", "near_back"):
        assert column(made, name) == pytest.approx(np.log(0.11), abs=1e-5)
    assert column(made, "near_layers") == pytest.approx(np.log(3))
    assert column(made, "near_start") == pytest.approx(4 / 20)
    assert column(made, "near_end") == pytest.approx(30 / 40)
    assert column(made, "nuclear_end") == pytest.approx(3.0 / 4)
    assert column(made, "near_mip") == pytest.approx(np.log(3 / 0.02 / 2 + 0.1), rel=1e-5)


def test_what_the_track_itself_tells() -> None:
    made = trails(tracks([4.0, 50.0], d0=-0.06), lines(2), NO_CELLS)
    assert made.momentum == pytest.approx([4.0, 50.0])
    assert made.error == pytest.approx([0.01, 0.01])
    assert column(made, "momentum") == pytest.approx(np.log([4.0, 50.0]), rel=1e-6)
    assert column(made, "pt") == pytest.approx(np.log([4.0, 50.0]), rel=1e-6)
    assert column(made, "hits") == pytest.approx([np.log(10) - 2] * 2)
    assert column(made, "chi2") == pytest.approx([np.log(2)] * 2)
    assert column(made, "d0_pull") == pytest.approx([np.log1p(3.0)] * 2, rel=1e-5)
    assert column(made, "score") == pytest.approx([0.5, 0.5])
    assert column(made, "near_start") == pytest.approx([0.0, 0.0]), "nothing is near: no depth is told"
    assert column(made, "any_near").tolist() == [0, 0]


def test_layers_behind_count_once_each_for_the_track_that_passes() -> None:
    behind = [[1500, 100, 0], [1520, -100, 0], [1700, 0, 90], [1700, 300, 0], [1900, 2000, 0]]
    made = trails(tracks([5.0, 5.0]), lines(2), NO_CELLS, behind, [1, 1, 2, 7, 8], own=[0, 3])
    # The first: layers 1 and 2. The second: layer 7 and three of its own; nobody passes the last hit.
    assert np.expm1(column(made, "behind_layers")) == pytest.approx([2, 4], rel=1e-5)
    alone = trails(tracks([5.0]), lines(1), NO_CELLS, [[1500, 400, 0]], [1])
    assert column(alone, "behind_layers") == 0


@given(SEEDS)
@settings(max_examples=20)
def test_the_order_of_cells_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    place, energy = rng.uniform([1100, -60, -60], [1900, 360, 60], (30, 3)), rng.uniform(0.1, 5, 30)
    depth, group, order = rng.uniform(1, 40, 30), rng.integers(0, 9, 30), rng.permutation(30)
    found, points = tracks([3.0, 8.0]), lines(2)
    one = trails(found, points, cells(place, energy, depth, group))
    two = trails(found, points, cells(place[order], energy[order], depth[order], group[order]))
    np.testing.assert_allclose(one.features, two.features, rtol=1e-5, atol=1e-6)


def test_no_track_no_path_and_a_momentum_without_end() -> None:
    none = trails(tracks([]), lines(0), cells([[1500, 0, 0]], 1.0))
    assert (len(none), none.features.shape) == (0, (0, len(TRACK_FEATURES)))
    unseen = trails(tracks([5.0]), lines(0), cells([[1500, 0, 0]], 1.0), [[1500, 0, 0]], [1])
    assert column(unseen, "any_near") == column(unseen, "behind_layers") == 0
    straight = tracks([1e300])
    straight.q_over_p[:] = 0.0
    made = trails(straight, lines(1), cells([[1500, 0, 0]], 1.0))
    assert np.isfinite(made.features).all()
    assert np.abs(made.features).max() <= 20


@given(SEEDS, st.floats(-1e4, 1e4))
def test_the_distance_from_a_line_does_not_depend_on_the_point_of_it(seed: int, along: float) -> None:
    rng = np.random.default_rng(seed)
    place, point = rng.normal(0, 500, (2, 8, 3))
    way = rng.normal(size=(8, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    plain = perpendicular(place, point, way)
    np.testing.assert_allclose(perpendicular(place, point + along * way, way), plain, atol=1e-3)
    np.testing.assert_allclose(plain, np.linalg.norm(np.cross(place - point, way), axis=1), atol=1e-4)
    np.testing.assert_allclose(perpendicular(point + along * way, point, way), 0, atol=1e-3)


@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(-9, 9)), max_size=30))
def test_pairs_come_once_and_in_order(rows: list[tuple[int, int]]) -> None:
    one, two = np.array(rows, np.int64).reshape(-1, 2).T
    assert list(zip(*(side.tolist() for side in distinct_pairs(one, two)), strict=True)) == sorted(set(rows))
