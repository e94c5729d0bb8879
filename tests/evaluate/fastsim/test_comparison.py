"""Two samples of showers: alike, unlike, in another order, and too few."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from gnnreco.errors import BadConfig
from gnnreco.evaluate.fastsim import Comparison, Training, compare, fastsim_lines
from gnnreco.evaluate.fastsim.comparison import warnings_of
from gnnreco.evaluate.fastsim.showers import _order

from .made import drawn_showers, larger

QUICK = Comparison(training=Training(trainings=1, width=32, epochs=20))


@pytest.fixture(scope="module")
def alike() -> dict:
    return compare(drawn_showers(100, 1), drawn_showers(200, 2), QUICK)


@pytest.fixture(scope="module")
def unlike() -> dict:
    return compare(larger(drawn_showers(100, 1), 4.0), drawn_showers(200, 2), QUICK)


def test_samples_of_one_kind_cannot_be_told_apart(alike: dict) -> None:
    assert alike["showers"]["compared"] == 100
    assert alike["warnings"] == []
    for name, found in alike["classifier"].items():
        assert 0.25 < found["auc"] < 0.75, name
        assert found["jsd"] < 0.2, name
        assert 0.25 < alike["floor"]["classifier"][name]["auc"] < 0.75, name


def test_samples_of_two_kinds_can(alike: dict, unlike: dict) -> None:
    assert unlike["classifier"]["high"]["auc"] > 0.8
    assert unlike["classifier"]["cells"]["auc"] > 0.8
    assert unlike["separation"]["response"] > 0.5 > alike["separation"]["response"]


def test_what_is_written_is_json_and_the_table_has_both_columns(alike: dict) -> None:
    json.dumps(alike, allow_nan=False)
    lines = fastsim_lines(alike)
    assert max(map(len, lines)) <= 110
    assert any("features of layers" in line and len(line.split()) == 5 for line in lines)


def test_the_order_of_showers_within_their_files_changes_nothing() -> None:
    sample = drawn_showers(60, 3)
    shuffled = sample[np.random.default_rng(0).permutation(60)]
    again, first = shuffled[_order(shuffled)], sample[_order(sample)]
    for name in ("pdg", "energy", "offsets", "place", "a", "b", "mips"):
        assert np.array_equal(getattr(again, name), getattr(first, name)), name


def test_the_same_showers_give_the_same_bytes() -> None:
    one, other = drawn_showers(52, 1, 4), drawn_showers(104, 2, 4)
    short = Comparison(training=Training(trainings=1, width=16, epochs=2))
    assert json.dumps(compare(one, other, short)) == json.dumps(compare(one, other, short))


@pytest.mark.parametrize(("showers", "floor"), [(52, True), (52, False), (12, True)])
def test_each_training_is_told(showers: int, floor: bool) -> None:
    short = Comparison(training=Training(trainings=2, width=16, epochs=1), floor=floor)
    told: list[tuple[str, int, int]] = []
    compare(
        drawn_showers(showers, 1, 4),
        drawn_showers(2 * showers, 2, 4),
        short,
        lambda *what: told.append(what),
    )
    total = 2 * 4 * (2 if floor else 1)
    assert told == ([("classifiers", done, total) for done in range(total + 1)] if showers > 50 else [])


@pytest.mark.parametrize("showers", [(1, 1), (1, 5), (30, 1), (12, 12)])
def test_few_showers_give_what_they_can_and_say_so(showers: tuple[int, int]) -> None:
    result = compare(drawn_showers(showers[0], 1), drawn_showers(showers[1], 2), QUICK)
    json.dumps(result, allow_nan=False)
    assert any("too few" in line for line in result["warnings"])
    assert result["classifier"]["high"] is None
    assert (result["floor"] is None) == (showers[1] == 1)
    assert fastsim_lines(result)


def test_other_energies_are_told() -> None:
    sample = drawn_showers(100, 1)
    harder = replace(sample, energy=3 * sample.energy, pdg=np.full(100, 11))
    told = warnings_of(harder, drawn_showers(100, 2), 50, True)
    assert any("energies of the generated particles" in line for line in told)
    assert any("[11] (PDG), the true ones [22]" in line for line in told)


def test_a_threshold_below_zero_is_refused() -> None:
    for threshold in (-1.0, np.nan, np.inf):
        with pytest.raises(BadConfig, match="threshold of cells"):
            Comparison(threshold=threshold)
