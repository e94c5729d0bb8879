"""Events as ``Data`` and ``HeteroData`` of torch_geometric: features, truth, and rows that lead back to hits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Clusters, Event, Tracks, Truth
from gnnreco.errors import BadConfig, MissingTool
from gnnreco.geometry import Detector
from gnnreco.pyg.graphs import NodeGraph, graph_of, majority, tasks_of

from .graphs import Bundles

if TYPE_CHECKING:
    from torch import Tensor
    from torch_geometric.data import Data, HeteroData

    from gnnreco.tasks.contract import AnyTask

TRACK_COLUMNS = ("d0", "z0", "phi", "theta", "q_over_p", "score")
CLUSTER_COLUMNS = ("energy", "energy_sigma", "x", "y", "z", "score")


def to_data(event: Event, detector: Detector, bundle: str | Path | AnyTask | None = None) -> Data:
    """The graph that a network of gnnreco reads of an event: train your own on it, or let it score.

    Parameters
    ----------
    event : Event
        As it was read; with truth where labels are wanted.
    detector : Detector
    bundle : name, path or task, optional
        What builds the graph: see `gnnreco.pyg.graphs.tasks_of`. By default the first that `default_bundles` names.

    Returns
    -------
    torch_geometric.data.Data
        ``x`` (n, f), ``edge_index`` (2, m), ``edge_attr`` (m, g); ``hit`` (n, k) rows of the event's hits, ``hit_id`` (n, k)
        what its file calls them, ``pos`` (n, 3) their middle, mm; ``event``, its number. With truth ``y`` (m,),
        ``node_y`` (n,), ``particle`` (n,): see `gnnreco.pyg.graphs.NodeGraph`.

    Raises
    ------
    BadBundle, BadConfig, OverBudget
        See `gnnreco.pyg.graphs.tasks_of` and `graph_of`.
    MissingTool
        If torch_geometric is not installed.

    Examples
    --------
    >>> data = to_data(event, detector)  # doctest: +SKIP
    >>> event.truth.particles.pdg[data.particle]  # doctest: +SKIP
    """
    graph = graph_of(event, tasks_of(detector, bundle)[0])
    data = geometric().Data(**_columns(graph, event), edge_index=_tensor(graph.edge_index))
    data.edge_attr = _tensor(graph.edge_attr)
    if graph.y is not None:
        data.y = _tensor(graph.y)
    data.event = event.number
    return data


def to_hetero(
    event: Event,
    detector: Detector,
    bundles: Bundles = None,
    found: Tracks | Clusters | Sequence[Tracks | Clusters] = (),
) -> HeteroData:
    """An event with its hits, the graphs of several tasks, what was found, and the truth, each a type of node.

    Parameters
    ----------
    event, detector
        As for `to_data`.
    bundles : name, path, task, or several, optional
        What builds graphs; by default all that `default_bundles` names. ``()``: none.
    found : Tracks, Clusters or several
        What a reconstruction found, `hit_index` being rows of this event.

    Returns
    -------
    torch_geometric.data.HeteroData
        ``hit``: ``x`` (x, y, z in mm, then time in ns and energy in GeV where the event has them), ``pos``, ``hit_id``,
        ``sensor``, ``layer`` (both -1 outside of all sensors).
        ``doublet``, ``cell``, ``sample``: as in `to_data`, with edges among themselves that have ``edge_attr`` and ``y``,
        and edges ``of`` to their hits.
        ``track``: ``x`` by `TRACK_COLUMNS`, ``covariance`` (n, 15), ``chi2``, ``ndf``. ``cluster``: ``x`` by
        `CLUSTER_COLUMNS` and the three of the axis, ``class_probability``. Both have edges ``has`` to their hits, those of
        clusters weighted, and, with truth, ``particle`` and ``y``: the particle with most of it, and its share.
        ``particle``: ``x`` (px, py, pz in GeV, vx, vy, vz in mm, charge), ``pdg``, ``particle_id``, and edges ``leaves``
        to hits.

    Raises
    ------
    BadConfig
        If `found` has two of a kind, or for a task without a graph.
    BadBundle, BadInput, OverBudget, MissingTool
        As `to_data`.

    Examples
    --------
    >>> data = to_hetero(event, detector, found=tracks)  # doctest: +SKIP
    >>> data["track", "has", "hit"].edge_index  # doctest: +SKIP
    """
    data = geometric().HeteroData()
    data.event = event.number
    _add_hits(data, event, detector)
    for task in tasks_of(detector, bundles):
        _add_graph(data, graph_of(event, task), event)
    several = [found] if isinstance(found, Tracks | Clusters) else list(found)
    if len({type(one) for one in several}) < len(several):
        raise BadConfig("found holds two of a kind: give tracks once and clusters once")
    for one in several:
        _add_found(data, one, event)
    if event.truth is not None:
        _add_particles(data, event.truth)
    return data


def _add_hits(data: HeteroData, event: Event, detector: Detector) -> None:
    hits = event.hits
    more = [column for column in (hits.time, hits.energy) if column is not None]
    store = data["hit"]
    store.x, store.pos = _float(np.column_stack([hits.xyz, *more])), _float(hits.xyz)
    store.hit_id, store.sensor = _tensor(hits.hit_id), _tensor(hits.sensor.astype(np.int64))
    store.layer = _tensor(np.append(detector.layer, -1)[hits.sensor].astype(np.int64))


def _add_graph(data: HeteroData, graph: NodeGraph, event: Event) -> None:
    for name, column in _columns(graph, event).items():
        data[graph.name][name] = column
    among = data[graph.name, graph.relation, graph.name]
    among.edge_index, among.edge_attr = _tensor(graph.edge_index), _tensor(graph.edge_attr)
    if graph.y is not None:
        among.y = _tensor(graph.y)
    node = np.repeat(np.arange(len(graph.hit)), graph.hit.shape[1])
    data[graph.name, "of", "hit"].edge_index = _tensor(np.stack([node, graph.hit.ravel()]))


def _add_found(data: HeteroData, found: Tracks | Clusters, event: Event) -> None:
    weight = np.ones(len(found.hit_index))
    if isinstance(found, Tracks):
        name, columns = "track", [getattr(found, column) for column in TRACK_COLUMNS]
        more = {"covariance": found.covariance, "chi2": found.chi2, "ndf": found.ndf}
    else:
        name, columns = "cluster", [*(getattr(found, column) for column in CLUSTER_COLUMNS), found.axis]
        more = {"class_probability": found.class_probability}
        weight = found.hit_weight
    data[name].x = _float(np.column_stack(columns))
    for key, column in more.items():
        data[name][key] = _float(column)
    edges = data[name, "has", "hit"]
    owner = np.repeat(np.arange(len(found)), np.diff(found.offsets))
    edges.edge_index = _tensor(np.stack([owner, found.hit_index]))
    if isinstance(found, Clusters):
        edges.edge_attr = _float(weight[:, None])
        weight = weight if event.hits.energy is None else weight * event.hits.energy[found.hit_index]
    if event.truth is not None:
        particle, share = majority(found.offsets, found.hit_index, weight, event.truth, len(event.hits))
        data[name].particle, data[name].y = _tensor(particle), _tensor(share)


def _add_particles(data: HeteroData, truth: Truth) -> None:
    p, store = truth.particles, data["particle"]
    store.x = _float(np.stack([p.px, p.py, p.pz, p.vx, p.vy, p.vz, p.charge], axis=1))
    store.pdg, store.particle_id = _tensor(p.pdg.astype(np.int64)), _tensor(p.particle_id)
    edges = data["particle", "leaves", "hit"]
    edges.edge_index = _tensor(np.stack([truth.particle, truth.hit]))
    if truth.energy is not None:
        edges.edge_attr = _float(truth.energy[:, None])


def _columns(graph: NodeGraph, event: Event) -> dict[str, Tensor]:
    """What the nodes of a graph know."""
    pos = event.hits.xyz[graph.hit].mean(axis=1).astype(np.float32)
    columns = {"x": graph.x, "pos": pos, "hit": graph.hit, "hit_id": event.hits.hit_id[graph.hit]}
    truth = {"node_y": graph.node_y, "particle": graph.particle}
    return {k: _tensor(v) for k, v in (columns | truth).items() if v is not None}


def _tensor(array: NDArray) -> Tensor:
    import torch

    return torch.from_numpy(np.array(array, order="C"))  # a copy: columns of an event are not to be written


def _float(array: NDArray) -> Tensor:
    return _tensor(array.astype(np.float32))


def geometric() -> Any:
    """`torch_geometric.data`, or `MissingTool` that says how to get it."""
    try:
        import torch_geometric.data
    except ImportError as error:
        raise MissingTool("torch_geometric", "is not installed: pip install 'gnnreco[pyg]'") from error
    return torch_geometric.data
