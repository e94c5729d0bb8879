"""Events as data of torch_geometric: the same numbers as our networks read, with truth, and rows that lead back to hits."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gnnreco import pyg
from gnnreco.bundle import load_bundle, load_task
from gnnreco.columns import Event
from gnnreco.errors import BadConfig, MissingTool
from gnnreco.events import open_events
from gnnreco.geometry import load_detector
from gnnreco.reconstruct import reconstruct
from gnnreco.simulate import SimulationOptions, simulate
from tests.pyg.conftest import EVENTS, TELESCOPE

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def event(files: Path) -> Event:
    return open_events(str(files), load_detector(TELESCOPE))[0]


@pytest.fixture(scope="module")
def task() -> Any:
    return load_task(load_bundle("tracking-telescope"), load_detector(TELESCOPE))


def made(detector: str, process: str, **options: Any) -> Event:
    return next(simulate(load_detector(detector), process, 1, seed=5, options=SimulationOptions(**options)))


def test_a_tracking_graph_is_what_the_network_reads(geometric, event: Event, task) -> None:  # type: ignore[no-untyped-def]
    data = pyg.to_data(event, task.detector, task)
    _, graph = task.graph.build(event)
    assert np.array_equal(data.x, graph.doublet_features)
    assert np.array_equal(data.edge_index.T, graph.triplets)
    assert np.array_equal(data.edge_attr, graph.triplet_features)
    sample = task.sample(event)
    sample = (
        sample
        if isinstance(sample, dict)
        else {"edge_truth": sample.edge_truth, "node_truth": sample.node_truth}
    )
    assert torch.equal(data.y, sample["edge_truth"])
    assert torch.equal(data.node_y, sample["node_truth"])
    assert data.validate()
    assert data.event == event.number


def test_rows_and_ids_lead_back_to_hits_and_particles(geometric, event: Event, task) -> None:  # type: ignore[no-untyped-def]
    data = pyg.to_data(event, task.detector, task)
    assert np.array_equal(data.hit_id, event.hits.hit_id[data.hit])
    np.testing.assert_allclose(data.pos, event.hits.xyz[data.hit].mean(axis=1), rtol=1e-5)
    made_by = set(zip(event.truth.hit.tolist(), event.truth.particle.tolist()))
    known = data.particle >= 0
    assert known.any()
    for pair, particle in zip(data.hit[known].tolist(), data.particle[known].tolist()):
        assert {(hit, particle) for hit in pair} <= made_by
    assert (data.particle[data.node_y == 1] >= 0).all()
    joined = data.edge_index[:, data.y == 1]
    assert torch.equal(data.particle[joined[0]], data.particle[joined[1]])


def test_without_truth_there_are_no_labels(geometric, event: Event, task) -> None:  # type: ignore[no-untyped-def]
    data = pyg.to_data(replace(event, truth=None), task.detector, task)
    assert not {"y", "node_y", "particle"} & set(data.keys())
    hetero = pyg.to_hetero(replace(event, truth=None), task.detector, task)
    assert set(hetero.node_types) == {"hit", "doublet"}


def test_cells_of_a_calorimeter_and_what_their_pairs_share(geometric) -> None:  # type: ignore[no-untyped-def]
    event = made("clic_ecal", "gun", particle="photon", energy=(2.0, 10.0), count=3, eta=(-0.5, 0.5))
    data = pyg.to_data(event, load_detector("clic_ecal"))
    assert data.validate()
    assert data.num_nodes > 100
    assert data.hit.shape == (data.num_nodes, 1)
    assert ((data.y >= 0) & (data.y <= 1 + 1e-6)).all()
    one, two = data.particle[data.edge_index]
    # Cells of the same particle belong together, cells of two different ones do not.
    assert data.y[one == two].mean() > 0.9
    assert (one != two).sum() == 0 or data.y[one != two].mean() < 0.5
    assert torch.isfinite(data.x).all()
    assert torch.isfinite(data.edge_attr).all()


def test_samples_of_a_drift_chamber(geometric) -> None:  # type: ignore[no-untyped-def]
    event = made("tpc", "gun", particle="pion", energy=(0.5, 5.0), count=4, eta=(-0.8, 0.8))
    detector = load_detector("tpc")
    data = pyg.to_data(event, detector)
    one, two = data.particle[data.edge_index]
    assert torch.equal(data.y == 1, (one == two) & (one >= 0))
    assert data.validate()
    assert data.y.mean() > 0.9
    with pytest.raises(BadConfig, match="a drift chamber has one with a bundle for drift"):
        pyg.to_data(event, detector, "clusters-density")


def test_one_event_of_a_tracker_and_calorimeters(geometric) -> None:  # type: ignore[no-untyped-def]
    """Hits, both graphs, tracks, clusters and particles; every edge ends at a hit of the right subsystem."""
    detector = load_detector("odd")
    event = made("odd", "gun", particle="electron", energy=(3.0, 10.0), count=3, eta=(-1.0, 1.0))
    tasks = [load_task(load_bundle(name), detector) for name in ("tracking-odd", "showers-any")]
    found = [task.reconstruct(event) for task in tasks]
    data = pyg.to_hetero(event, detector, tasks, found)
    assert set(data.node_types) == {"hit", "doublet", "cell", "track", "cluster", "particle"}
    assert data.validate()
    measures = [set(s.measures) for s in detector.subsystems]
    for name, what in (
        ("doublet", "position"),
        ("track", "position"),
        ("cell", "energy"),
        ("cluster", "energy"),
    ):
        relation = "of" if name in ("doublet", "cell") else "has"
        hit = data[name, relation, "hit"].edge_index[1]
        subsystems = detector.subsystem[data["hit"].sensor[hit]]
        assert all(what in measures[s] for s in np.unique(subsystems))
    assert (data["track"].y > 0.5).all()
    edges = data["track", "has", "hit"].edge_index
    for row in range(len(found[0])):
        hits = edges[1, edges[0] == row]
        assert np.array_equal(hits, found[0].hit_index[found[0].offsets[row] : found[0].offsets[row + 1]])
        of_particle = event.truth.hit[event.truth.particle == int(data["track"].particle[row])]
        assert np.isin(hits, of_particle).mean() == pytest.approx(float(data["track"].y[row]))
    assert np.array_equal(
        data["cluster", "has", "hit"].edge_attr[:, 0], found[1].hit_weight.astype(np.float32)
    )
    with pytest.raises(BadConfig, match="two of a kind"):
        pyg.to_hetero(event, detector, (), [found[0], found[0]])


def test_a_dataset_of_files_makes_batches(geometric, files: Path) -> None:  # type: ignore[no-untyped-def]
    from torch_geometric.loader import DataLoader

    dataset = pyg.EventDataset(files, TELESCOPE)
    assert len(dataset) == EVENTS
    (batch,) = DataLoader(dataset, batch_size=EVENTS)
    assert batch.event.tolist() == dataset.source.numbers
    assert batch.num_nodes == sum(one.num_nodes for one in dataset)
    ends = batch.batch[batch.edge_index]
    assert torch.equal(ends[0], ends[1])
    assert torch.equal(batch[2].edge_index, dataset[2].edge_index)


def test_a_dataset_reads_what_reconstruct_wrote(geometric, files: Path, tmp_path: Path, task) -> None:  # type: ignore[no-untyped-def]
    from torch_geometric.loader import DataLoader

    reconstruct(files, TELESCOPE, "tracking-telescope", tmp_path)
    dataset = pyg.EventDataset(files, TELESCOPE, hetero=True, output=tmp_path)
    for data, event in zip(dataset, dataset.source):
        found = task.reconstruct(event)
        assert len(data["track"].x) == len(found) > 0
        assert np.array_equal(data["track", "has", "hit"].edge_index[1], found.hit_index)
    (batch,) = DataLoader(dataset, batch_size=EVENTS)
    assert batch.validate()
    with pytest.raises(BadConfig, match="hetero=True"):
        pyg.EventDataset(files, TELESCOPE, output=tmp_path)


def test_a_task_that_has_no_graph_is_named(geometric, event: Event) -> None:  # type: ignore[no-untyped-def]
    from gnnreco.tasks.tracking import TrackingConfig, TrackingTask

    detector = load_detector(TELESCOPE)
    with pytest.raises(BadConfig, match="the task 'trigger' has no graph of hits"):
        pyg.to_data(event, detector, "jet-tagger")
    with pytest.raises(BadConfig, match="call prepare first, or name a bundle"):
        pyg.to_data(event, detector, TrackingTask(TrackingConfig(), detector))


def test_without_torch_geometric_one_line_says_how_to_get_it(
    event: Event,
    task,
    monkeypatch: pytest.MonkeyPatch,  # type: ignore[no-untyped-def]
) -> None:
    monkeypatch.setitem(sys.modules, "torch_geometric", None)
    monkeypatch.setitem(sys.modules, "torch_geometric.data", None)
    for ask in (lambda: pyg.to_data(event, task.detector, task), lambda: pyg.EventDataset):
        with pytest.raises(MissingTool, match=r"pip install 'gnnreco\[pyg\]'"):
            ask()
