"""Fates are cut and joined with their particles: parents stay the same particles, or are forgotten."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.columns import FATES, Fates, Particles, Truth, concatenate

NONE = np.zeros(0, np.int64)


def family(seed: int, n: int) -> Truth:
    """Particles of which each comes from one before it or from none; their places are their ids."""
    rng = np.random.default_rng(seed)
    parent = np.array([rng.integers(-1, row) if row else -1 for row in range(n)], np.int64)
    ids = np.arange(n) + 100 * seed
    fates = Fates(parent, rng.integers(0, len(FATES), n).astype(np.int8), *[ids * 1.0] * 4)
    return Truth(Particles(ids, np.zeros(n, np.int32), *np.zeros((7, n))), NONE, NONE, fates=fates)


def parents(truth: Truth) -> dict[int, int | None]:
    """The id of each particle's parent, by the particle's id."""
    assert truth.fates is not None
    ids = truth.particles.particle_id
    return {
        int(i): int(ids[row]) if row >= 0 else None for i, row in zip(ids, truth.fates.parent, strict=True)
    }


@given(st.integers(0, 99), st.integers(0, 12), st.data())
def test_a_cut_keeps_parents_that_stay(seed: int, n: int, data: st.DataObject) -> None:
    whole = family(seed, n)
    rows = data.draw(st.permutations(range(n)))[: data.draw(st.integers(0, n))]
    part = whole[rows]
    assert part.fates is not None
    np.testing.assert_array_equal(part.fates.x, part.particles.particle_id)
    left = {int(i) for i in part.particles.particle_id}
    before = parents(whole)
    assert parents(part) == {i: before[i] if before[i] in left else None for i in left}


@given(st.lists(st.integers(0, 6), min_size=1, max_size=5))
def test_parts_keep_their_families(sizes: list[int]) -> None:
    parts = [family(seed, n) for seed, n in enumerate(sizes)]
    assert parents(concatenate(parts)) == {i: p for part in parts for i, p in parents(part).items()}
    assert concatenate([parts[0]]) == parts[0]


def test_a_row_taken_twice_is_one_parent() -> None:
    fates = Fates(np.array([-1, 0]), np.array([1, 0], np.int8), *np.zeros((4, 2)))
    assert fates[[0, 0, 1]].parent.tolist() == [-1, -1, 0]
    assert fates[[1, 1, 0]].parent.tolist() == [2, 2, -1]


def test_some_with_fates_and_some_without_are_not_joined() -> None:
    with pytest.raises(ValueError, match="fates: some of these truths have it"):
        concatenate([family(1, 2), replace(family(2, 2), fates=None)])
    without = [replace(family(seed, 2), fates=None) for seed in (1, 2)]
    assert concatenate(without).fates is None
    assert concatenate([family(1, 2), replace(family(2, 0), fates=None)]) == family(1, 2)


def test_fates_are_part_of_what_is_equal() -> None:
    assert family(1, 4) == family(1, 4)
    assert family(1, 4) != replace(family(1, 4), fates=None)


def test_fates_are_asked_for_by_name() -> None:
    fates = Fates(np.full(3, -1), np.array([0, 2, 1], np.int8), *np.zeros((4, 3)))
    assert fates.became("left", "converted").tolist() == [True, True, False]
    assert repr(fates) == "Fates(3 fates, 1 left, 1 decayed, 1 converted)"
    with pytest.raises(ValueError, match="no fate 'lost'; there are: left, decayed"):
        fates.became("lost")
