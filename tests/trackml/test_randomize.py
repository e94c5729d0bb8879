"""Made-up submissions: those of the challenge's library, number by number, from the same seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from gnnreco.trackml.randomize import drop_hits, random_solution, set_seed, shuffle_hits

MADE = {"random_solution": random_solution, "drop_hits": drop_hits, "shuffle_hits": shuffle_hits}


@pytest.mark.parametrize("name", MADE)
def test_the_same_seed_gives_the_submission_of_the_library(
    name: str, hits: pd.DataFrame, truth: pd.DataFrame, library: dict[str, Any]
) -> None:
    given = library["submissions"][name]
    set_seed(library["seed"])
    told = MADE[name](hits if name == "random_solution" else truth, given["arguments"])
    assert list(told) == ["hit_id", "track_id"]
    assert told["hit_id"].tolist() == hits["hit_id"].tolist()
    assert told["track_id"][::500].tolist() == given["track_id"]


def test_nothing_dropped_or_shuffled_is_the_truth_under_other_numbers(truth: pd.DataFrame) -> None:
    for told in (drop_hits(truth, 0), shuffle_hits(truth, 0)):
        pairs = pd.DataFrame({"track": told["track_id"], "particle": truth["particle_id"]}).drop_duplicates()
        assert not pairs["track"].duplicated().any()
        assert not pairs["particle"].duplicated().any()
        assert sorted(pairs["track"]) == list(range(1, len(pairs) + 1))


def test_a_dropped_hit_is_alone(truth: pd.DataFrame) -> None:
    assert not drop_hits(truth, 1)["track_id"].duplicated().any()
    half = drop_hits(truth, 0.5)["track_id"]
    alone = np.count_nonzero(half.value_counts() == 1)
    assert alone / len(truth) == pytest.approx(0.5, abs=0.05)


def test_the_truth_is_left_as_it_is(truth: pd.DataFrame) -> None:
    before = truth.copy()
    drop_hits(truth, 0.5)
    shuffle_hits(truth, 0.5)
    pd.testing.assert_frame_equal(truth, before)


def test_rows_keep_their_index(truth: pd.DataFrame) -> None:
    some = truth.iloc[100:200]
    assert shuffle_hits(some, 0.5).index.equals(some.index)


def test_an_empty_truth_gives_an_empty_submission(truth: pd.DataFrame) -> None:
    for made in (drop_hits, shuffle_hits):
        assert len(made(truth.iloc[:0], 0.5)) == 0
