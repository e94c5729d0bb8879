"""What the classifier on cells reads."""

from __future__ import annotations

import numpy as np
import pytest

from gnnreco.evaluate.fastsim import cells
from gnnreco.evaluate.fastsim.cells import Cells, cell_features

from .made import PITCH, drawn_showers


def test_neighbours_are_summed_as_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    sample = drawn_showers(12, 1)
    found = np.expm1(cell_features(sample, PITCH)[:, 5:8])
    shower, near = sample.shower, 1.5 * PITCH + 1e-6
    for i in range(0, len(shower), 7):
        beside = (
            (shower == shower[i])
            & (np.abs(sample.a - sample.a[i]) <= near)
            & (np.abs(sample.b - sample.b[i]) <= near)
        )
        beside[i] = False
        sums = [sample.mips[beside & (sample.place == sample.place[i] + step)].sum() for step in (-1, 0, 1)]
        assert found[i] == pytest.approx(sums)
    monkeypatch.setattr(cells, "AT_ONCE", 100)
    assert np.array_equal(np.expm1(cell_features(sample, PITCH)[:, 5:8]), found)


def test_a_network_gives_each_shower_what_it_gives_it_alone() -> None:
    import torch

    one, other = drawn_showers(5, 1), drawn_showers(4, 2)
    given = Cells((one, other), PITCH)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = given.network(8).eval()
    with torch.no_grad():
        together = network(*given.rows(np.arange(9)))
        alone = torch.cat([network(*given.rows(np.array([i]))) for i in range(9)])
    assert together.shape == (9, 1)
    assert torch.allclose(together, alone, atol=1e-5)
