"""Electrons onto pads: the table of the normal distribution, the hash table, the raster of pads, and charge that adds up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from gnnreco.geometry import ConstantField, Detector, GridTemplate, Subsystem
from gnnreco.geometry.subsystem import Drift
from gnnreco.simulate.drift.charge import readout
from gnnreco.simulate.drift.gas import Clusters
from gnnreco.simulate.drift.pads import (
    CELL,
    REACH,
    SAMPLE,
    below,
    chambers_of,
    collect,
    doubled,
    enlarged,
    find,
    inside_by,
    moved,
    normal_table,
)
from tests.simulate.conftest import build

GAS = Drift(
    velocity=0.05,
    sample=50.0,
    diffusion=(0.0, 0.0),
    pair_energy=36e-9,
    pad_response=1.0,
    shaping=40.0,
    noise=0.0,
    threshold=0.0,
    gain_spread=0.0,
)
DEEP = 100.0  # mm
TABLE = normal_table()


def chambers(gas: Drift = GAS, count: int = 2, turn: np.ndarray | None = None) -> Detector:
    """Chambers of 40 mm x 40 mm with pads of 2 mm x 4 mm, side by side."""
    template = GridTemplate("pads", DEEP, 2.0, 4.0, 20, 10)
    center = np.array([[40.0 * i, 0.0, 0.0] for i in range(count)])
    rotation = np.tile(np.eye(3) if turn is None else turn, (count, 1, 1))
    made = build(template, center, rotation, ConstantField(0.0))
    return replace(made, subsystems=(Subsystem("gas", ("charge", "time"), gas),))


ONE = chambers(count=1)
HEXAGON = np.array([[np.cos(a), np.sin(a)] for a in np.arange(6) * np.pi / 3]) * 5.0


def dropped(
    detector: Detector, xyz: np.ndarray, time: np.ndarray | float = 0.0, electrons: int = 1, particle: int = 0
) -> dict[tuple[int, int, int], float]:
    """Charge by (row of the chamber, pad, sample) of electrons set free at points (n, 3)."""
    n = len(xyz)
    clusters = Clusters(
        np.full(n, particle),
        detector.locate(xyz),
        *np.ascontiguousarray(xyz.T),
        np.broadcast_to(time, n).astype(float),
        np.full(n, electrons),
    )
    key, _, charge = collect(
        np.random.default_rng(1), clusters, clusters.sensor.astype(np.int64), *readout(detector), TABLE
    )
    pad = key >> SAMPLE & ((1 << CELL) - 1)
    rows = zip(
        (key >> (CELL + SAMPLE)).tolist(),
        pad.tolist(),
        (key & ((1 << SAMPLE) - 1)).tolist(),
        strict=True,
    )
    return dict(zip(rows, charge.tolist(), strict=True))


@given(st.floats(-4, 4))
def test_the_table_is_the_cut_normal_distribution(x: float) -> None:
    low, high = norm.cdf(-REACH), norm.cdf(REACH)
    expected = np.clip((norm.cdf(x) - low) / (high - low), 0, 1)
    assert below(TABLE, x) == pytest.approx(expected, abs=2e-6)


def test_the_table_ends_at_none_and_all() -> None:
    assert (below(TABLE, -REACH), below(TABLE, REACH)) == (0.0, 1.0)
    assert below(TABLE, 0.0) == pytest.approx(0.5, abs=1e-12)


@given(st.floats(-9, 9), st.floats(-9, 9))
def test_how_far_inside_is_the_distance_to_the_nearest_edge(u: float, v: float) -> None:
    edges = np.roll(HEXAGON, -1, axis=0) - HEXAGON
    offset = np.array([u, v]) - HEXAGON
    away = (edges[:, 0] * offset[:, 1] - edges[:, 1] * offset[:, 0]) / np.linalg.norm(edges, axis=1)
    assert inside_by(HEXAGON, 6, u, v) == pytest.approx(away.min(), abs=1e-9)


@given(st.lists(st.integers(0, 1 << 60), unique=True, max_size=60))
def test_the_open_table_holds_what_a_dictionary_holds(keys: list[int]) -> None:
    slots, sums = np.full(8, -1, np.int64), np.zeros(8)
    used = np.empty(8, np.int64)
    for count, key in enumerate(keys):
        slot = find(slots, key)
        assert slots[slot] == -1
        slots[slot], sums[slot] = key, count + 0.5
        if 2 * (count + 1) >= len(slots):
            slots, sums, used = enlarged(slots, sums)
            assert sorted(slots[used[: count + 1]].tolist()) == sorted(keys[: count + 1])
    assert {key: sums[find(slots, key)] for key in keys} == {key: i + 0.5 for i, key in enumerate(keys)}


def test_a_column_with_twice_the_room_begins_as_before() -> None:
    column = np.array([3, 1, 2])
    larger = doubled(column)
    assert (len(larger), larger[:3].tolist()) == (6, [3, 1, 2])


@given(st.floats(-30, 30), st.floats(-15, 15), st.floats(-3, 3))
@settings(max_examples=30)
def test_a_point_has_its_place_in_the_frame_of_a_neighbour(u: float, v: float, angle: float) -> None:
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1.0]])
    detector = chambers(turn=turn)
    made = chambers_of(detector)
    point = detector.center[0] + turn @ [u, v, 0.0]
    expected = turn.T @ (point - detector.center[1])
    np.testing.assert_allclose(moved(made, 0, 1, u, v), expected[:2], atol=1e-9)


def test_chambers_know_the_neighbours_whose_pads_share_a_plane() -> None:
    made = chambers_of(chambers(count=4))
    near = [made.near[made.near_offsets[i] : made.near_offsets[i + 1]].tolist() for i in range(4)]
    assert near == [[1], [0, 2], [1, 3], [2]]
    apart = chambers(count=4)
    shifted = replace(apart, center=apart.center + np.array([[0, 0, 0], [0, 0, 5.0], [0, 0, 0], [0, 0, 0]]))
    assert chambers_of(shifted).near_offsets.tolist() == [0, 0, 0, 1, 2]


def test_the_number_of_samples_is_the_drift_time_over_the_sample() -> None:
    assert chambers_of(chambers()).gas[0, 8] == DEEP / GAS.velocity / GAS.sample == 40


@given(st.floats(-25, 25), st.floats(-25, 25))
@settings(max_examples=40)
def test_the_raster_names_every_pad_within_reach(u: float, v: float) -> None:
    _, pads = readout(ONE)
    corner, width, shape = pads.raster[0, :2], pads.raster[0, 2:4], pads.raster[0, 4:]
    place = np.floor((np.array([u, v]) - corner) / width)
    reach = REACH * GAS.pad_response
    box = pads.box[:, :4]
    close = np.flatnonzero(
        (box[:, 0] < u + reach) & (box[:, 2] > u - reach) & (box[:, 1] < v + reach) & (box[:, 3] > v - reach)
    )
    if (place < 0).any() or (place >= shape).any():
        assert len(close) == 0
        return
    row = int(place[0] * shape[1] + place[1])
    assert set(close) <= set(pads.pads[pads.offsets[row] : pads.offsets[row + 1]].tolist())


@given(st.floats(-15, 15), st.floats(-15, 15), st.floats(-30, 30))
@settings(max_examples=25)
def test_one_electron_gives_all_its_charge_to_pads_around_it(x: float, y: float, z: float) -> None:
    charge = dropped(ONE, np.array([[x, y, z]]))
    assert sum(charge.values()) == pytest.approx(1.0, abs=0.02)  # shares under LEAST are left out
    pads = np.array([pad for _, pad, _ in charge], np.int32)
    middle = ONE.cell_position(np.zeros(len(pads), np.int64), pads)[:, :2]
    mean = np.average(middle, axis=0, weights=list(charge.values()))
    np.testing.assert_allclose(mean, [x, y], atol=1.2)
    time = (z + DEEP / 2) / GAS.velocity
    late = np.average([(sample + 0.5) * GAS.sample for _, _, sample in charge], weights=list(charge.values()))
    assert late == pytest.approx(time, abs=10.0)


def test_the_shares_of_pads_are_those_of_two_normal_distributions() -> None:
    # In the middle of pad (10, 5), of 2 mm x 4 mm: one sigma to each side along u, two along v.
    charge = dropped(chambers(replace(GAS, shaping=1.0), count=1), np.array([[1.0, 2.0, 0.01]]))
    by_pad = np.zeros(200)
    for (_, pad, _), value in charge.items():
        by_pad[pad] += value
    cut = norm.cdf(REACH) - norm.cdf(-REACH)
    along_u, along_v = (norm.cdf(1) - norm.cdf(-1)) / cut, (norm.cdf(2) - norm.cdf(-2)) / cut
    assert by_pad[10 * 10 + 5] == pytest.approx(along_u * along_v, abs=1e-3)
    assert by_pad[9 * 10 + 5] == pytest.approx((1 - along_u) / 2 * along_v, abs=1e-3)
    assert by_pad[9 * 10 + 5] == pytest.approx(by_pad[11 * 10 + 5], abs=1e-6)


def test_charge_near_an_edge_goes_to_the_chamber_beyond() -> None:
    charge = dropped(chambers(), np.array([[19.99, 0.5, 0.0]]))
    by_chamber = [sum(value for (row, _, _), value in charge.items() if row == i) for i in (0, 1)]
    np.testing.assert_allclose(by_chamber, 0.5, atol=0.02)


def test_a_particle_is_one_row_for_each_sample_however_many_electrons_it_frees() -> None:
    rng = np.random.default_rng(2)
    xyz = rng.uniform(-15, 15, (300, 3)) * [1, 1, 3]
    charge = dropped(ONE, xyz, electrons=3)  # more samples than the hash table has room for at first
    assert sum(charge.values()) == pytest.approx(900, rel=0.02)
    assert len(charge) > 2048


def test_samples_outside_the_readout_window_are_lost() -> None:
    late = dropped(ONE, np.array([[0.0, 0.0, 0.0]]), time=40 * GAS.sample)
    assert late == {}
    early = dropped(ONE, np.array([[0.0, 0.0, -DEEP / 2 + 1e-6]]))
    assert sum(early.values()) == pytest.approx(0.5, abs=0.02)  # half of it comes before the window opens


def test_a_gain_that_fluctuates_keeps_its_mean() -> None:
    detector = chambers(replace(GAS, gain_spread=1.0), count=1)
    sums = [sum(dropped(detector, np.array([[0.0, 0.0, 0.0]]), electrons=n).values()) for n in (1, 5000)]
    assert sums[1] / 5000 == pytest.approx(1.0, abs=0.06)
    assert sums[0] != pytest.approx(1.0, abs=0.02)
