"""What is usual: learned from counts, left only by what is far away, and never by the events it was learned from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.errors import BadConfig
from gnnreco.models.calibration.usual import FEWEST, MANY, MOST, Ratio, Usual, UsualRatio, learn_usual
from gnnreco.schema import build, plain

FOUND = Ratio("found", "all", "% of hits are found", 0.05, worse=-1)
WIDTH = Ratio("channels", "all", "channels in a cluster", 0.15)


def event(rng: np.random.Generator, found: float, width: float, hits: int) -> dict[str, int]:
    return {
        "all": hits,
        "found": int(rng.binomial(hits, found)),
        "channels": int(hits + rng.poisson((width - 1) * hits)),
    }


def events(seed: int, number: int, hits: int = 3000, found: float = 0.9, width: float = 3.0) -> list[dict]:
    rng = np.random.default_rng(seed)
    return [event(rng, found, width, hits) for _ in range(number)]


def total(counts: list[dict]) -> dict[str, int]:
    return {name: sum(one[name] for one in counts) for name in ("all", "found", "channels")}


@pytest.mark.parametrize("hits", [5, 100, 3000])
@pytest.mark.parametrize("number", [1, 30, 300])
def test_events_of_home_are_usual_whatever_their_number_and_size(hits: int, number: int) -> None:
    usual = learn_usual((FOUND, WIDTH), events(1, 10))
    assert usual is not None
    assert not [seed for seed in range(20) if usual.left_by(total(events(2 + seed, number, hits)))]


def test_a_ratio_far_away_is_said_with_numbers() -> None:
    usual = learn_usual((FOUND, WIDTH), events(1, 10))
    assert usual is not None
    (left,) = usual.left_by({"all": 3000, "found": 1500, "channels": 9000})
    assert (
        left.said({"all": 3000, "found": 1500})
        == f"50 % of hits are found ({100 * left.mean:.3g} +- {100 * left.spread:.2g})"
    )
    (left,) = usual.left_by({"all": 3000, "found": 2700, "channels": 12_600})
    assert left.said({"all": 3000, "channels": 12_600}).startswith("4.2 channels in a cluster (")


def test_more_than_usual_is_no_news_where_less_is_bad() -> None:
    usual = learn_usual((FOUND,), events(1, 10))
    assert usual is not None
    assert not usual.left_by({"all": 3000, "found": 3000})
    assert usual.left_by({"all": 3000, "found": 2000})


def test_what_differs_from_sample_to_sample_does_not_shrink_with_their_number() -> None:
    both = events(1, 5, found=0.9) + events(2, 5, found=0.7)
    usual = learn_usual((FOUND,), both)
    assert usual is not None
    assert not usual.left_by(total(events(3, 200, found=0.7)))


def test_many_small_events_are_taken_together() -> None:
    usual = learn_usual((FOUND,), events(1, 400, hits=10))
    assert usual is not None
    assert usual.ratios[0].size == pytest.approx(400 * 10 / MOST)
    assert not usual.left_by(total(events(2, 15, hits=10)))


def test_too_few_events_or_hits_teach_and_tell_nothing() -> None:
    assert learn_usual((FOUND,), []) is None
    assert learn_usual((FOUND,), events(1, FEWEST - 1)) is None
    assert learn_usual((FOUND,), events(1, 10, hits=MANY - 1)) is None
    usual = learn_usual((FOUND,), events(1, 10))
    assert usual is not None
    assert not usual.left_by({})
    assert not usual.left_by({"all": MANY - 1, "found": 0})


@given(st.floats(0, 1), st.floats(0, 0.5), st.integers(1, 10**6), st.integers(0, 10**6), st.data())
def test_a_ratio_that_is_left_stays_so_further_away(
    mean: float, spread: float, size: int, whole: int, data: st.DataObject
) -> None:
    ratio = UsualRatio("found", "all", "%", 0.05, -1, mean, spread, size)
    found = data.draw(st.integers(0, whole))
    if ratio.leaves({"all": whole, "found": found}):
        assert ratio.leaves({"all": whole, "found": data.draw(st.integers(0, found))})


def test_it_travels_as_settings_and_bad_numbers_are_refused() -> None:
    usual = learn_usual((FOUND, WIDTH), events(1, 10))
    assert build(Usual, plain(usual)) == usual
    for name, number, why in (("spread", float("nan"), "must be finite"), ("mean", 1.5, "not be above 1")):
        values = plain(usual)
        values["ratios"][0][name] = number
        with pytest.raises(BadConfig, match=why):
            build(Usual, values)
