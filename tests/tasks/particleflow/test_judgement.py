"""How far a network may move what was measured."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from gnnreco.graphs.elements.pairs import distinct_pairs
from gnnreco.tasks.particleflow.judgement import PULLS, _room


@given(st.floats(1.0, 100.0), st.floats(0.0, 1.0))
def test_a_good_track_keeps_its_momentum_and_a_bad_one_may_move(momentum: float, electron: float) -> None:
    error = torch.tensor([0.003, 0.8])
    room = _room(error, torch.full((2,), momentum), torch.full((2,), electron))
    assert room[0] < 0.2 * error[0]
    assert 0.5 * min(PULLS * 0.8, 1.0) < room[1] <= 1.0


def test_the_worse_of_two_tracks_may_move_more_of_its_own_errors() -> None:
    error = torch.tensor([0.01, 0.05, 0.2])
    room = _room(error, torch.full((3,), 10.0), torch.zeros(3)) / error
    assert room.tolist() == sorted(room.tolist())
    assert room[0] == pytest.approx(PULLS * 0.0001 / (0.0001 + 0.04), rel=1e-4)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(-1, 9)), max_size=40))
def test_pairs_are_those_of_numpy(pairs: list[tuple[int, int]]) -> None:
    rows = np.array(pairs, np.int64).reshape(-1, 2)
    wanted = np.unique(rows, axis=0)
    assert_array_equal(np.stack(distinct_pairs(rows[:, 0], rows[:, 1]), axis=1), wanted)
