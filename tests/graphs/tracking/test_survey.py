"""Which true segments the graph builder keeps: counts that add up, and cuts that show where they were made."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gnnreco.graphs import LearnedGraph, Targets, first_particle, is_true, points_of, survey, true_segments
from gnnreco.graphs.tracking.survey import WORST
from tests.graphs.conftest import LEARNED

STEPS = ("windows", "gate", "graph")


def copied(graph: LearnedGraph, **parts: object) -> LearnedGraph:
    """The graph builder with other parts."""
    names = ("config", "detector", "builder", "pair_gate", "limits", "triplet_gate", "slope_window")
    return LearnedGraph(**{name: getattr(graph, name) for name in names} | parts)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def told(graph, events):
    return survey(graph, events[LEARNED:])


def test_counts_are_those_of_the_graphs(graph, events, told):
    total, kept = 0, 0
    for event in events[LEARNED:]:
        points, built = graph.build(event)
        true = true_segments(event, points, Targets(graph.config.min_pt, graph.config.min_hits), graph.frame)
        total += len(true)
        kept += is_true(built.doublets, true).sum()
        assert len(points) == len(points_of(event.hits, graph.detector, graph.frame))
    assert told["events"] == len(events[LEARNED:])
    for rows in (told["all"], told["regions"]):
        assert sum(row["segments"] for row in rows) == total
        assert sum(row["segments"] * row["graph"] for row in rows) == pytest.approx(kept, abs=0.1)


def test_each_step_keeps_a_part_of_what_the_one_before_kept(told):
    assert told["over_budget"] == 0
    assert 0.0 < told["pt_from"] < 1.0
    assert len(told["layers"]) <= WORST
    for row in [*told["all"], *told["regions"], *told["layers"]]:
        left = [1.0, *(row[step] for step in STEPS)]
        assert left == sorted(left, reverse=True)
    lost = [row["segments"] * (1 - row["graph"]) for row in told["layers"]]
    assert lost == sorted(lost, reverse=True)


def test_momenta_are_those_of_the_particles(graph, events, told):
    pt = []
    for event in events[LEARNED:]:
        points = points_of(event.hits, graph.detector, graph.frame)
        true = true_segments(event, points, Targets(graph.config.min_pt, graph.config.min_hits), graph.frame)
        owner = first_particle(event.truth, len(event.hits))
        pt.append(event.truth.particles.pt[owner[points.index[true[:, 1]]]])
    expected = np.histogram(np.concatenate(pt), [row["pt_from"] for row in told["all"]] + [np.inf])[0]
    counted = [row["segments"] for row in told["all"]]
    assert counted == pytest.approx(expected, rel=0.02)  # hits of two particles


def test_a_closed_window_shows_where_it_is(graph, events):
    builder = graph.builder
    closed = builder.s_high.copy()
    closed[0] = builder.s_low[0] - 1
    cut = survey(copied(graph, builder=replace(builder, s_high=closed)), events[LEARNED:])
    worst = cut["layers"][0]
    names = {
        layer: f"{graph.detector.subsystems[0].name} {layer}"
        for layer in (builder.first[0], builder.second[0])
    }
    if len(graph.detector.subsystems) == 1:
        assert {worst["first"], worst["second"]} == set(names.values())
    assert worst["windows"] == 0


def test_a_closed_gate_leaves_the_windows(graph, events, told):
    shut = replace(graph.pair_gate, threshold=np.array([np.inf], np.float32))
    cut = survey(copied(graph, pair_gate=shut), events[LEARNED:])
    assert [row["windows"] for row in cut["all"]] == [row["windows"] for row in told["all"]]
    assert all(row["gate"] == row["graph"] == 0 for row in cut["all"])


def test_events_over_the_budget_are_counted(graph, events):
    small = copied(graph, config=replace(graph.config, max_pairs=1))
    cut = survey(small, events[LEARNED:])
    assert cut == {
        "events": 0, "over_budget": len(events[LEARNED:]), "pt_from": None, "all": [], "regions": [], "layers": []
    }  # fmt: skip


class Same:
    """A network that says the same of every triplet."""

    def __init__(self, logit: float) -> None:
        self.logit = logit

    def logits(self, nodes, edges, triplets):
        return np.full(len(triplets), self.logit, np.float32)


def test_a_network_is_asked_for_every_true_triplet(graph, events):
    count = 0
    for event in events[LEARNED:]:
        points, built = graph.build(event)
        true = true_segments(event, points, Targets(graph.config.min_pt, graph.config.min_hits), graph.frame)
        count += int(is_true(built.doublets, true)[built.triplets].all(axis=1).sum())
    for logit, share in ((-2.0, 0.0), (-1.0, 1.0)):
        rows = survey(graph, events[LEARNED:], Same(logit), possible=0.2)["network"]
        assert sum(row["true"] for row in rows) == count > 0
        assert {row["possible"] for row in rows} == {share}
