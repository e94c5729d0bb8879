"""Strange events get small p-values, the hits that make them strange are named, and nothing else about an event matters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from gnnreco.columns import Event, Hits, concatenate
from gnnreco.errors import BadConfig
from gnnreco.events.select import select_hits
from gnnreco.geometry import Detector
from gnnreco.graphs.regions import FEATURES
from gnnreco.models.anomaly.surprise import Surprise, neighbours_of, way_classes
from gnnreco.models.state import checked
from gnnreco.tasks.anomaly import AnomalyConfig, AnomalyTask
from gnnreco.tasks.anomaly.levels import HITS, JETS, PARTICLES, Terms

from .conftest import SMALL


def added(event: Event, **columns: Any) -> Event:
    """An event with more hits, which no particle left."""
    n = len(columns["x"])
    first = int(event.hits.hit_id.max()) + 1
    more = Hits(np.arange(first, first + n), var_u=np.full(n, 0.01), var_v=np.full(n, 0.01), **columns)
    hits = replace(event.hits, deposits=None, time=None)
    return replace(event, hits=concatenate([hits, more]), truth=None)


def hot_tower(event: Event, detector: Detector, gev: float) -> Event:
    """One column of cells of the calorimeter, all layers deep, with an energy that no particle left."""
    sensor = np.arange(8, 24, dtype=np.int32)
    z = detector.center[sensor, 2]
    energy = np.full(16, gev / 16 * 0.02)
    return added(event, x=0.25 * z, y=0.1 * z, z=z, sensor=sensor, energy=energy)


def test_normal_events_have_all_p_values(task: AnomalyTask, events: list[Event]) -> None:
    found = [task.reconstruct(event) for event in events[33:]]
    p = np.concatenate([f.p_value for f in found])
    assert ((p > 0) & (p <= 1)).all()
    assert p.max() > 0.5
    assert all(len(f) == 1 and np.isfinite(f.score).all() for f in found)


def test_a_hot_tower_is_strange_and_is_named(
    task: AnomalyTask, events: list[Event], detector: Detector
) -> None:
    event = events[57]
    strange = hot_tower(event, detector, 400.0)
    found, before = task.reconstruct(strange), task.reconstruct(event)
    assert found.score[0] > before.score[0]
    assert task.calibration is not None
    assert found.p_value[0] == pytest.approx(task.calibration.smallest_p)
    implanted = found.hit_index >= len(event.hits)
    assert found.attribution[implanted].sum() > 0.7 * found.attribution.sum()
    assert found.part[0].argmax() != 0  # no track did it


def test_attributions_are_what_the_columns_give(task: AnomalyTask, events: list[Event]) -> None:
    found = task.reconstruct(events[5])
    assert (found.attribution > 0).all()
    assert (np.diff(found.hit_index) > 0).all()
    few = AnomalyTask(replace(SMALL, explained=3), task.detector)
    few.load_state(task.state())
    named = few.reconstruct(events[5])
    assert len(named.hit_index) == 3
    assert named.attribution.min() >= np.sort(found.attribution)[-3] - 1e-12


@given(seed=st.integers(0, 1000))
@settings(max_examples=5, deadline=None)
def test_the_order_of_hits_does_not_matter(task: AnomalyTask, events: list[Event], seed: int) -> None:
    event = events[seed % len(events)]
    order = np.random.default_rng(seed).permutation(len(event.hits))
    found, again = (
        task.reconstruct(event),
        task.reconstruct(replace(event, hits=event.hits[order], truth=None)),
    )
    assert again.score == pytest.approx(found.score, rel=1e-4, abs=1e-4)
    assert set(order[again.hit_index]) == set(found.hit_index)


@given(turns=st.integers(0, 39), mirrored=st.booleans())
@settings(max_examples=6, deadline=None)
def test_a_turn_by_whole_regions_and_a_mirror_change_nothing(
    task: AnomalyTask, events: list[Event], turns: int, mirrored: bool
) -> None:
    sample = task.sample(events[1])
    belts, around = sample.grid
    grid = np.roll(sample.features.reshape(belts, around, -1), turns, axis=1)
    grid = grid[:, ::-1] if mirrored else grid
    turned = replace(sample, features=np.ascontiguousarray(grid.reshape(belts * around, -1)))
    (row, _, _), (again, _, _) = (task._rows(one)[0] for one in (sample, turned))
    assert again == pytest.approx(row, abs=1e-3)


def test_moving_detector_and_hits_together_changes_nothing(
    task: AnomalyTask, events: list[Event], detector: Detector
) -> None:
    turn, shift = Rotation.random(random_state=7).as_matrix(), np.array([300.0, -50.0, 900.0])
    moved = AnomalyTask(SMALL, detector.moved(turn, shift))
    moved.load_state(task.state())
    event = events[2]
    x, y, z = (event.hits.xyz @ turn.T + shift).T
    there = replace(event, hits=replace(event.hits, x=x, y=y, z=z), truth=None)
    found, again = task.reconstruct(event), moved.reconstruct(there)
    assert again.score == pytest.approx(found.score, rel=1e-3, abs=1e-3)
    assert again.hit_index == pytest.approx(found.hit_index)


def test_few_and_no_hits(task: AnomalyTask, events: list[Event]) -> None:
    one = np.zeros(len(events[0].hits), bool)
    assert len(task.reconstruct(select_hits(events[0], one))) == 0
    one[0] = True
    assert np.isfinite(task.reconstruct(select_hits(events[0], one)).score).all()


def test_the_network_is_the_same_with_torch_and_without(task: AnomalyTask, events: list[Event]) -> None:
    sample = task.sample(events[0])
    belts, around = sample.grid
    static = torch.from_numpy(np.repeat(sample.static, around, 0))
    near, ways = torch.from_numpy(neighbours_of(belts, around)), torch.from_numpy(way_classes())
    with torch.no_grad():
        nll, expected = task.network(torch.from_numpy(sample.features), static, near, ways)
    weights = {k.removeprefix("network."): v for k, v in task.state().items() if k.startswith("network.")}
    found = Surprise(weights, SMALL.sizes)(sample.features, sample.static, belts, around)
    assert found == pytest.approx((nll - expected).numpy(), rel=1e-3, abs=1e-3)


@given(feature=st.integers(0, len(FEATURES) - 1), region=st.integers(0, 200))
@settings(max_examples=10, deadline=None)
def test_no_region_tells_the_network_what_it_holds_itself(
    task: AnomalyTask, events: list[Event], feature: int, region: int
) -> None:
    sample = task.sample(events[0])
    belts, around = sample.grid
    region %= belts * around
    changed = sample.features.copy()
    changed[region, feature] += 1
    before, after = (task._surprise(x, sample.static, belts, around) for x in (sample.features, changed))
    differs = np.abs(before - after) > 1e-5
    assert not differs[region, :feature].any()
    assert set(np.flatnonzero(differs.any(1))) <= {region, *neighbours_of(belts, around)[region]}


def test_learned_numbers_round_trip(task: AnomalyTask, events: list[Event]) -> None:
    state = task.state()
    checked(state, AnomalyTask.arrays(SMALL, task.detector))
    again = AnomalyTask(SMALL, task.detector)
    again.load_state(state)
    one, two = task.reconstruct(events[3]), again.reconstruct(events[3])
    assert one == two


def test_learning_lowers_the_loss(task: AnomalyTask, events: list[Event]) -> None:
    learner = AnomalyTask(SMALL, task.detector)
    samples = [learner.sample(event) for event in events[:8]]
    learner.prepare_from(samples)
    optimizer = torch.optim.Adam(learner.network.parameters(), 0.01)
    losses = []
    for _ in range(10):
        loss = sum(learner.loss(sample)[0] for sample in samples) / len(samples)
        assert isinstance(loss, torch.Tensor)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1] < losses[0] - 1


def test_p_values_by_bins_of_the_energy(detector: Detector, events: list[Event], task: AnomalyTask) -> None:
    binned = AnomalyTask(replace(SMALL, bins=2), detector)
    binned.load_state({k: v for k, v in task.state().items() if k.startswith("network.")})
    binned.finish([binned.sample(event) for event in events])
    assert binned.calibration is not None
    assert len(binned.calibration.edges) == 3
    assert 0 < binned.reconstruct(events[0]).p_value[0] <= 1


def test_refusals(task: AnomalyTask, events: list[Event]) -> None:
    fresh = AnomalyTask(SMALL, task.detector)
    with pytest.raises(BadConfig, match="train it"):
        fresh.reconstruct(events[0])
    with pytest.raises(BadConfig, match=r"sample.validation_events"):
        fresh.finish([fresh.sample(event) for event in events[:10]])
    with pytest.raises(BadConfig, match="no hit lies in a region"):
        fresh.prepare([replace(events[0], hits=events[0].hits[:0])])
    with pytest.raises(BadConfig, match="head"):
        AnomalyConfig(head="oracle")  # type: ignore[arg-type]
    with pytest.raises(BadConfig, match="fitted"):
        AnomalyConfig(fitted=1.0)
    with pytest.raises(BadConfig, match="level"):
        AnomalyConfig(level="events")  # type: ignore[arg-type]
    with pytest.raises(BadConfig, match=r"nuisance of jets must be one of pt, mass"):
        AnomalyConfig(level="jets", nuisance="sum of pt")


@pytest.mark.parametrize("terms", [HITS, PARTICLES, JETS], ids=["hits", "particles", "jets"])
def test_every_level_names_its_columns(terms: Terms) -> None:
    assert len(terms.columns) == len(set(terms.columns)) == len(terms.part_of)
    assert terms.nuisance in terms.totals
    every = np.concatenate([np.arange(len(terms.features))[columns] for columns in terms.kinds.values()])
    assert sorted(every) == list(range(len(terms.features)))
