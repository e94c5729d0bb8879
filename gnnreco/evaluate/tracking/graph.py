"""How good the graph is that a track finder starts from: edge efficiency and edge purity, in all and in bins."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnnreco.bundle import load_bundle, load_task
from gnnreco.columns import Event, Floats, Ints
from gnnreco.errors import BadBundle
from gnnreco.files.json_types import JsonMapping, JsonObject
from gnnreco.geometry import Detector
from gnnreco.graphs import LearnedGraph, Targets, first_particle, true_segments
from gnnreco.statistics import clopper_pearson
from gnnreco.tasks.tracking import TrackingTask

from ..rates import EDGES
from ..target import Target, kinematics

ANY_PARTICLE = Targets(min_pt=0.0, min_hits=2)


def graph_metrics(graph: LearnedGraph, events: Iterable[Event], target: Target) -> JsonObject:
    """Build the graph of every event and compare its doublets with the true segments.

    Parameters
    ----------
    graph : LearnedGraph
    events : iterable of Event
        With truth, and with deposits where the graph was learned with them.
    target : Target
        Particles whose segments count for the efficiency; any charged particle's count for the purity.

    Returns
    -------
    dict
        ``edge_efficiency``, ``edge_purity``, their intervals, and ``edge_bins``: the efficiency in bins of pt,
        eta and production radius, the purity in bins of the doublet's eta.
    """
    wanted = {name: np.zeros(len(edges) - 1, np.int64) for name, edges in EDGES.items()}
    found = {name: count.copy() for name, count in wanted.items()}
    counts, doublets_at, true_at = np.zeros(4, np.int64), *np.zeros((2, len(EDGES["eta"]) - 1), np.int64)
    for event in events:
        if event.truth is None:
            continue
        points, built = graph.build(event)
        segments = true_segments(event, points, Targets(target.min_pt, target.min_hits), graph.frame)
        owner = first_particle(event.truth, len(event.hits))[points.index[segments[:, 1]]]
        kin = kinematics(event.truth.particles)
        hits = np.bincount(event.truth.particle, minlength=len(kin.pt))
        chosen = kin.wanted(target, hits)[owner]
        segments, owner = segments[chosen], owner[chosen]
        edges = _keys(built.doublets)
        kept = np.isin(_keys(segments), edges)
        true = np.isin(edges, _keys(true_segments(event, points, ANY_PARTICLE, graph.frame)))
        for name, values in (("pt", kin.pt), ("eta", kin.eta), ("production_radius", kin.vertex)):
            wanted[name] += np.histogram(values[owner], EDGES[name])[0]
            found[name] += np.histogram(values[owner[kept]], EDGES[name])[0]
        a, b = built.doublets.T
        across = np.hypot(points.x[b] - points.x[a], points.y[b] - points.y[a])
        eta = np.arcsinh((points.z[b] - points.z[a]) / np.maximum(across, 1e-9))
        doublets_at += np.histogram(eta, EDGES["eta"])[0]
        true_at += np.histogram(eta[true], EDGES["eta"])[0]
        counts += [kept.sum(), len(kept), true.sum(), len(true)]
    result: JsonObject = {}
    for name, (k, n) in (("edge_efficiency", counts[:2]), ("edge_purity", counts[2:])):
        result[name] = float(k / n) if n else None
        result[f"{name}_interval"] = clopper_pearson(k, n).tolist()
    bins = {name: _bins("edge_efficiency", EDGES[name], found[name], wanted[name]) for name in EDGES}
    bins["eta"] |= _bins("edge_purity", EDGES["eta"], true_at, doublets_at)
    return result | {"edge_bins": bins}


def graph_of(manifest: JsonMapping, detector: Detector) -> LearnedGraph | None:
    """The graph builder of the tracking bundle that made an output, where that is still there and unchanged."""
    named = manifest.get("bundle", {})
    try:
        bundle = load_bundle(named.get("path") or named.get("name", ""))
        if bundle.manifest["sha256"] != named.get("sha256"):
            return None
        task = load_task(bundle, detector, any_detector=True)
    except BadBundle:
        return None
    return task.graph if isinstance(task, TrackingTask) else None


def _keys(pairs: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Each pair of points as one number."""
    return pairs[:, 0].astype(np.int64) << 32 | pairs[:, 1].astype(np.int64)


def _bins(name: str, edges: Floats, passed: Ints, total: Ints) -> JsonObject:
    values = [k / n if n else None for k, n in zip(passed.tolist(), total.tolist(), strict=True)]
    return {
        "edges": edges.tolist(),
        name: values,
        f"{name}_interval": clopper_pearson(passed, total).tolist(),
    }
