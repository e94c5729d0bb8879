"""The graphs that our networks read, as arrays with their truth: of segments, of cells, of charge samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gnnreco.bundle import default_bundles, load_bundle, load_task
from gnnreco.columns import Event, Floats, Ints, Truth
from gnnreco.errors import BadConfig
from gnnreco.events.select import Seen, seen
from gnnreco.geometry import Detector
from gnnreco.graphs import Targets, first_particle, is_true, true_segments
from gnnreco.tasks.contract import AnyTask, needed
from gnnreco.tasks.drift.task import main_particle

if TYPE_CHECKING:
    from gnnreco.tasks.drift import DriftTask
    from gnnreco.tasks.showers import ClusteringTask
    from gnnreco.tasks.tracking import TrackingTask

#: Names, folders and tasks, one or several.
Bundles = str | Path | AnyTask | Sequence[str | Path | AnyTask] | None


@dataclass(frozen=True, slots=True)
class NodeGraph:
    """What a task makes of an event, and who made it.

    Attributes
    ----------
    name : str
        Of a node: ``doublet``, ``cell`` or ``sample``.
    relation : str
        What an edge says.
    x : float32 (n, f), edge_attr : float32 (m, g)
        Features of nodes and edges, as the networks of gnnreco read them: physics-scaled.
    edge_index : int64 (2, m)
        From, to.
    hit : int64 (n, k)
        Rows of the event's hits that a node stands for: two of a doublet (inner, outer), one of a cell or a sample.
    y : float32 (m,), optional
        Truth of the edges: 1 where they join what belongs together. Of cells, which several particles may share, the
        chance that a GeV of either comes from the same particle.
    node_y : float32 (n,), optional
        Truth of the nodes: 1 where a doublet is a step of a particle, and a cell or sample no noise.
    particle : int64 (n,), optional
        Row of the particle in ``event.truth.particles`` to which a node belongs; -1: none.
    """

    name: str
    relation: str
    x: NDArray[np.float32]
    edge_index: Ints
    edge_attr: NDArray[np.float32]
    hit: Ints
    y: NDArray[np.float32] | None = None
    node_y: NDArray[np.float32] | None = None
    particle: Ints | None = None


def tasks_of(detector: Detector, bundles: Bundles = None) -> list[AnyTask]:
    """The tasks whose graphs are wanted.

    Parameters
    ----------
    detector : Detector
    bundles : name, path, task, or several, optional
        Shipped bundles, folders, or tasks that were made with `gnnreco.bundle.load_task` or have been prepared; by
        default what `gnnreco.bundle.default_bundles` chooses.

    Raises
    ------
    BadBundle
        If a bundle is not there or was trained on another detector, or none ships for this one.
    """
    if bundles is None:
        bundles = default_bundles(detector)
    several = bundles if isinstance(bundles, Sequence) and not isinstance(bundles, str) else [bundles]
    return [load_task(load_bundle(b), detector) if isinstance(b, str | Path) else b for b in several]


def graph_of(event: Event, task: AnyTask) -> NodeGraph:
    """The graph that a task makes of an event as it was read.

    Raises
    ------
    BadConfig
        If the task has no graph: only ``tracking``, ``clustering`` and ``drift`` have, the second in calorimeters.
    OverBudget
        If the graph is too large.
    """
    if task.name not in GRAPHS:
        raise BadConfig(f"the task '{task.name}' has no graph of hits: choose one of {', '.join(GRAPHS)}")
    return GRAPHS[task.name](seen(event, needed(task.detector, task.name), task.needs.measures), task)


def _rows(mine: Seen, rows: Ints) -> Ints:
    """Rows in the whole event of rows in the part of it that the task sees."""
    return rows if mine.rows is None else mine.rows[rows]


def _tracking(mine: Seen, task: TrackingTask) -> NodeGraph:
    event, built = mine.event, task.graph
    if built is None:
        raise BadConfig("the task has learned no graph yet: call prepare first, or name a bundle")
    points, graph = built.build(event)
    pair = points.index[graph.doublets].reshape(-1, 2)
    edges, hit = graph.triplets.T.astype(np.int64), _rows(mine, pair)
    known = graph.doublet_features, edges, graph.triplet_features, hit
    if event.truth is None:
        return NodeGraph("doublet", "continues", *known)
    targets = Targets(task.config.graph.min_pt, task.config.graph.min_hits)
    true = is_true(graph.doublets, true_segments(event, points, targets, built.frame))
    one, two = first_particle(event.truth, len(event.hits))[pair].T
    owner = np.where(one == two, one, -1)
    y = (true[edges[0]] & true[edges[1]]).astype(np.float32)
    return NodeGraph("doublet", "continues", *known, y, true.astype(np.float32), owner)


def _drift(mine: Seen, task: DriftTask) -> NodeGraph:
    event = mine.event
    graph = task.graph(event)
    one, two = edges = graph.pairs.T.astype(np.int64)
    known = graph.sample_features, edges, graph.pair_features, _rows(mine, graph.cells.index)[:, None]
    if event.truth is None:
        return NodeGraph("sample", "touches", *known)
    owner = main_particle(event.truth, len(event.hits))[graph.cells.index]
    y = ((owner[one] == owner[two]) & (owner[one] >= 0)).astype(np.float32)
    return NodeGraph("sample", "touches", *known, y, (owner >= 0).astype(np.float32), owner)


def _showers(mine: Seen, task: ClusteringTask) -> NodeGraph:
    from gnnreco.graphs.showers.families import one_shower_each
    from gnnreco.tasks.showers.targets import cell_truth, pair_targets

    event = mine.event
    if task.drifts(event):
        raise BadConfig(
            "the graph of cells is that of calorimeters; a drift chamber has one with a bundle for drift"
        )
    graph, loud = task.loud(event)
    cell, place = np.nonzero(loud.real)
    edges = np.stack([loud.neighbour[cell, place], cell]).astype(np.int64)  # a cell hears its neighbours
    known = loud.cells, edges, loud.pairs[cell, place], _rows(mine, graph.index)[:, None]
    if event.truth is None:
        return NodeGraph("cell", "heard_by", *known)
    event = one_shower_each(event, task.detector.at_source())
    assert event.truth is not None
    truth = cell_truth(event, graph.index, task.frame.fraction[event.hits.sensor])
    y = pair_targets(truth, loud.neighbour, len(truth.energy))[cell, place]
    owner = main_particle(event.truth, len(event.hits))[graph.index]
    return NodeGraph("cell", "heard_by", *known, y, (owner >= 0).astype(np.float32), owner)


GRAPHS: dict[str, Callable[[Seen, Any], NodeGraph]] = {
    "tracking": _tracking,
    "clustering": _showers,
    "drift": _drift,
}


def majority(
    offsets: Ints, hit: Ints, weight: Floats, truth: Truth, n_hits: int
) -> tuple[Ints, NDArray[np.float32]]:
    """The particle with most of the weighted hits of each found object, and its share of them.

    Parameters
    ----------
    offsets, hit : int64 (n + 1,), (m,)
        Hits of the objects by CSR.
    weight : float64 (m,)
    truth : Truth
    n_hits : int

    Returns
    -------
    particle : int64 (n,)
        Row in ``truth.particles``; -1 where all is noise.
    share : float32 (n,)
    """
    n, many = len(offsets) - 1, len(truth.particles) + 1
    owner = main_particle(truth, n_hits)[hit] + 1
    held = np.repeat(np.arange(n), np.diff(offsets))
    keys, back = np.unique(held * many + owner, return_inverse=True)
    sums = np.bincount(back.ravel(), weight, len(keys))
    who, which = keys // many, keys % many - 1
    keep = which >= 0
    order = np.lexsort((which[keep], -sums[keep], who[keep]))
    who, which, sums = who[keep][order], which[keep][order], sums[keep][order]
    first = np.searchsorted(who, np.arange(n))
    there = np.searchsorted(who, np.arange(n), side="right") > first
    particle, share = np.full(n, -1, np.int64), np.zeros(n, np.float32)
    particle[there] = which[first[there]]
    total = np.maximum(np.bincount(held, weight, n), np.finfo(np.float64).tiny)
    share[there] = sums[first[there]] / total[there]
    return particle, share
