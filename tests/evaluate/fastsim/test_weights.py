"""Weights toward the truth: near 1 where nothing is wrong, a bias mended, showers untouched, files of other showers refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.errors import BadInput
from gnnreco.evaluate.fastsim import Comparison, Training, compare, fastsim_lines
from gnnreco.evaluate.fastsim.comparison import halves, learned_half
from gnnreco.evaluate.fastsim.showers import ShowerSample, effective_size
from gnnreco.evaluate.fastsim.weights import learn_weights, read_weights, write_weights

from .made import drawn_showers, larger


def numbered(sample: ShowerSample) -> ShowerSample:
    """The same with two showers an event."""
    rows = np.arange(len(sample))
    return replace(sample, key=np.stack([rows // 2, rows % 2 + 7], axis=1))


def biased(n: int, seed: int) -> ShowerSample:
    """Showers whose energy varies by 0.3 around 1.3 times that of the truth's."""
    sample, factor = drawn_showers(n, seed), np.random.default_rng(seed).normal(1.3, 0.3, n).clip(0.4)
    return replace(
        sample, mips=sample.mips * factor[sample.shower], visible=sample.visible * factor[sample.shower]
    )


def straight(n: int, seed: int) -> ShowerSample:
    """The same without the bias."""
    sample, factor = drawn_showers(n, seed), np.random.default_rng(seed).normal(1.0, 0.3, n).clip(0.4)
    return replace(
        sample, mips=sample.mips * factor[sample.shower], visible=sample.visible * factor[sample.shower]
    )


@pytest.fixture(scope="module")
def learned() -> np.ndarray:
    return learn_weights(biased(300, 1), straight(300, 2))


def test_showers_of_one_kind_weigh_one() -> None:
    weight = learn_weights(straight(120, 1), straight(120, 2))
    assert weight.mean() == pytest.approx(1)
    assert np.quantile(np.abs(np.log(weight)), 0.9) < 0.5
    assert effective_size(weight) > 0.9 * len(weight)


def test_a_bias_is_mended(learned: np.ndarray) -> None:
    sample, truth = biased(300, 1), straight(300, 3)
    one, other = (np.bincount(s.shower, s.visible) / s.energy for s in (sample, truth))
    away, left = one.mean() - other.mean(), np.average(one, weights=learned) - other.mean()
    assert abs(left) < 0.5 * abs(away), (away, left)
    assert 0.1 * len(one) < effective_size(learned) < len(one)


def test_what_weights_change_stands_apart_and_the_showers_stay(learned: np.ndarray) -> None:
    sample, truth = biased(300, 1), straight(600, 4)
    short = Comparison(training=Training(trainings=1, width=16, epochs=1))
    plain, told = compare(sample, truth, short), compare(replace(sample, weight=learned), truth, short)
    weighted = told.pop("weighted")
    assert told == plain
    assert weighted["effective_showers"] == pytest.approx(effective_size(learned))
    away = [abs(side["response"]["all"]["mean_ratio"] - 1) for side in (plain, weighted)]
    assert away[1] < 0.6 * away[0]
    assert weighted["profiles"]["longitudinal"]["chi2"] < plain["profiles"]["longitudinal"]["chi2"]
    lines = fastsim_lines(told | {"weighted": weighted})
    assert max(map(len, lines)) <= 110
    assert "tell as much as" in lines[-1]


def test_weights_of_one_change_nothing() -> None:
    sample, truth = drawn_showers(60, 1, 4), drawn_showers(120, 2, 4)
    short = Comparison(training=Training(trainings=1, width=16, epochs=1))
    told = compare(replace(sample, weight=np.full(60, 0.5)), truth, short)
    for name in ("separation", "profiles", "response"):
        one, other = (np.array(list(_numbers(side[name]))) for side in (told, told["weighted"]))
        np.testing.assert_allclose(one, other, rtol=1e-9, err_msg=name)


def _numbers(value: object) -> list[float]:
    if isinstance(value, dict):
        return [x for each in value.values() for x in _numbers(each)]
    if isinstance(value, list):
        return [x for each in value for x in _numbers(each)]
    return [] if value is None else [float(value)]  # type: ignore[arg-type]


def test_weights_learn_from_what_they_are_not_compared_with() -> None:
    near = halves(30, 100, 3)[1]
    learned = learned_half(30, 100, 3)
    assert sorted([*near, *learned]) == list(range(100))


def test_one_seed_gives_the_same_bytes_and_few_showers_are_refused(tmp_path: Path) -> None:
    samples = (numbered(drawn_showers(60, 1, 4)), drawn_showers(60, 2, 4))
    files = [tmp_path / "one.parquet", tmp_path / "two.parquet"]
    for file in files:
        write_weights(file, samples[0], learn_weights(*samples, seed=5))
    assert files[0].read_bytes() == files[1].read_bytes()
    with pytest.raises(BadInput, match="weights take 50 showers a side or more, and there are 49 and 60"):
        learn_weights(samples[0][np.arange(49)], samples[1])


@given(st.permutations(range(12)))
def test_a_file_serves_whatever_the_order_of_showers(
    tmp_path_factory: pytest.TempPathFactory, order: list
) -> None:
    file = tmp_path_factory.mktemp("weights") / "w.parquet"
    sample, weight = numbered(drawn_showers(12, 1, 2)), np.arange(12) + 0.5
    write_weights(file, sample, weight)
    rows = np.array(order)
    assert np.array_equal(read_weights(file, sample[rows]), weight[rows])


def test_files_of_other_showers_are_refused(tmp_path: Path) -> None:
    file, sample = tmp_path / "w.parquet", numbered(drawn_showers(10, 1, 4))
    write_weights(file, sample, np.ones(10))
    with pytest.raises(BadInput, match="other showers: it has 10, and there are 8"):
        read_weights(file, sample[np.arange(8)])
    with pytest.raises(BadInput, match="event 5, particle 7: was made for other showers"):
        read_weights(file, numbered(drawn_showers(12, 1, 4)))
    with pytest.raises(BadInput, match="other showers, or with another threshold: 10 of 10 differ"):
        read_weights(file, larger(sample, 1.1))
    with pytest.raises(BadInput, match="several showers are of one event number"):
        read_weights(file, replace(sample, key=np.zeros((10, 2), np.int64)))
    with pytest.raises(BadInput, match="does not exist"):
        read_weights(tmp_path / "none.parquet", sample)
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(BadInput, match="damaged or cut off"):
        read_weights(file, sample)


def test_columns_that_are_no_weights_are_refused(tmp_path: Path) -> None:
    file, sample = tmp_path / "w.parquet", numbered(drawn_showers(4, 1, 4))
    for bad in (np.nan, -1.0, np.inf):
        write_weights(file, sample, np.array([1.0, bad, 1.0, 1.0]))
        with pytest.raises(BadInput, match="column weight: holds no weights"):
            read_weights(file, sample)
    pq.write_table(pq.read_table(file).drop_columns(["weight"]), file)
    with pytest.raises(BadInput, match="column weight: is missing"):
        read_weights(file, sample)
