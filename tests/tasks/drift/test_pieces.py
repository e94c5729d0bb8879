"""Pieces of charge: a sure pair joins, an unsure one does not, and no pair joins two long paths that cross."""

from __future__ import annotations

import numpy as np
import pytest

from gnnreco.tasks.drift.pieces import PiecesConfig, grow_pieces, surest_first


def line(direction: tuple[float, float, float], n: int = 200) -> np.ndarray:
    unit = np.array(direction) / np.linalg.norm(direction)
    return np.linspace(-100, 100, n)[:, None] * unit


def chain(n: int, first: int = 0) -> np.ndarray:
    return np.stack([np.arange(n - 1), np.arange(1, n)], axis=1).astype(np.int32) + first


def pieces(xyz: np.ndarray, pairs: np.ndarray, logit: np.ndarray) -> np.ndarray:
    return grow_pieces(
        xyz, np.ones(len(xyz)), pairs.astype(np.int32), logit.astype(np.float32), PiecesConfig()
    )


def test_sure_pairs_join_and_unsure_ones_do_not() -> None:
    xyz, pairs = line((1, 0, 0)), chain(200)
    assert (pieces(xyz, pairs, np.full(199, 3.0)) == 0).all()
    logit = np.full(199, 3.0)
    logit[99] = -3.0
    found = pieces(xyz, pairs, logit)
    assert (found[:100] == 0).all()
    assert (found[100:] == 1).all()
    logit[:] = -3.0
    assert (pieces(xyz, pairs, logit) == -1).all()


def test_paths_that_cross_stay_two_and_a_straight_one_is_joined() -> None:
    one, two = line((1, 0.1, 0)), line((1, -0.1, 0))
    pairs = np.concatenate([chain(200), chain(200, 200), [[100, 300], [101, 301]]])
    logit = np.append(np.full(398, 3.0), [2.5, 2.5])
    found = pieces(np.concatenate([one, two]), pairs, logit)
    assert len(np.unique(found)) == 2
    straight = line((1, 0, 0))
    cut = np.full(199, 3.0)
    cut[120] = 1.0
    assert len(np.unique(pieces(straight, chain(200), cut))) == 1


def test_nothing_gives_nothing() -> None:
    assert len(pieces(np.zeros((0, 3)), np.zeros((0, 2)), np.zeros(0))) == 0


@pytest.mark.parametrize("seed", range(4))
def test_the_surest_pairs_go_first_as_a_lexsort_has_them(seed: int) -> None:
    rng = np.random.default_rng(seed)
    charge = rng.integers(1, 6, 40).astype(float)  # many are equal
    pairs = rng.integers(0, 40, (300, 2)).astype(np.int32)
    logit = rng.normal(1, 1, 300).astype(np.float32)
    order = np.lexsort((-charge[pairs].min(axis=1), -np.minimum(logit, 1.5)))
    wanted = pairs[order[logit[order] > 0.2]]
    assert surest_first(charge, pairs, logit, 0.2, 1.5).tolist() == wanted.tolist()
    assert surest_first(charge, pairs[:0], logit[:0], 0.2, 1.5).tolist() == []
    assert surest_first(charge, pairs, logit, 0.2, 9.0)[0].tolist() == pairs[logit.argmax()].tolist()
