"""`gnnreco show` and `gnnreco detector show` from the command line."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gnnreco.cli import main
from gnnreco.columns import CLUSTER_CLASSES, Anomalies, Clusters
from gnnreco.errors import BadInput
from gnnreco.events import open_events, write_events
from gnnreco.events.anomalies_file import write_anomalies
from gnnreco.events.clusters_file import write_clusters
from gnnreco.front import found_in
from gnnreco.geometry import load_detector
from gnnreco.simulate import SimulationOptions, simulate
from tests.display.test_page import unpack


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    """Two events of the telescope on disk."""
    folder = tmp_path_factory.mktemp("events")
    detector = load_detector("telescope")
    made = simulate(detector, "beam", 2, seed=4, options=SimulationOptions(particle="muon", count=3))
    write_events(made, folder, "parquet", detector)
    return folder


def output(folder, source, number, n_hits, place=""):
    """What `reconstruct` leaves for one task, or in the folder of one of several."""
    clusters = replace(
        Clusters(),
        offsets=np.array([0, n_hits]),
        hit_index=np.arange(n_hits),
        hit_weight=np.ones(n_hits),
        **{name: np.ones(1) for name in ("energy", "energy_sigma", "x", "y", "z", "score")},
        axis=np.ones((1, 3)),
        class_probability=np.full((1, len(CLUSTER_CLASSES)), np.nan),
    )
    (folder / place).mkdir(parents=True, exist_ok=True)
    write_clusters(folder / place / "shard-00000000.parquet", [(number, source, clusters)])
    told = {"task": "clustering", "shards": [{"file": "shard-00000000.parquet"}]}
    (folder / place / "manifest.json").write_text(json.dumps(told))
    told = {"tasks": {place: told}} if place else told
    (folder / "manifest.json").write_text(json.dumps({"detector": {"name": "telescope"}, **told}))


@pytest.mark.parametrize("place", ["", "clustering"])
def test_clusters_are_shown(events, tmp_path, place):
    event = open_events(events, load_detector("telescope"))[1]
    output(tmp_path / "out", event.source, event.number, len(event.hits), place)
    page = tmp_path / "event.html"
    words = [
        "show",
        str(events),
        "--found",
        str(tmp_path / "out"),
        "--event",
        str(event.number),
        "-o",
        str(page),
    ]
    assert main(words) == 0
    about, arrays = unpack(page)
    assert about["event"]["clusters"]["count"] == 1
    assert about["made_by"]["command"].startswith(f"gnnreco show {events} --found")
    assert arrays["h_cluster"].tolist() == [0] * len(event.hits)


def test_what_makes_an_event_strange_is_shown(events, tmp_path):
    event = open_events(events, load_detector("telescope"))[1]
    numbers = np.array([9.0]), np.array([0.01]), np.ones((1, 6)), event.hits.hit_id[[2]]
    found = Anomalies(np.array([0, 1]), np.array([2]), np.array([5.0]), *numbers)
    out = tmp_path / "out"
    out.mkdir()
    write_anomalies(out / "shard-00000000.parquet", [(event.number, event.source, found)])
    told = {"task": "anomaly", "shards": [{"file": "shard-00000000.parquet"}]}
    (out / "manifest.json").write_text(json.dumps({"detector": {"name": "telescope"}, **told}))
    page = tmp_path / "event.html"
    words = ["show", str(events), "--found", str(out), "--event", str(event.number), "-o", str(page)]
    assert main(words) == 0
    about, arrays = unpack(page)
    assert about["event"]["strange"]["score"] == 9.0
    assert np.flatnonzero(arrays["h_strange"]).tolist() == [2]


def test_an_event_that_was_not_reconstructed_is_named(events, tmp_path, capsys):
    event = open_events(events, load_detector("telescope"))[1]
    output(tmp_path / "out", event.source, 77, len(event.hits))
    words = ["show", str(events), "--found", str(tmp_path / "out"), "-o", str(tmp_path / "event.html")]
    assert main(words) == 2
    assert "was not reconstructed" in capsys.readouterr().err


@pytest.mark.parametrize("sample", ["events", "simulate"])
def test_occupancy_of_events_or_of_a_simulation(events, tmp_path, sample):
    page = tmp_path / "page.html"
    given = ["--events", str(events)] if sample == "events" else ["--simulate", "1"]
    assert main(["detector", "show", "telescope", *given, "-o", str(page)]) == 0
    about, arrays = unpack(page)
    assert about["occupancy"]["events"] == (2 if sample == "events" else 1)
    assert about["occupancy"]["hits"] == pytest.approx(arrays["s_hits"].sum())
    assert about["occupancy"]["hits"] > 5


def test_of_two_inputs_with_the_same_numbers_the_right_one_is_shown(events, tmp_path):
    source = open_events(events, load_detector("telescope"))
    event, name = source[0], f"{events.name}/{Path(source.sources[0]).name}"
    nothing = np.zeros(0, np.int64)

    def scored(score):
        return Anomalies(
            np.zeros(2, np.int64), nothing, np.zeros(0), np.array([score]), np.ones(1), np.zeros((1, 6))
        )

    out = tmp_path / "out"
    out.mkdir()
    rows = [(event.number, f"another/{Path(name).name}", scored(1.0)), (event.number, name, scored(2.0))]
    write_anomalies(out / "shard-00000000.parquet", rows)
    told = {"task": "anomaly", "shards": [{"file": "shard-00000000.parquet"}]}
    (out / "manifest.json").write_text(json.dumps({"detector": {"name": "telescope"}, **told}))
    found, _ = found_in(out, source, event)
    assert found[Anomalies].score == 2.0
    write_anomalies(out / "shard-00000000.parquet", [rows[1], rows[1]])
    with pytest.raises(BadInput, match="is in the output 2 times"):
        found_in(out, source, event)
