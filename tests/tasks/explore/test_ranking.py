"""Events ranked among one another: what does not matter, what comes first, and what p-values are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.columns import Event
from gnnreco.errors import BadInput
from gnnreco.tasks.explore import EVERYTHING, Ranking, anomalies_of, measure, rank, reasons
from tests.display import conftest as bench

from .made import chambers_at, hot, plain, put, shuffled

MANY = [measure(plain(number)) for number in range(20)]


def ranked(*events: Event) -> Ranking:
    """These events among the usual ones, which come first."""
    return rank([*MANY, *(measure(event) for event in events)])


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_neither_the_order_of_events_nor_of_hits_matters(seed: int) -> None:
    order = np.random.default_rng(seed).permutation(8)
    one = rank(MANY[:8])
    two = rank([measure(shuffled(plain(int(number)), seed)) for number in order])
    for name in ("score", "p_value", "value", "contributions"):
        np.testing.assert_array_equal(getattr(two, name), getattr(one, name)[order])
    assert [two.events[i].number for i in two.order] == [one.events[i].number for i in one.order]


@settings(max_examples=6, deadline=None)
@given(row=st.integers(0, 719), gev=st.floats(30, 1e5))
def test_a_hot_cell_comes_first_and_is_lit_up(row: int, gev: float) -> None:
    event = hot(plain(99), gev, row)
    ranking, full = ranked(event), measure(event)
    assert ranking.order[0] == 20
    assert ranking.p_value[20] == 1 / 21
    found = anomalies_of(ranking, 20, full)
    assert found.hit_index[np.argmax(found.attribution)] == len(event.hits) - 1
    assert found.attribution.max() > 0.8 * found.attribution.sum()
    assert found.score[0] == ranking.score[20]
    np.testing.assert_allclose(found.part.sum(), ranking.score[20] - ranking.usual.sum())
    assert {(reason.part, reason.kind) for reason in reasons(ranking, 20)} < {
        (part, kind)
        for part in ("barrel", EVERYTHING)
        for kind in ("highest", "lone", "share", "imbalance", "energy")
    }


def test_events_that_are_all_alike_have_no_small_p() -> None:
    same = rank([MANY[0]] * 12)
    np.testing.assert_array_equal(same.p_value, 1.0)
    assert not reasons(same, 0)
    ranking = rank(MANY)
    np.testing.assert_allclose(np.sort(ranking.p_value), np.arange(1, 21) / 20)
    assert not ranking.found.chosen.any()
    assert ranking.smallest_p == 1 / 20
    assert ranking.needed == 199


def test_p_values_of_normal_events_are_even() -> None:
    """Judged by others of their kind, four in forty have a p-value of at most 0.1, give or take."""
    judged = [measure(plain(number)) for number in range(100, 140)]
    p_value = rank(judged, MANY).p_value
    assert (p_value <= 0.1).mean() <= 0.25
    assert 0.3 < p_value.mean() < 0.7


def test_events_are_judged_by_those_given_as_normal() -> None:
    judged = [measure(hot(plain(50 + i), 40.0)) for i in range(3)]
    ranking = rank([*judged, measure(plain(60))], MANY)
    np.testing.assert_allclose(ranking.p_value[:3], 1 / 21)
    assert ranking.p_value[3] >= 2 / 21
    assert ranking.smallest_p == 1 / 21
    assert ranking.found.chosen[:3].all()
    # One event alone has others to be judged by, and three that are alike hide each other only where there are none.
    assert rank(judged[:1], MANY).p_value[0] == 1 / 21


def test_what_no_other_event_has_is_seen() -> None:
    """A number that is the same in all others still tells: here their chambers see nothing."""
    quiet = [measure(plain(number, chambers=False)) for number in range(10)]
    loud = measure(
        chambers_at(plain(10, chambers=False), np.array([2000.0]), np.arange(40) / 7, np.array([5e3]))
    )
    ranking = rank([*quiet, loud])
    assert ranking.order[0] == 10
    assert reasons(ranking, 10)[0].text == "hits in chambers 40 (usually 0)"


def test_energies_that_are_no_numbers_count_as_none() -> None:
    event = plain(3)
    xyz = np.array([[1300.0, 0, 0], [0, 1300.0, 0], [np.nan, 0, 0]])
    bad = put(event, "barrel", xyz, np.full((3, 3, 3), 10.0), np.array([np.nan, -5.0, 1e9]))
    one, two = measure(event), measure(bad)
    for key in one.facts.keys() - {("barrel", "hits")}:
        assert two.facts[key].value == one.facts[key].value
    assert two.facts["barrel", "hits"].value == one.facts["barrel", "hits"].value + 3


def test_events_without_energies_are_ranked_by_their_hits() -> None:
    bare = [replace(e, hits=replace(e.hits, energy=None)) for e in map(plain, range(6))]
    more = plain(7, many=3.0)
    ranking = rank([measure(e) for e in (*bare, replace(more, hits=replace(more.hits, energy=None)))])
    assert ranking.events[ranking.order[0]].number == 7
    assert {kind for _, kind in ranking.columns} == {"hits", "line"}


def test_too_few_events_are_refused() -> None:
    with pytest.raises(BadInput, match="no events to rank"):
        rank([])
    with pytest.raises(
        BadInput, match="made: one event cannot be ranked among itself; give at least 5, or others"
    ):
        rank(MANY[:1])
    with pytest.raises(BadInput, match="4 events cannot be ranked among one another"):
        rank(MANY[:4])
    with pytest.raises(BadInput, match="2 events cannot tell what is normal"):
        rank(MANY, MANY[:2])


def test_subsystems_of_a_detector_stand_for_collections() -> None:
    """Two layers of the outer one and three of the inner one, each with three charged particles; one hit lies in none."""
    seen = bench.event()
    sensor = seen.hits.sensor.copy()
    sensor[0] = -1
    facts = measure(replace(seen, hits=replace(seen.hits, sensor=sensor)), bench.detector()).facts
    counts = {part: fact.value for (part, kind), fact in facts.items() if kind == "hits"}
    assert sum(counts.values()) == len(sensor)
    assert counts["no subsystem"] == 1
    assert counts["outer"] == (sensor >= 6).sum()
