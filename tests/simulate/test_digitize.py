"""From crossings to hits: where charge goes, what a cluster says of its place, who is named for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.geometry import ConstantField, HexTemplate, load_detector
from gnnreco.simulate import SimulationOptions
from gnnreco.simulate.digitize import (
    MIP_PER_MM,
    Shares,
    clusters,
    digitize,
    noise_cells,
    share_charge,
    sorted_shares,
    summed,
    variance,
    with_time,
)
from gnnreco.simulate.transport import Crossings
from tests.simulate.conftest import QUIET, build, planes

PLANE = planes([100.0, 200.0], pitch=0.5, half=10.0)  # 0.1 mm thick
HEXES = build(
    HexTemplate("hex", 0.3, 1.0, 6.0 * np.array([[np.cos(a), np.sin(a)] for a in np.arange(6) * np.pi / 3])),
    np.zeros((1, 3)),
    np.eye(3)[None],
    ConstantField(0.0),
)
PLACES = st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9), st.floats(-8, 8)), max_size=12)


def crossed(places: list[tuple[float, float, float]], sensor: int = 0, energy: float = 3e-5) -> Crossings:
    """One particle at each place (u, v) with a slope along u."""
    u, v, slope = np.array(places, float).reshape(-1, 3).T
    n = len(u)
    return Crossings(
        np.arange(n),
        np.full(n, sensor, np.int32),
        u,
        v,
        slope,
        np.zeros(n),
        np.full(n, energy),
        np.arange(n) * 1.0,
    )


@given(PLACES)
def test_all_charge_of_a_crossing_inside_is_shared(places: list[tuple[float, float, float]]) -> None:
    for detector in (PLANE, HEXES):
        shares = share_charge(detector, crossed([(u / 3, v / 3, slope) for u, v, slope in places]))
        total = np.bincount(shares.crossing, shares.energy, len(places))
        np.testing.assert_allclose(total, 3e-5, rtol=1e-9)


@given(PLACES)
def test_the_cells_under_a_path_are_those_where_the_detector_says(
    places: list[tuple[float, float, float]],
) -> None:
    crossings = crossed([(u, v, 0.0) for u, v, _ in places])
    shares = share_charge(PLANE, crossings)
    np.testing.assert_array_equal(
        shares.cell & 0xFFFFFFFF, PLANE.cell_at(crossings.sensor, crossings.u, crossings.v)
    )


def test_what_leaves_the_sensor_is_lost() -> None:
    shares = share_charge(PLANE, crossed([(10.0, 0.1, 20.0)]))  # on the rim: half of the path is outside
    assert shares.energy.sum() == pytest.approx(1.5e-5)


@given(st.lists(st.integers(0, 5), max_size=12), st.lists(st.integers(0, 5), max_size=12))
def test_two_tables_become_one_in_the_order_of_the_cells(one: list[int], two: list[int]) -> None:
    tables = [
        Shares(np.arange(len(c)) + start, np.array(c, np.int64), np.arange(len(c)) + start + 0.5)
        for c, start in ((one, 0), (two, 100))
    ]
    both = sorted_shares(*tables)
    assert both.cell.tolist() == sorted(one + two)
    assert sorted(zip(both.crossing, both.cell, both.energy, strict=True)) == sorted(
        (n, c, n + 0.5) for table in tables for n, c in zip(table.crossing, table.cell, strict=True)
    )


@given(PLACES, st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_the_order_of_the_crossings_changes_no_hit(places: list[tuple[float, float, float]], random) -> None:  # type: ignore[no-untyped-def]
    shuffled = list(range(len(places)))
    random.shuffle(shuffled)
    crossings = crossed(places)
    moved = Crossings(*(getattr(crossings, name)[shuffled] for name in Crossings.__slots__))
    one, two = (digitize(PLANE, c, QUIET, np.random.default_rng(0)) for c in (crossings, moved))
    np.testing.assert_allclose(one[0].xyz, two[0].xyz, atol=1e-9)
    for a, b in zip(one[1:], two[1:], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)


@given(PLACES)
@settings(max_examples=40)
def test_hits_hold_the_energy_of_their_particles_and_links_are_sorted(
    places: list[tuple[float, float, float]],
) -> None:
    hits, hit, particle, energy = digitize(PLANE, crossed(places), QUIET, np.random.default_rng(0))
    assert hits.energy is not None
    np.testing.assert_allclose(np.bincount(hit, energy, len(hits)), hits.energy, rtol=1e-9)
    assert sorted(zip(hit, particle, strict=True)) == list(zip(hit, particle, strict=True))
    assert set(particle.tolist()) == set(range(len(places)))


def test_a_hit_is_the_mean_of_its_cells_by_charge_and_its_variance_that_of_uniform_columns() -> None:
    # 0.3 of the path in one column, 0.7 in the next: see how far the path of 0.4 mm reaches over the edge at 0.
    hits, *_ = digitize(PLANE, crossed([(0.08, 0.25, 4.0)]), QUIET, np.random.default_rng(0))
    assert len(hits) == 1
    assert hits.x[0] == pytest.approx(0.3 * -0.25 + 0.7 * 0.25)
    assert hits.y[0] == pytest.approx(0.25)
    assert hits.var_u is not None
    assert hits.var_v is not None
    assert hits.var_u[0] == pytest.approx((0.3**2 + 0.7**2) * 0.25 / 12)
    assert hits.var_v[0] == pytest.approx(0.25 / 12)


def test_the_variance_of_one_column_is_that_of_a_uniform_cell() -> None:
    label, channel = np.zeros(3, np.int64), np.array([4, 4, 4], np.int32)
    found = variance(label, channel, np.array([0.2, 0.3, 0.5]), np.full(3, 0.4), 1)
    assert found[0] == pytest.approx(0.4)


def test_a_hit_in_one_hexagon_is_as_uncertain_as_a_place_in_it() -> None:
    detector = load_detector("hex_tracker")
    whole = [template.name for template in detector.templates].index("whole")
    sensor = int(np.flatnonzero(detector.template == whole)[0])
    hits, *_ = digitize(detector, crossed([(0.0, 0.0, 0.0)], sensor), QUIET, np.random.default_rng(0))
    assert len(hits) == 1
    assert hits.var_u is not None
    assert hits.var_v is not None
    assert [hits.var_u[0], hits.var_v[0]] == pytest.approx([0.2**2 * 5 / 72] * 2)


@given(st.integers(0, 4), st.integers(0, 60), st.integers(0, 99))
def test_sums_by_label(n: int, rows: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    label, value = rng.integers(0, max(n, 1), rows if n else 0), rng.normal(size=rows if n else 0)
    expected = [value[label == i].sum() for i in range(n)]
    np.testing.assert_allclose(summed(label, value, n), expected, atol=1e-12)


def test_clusters_of_hexagons_are_those_that_touch() -> None:
    template = HEXES.templates[0]
    offsets, near = template.neighbours_of(np.arange(template.n_cells))
    cells = np.flatnonzero(np.random.default_rng(1).random(template.n_cells) < 0.4)
    label, count = clusters(HEXES, cells)
    group = {c: {c} for c in cells.tolist()}
    for cell in cells.tolist():
        for other in near[offsets[cell] : offsets[cell + 1]].tolist():
            if other in group and group[other] is not group[cell]:
                group[cell] |= group[other]
                for member in group[cell]:
                    group[member] = group[cell]
    assert count == len({id(g) for g in group.values()})
    for cell, name in zip(cells.tolist(), label, strict=True):
        assert set(cells[label == name].tolist()) == group[cell]


def test_nothing_fires_under_the_threshold() -> None:
    weak = 0.9 * MIP_PER_MM * 0.1
    for threshold, expected in ((0.8, 1), (1.0, 0)):
        options = replace(QUIET, threshold=threshold)
        hits, hit, *_ = digitize(
            PLANE, crossed([(0.1, 0.1, 0.0)], energy=weak), options, np.random.default_rng(0)
        )
        assert len(hits) == len(hit) == expected


def test_noise_lies_in_trackers_alone_and_over_the_threshold() -> None:
    options = SimulationOptions(noise_hits=2.0)
    made = noise_cells(PLANE, 500, options, np.random.default_rng(2))
    assert len(made.cell) == pytest.approx(1000, rel=0.1)
    assert (made.crossing == -1).all()
    assert (made.energy > options.threshold * MIP_PER_MM * 0.1).all()
    assert np.bincount(made.cell >> 32) == pytest.approx(500, rel=0.15)  # both planes alike
    calorimeter = replace(PLANE, subsystems=(replace(PLANE.subsystems[0], measures=("energy",)),))
    assert len(noise_cells(calorimeter, 500, options, np.random.default_rng(2)).cell) == 0
    assert len(noise_cells(PLANE, 0, options, np.random.default_rng(2)).cell) == 0


def test_the_time_is_that_of_the_first_particle_where_time_is_measured() -> None:
    timed = replace(PLANE, subsystems=(replace(PLANE.subsystems[0], measures=("position", "time")),))
    hits, *_ = digitize(
        timed, crossed([(0.1, 0.1, 0.0)] * 3 + [(5.1, 5.1, 0.0)]), QUIET, np.random.default_rng(0)
    )
    assert hits.time is not None
    exact = replace(QUIET, time_resolution=0.0)
    again = with_time(
        timed, hits, np.array([0, 0, 0, 1]), np.array([2.0, 0.5, 1.0, 3.0]), exact, np.random.default_rng(0)
    )
    assert again.time is not None
    np.testing.assert_allclose(again.time, [0.5, 3.0])
    noise = with_time(timed, hits, np.array([1]), np.array([3.0]), exact, np.random.default_rng(0))
    assert noise.time is not None
    assert np.isnan(noise.time[0])  # nobody made it
    assert with_time(PLANE, hits, np.zeros(0, np.int64), np.zeros(0), exact, np.random.default_rng(0)) is hits
