"""The score of a submission: that of the challenge's library, also where hits are missing, alone or on no track."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.trackml import randomize
from gnnreco.trackml.score import _analyze_tracks, score_event

GOLDEN = Path(__file__).parents[1] / "golden" / "trackml_score.npz"
#: Particles of three hits, of two and of one.
TRUTH = pd.DataFrame(
    {"hit_id": range(1, 7), "particle_id": [7, 7, 7, 8, 8, 9], "weight": [0.1, 0.2, 0.1, 0.2, 0.3, 0.1]}
)


def submission(tracks: dict[int, Any]) -> pd.DataFrame:
    return pd.DataFrame({"hit_id": list(tracks), "track_id": list(tracks.values())})


def rows(table: pd.DataFrame) -> list[tuple[Any, ...]]:
    """`track_id, nhits, major_particle_id, major_particle_nhits, major_nhits`; NaN as None."""
    return [
        (None if pd.isna(track) else track, *rest)
        for track, *rest, _ in table.itertuples(index=False, name=None)
    ]


@pytest.mark.parametrize("case", range(10))
def test_scores_of_the_library_for_made_up_submissions(case: int) -> None:
    with np.load(GOLDEN) as file:
        particle, weight, track, score = (
            file[k] for k in ("hit_particle", "hit_weight", "track_id", "score")
        )
    truth = pd.DataFrame({"hit_id": np.arange(len(particle)), "particle_id": particle + 1, "weight": weight})
    told = pd.DataFrame({"hit_id": np.arange(len(particle)), "track_id": track[case]})
    told = told[told["track_id"] >= 0].sample(frac=1, random_state=case)
    found = score_event(truth, told)
    assert isinstance(found, np.float64)
    assert found == pytest.approx(score[case], abs=1e-12)


@pytest.mark.parametrize("name", ["random_solution", "drop_hits", "shuffle_hits"])
def test_tracks_of_the_library(
    name: str, hits: pd.DataFrame, truth: pd.DataFrame, library: dict[str, Any]
) -> None:
    given = library["submissions"][name]
    randomize.set_seed(library["seed"])
    table = hits if name == "random_solution" else truth
    told = getattr(randomize, name)(table, given["arguments"])
    assert score_event(truth, told) == pytest.approx(given["score"], abs=1e-12)
    tracks = _analyze_tracks(truth, told)
    assert list(tracks) == list(given["tracks"])
    for column, values in given["tracks"].items():
        assert tracks[column].iloc[:5].tolist() == pytest.approx(values, rel=1e-12)


def test_the_truth_scores_one(truth: pd.DataFrame) -> None:
    perfect = truth[["hit_id", "particle_id"]].rename(columns={"particle_id": "track_id"})
    assert score_event(truth, perfect) == pytest.approx(1)


def test_weights_in_single_precision_as_they_are_read(truth: pd.DataFrame) -> None:
    told = randomize.shuffle_hits(truth, 0.1)
    single = score_event(truth.astype({"weight": "f4"}), told)
    assert single == pytest.approx(score_event(truth, told), rel=1e-6)


# What follows was seen in the library; each comment says what surprises.


def test_a_hit_left_out_is_a_track_of_its_own() -> None:
    # so a particle of one hit counts as found, even in an empty submission
    empty = submission({})
    assert score_event(TRUTH, empty) == pytest.approx(0.1)
    alone = [(None, 1, 7, 3, 1)] * 3 + [(None, 1, 8, 2, 1)] * 2 + [(None, 1, 9, 1, 1)]
    assert rows(_analyze_tracks(TRUTH, empty)) == alone
    told = submission({1: 1.5, 2: 1.5, 3: np.nan, 4: 2, 5: 2, 6: 2})
    assert score_event(TRUTH, told) == pytest.approx(0.8)
    assert rows(_analyze_tracks(TRUTH, told)) == [(1.5, 2, 7, 3, 2), (2, 3, 8, 2, 2), (None, 1, 7, 3, 1)]


def test_track_0_is_a_track_like_any_other() -> None:
    told = submission({1: 0, 2: 0, 4: 0, 5: 0})
    assert score_event(TRUTH, told) == pytest.approx(0.1)
    assert rows(_analyze_tracks(TRUTH, told))[0] == (0, 4, 7, 3, 2)


def test_track_minus_1_is_none() -> None:
    # the hits do not even count as found alone, as those left out do
    told = submission({1: -1, 2: -1, 3: -1, 4: 2, 5: 2, 6: 3})
    assert score_event(TRUTH, told) == pytest.approx(0.6)
    assert rows(_analyze_tracks(TRUTH, told)) == [(2, 2, 8, 2, 2), (3, 1, 9, 1, 1)]
    assert score_event(TRUTH, submission(dict.fromkeys(range(1, 7), -1))) == 0
    # other negative numbers are tracks
    told = submission({1: -2, 2: -2, 3: -1, 4: -1, 5: -1, 6: 4})
    assert score_event(TRUTH, told) == pytest.approx(0.4)


def test_of_two_particles_with_equally_many_hits_the_lower_number_is_the_major_one() -> None:
    told = submission({2: 5, 3: 5, 4: 5, 5: 5})
    assert rows(_analyze_tracks(TRUTH, told))[0] == (5, 4, 7, 3, 2)
    # half of the hits is not more than half
    assert score_event(TRUTH, told) == pytest.approx(0.1)


def test_exactly_half_of_a_particle_is_not_found() -> None:
    assert score_event(TRUTH, submission({4: 1, 5: 2, 6: -1})) == 0


def test_hits_that_the_event_has_not_do_not_count() -> None:
    assert score_event(TRUTH, submission({1: 1, 2: 1, 3: 1, 99: 1})) == pytest.approx(0.5)


def test_noise_is_a_particle_and_counts_where_it_has_weight() -> None:
    noise = TRUTH.assign(particle_id=[0, 0, 0, 8, 8, 9])
    assert score_event(noise, submission({1: 1, 2: 1, 4: -1, 5: -1, 6: -1})) == pytest.approx(0.3)


def test_an_event_without_weight_scores_zero() -> None:
    assert score_event(TRUTH.assign(weight=0.0), submission({1: 1, 2: 1, 3: 1})) == 0


def test_long_numbers_of_tracks_stay_apart_beside_hits_left_out() -> None:
    # not so in the library, where they become floating point
    long = 1 << 60
    told = submission({1: long, 2: long, 4: long + 1, 5: long + 1})
    assert score_event(TRUTH, told) == pytest.approx(0.9)


def test_tracks_may_have_names() -> None:
    told = submission({1: "a", 2: "a", 3: "b", 4: "c", 5: "c", 6: "c"})
    assert score_event(TRUTH, told) == pytest.approx(0.8)


def test_a_hit_given_twice_is_refused() -> None:
    twice = pd.DataFrame({"hit_id": [1, 1, 2], "track_id": [1, 2, 2]})
    with pytest.raises(pd.errors.MergeError, match="hit_id 1 stands again in the submission"):
        score_event(TRUTH, twice)
    with pytest.raises(ValueError, match="hit_id 1 stands again in the truth"):
        score_event(pd.concat([TRUTH, TRUTH]), submission({1: 1}))


def test_tables_that_cannot_be_scored_are_refused() -> None:
    with pytest.raises(KeyError, match="submission has no column 'track_id'; it has hit_id, label"):
        score_event(TRUTH, pd.DataFrame({"hit_id": [1], "label": [1]}))
    with pytest.raises(KeyError, match="truth has no column 'weight'"):
        score_event(TRUTH.drop(columns="weight"), submission({1: 1}))
    with pytest.raises(ValueError, match="truth has no hits"):
        score_event(TRUTH.iloc[:0], submission({1: 1}))
    with pytest.raises(ValueError, match="weight of hit 2 is NaN"):
        score_event(TRUTH.assign(weight=[0.1, np.nan, 0.1, 0.2, 0.3, 0.1]), submission({1: 1}))


def by_hand(particle: list[int], track: list[int | None]) -> list[tuple[Any, ...]]:
    """The tracks as `rows` has them, counted one by one: the definition."""
    whole, found = Counter(particle), []
    for number in sorted({t for t in track if t is not None and t != -1}):
        mine = Counter(p for p, t in zip(particle, track, strict=True) if t == number)
        major = min(p for p in mine if mine[p] == max(mine.values()))
        found.append((number, sum(mine.values()), major, whole[major], mine[major]))
    alone = sorted(p for p, t in zip(particle, track, strict=True) if t is None)
    return found + [(None, 1, p, whole[p], 1) for p in alone]


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.none() | st.integers(-2, 3), st.integers(0, 9)),
        min_size=1,
        max_size=25,
    ),
    st.randoms(use_true_random=False),
)
def test_any_submission_is_counted_as_by_hand(hits: list[tuple[int, int | None, int]], chance: Any) -> None:
    particle, track, weight = (list(column) for column in zip(*hits, strict=True))
    truth = pd.DataFrame({"hit_id": range(len(hits)), "particle_id": particle, "weight": map(float, weight)})
    told = [(i, t) for i, t in enumerate(track) if t is not None]
    chance.shuffle(told)
    table = pd.DataFrame({"hit_id": [i for i, _ in told], "track_id": [t for _, t in told]})

    tracks = _analyze_tracks(truth, table)
    assert rows(tracks) == by_hand(particle, track)
    good = tracks[
        (2 * tracks["major_nhits"] > tracks["nhits"])
        & (2 * tracks["major_nhits"] > tracks["major_particle_nhits"])
    ]
    assert score_event(truth, table) == pytest.approx(good["major_weight"].sum())
