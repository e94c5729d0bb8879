"""`evaluate` from files: joined by event number, with the cost of the manifest, and nothing lost in silence."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from gnnreco.columns import Event, Hits, Particles, Tracks, Truth
from gnnreco.errors import BadInput
from gnnreco.evaluate import Target, evaluate, holds_events
from gnnreco.evaluate.tracking import graph_metrics
from gnnreco.events import EventSource
from gnnreco.events.source import Entry
from gnnreco.events.tracks_file import write_tracks
from gnnreco.geometry import load_detector
from gnnreco.score import detector_of

MANIFEST = {
    "task": "tracking",
    "bundle": {"name": "none"},
    "events_failed": 0,
    "seconds_per_event": 0.5,
    "cpu_seconds_per_event": 0.4,
    "peak_rss_gib": 0.3,
    "threads": 1,
}


def event_of(number: int, source: str = "a") -> Event:
    """Two particles of 10 hits each on ten layers along x and along y."""
    particles = Particles(
        np.arange(2), np.full(2, 13, np.int32), np.ones(2), *np.zeros((3, 2)), *np.eye(3, 2) * 2.0
    )
    step = np.arange(1.0, 11.0)
    x, y = np.concatenate([step, 0 * step]), np.concatenate([0 * step, step])
    hits = Hits(np.arange(20), x, y, 0 * x, np.tile(np.arange(10, dtype=np.int32), 2))
    return Event(number, source, hits, Truth(particles, np.arange(20), np.repeat([0, 1], 10)))


def source_of(*events: Event) -> EventSource:
    def reader(entry: Entry, truth: bool, deposits: bool) -> Event:
        return events[entry.row]

    return EventSource([(Entry(e.number, e.source, (), i), reader) for i, e in enumerate(events)])


def tracks_of(*particles: int) -> Tracks:
    n = len(particles)
    index = np.concatenate([np.zeros(0, np.int64), *(np.arange(10 * p, 10 * p + 10) for p in particles)])
    zero, theta = np.zeros(n), np.full(n, np.pi / 2)
    phi = np.array([0.0, np.pi / 2])[list(particles)]
    return Tracks(
        np.arange(0, 10 * n + 1, 10),
        index,
        zero,
        zero,
        phi,
        theta,
        np.full(n, 0.5),
        np.zeros((n, 15)),
        zero,
        zero,
        zero,
    )


SHARDS = [{"file": "shard-00000000.parquet"}]


def output(folder: Path, *rows: tuple[int, str, Tracks], manifest: dict | None = None) -> Path:
    write_tracks(folder / "shard-00000000.parquet", rows)
    (folder / "manifest.json").write_text(json.dumps({**(manifest or MANIFEST), "shards": SHARDS}))
    return folder


@pytest.mark.parametrize(
    "name", ["manifest-00000-of-00002.json", "report-00000-of-00002.json", "report.json"]
)
def test_a_job_that_has_not_ended_is_no_folder_of_events(tmp_path: Path, name: str) -> None:
    assert holds_events(tmp_path)
    (tmp_path / name).write_text("{}")
    assert not holds_events(tmp_path)
    for ask in (lambda: evaluate(tmp_path, source_of(event_of(1))), lambda: detector_of(tmp_path)):
        with pytest.raises(
            BadInput, match=r"manifest\.json: missing, since its job has not ended: .*--shard"
        ):
            ask()


def test_events_are_joined_by_number(tmp_path: Path) -> None:
    folder = output(tmp_path, (2, "a", tracks_of(0)), (1, "a", tracks_of(0, 1)))
    result = evaluate(folder, source_of(event_of(1), event_of(2), event_of(3)))
    assert result["acts"]["efficiency"] == 3 / 4
    assert result["events"] == 2
    assert result["events_without_output"] == 1
    assert result["task"] == "tracking"
    assert (result["seconds_per_event"], result["cpu_seconds_per_event"]) == (0.5, 0.4)
    assert (result["peak_rss_gib"], result["threads"]) == (0.3, 1)
    assert result["edge_efficiency"] is None
    json.dumps(result, allow_nan=False)


def test_a_target_softer_than_the_training_is_marked(tmp_path: Path) -> None:
    trained = MANIFEST | {"bundle": {"name": "mine", "trained_pt_from": 0.3}}
    folder = output(tmp_path, (1, "a", tracks_of(0, 1)), manifest=trained)
    source = source_of(event_of(1))
    marked = "the target begins at a pt of 0.1 GeV, the training of 'mine' at 0.3 GeV"
    assert evaluate(folder, source, target=Target(min_pt=0.1))["warnings"][-1].startswith(marked)
    assert not any(
        "training" in line for line in evaluate(folder, source, target=Target(min_pt=0.3))["warnings"]
    )


def test_a_detector_other_than_that_of_the_output_is_said(tmp_path: Path) -> None:
    detector, source = load_detector("telescope"), source_of(event_of(1))
    for name, made, lines in (("same", detector.hash, 0), ("other", 64 * "b", 1)):
        manifest = {"detector": {"name": name, "hash": made}}
        folder = output(tmp_path / name, (1, "a", tracks_of(0, 1)), manifest=manifest)
        told = evaluate(folder, source, detector)["warnings"]
        assert [f"in detector '{name}'" in line for line in told if "reconstructed in" in line] == lines * [
            True
        ]


def test_equal_numbers_are_told_apart_by_file(tmp_path: Path) -> None:
    folder = output(tmp_path, (1, "/x/b", tracks_of(0)), (1, "/x/a", tracks_of(0, 1)))
    result = evaluate(folder, source_of(event_of(1, "/y/a"), event_of(1, "/y/b")))
    assert result["acts"]["found"] == 3


def test_graph_metrics_that_are_given_are_passed_on(tmp_path: Path) -> None:
    folder = output(tmp_path, (1, "a", tracks_of(0)))
    result = evaluate(
        folder, source_of(event_of(1)), graph_metrics={"edge_efficiency": 0.9, "edge_purity": 0.1}
    )
    assert (result["edge_efficiency"], result["edge_purity"]) == (0.9, 0.1)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([(5, "a", Tracks())], "no such event"),
        ([(1, "a", Tracks()), (1, "a", Tracks())], "twice"),
        ([(1, "a", tracks_of(0, 1)), (2, "a", tracks_of(0))], "no such event"),
    ],
)
def test_output_of_other_events_is_an_error(tmp_path: Path, rows: list, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        evaluate(output(tmp_path, *rows), source_of(event_of(1)))


@pytest.mark.parametrize("content", [None, "{", "[]"])
def test_a_missing_or_broken_manifest_is_an_error(tmp_path: Path, content: str | None) -> None:
    output(tmp_path, (1, "a", Tracks()))
    (tmp_path / "manifest.json").unlink()
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(BadInput, match=r"manifest\.json"):
        evaluate(tmp_path, source_of(event_of(1)))


class HandMadeGraph:
    """The true edges of the first particle, and one that joins the two."""

    frame = SimpleNamespace(rotation=np.eye(3))

    def build(self, event: Event) -> tuple[SimpleNamespace, SimpleNamespace]:
        hits = event.hits

        class Rows(SimpleNamespace):
            def __len__(self) -> int:
                return len(hits)

        points = Rows(index=np.arange(20), x=hits.x, y=hits.y, z=hits.z, layer=hits.sensor)
        doublets = np.array([*((i, i + 1) for i in range(9)), (0, 11)], np.int32)
        return points, SimpleNamespace(doublets=doublets)


def test_edge_efficiency_and_purity() -> None:
    result = graph_metrics(HandMadeGraph(), [event_of(1)], Target())
    assert result["edge_efficiency"] == 9 / 18
    assert result["edge_purity"] == 9 / 10
    assert result["edge_bins"]["pt"]["edge_efficiency"][EXPECTED_BIN] == 9 / 18
    json.dumps(result, allow_nan=False)


EXPECTED_BIN = 10  # 2 to 3 GeV
