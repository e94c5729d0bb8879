"""The gate keeps what its network takes for likely, whatever the portions in which it looks at pairs."""

from __future__ import annotations

import numpy as np
import pytest

from gnnreco.graphs.tracking import gate
from gnnreco.graphs.tracking.features import DOUBLET_FEATURES, doublet_features
from gnnreco.graphs.tracking.gate import Gate

from .test_features import points_at

N_POINTS, N_PAIRS = 40, 300
MIDDLE = -45.0  # of the logits of a network that learned nothing


@pytest.fixture
def pairs() -> np.ndarray:
    return np.random.default_rng(5).integers(0, N_POINTS, (N_PAIRS, 2)).astype(np.int32)


@pytest.fixture
def known():
    """Points at random places, and the frame of their sensors."""
    return points_at(np.random.default_rng(6).normal(0.0, 200.0, (N_POINTS, 3)), width=2, signal=1.0)


def trained(threshold: float) -> Gate:
    rng = np.random.default_rng(7)
    state = Gate.open(len(DOUBLET_FEATURES)).state()
    learned = {name: rng.normal(size=values.shape).astype(np.float32) for name, values in state.items()}
    return Gate(**learned | {"threshold": np.array([threshold], np.float32)})


@pytest.mark.parametrize("at_once", [16, 64, N_PAIRS, 1 << 16])
@pytest.mark.parametrize("threshold", [-np.inf, MIDDLE, np.inf])
def test_doublets_are_the_pairs_above_the_threshold(
    at_once: int, threshold: float, known, pairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "AT_ONCE", at_once)
    learned = trained(threshold)
    logits = learned.logits(doublet_features(*known, pairs))
    assert 0.1 < np.mean(logits > MIDDLE) < 0.9
    rows = np.flatnonzero(logits > threshold)
    rows = rows[np.argsort(pairs[rows, 0], kind="stable")]
    expected = pairs[rows]
    found, their = learned.doublets(*known, pairs)
    assert found.tolist() == expected.tolist()
    np.testing.assert_allclose(their, logits[rows], rtol=1e-5, atol=1e-5)


def test_no_pairs_and_pairs_that_belong_to_another_array(known, pairs) -> None:
    assert [len(part) for part in trained(MIDDLE).doublets(*known, pairs[:0])] == [0, 0]
    before = pairs.copy()
    every = trained(-np.inf).doublets(*known, pairs[:7])[0]
    assert sorted(map(tuple, every)) == sorted(map(tuple, before[:7]))
    assert (pairs == before).all()
