"""From energy in cells to hits: sums, thresholds, noise, and what a muon leaves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.geometry import Detector
from gnnreco.simulate import SimulationOptions
from gnnreco.simulate.matter.medium import media
from gnnreco.simulate.showers.hits import ionised, read_out, with_noise
from gnnreco.simulate.showers.shower import Shares, empty, gathered, showering
from gnnreco.simulate.transport import Crossings
from tests.simulate.conftest import planes

EXACT = SimulationOptions(cell_noise=0.0, cell_threshold=0.0, time_resolution=0.0)


def plates(*measures: str) -> Detector:
    made = planes(
        [0.0, 20.0], pitch=10.0, half=50.0, radiation=1.0, interaction=0.1, measures=measures or ("energy",)
    )
    return replace(made, moliere_radius=np.full(2, 20.0), sampling_fraction=np.full(2, 0.02))


PLATES = plates()
MIP = media(PLATES).mip[0]
ROWS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 1), st.integers(0, 9), st.floats(0.1, 9)), max_size=30
)


def shares(rows: list[tuple[int, int, int, float]]) -> Shares:
    """Rows of particle, sensor, cell and energy (MIPs), whose times are their numbers."""
    particle, sensor, cell, energy = np.array(rows, float).reshape(-1, 4).T
    return Shares(
        particle.astype(np.int64),
        sensor.astype(np.int64) << 32 | cell.astype(np.int64),
        energy * MIP,
        np.arange(len(rows)) + 1.0,
    )


@given(ROWS)
def test_gathered_shares_are_the_sums_by_cell_and_particle(rows: list[tuple[int, int, int, float]]) -> None:
    made = gathered(shares(rows))
    expected: dict[tuple[int, int], tuple[float, float]] = {}
    for time, (particle, sensor, cell, energy) in enumerate(rows, 1):
        key = (sensor << 32 | cell, particle)
        before = expected.get(key, (0.0, np.inf))
        expected[key] = (before[0] + energy * MIP, min(before[1], float(time)))
    assert list(zip(made.cell.tolist(), made.particle.tolist(), strict=True)) == sorted(expected)
    np.testing.assert_allclose(made.energy, [expected[key][0] for key in sorted(expected)])
    np.testing.assert_array_equal(made.time, [expected[key][1] for key in sorted(expected)])


@given(ROWS, st.integers(0, 30))
def test_gathering_in_parts_is_gathering_at_once(rows: list[tuple[int, int, int, float]], cut: int) -> None:
    whole = shares(rows)
    parts = [Shares(*(column[s] for column in whole)) for s in (slice(cut), slice(cut, None))]
    for one, two in zip(gathered(whole), gathered(*parts), strict=True):
        np.testing.assert_allclose(one, two)


def test_noise_is_no_particle_and_keeps_its_own_row() -> None:
    made = gathered(Shares(np.array([-1, 2]), np.array([5, 5]), np.array([1.0, 2.0]), np.array([0.0, 1.0])))
    assert made.particle.tolist() == [-1, 2]
    assert len(gathered(empty()).cell) == 0


@given(ROWS)
def test_without_noise_hits_are_the_cells_and_their_sums(rows: list[tuple[int, int, int, float]]) -> None:
    made = gathered(shares(rows))
    hits, hit, particle, energy = read_out(PLATES, made, EXACT, np.random.default_rng(0))
    cells = np.unique(made.cell)
    assert len(hits) == len(cells)
    np.testing.assert_array_equal(hits.sensor, cells >> 32)
    position = PLATES.cell_position((cells >> 32).astype(np.int64), (cells & 0xFFFFFFFF).astype(np.int32))
    np.testing.assert_allclose(hits.xyz, position.reshape(-1, 3))
    np.testing.assert_allclose(np.bincount(hit, energy, len(hits)), hits.energy)
    np.testing.assert_array_equal(particle, made.particle)


@given(ROWS, st.floats(0.2, 5))
def test_a_cell_is_read_out_by_what_all_particles_left_together(
    rows: list[tuple[int, int, int, float]], threshold: float
) -> None:
    made = gathered(shares(rows))
    hits, hit, *_ = read_out(PLATES, made, replace(EXACT, cell_threshold=threshold), np.random.default_rng(0))
    cells, row = np.unique(made.cell, return_inverse=True)
    total = np.bincount(row, made.energy, len(cells))
    np.testing.assert_allclose(hits.energy, total[total > threshold * MIP])
    assert len(hit) == (total > threshold * MIP)[row].sum()


def test_electronic_noise_has_the_width_asked_for() -> None:
    cells = np.arange(100)
    many = Shares(np.zeros(100, np.int64), cells, np.full(100, 10 * MIP), np.zeros(100))
    spread = []
    for seed in range(20):
        hits, *_ = read_out(PLATES, many, replace(EXACT, cell_noise=0.3), np.random.default_rng(seed))
        assert hits.energy is not None
        spread.append(hits.energy / MIP - 10)
    assert np.std(spread) == pytest.approx(0.3, rel=0.08)
    assert np.mean(spread) == pytest.approx(0.0, abs=0.02)


def test_the_time_of_a_hit_is_that_of_its_first_energy() -> None:
    timed = plates("energy", "time")
    rows = [(0, 0, 4, 2.0), (1, 0, 4, 2.0), (0, 1, 7, 2.0)]
    made = gathered(shares(rows))
    hits, *_ = read_out(timed, made, EXACT, np.random.default_rng(0))
    assert hits.time is not None
    np.testing.assert_allclose(hits.time, [1.0, 3.0])


def test_noise_cells_come_at_the_rate_asked_for_and_over_threshold() -> None:
    made = gathered(shares([(0, 0, cell, 2.0) for cell in range(80)]))
    options = replace(EXACT, noise_hits=5.0, cell_threshold=0.5)
    noisy = with_noise(PLATES, made, options, np.random.default_rng(1))
    mine = noisy.particle < 0
    # 400 draws over 200 cells: those drawn twice are one.
    assert mine.sum() == pytest.approx(200 * (1 - np.exp(-2.0)), rel=0.08)
    assert noisy.energy[mine].min() > 0.5 * MIP
    assert (noisy.cell >> 32).max() == 1
    assert with_noise(PLATES, made, EXACT, np.random.default_rng(1)) is made


def test_noise_is_in_calorimeters_alone() -> None:
    mixed = replace(
        PLATES,
        subsystems=(
            PLATES.subsystems[0],
            replace(PLATES.subsystems[0], name="tracker", measures=("position",)),
        ),
        subsystem=np.array([0, 1], np.int32),
    )
    assert showering(mixed).tolist() == [True, False]
    made = gathered(shares([(0, 0, cell, 2.0) for cell in range(80)]))
    noisy = with_noise(mixed, made, replace(EXACT, noise_hits=5.0), np.random.default_rng(1))
    assert ((noisy.cell >> 32) == 0).all()


def test_a_muon_leaves_its_energy_in_the_cells_under_its_path() -> None:
    flat = np.zeros(2)
    crossings = Crossings(
        np.array([7, 7]),
        np.array([0, 1], np.int32),
        flat + 3.0,
        flat + 4.0,
        flat,
        flat,
        np.array([1e-4, 2e-4]),
        np.array([1.0, 2.0]),
    )
    made = ionised(PLATES, crossings)
    assert made.particle.tolist() == [7, 7]
    assert (made.cell >> 32).tolist() == [0, 1]
    np.testing.assert_array_equal(
        made.cell & 0xFFFFFFFF, PLATES.cell_at(crossings.sensor, crossings.u, crossings.v)
    )
    np.testing.assert_allclose(made.energy, [1e-4, 2e-4])
    np.testing.assert_array_equal(made.time, [1.0, 2.0])
