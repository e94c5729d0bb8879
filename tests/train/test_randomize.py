"""Events with the habits of another simulation: the same at each reading, right truth, and what changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.columns import Event
from gnnreco.geometry import Detector, load_detector
from gnnreco.graphs import Frame, points_of
from gnnreco.simulate import SimulationOptions, simulate
from gnnreco.simulate.coils import random_field
from gnnreco.train.randomize import MOST_LOST, MOST_NOISE, Randomized, randomized


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector("trackml")


@pytest.fixture(scope="module")
def event(detector: Detector) -> Event:
    options = SimulationOptions(count=30, energy=(1.0, 10.0), eta=(-2.0, 2.0))
    return next(simulate(detector, "gun", 1, seed=5, options=options))


@given(seed=st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_truth_follows_the_hits(seed: int, detector: Detector, event: Event) -> None:
    changed = randomized(event, detector, np.random.default_rng(seed))
    assert event.truth is not None
    assert changed.truth is not None
    n = len(event.hits)
    assert (1 - 3 * MOST_LOST) * n < len(changed.hits) < (1 + 2 * MOST_NOISE) * n
    assert len(np.unique(changed.hits.hit_id)) == len(changed.hits)
    row = {hit: k for k, hit in enumerate(event.hits.hit_id.tolist())}
    owner = {int(h): int(p) for h, p in zip(event.truth.hit, event.truth.particle, strict=True)}
    for hit, particle in zip(changed.truth.hit, changed.truth.particle, strict=True):
        assert owner[row[int(changed.hits.hit_id[hit])]] == particle
    noise = ~np.isin(changed.hits.hit_id, event.hits.hit_id)
    assert not np.isin(np.flatnonzero(noise), changed.truth.hit).any()
    local = detector.to_local(changed.hits.sensor, changed.hits.xyz)
    assert np.abs(local[:, 2]).max() < 1e-6  # in the plane of its sensor
    again = randomized(event, detector, np.random.default_rng(seed))
    assert again == changed


def test_events_differ_from_each_other_and_not_from_reading_to_reading(
    detector: Detector, event: Event
) -> None:
    both = Randomized([event, event], detector, 3)
    assert len(both) == 2
    assert both[0] == both[0]
    assert both[0] != both[1]
    with pytest.raises(IndexError):
        both[2]


def test_an_event_without_hits_stays_one(detector: Detector, event: Event) -> None:
    empty = replace(event, hits=event.hits[np.zeros(len(event.hits), bool)])
    assert empty.truth is not None
    none = np.zeros(0, np.int64)
    empty = replace(empty, truth=replace(empty.truth, hit=none, particle=none, energy=None))
    assert len(randomized(empty, detector, np.random.default_rng(0)).hits) == 0


def test_a_random_coil_keeps_the_field_at_the_middle_and_falls_off(detector: Detector) -> None:
    fields = [random_field(detector, np.random.default_rng(seed)).field for seed in range(4)]
    along = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 2900.0]])
    tesla = np.array([field.at(along)[:, 2] for field in fields])
    assert tesla[:, 0] == pytest.approx(2.0, rel=0.031)
    assert (tesla[:, 1] < 0.8 * tesla[:, 0]).all()
    assert np.ptp(tesla[:, 1]) > 0.05
    straight = replace(detector, field=replace(detector.field, bz=0.0))
    assert random_field(straight, np.random.default_rng(0)) is straight


def test_any_field_is_an_option_of_the_simulation(detector: Detector) -> None:
    options = SimulationOptions(particle="muon", count=20, energy=(1.0, 2.0), eta=(2.0, 2.5))
    plain, other, again = (
        list(simulate(detector, "gun", 2, seed=1, options=replace(options, any_field=any_field)))
        for any_field in (False, True, True)
    )
    assert all(a == b for a, b in zip(other, again, strict=True))
    assert not np.array_equal(plain[0].hits.x, other[0].hits.x)


@pytest.mark.parametrize("scale", [1.0, 7.0])
def test_signals_of_digital_sensors_are_unknown_and_other_units_are_scaled(
    scale: float, detector: Detector, event: Event
) -> None:
    deposits = event.hits.deposits
    assert deposits is not None
    frame = Frame.of(detector)
    kind = detector.subsystem[np.repeat(event.hits.sensor, np.diff(deposits.offsets))]
    first = kind == np.bincount(kind).argmax()
    units = replace(
        deposits, value=np.where(first, deposits.value * scale, deposits.value).astype(np.float32)
    )
    digital = replace(deposits, value=np.where(first, 1.0, deposits.value).astype(np.float32))
    usual, scaled, unknown = (
        points_of(replace(event.hits, deposits=d), detector, frame).signal for d in (deposits, units, digital)
    )
    part = detector.subsystem[points_of(event.hits, detector, frame).sensor]
    mine, lonely = part == kind[first][0], np.bincount(kind)[part] == 1  # one channel says the same as all
    assert np.median(scaled[mine]) == pytest.approx(np.median(usual[mine]), rel=0.4)
    assert (unknown[mine] == 0).all()
    assert (unknown[~mine & ~lonely] > 0).all()
