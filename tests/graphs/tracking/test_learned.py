"""Graphs of simulated events: the stated efficiency, order and number of hits, budgets, bundles."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from gnnreco.columns import Event, Hits
from gnnreco.errors import BadConfig, OverBudget
from gnnreco.graphs import GraphConfig, LearnedGraph, Targets, is_true, points_of, true_segments
from gnnreco.graphs.tracking.learned import _slope_windows, eased
from gnnreco.graphs.tracking.train_gate import train_gate
from gnnreco.simulate import SimulationOptions, simulate
from tests.graphs import conftest
from tests.graphs.conftest import LEARNED


def taken(hits: Hits, rows: np.ndarray) -> Hits:
    """Some hits of an event, without their clusters."""
    return Hits(hits.hit_id[rows], hits.x[rows], hits.y[rows], hits.z[rows], hits.sensor[rows])


def found(built: LearnedGraph, events: list[Event]) -> tuple[float, float]:
    """Fraction of the true segments among the pairs, and among the doublets that the gate on pairs keeps."""
    total, pairs_kept, gated = 0, 0, 0
    for event in events:
        points = points_of(event.hits, built.detector, built.frame)
        true = true_segments(event, points, Targets(built.config.min_pt, built.config.min_hits), built.frame)
        pairs = built._pairs(event.number, points)
        total += len(true)
        pairs_kept += is_true(pairs, true).sum()
        gated += is_true(built._doublets(points, pairs.copy())[0], true).sum()
    return pairs_kept / total, gated / total


def by_hit(points, graph):
    """Doublets and triplets by the rows of the hits, and so whatever the order of the points."""
    ends = points.index[graph.doublets]
    doublets = {tuple(e): f for e, f in zip(ends.tolist(), graph.doublet_features, strict=True)}
    joined = np.concatenate([ends[graph.triplets[:, 0]], ends[graph.triplets[:, 1], 1:]], axis=1)
    return doublets, {tuple(t): f for t, f in zip(joined.tolist(), graph.triplet_features, strict=True)}


def test_stated_efficiency_on_events_that_were_not_learned_from(graph, events):
    pairs, gated = found(graph, events[LEARNED:])
    assert pairs > graph.config.segment_efficiency - 0.01  # curling particles lose many segments at a time
    assert gated > pairs * graph.config.pair_efficiency - 0.02  # of a gate trained for a second


def test_beam_in_a_telescope(telescope, monkeypatch):
    conftest.quickly(monkeypatch)
    options = SimulationOptions(particle="pion", energy=(4.0, 6.0), count=3)
    events = list(simulate(telescope, "beam", 260, seed=3, options=options))
    built = LearnedGraph.learn(GraphConfig(min_pt=0.0), telescope, events[:200])
    pairs, _ = found(built, events[200:])
    assert pairs > built.config.segment_efficiency - 0.015  # 800 segments, some of particles that interact


def test_order_of_the_hits_does_not_matter(graph, events):
    event = replace(
        events[LEARNED + 10],
        hits=taken(events[LEARNED + 10].hits, np.arange(len(events[LEARNED + 10].hits))),
        truth=None,
    )
    new = np.random.default_rng(1).permutation(len(event.hits))  # row of the old hit in each new row
    points, built = graph.build(event)
    shuffled_points, shuffled = graph.build(replace(event, hits=taken(event.hits, new)))
    old = dict(enumerate(new.tolist()))
    for one, two in zip(by_hit(points, built), by_hit(shuffled_points, shuffled), strict=True):
        renamed = {tuple(old[row] for row in ends): f for ends, f in two.items()}
        assert renamed.keys() == one.keys()
        for ends, f in one.items():
            np.testing.assert_allclose(renamed[ends], f, rtol=1e-5, atol=1e-5)


def test_the_same_event_gives_the_same_bytes(graph, events):
    (_, one), (_, two) = graph.build(events[LEARNED + 1]), graph.build(events[LEARNED + 1])
    for name in ("doublets", "doublet_features", "triplets", "triplet_features"):
        assert getattr(one, name).tobytes() == getattr(two, name).tobytes()


def test_graph_is_sorted_and_its_numbers_are_finite(graph, events):
    points, built = graph.build(events[LEARNED + 2])
    assert len(built.triplets) > 30
    assert (np.diff(built.doublets[:, 0]) >= 0).all()
    assert (np.diff(built.triplets[:, 0]) >= 0).all()
    inner, outer = built.doublets[built.triplets[:, 0]], built.doublets[built.triplets[:, 1]]
    assert (inner[:, 1] == outer[:, 0]).all()
    assert np.isfinite(built.doublet_features).all()
    assert np.isfinite(built.triplet_features).all()
    assert len(np.unique(built.triplets)) == len(built.doublets)
    assert built.doublets.max() < len(points)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_hits(graph, events, n):
    event = replace(events[LEARNED + 0], hits=taken(events[LEARNED + 0].hits, np.arange(n)), truth=None)
    points, built = graph.build(event)
    assert len(points) == n
    assert built.triplets.shape == (0, 2)
    assert built.doublet_features.shape == (0, 16)
    assert built.triplet_features.shape == (0, 8)


def test_hits_outside_every_sensor_are_left_out(graph, events):
    hits = taken(events[LEARNED + 3].hits, np.arange(len(events[LEARNED + 3].hits)))
    lost = np.arange(len(hits)) % 5 == 0
    hits.sensor[lost] = -1
    points, built = graph.build(replace(events[LEARNED + 3], hits=hits))
    assert not lost[points.index].any()
    assert len(points) == (~lost).sum()
    without, fewer = graph.build(
        replace(events[LEARNED + 3], hits=taken(hits, np.flatnonzero(~lost)), truth=None)
    )
    assert built.triplets.tobytes() == fewer.triplets.tobytes()
    assert np.flatnonzero(~lost)[without.index].tobytes() == points.index.tobytes()


def test_hits_without_clusters_still_make_graphs(graph, events):
    event = replace(events[LEARNED + 4], hits=replace(events[LEARNED + 4].hits, deposits=None))
    points, built = graph.build(event)
    assert (points.width_u == 0).all()
    assert len(built.triplets) > 0
    assert np.isfinite(built.doublet_features).all()


@pytest.mark.parametrize(("limit", "what"), [("max_pairs", "pairs of hits"), ("max_triplets", "triplets")])
def test_over_budget_names_the_event(graph, tracker, events, limit, what):
    small = LearnedGraph.from_state(replace(graph.config, **{limit: 10}), tracker, graph.state())
    with pytest.raises(
        OverBudget, match=f"event {LEARNED + 5}: [0-9,]+ {what}, over the budget of 10"
    ) as caught:
        small.build(events[LEARNED + 5])
    enough = LearnedGraph.from_state(
        replace(graph.config, **{limit: caught.value.needed}), tracker, graph.state()
    )
    assert len(enough.build(events[LEARNED + 5])[1].triplets) == len(
        graph.build(events[LEARNED + 5])[1].triplets
    )


def test_state_goes_there_and_back(graph, tracker, events):
    again = LearnedGraph.from_state(graph.config, tracker, graph.state())
    assert graph.state().keys() == again.state().keys()
    for key, value in graph.state().items():
        assert again.state()[key].tobytes() == value.tobytes()
    assert (
        again.build(events[LEARNED + 6])[1].triplets.tobytes()
        == graph.build(events[LEARNED + 6])[1].triplets.tobytes()
    )


def test_learning_without_any_true_segment_says_so(tracker, events):
    empty = [replace(event, truth=None) for event in events[:2]]
    with pytest.raises(BadConfig, match="no true segment"):
        LearnedGraph.learn(GraphConfig(), tracker, empty)


def test_what_was_learned_from_two_events_is_finite(tracker, events, monkeypatch):
    conftest.quickly(monkeypatch)
    built = LearnedGraph.learn(GraphConfig(), tracker, events[:2])
    _points, graph = built.build(events[3])
    assert np.isfinite(graph.triplet_features).all()
    w = built.builder
    open_ = w.s_low <= w.s_high
    assert np.isfinite(w.slope).all()
    assert np.isfinite(w.s_low[open_]).all()
    assert np.isfinite(w.s_high[open_]).all()
    assert np.isfinite([w.impact_low, w.impact_high]).all()


def test_is_true_finds_members():
    segments = np.array([[0, 3], [0, 5], [2, 1]])
    pairs = np.array([[0, 5], [0, 4], [2, 1], [9, 9], [0, 3]], np.int32)
    assert is_true(pairs, segments).tolist() == [True, False, True, False, True]
    assert is_true(pairs, np.zeros((0, 2), np.int64)).tolist() == [False] * 5
    assert is_true(np.zeros((0, 2), np.int32), segments).tolist() == []


def test_a_gate_is_learned_on_one_thread_and_leaves_the_number_as_it_was() -> None:
    """On a busy machine the threads of such small layers wait for one another most of the time."""
    before, seen = torch.get_num_threads(), []
    torch.set_num_threads(2)
    try:
        features = np.random.default_rng(0).normal(size=(100, 2)).astype(np.float32)
        train_gate(
            features,
            features[:, 0] > 0,
            0.9,
            1,
            steps=10,
            progress=lambda *_: seen.append(torch.get_num_threads()),
        )
        assert seen == [1]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_a_layer_has_its_own_window_in_slope_but_none_wider_than_all_together() -> None:
    rng = np.random.default_rng(1)
    narrow, wide = rng.uniform(0, 0.02, 4000), rng.uniform(0, 0.4, 1000)
    turn = np.concatenate([narrow, wide, [0.9, 0.9]])
    layer = np.concatenate([np.zeros(4000), np.ones(1000), [2, 2]]).astype(np.int32)
    whole = np.quantile(turn, 0.99)
    windows = _slope_windows(0.99, turn, layer, 4)
    assert windows[0] == pytest.approx(0.0198, rel=0.02)
    assert windows[1:].tolist() == [whole, whole, whole]
    assert np.isinf(_slope_windows(0.0, turn, layer, 4)).all()
    assert np.isinf(_slope_windows(0.99, turn[:0], layer[:0], 4)).all()


def test_efficiencies_rise_as_far_as_events_leave_room():
    config = GraphConfig(pair_efficiency=0.99, headroom=4.0, max_pairs=1_600_000)
    assert config.cheap == 100_000
    half = eased(config, [40_000, 60_000])
    assert (half.pair_efficiency, half.slope_efficiency) == (pytest.approx(0.995), 0.0)
    assert half.segment_efficiency == pytest.approx(1 - (1 - config.segment_efficiency) / 2)
    assert eased(config, [10]).pair_efficiency == pytest.approx(0.9975)
    assert eased(config, [10**6]) == config
    assert GraphConfig().cheap == 0.0


def test_headroom_keeps_more_segments(tracker, events, monkeypatch):
    conftest.quickly(monkeypatch)
    stated = {"segment_efficiency": 0.97, "pair_efficiency": 0.95}
    tight, roomy = (
        LearnedGraph.learn(GraphConfig(**stated, headroom=headroom), tracker, events[:40])
        for headroom in (0.0, 4.0)
    )
    few, many = found(tight, events[LEARNED:]), found(roomy, events[LEARNED:])
    assert many[0] > few[0] + 0.005
    assert many[1] > few[1] + 0.01
