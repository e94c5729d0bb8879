"""The learned embedding: the same face as the windows, found pairs outwards, efficiency, determinism, budgets."""

from dataclasses import replace

import numpy as np
import pytest

from gnnreco.errors import BadConfig, OverBudget
from gnnreco.graphs import (
    Frame,
    GraphConfig,
    LearnedGraph,
    Targets,
    is_true,
    points_of,
    true_segments,
)
from gnnreco.graphs.tracking.embedding import Embedding
from gnnreco.graphs.tracking.learn_embedding import learn_embedding
from tests.graphs import conftest
from tests.graphs.conftest import LEARNED


@pytest.fixture(scope="module")
def samples(tracker, events):
    frame = Frame.of(tracker)
    points = [points_of(e.hits, tracker, frame) for e in (*events[:30], *events[LEARNED:])]
    numbered = zip(points, (*events[:30], *events[LEARNED:]), strict=True)
    return [(p, true_segments(e, p, Targets(), frame)) for p, e in numbered]


@pytest.fixture(scope="module")
def embedding(tracker, samples):
    return learn_embedding(samples[:30], Frame.of(tracker), 0.98, steps=300, batch=512)


def test_reaches_its_efficiency_with_few_of_all_pairs(embedding, tracker, samples):
    frame, kept, total, pairs_found, possible = Frame.of(tracker), 0, 0, 0, 0
    for points, segments in samples[30:]:
        pairs, needed = embedding.pairs(points, frame, 10**6)
        assert needed >= len(pairs)
        kept += is_true(pairs, segments).sum() + is_true(pairs[:, ::-1], segments).sum()
        total, pairs_found, possible = (
            total + len(segments),
            pairs_found + len(pairs),
            possible + len(points) ** 2 // 2,
        )
    assert kept / total > 0.95
    assert pairs_found < 0.5 * possible


def test_pairs_point_outwards_and_are_unique(embedding, tracker, samples):
    points = samples[0][0]
    pairs, _ = embedding.pairs(points, Frame.of(tracker), 10**6)
    distance = points.r**2 + points.z**2
    assert (distance[pairs[:, 0]] <= distance[pairs[:, 1]]).all()
    assert (points.layer[pairs[:, 0]] != points.layer[pairs[:, 1]]).all()
    key = pairs[:, 0].astype(np.int64) << 32 | pairs[:, 1]
    assert (np.diff(key) > 0).all()
    place = embedding.places(points, Frame.of(tracker)).astype(np.float64)
    apart = np.linalg.norm(place[:, None] - place[None], axis=2) <= embedding.radius[0]
    apart &= points.layer[:, None] != points.layer[None]
    assert len(pairs) == apart.sum() // 2


def test_the_same_seed_gives_the_same_space(embedding, tracker, samples):
    again = learn_embedding(samples[:30], Frame.of(tracker), 0.98, steps=300, batch=512)
    for name, value in embedding.state().items():
        assert again.state()[name].tobytes() == value.tobytes()


def test_no_hits_and_no_segments(embedding, tracker, samples, events):
    frame = Frame.of(tracker)
    hits = replace(events[0].hits, sensor=np.full(len(events[0].hits), -1, np.int32))
    pairs, needed = embedding.pairs(points_of(hits, tracker, frame), frame, 10)
    assert pairs.shape == (0, 2)
    assert needed == 0
    with pytest.raises(BadConfig, match="no true segment"):
        learn_embedding([(samples[0][0], np.zeros((0, 2), np.int64))], frame)


def test_serves_as_the_builder_of_a_graph(tracker, events, monkeypatch):
    conftest.quickly(monkeypatch)
    quick = {"steps": 200, "batch": 512}
    faster = lambda *args, **more: learn_embedding(*args, **(more | quick))  # noqa: E731
    monkeypatch.setattr("gnnreco.graphs.tracking.learn_embedding.learn_embedding", faster)
    config = GraphConfig(builder="embedding", segment_efficiency=0.98)
    graph = LearnedGraph.learn(config, tracker, events[:40])
    _points, built = graph.build(events[LEARNED])
    assert len(built.triplets) > 0
    again = LearnedGraph.from_state(config, tracker, graph.state())
    assert isinstance(again.builder, Embedding)
    assert any(key.startswith("embedding.") for key in graph.state())
    assert again.build(events[LEARNED])[1].triplets.tobytes() == built.triplets.tobytes()
    for limit in ("max_pairs", "max_triplets"):
        small = LearnedGraph.from_state(replace(config, **{limit: 5}), tracker, graph.state())
        with pytest.raises(OverBudget, match=f"event {LEARNED}"):
            small.build(events[LEARNED])


def test_an_unknown_builder_is_refused(tracker, events):
    with pytest.raises(BadConfig, match="windows, embedding"):
        LearnedGraph.learn(GraphConfig(builder="radius"), tracker, events[:2])
