"""Scores of clusters: perfect ones, a merged, a split and a fake one, and labels against published examples."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.columns import CLUSTER_CLASSES, Clusters, Event, Hits, Particles, Truth
from gnnreco.errors import BadInput
from gnnreco.evaluate import score_clusters, table
from gnnreco.evaluate.sharing import adjusted_rand, v_measure
from gnnreco.geometry.source import Source

#: One calorimeter of one sensor, whose cells show a tenth of the energy.
DETECTOR: Any = SimpleNamespace(
    subsystems=(SimpleNamespace(measures=("energy",)),),
    subsystem=np.zeros(1, np.int32),
    sampling_fraction=np.array([0.1]),
    source=Source(),
)
DETECTOR.at_source = lambda: DETECTOR


def event_of(number: int = 1) -> Event:
    """Two photons of 10 GeV, ten cells each, and two cells of noise."""
    xyz = np.zeros((22, 3))
    xyz[:10, 0], xyz[10:20, 0], xyz[:, 2] = 100, -100, 1000
    energy = np.full(22, 0.1)
    hits = Hits(np.arange(22), *xyz.T, np.zeros(22, np.int32), energy=energy)
    p = np.array([[1.0, 0, 10], [-1.0, 0, 10]])
    p *= 10 / np.linalg.norm(p, axis=1)[:, None]
    particles = Particles(np.arange(2), np.full(2, 22, np.int32), np.zeros(2), *np.zeros((3, 2)), *p.T)
    truth = Truth(particles, np.arange(20), np.repeat([0, 1], 10), energy=np.full(20, 0.1))
    return Event(number, "a", hits, truth)


def clusters_of(*rows: list[int], sigma: float = 1.0) -> Clusters:
    n = len(rows)
    size = np.array([len(r) for r in rows], np.int64)
    energy = size * 1.0
    index = np.array([i for row in rows for i in row], np.int64)
    return Clusters(
        np.concatenate([[0], np.cumsum(size)]).astype(np.int64),
        index,
        np.ones(size.sum()),
        energy,
        np.full(n, sigma),
        np.zeros(n),
        np.zeros(n),
        np.full(n, 1000.0),
        np.tile([0, 0, 1.0], (n, 1)),
        np.full((n, len(CLUSTER_CLASSES)), np.nan),
        np.ones(n),
    )


ONE, TWO = list(range(10)), list(range(10, 20))


def score(*rows: list[int], event: Event | None = None) -> dict[str, Any]:
    return score_clusters([(event or event_of(), clusters_of(*rows))], DETECTOR)


def rates(result: dict[str, Any]) -> tuple[float, ...]:
    return tuple(result[k] for k in ("efficiency", "purity", "fake_rate", "split_rate", "merge_rate"))


def test_perfect_clusters() -> None:
    result = score(ONE, TWO)
    assert rates(result) == (1, 1, 0, 0, 0)
    assert result["energy_response_mean"] == pytest.approx(1)
    assert (result["adjusted_rand"], result["v_measure"]) == (1, pytest.approx(1))
    assert result["class_auc"] is None
    assert result["bins"]["energy"]["efficiency"][4] == 1  # 10 to 20 GeV
    assert result["bins"]["energy"]["particles"] == [0, 0, 0, 0, 2, 0, 0, 0, 0, 0]
    assert set(result["bins"]) == {"energy", "eta", "local_density"}
    assert "pull_sigma_interval" in result
    assert "what each particle left" in result["definitions"]["truth_energy"]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([ONE + TWO], (0.5, 1, 0, 0, 0.5)),  # merged: half of it is the first one's, the other is lost
        ([ONE[:6], ONE[6:], TWO], (1, 2 / 3, 0, 0.5, 0)),
        ([ONE, TWO, [20, 21]], (1, 2 / 3, 1 / 3, 0, 0)),
        ([ONE], (0.5, 1, 0, 0, 0)),
        ([], (0, None, None, 0, 0)),
    ],
)
def test_merged_split_fake_and_lost(rows: list[list[int]], expected: tuple[float | None, ...]) -> None:
    assert (
        rates(score(*rows)) == pytest.approx(expected)
        if None not in expected
        else rates(score(*rows)) == expected
    )


def test_without_shares_they_are_equal_and_said_to_be() -> None:
    event = event_of()
    assert event.truth is not None
    result = score(ONE, TWO, event=replace(event, truth=replace(event.truth, energy=None)))
    assert rates(result) == (1, 1, 0, 0, 0)
    assert "equal shares" in result["definitions"]["truth_energy"]
    with pytest.raises(BadInput, match="event 1: no truth"):
        score(ONE, event=replace(event, truth=None))


def test_pull_and_resolution_of_many() -> None:
    rng = np.random.default_rng(0)
    pairs = []
    for i in range(300):
        clusters = clusters_of(ONE, TWO, sigma=0.5)
        pairs.append((event_of(i), replace(clusters, energy=10 + 0.5 * rng.normal(size=2))))
    result = score_clusters(pairs, DETECTOR)
    assert result["energy_resolution"] == pytest.approx(0.05, rel=0.15)
    assert result["pull_sigma"] == pytest.approx(1, rel=0.15)
    low, high = result["energy_response_mean_interval"]
    assert low < 1.002
    assert high > 0.998
    assert high - low < 0.01


def test_what_is_printed_and_what_is_refused() -> None:
    result = score(ONE, TWO) | {"task": "clustering", "cpu_seconds_per_event": None}
    assert "merge rate" in table(result)
    with pytest.raises(BadInput, match="a cluster holds hit row 99, the event has 22 hits"):
        score([99])
    broken = replace(clusters_of(ONE), energy=np.array([np.nan]))
    with pytest.raises(BadInput, match="a cluster has energy that is not finite"):
        score_clusters([(event_of(), broken)], DETECTOR)


@pytest.mark.parametrize(
    ("one", "two", "rand", "v"),
    [  # examples of the documentation of scikit-learn
        ([0, 0, 1, 1], [0, 0, 1, 1], 1.0, 1.0),
        ([0, 0, 1, 2], [0, 0, 1, 1], 0.5714, 0.8),
        ([0, 0, 0, 0], [0, 1, 2, 3], 0.0, 0.0),
        ([0, 0, 1, 1], [0, 1, 0, 1], -0.5, 0.0),
        ([0, 0, 1, 1], [0, 0, 1, 2], 0.5714, 0.8),
    ],
)
def test_published_examples(one: list[int], two: list[int], rand: float, v: float) -> None:
    a, b = np.array(one), np.array(two)
    assert adjusted_rand(a, b) == pytest.approx(rand, abs=1e-4)
    assert v_measure(a, b) == pytest.approx(v, abs=1e-4)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=50))
def test_agreement_is_symmetric_and_names_do_not_matter(labels: list[tuple[int, int]]) -> None:
    a, b = np.array(labels).T
    for measure in (adjusted_rand, v_measure):
        value = measure(a, b)
        assert value == pytest.approx(measure(b, a), abs=1e-9)
        assert value == pytest.approx(measure(7 - a, b), abs=1e-9)
        assert measure(a, a) == pytest.approx(1.0)
