"""Features and pictures of a shower that can be added up by hand."""

from __future__ import annotations

import numpy as np
import pytest

from gnnreco.evaluate.fastsim.features import columns, common_voxels, high_level, pictures, reach_of
from gnnreco.evaluate.fastsim.histograms import separation_power
from gnnreco.evaluate.fastsim.showers import ShowerSample

from .made import PITCH, drawn_showers


@pytest.fixture
def two() -> ShowerSample:
    """A shower of three cells in the first and the last of three layers, and one without a cell."""
    a, b = np.array([-5.0, 5.0, 10.0]), np.array([0.0, 0.0, -5.0])
    mips = np.array([1.0, 3.0, 2.0])
    return ShowerSample(
        np.array([22, 22]), np.array([2.0, 1.0]), np.ones(2), np.array([0, 3, 3]), np.array([0, 0, 2]), a, b,
        mips, mips / 10, PITCH,
    )  # fmt: skip


def test_features_of_layers_are_sums_and_moments(two: ShowerSample) -> None:
    high = high_level(two, 3, PITCH, 10.0)
    assert high.layer_energy.tolist() == [[4, 0, 2], [0, 0, 0]]
    assert high.hits.tolist() == [[2, 0, 1], [0, 0, 0]]
    assert high.centre_a.tolist() == [[2.5, 0, 10], [0, 0, 0]]
    assert high.width_a[0] == pytest.approx([np.sqrt(0.25 * 7.5**2 + 0.75 * 2.5**2), 0, 0])
    assert high.largest.tolist() == [[3, 0, 2], [0, 0, 0]]
    assert high.response == pytest.approx([0.3, 0])
    assert high.sparsity == pytest.approx([1 - 3 / 75, 1])
    table, names = columns(high, two.energy)
    assert table.shape == (2, len(names))
    assert table[0, names.index("hits_2")] == pytest.approx(np.log(2))
    assert reach_of(two) == 10


def test_pictures_hold_the_cells_and_their_share_of_the_layer(two: ShowerSample) -> None:
    chosen = common_voxels((two, two), PITCH, 10)
    assert len(chosen) == 3
    assert pictures(two, chosen, PITCH, False)[0] == pytest.approx(np.log1p([1, 3, 2]))
    assert pictures(two, chosen, PITCH, True)[0] == pytest.approx(np.sqrt([0.25, 0.75, 1]))
    assert not pictures(two, chosen, PITCH, False)[1].any()


def test_the_squares_that_most_showers_fill_are_taken() -> None:
    sample = drawn_showers(40, 1)
    chosen = common_voxels((sample, sample), PITCH, 20)
    counts = (pictures(sample, chosen, PITCH, False) > 0).sum(axis=0)
    everything = common_voxels((sample, sample), PITCH, 10**6)
    assert len(chosen) == 20
    assert counts.min() >= np.sort((pictures(sample, everything, PITCH, False) > 0).sum(axis=0))[-40]


def test_separation_power_is_0_alike_and_1_apart() -> None:
    p = np.array([1.0, 2, 3, 0])
    assert separation_power(p, 5 * p) == 0
    assert separation_power(p, np.array([0, 0, 0, 2.0])) == 1
    assert separation_power(np.array([1.0, 1]), np.array([1.0, 3])) == pytest.approx(1 / 15)
