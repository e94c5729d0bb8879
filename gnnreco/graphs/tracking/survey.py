"""Which true segments a graph builder keeps, step by step, and which true triplets a network takes for possible.

By where they lie, and segments by the momentum of their particles.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Event, Floats, Ints, Truth
from gnnreco.errors import OverBudget
from gnnreco.geometry import Detector

from .frame import Points
from .learned import LearnedGraph, is_true
from .segments import Targets, first_particle, true_segments
from .triplets import SegmentGraph

STEPS = (
    "windows",
    "gate",
    "graph",
)  # pairs that the builder looks at, of those its gate keeps, of those triplets hold
PT_EDGES = (0.0, 0.3, 0.5, 1.0, 3.0, np.inf)  # GeV
SOFTEST = 0.01  # of the segments belong to particles that are softer than the range of momenta of a sample is said to begin
WORST = 20  # pairs of layers that are told one by one


class Judge(Protocol):
    """A network that judges triplets."""

    def logits(
        self, nodes: NDArray[np.float32], edges: NDArray[np.float32], triplets: NDArray[np.int32], /
    ) -> NDArray[np.float32]:
        """One number for each triplet."""
        ...


def survey(
    graph: LearnedGraph, events: Iterable[Event], judge: Judge | None = None, possible: float = 0.5
) -> dict[str, Any]:
    """Count the true segments of events, and how many are left after each step of the graph builder.

    Parameters
    ----------
    graph : LearnedGraph
    events : iterable of Event
        With truth.
    judge : Judge, optional
        The network that reads these graphs.
    possible : float
        Probability from which on it takes a triplet for possible.

    Returns
    -------
    dict
        ``events``, ``over_budget`` (events that have no graph and are not counted), ``pt_from`` (GeV, above which 99 % of
        the segments lie; None without segments), and rows of ``segments`` and the fraction of them that is left after each
        of `STEPS`: ``all`` by pt, ``regions`` by pt and the subsystems of both hits, ``layers`` for the `WORST` pairs of
        layers, those first that lose most segments. With a network also ``network``: by the subsystem of the middle hit, how
        many ``true`` triplets the graphs hold, and the fraction of them that is ``possible``. Plain values.
    """
    parts, triplets, over = [], [], 0
    for event in events:
        try:
            one = _built(graph, event)
        except OverBudget:
            over += 1
            continue
        parts.append(_steps_of(graph, event, one))
        if judge is not None:
            triplets.append(_judged(one, judge, possible))
    columns = np.concatenate(parts) if parts else np.zeros((0, 3 + len(STEPS)))
    layer, kept = columns[:, :2].astype(np.int64), columns[:, 3:] > 0
    place = np.searchsorted(PT_EDGES, columns[:, 2], side="right") - 1
    part, name = _names(graph.detector)
    by_layers = [{"first": name[a], "second": name[b], **row} for (a, b), row in _rows(layer, kept)]
    by_layers.sort(key=lambda row: row["segments"] * (row["graph"] - 1))
    regions = np.column_stack([part[layer], place])
    subsystem = [s.name for s in graph.detector.subsystems]
    found = {
        "events": len(parts),
        "over_budget": over,
        "pt_from": round(float(np.quantile(columns[:, 2], SOFTEST)), 3) if len(columns) else None,
        "all": [{**_range(i), **row} for (i,), row in _rows(place[:, None], kept)],
        "regions": [
            {"first": subsystem[a], "second": subsystem[b], **_range(i), **row}
            for (a, b, i), row in _rows(regions, kept)
        ],
        "layers": by_layers[:WORST],
    }
    if judge is None:
        return found
    middle, likely = np.concatenate([np.zeros((2, 0), np.int64), *triplets], axis=1)
    return found | {"network": possible_by(subsystem, part[middle], likely)}


def possible_by(subsystems: list[str], part: Ints, possible: NDArray[Any]) -> list[dict[str, Any]]:
    """Rows of a survey: of each subsystem, by name, how many true connections there are, and the part that is possible.

    Parameters
    ----------
    subsystems : list of str
    part : int64 (n,)
        Row in `subsystems` of each true connection.
    possible : bool (n,)
        Whether the network takes it for possible.
    """
    many, some = (np.bincount(part, weight, len(subsystems)) for weight in (None, possible))
    return [
        {"subsystem": subsystems[p], "true": int(many[p]), "possible": round(float(some[p] / many[p]), 5)}
        for p in np.flatnonzero(many)
    ]


class _Built(NamedTuple):
    """The graph of an event, and its true segments."""

    points: Points
    graph: SegmentGraph
    segments: Ints


def _built(graph: LearnedGraph, event: Event) -> _Built:
    points, built = graph.build(event)
    targets = Targets(graph.config.min_pt, graph.config.min_hits)
    return _Built(points, built, true_segments(event, points, targets, graph.frame))


def _judged(one: _Built, judge: Judge, possible: float) -> Ints:
    """Of each true triplet: the layer of its middle hit, and whether the network takes it for possible. Shape (2, n)."""
    points, graph, segments = one
    true = is_true(graph.doublets, segments)[graph.triplets].all(axis=1)
    logits = judge.logits(graph.doublet_features, graph.triplet_features, graph.triplets)[true]
    middle = points.layer[graph.doublets[graph.triplets[true, 1], 0]]
    return np.stack([middle, logits > np.log(possible / (1 - possible))]).astype(np.int64)


def _steps_of(graph: LearnedGraph, event: Event, one: _Built) -> Floats:
    """Of each true segment: both layers, pt, and whether it is left after each step. Shape (n, 6)."""
    points, built, segments = one
    assert event.truth is not None
    looked_at, passed = graph.candidates(event.number, points)
    found = [_among(segments, pairs) for pairs in (looked_at, passed, built.doublets)]
    return np.column_stack(
        [points.layer[segments], _pt_of(event.truth, len(event.hits), points, segments), *found]
    )


def _pt_of(truth: Truth, n_hits: int, points: Points, segments: Ints) -> Floats:
    """Transverse momentum (GeV) of the particle behind each segment; of the hit that only one particle made."""
    owner, many = first_particle(truth, n_hits), np.bincount(truth.hit, minlength=n_hits) > 1
    first, second = points.index[segments].T
    return np.asarray(truth.particles.pt[np.where(many[first], owner[second], owner[first])])


def _among(segments: Ints, pairs: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which segments are among some pairs (n, 2), in any order."""
    ordered = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))].astype(np.int64)
    return is_true(segments.astype(np.int32), ordered)


def _rows(keys: Ints, kept: NDArray[np.bool_]) -> list[tuple[list[int], dict[str, Any]]]:
    """For each key that occurs: how many segments have it, and the fraction that each step left."""
    unique, of, count = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
    left = np.stack([np.bincount(of.ravel(), step, len(unique)) for step in kept.T], axis=1)
    return [
        (key.tolist(), {"segments": int(n), **dict(zip(STEPS, np.round(some / n, 5).tolist(), strict=True))})
        for key, n, some in zip(unique, count, left, strict=True)
    ]


def _range(i: int) -> dict[str, float | None]:
    """A range of pt; the last one is open."""
    return {"pt_from": PT_EDGES[i], "pt_to": PT_EDGES[i + 1] if np.isfinite(PT_EDGES[i + 1]) else None}


def _names(detector: Detector) -> tuple[Ints, list[str]]:
    """Subsystem of each layer, and a name: the subsystem's and a number, counted as the layers are."""
    part = np.zeros(detector.n_layers, np.int64)
    part[detector.layer] = detector.subsystem
    number = [int((part[:i] == part[i]).sum()) for i in range(len(part))]
    return part, [f"{detector.subsystems[p].name} {n}" for p, n in zip(part, number, strict=True)]
