"""The command line from nothing to scores: simulate, train, reconstruct, evaluate and show, for a detector of six planes."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import pytest
import torch

from gnnreco import cli
from gnnreco.bundle import load_bundle
from gnnreco.events import open_events
from gnnreco.events.tracks_file import read_tracks
from gnnreco.geometry import load_detector
from gnnreco.graphs.tracking import train_gate

BEAM = ["particle=pion", "count=3", "energy=[3.0,6.0]", "beam_width=2.5"]
RULES = ("acts", "lhc", "double_majority", "perfect", "atlas")


def gnnreco(*words: object) -> None:
    assert cli.main([str(word) for word in words]) == 0


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with events, a bundle trained for a few seconds, tracks and scores."""
    folder = tmp_path_factory.mktemp("work")
    made = ["--detector", "telescope", "--process", "beam"]
    gnnreco("simulate", *made, "--events", 30, "--seed", 1, "-o", folder / "learn", *BEAM)
    gnnreco("simulate", *made, "--events", 12, "--seed", 2, "-o", folder / "events", *BEAM)
    with pytest.MonkeyPatch.context() as patch:
        # The gates of a toy need no 4000 steps.
        patch.setattr(
            train_gate, "train_gate", functools.partial(train_gate.train_gate, steps=300, batch=1024)
        )
        gnnreco(
            "train",
            "tracking",
            "detector=telescope",
            "sample=files",
            f"sample.inputs=[{folder / 'learn'}]",
            "sample.validation_events=5",
            "graph.min_pt=0",
            "train.epochs=4",
            "train.learning_rate=0.01",
            "train.threads=1",
            "-o",
            folder / "bundle",
        )
    where = ["--detector", "telescope", "--bundle", folder / "bundle"]
    gnnreco("reconstruct", folder / "events", *where, "-o", folder / "out")
    gnnreco(
        "evaluate",
        folder / "out",
        "--truth",
        folder / "events",
        "--json",
        folder / "scores.json",
        "--min-pt",
        0,
        "--max-eta",
        100,
        "--min-hits",
        5,
    )
    return folder


def test_the_bundle_tells_how_it_was_made(work: Path) -> None:
    bundle = load_bundle(work / "bundle")
    assert bundle.task == "tracking"
    assert bundle.manifest["detector"]["hash"] == load_detector("telescope").hash
    assert "gnnreco train tracking detector=telescope" in bundle.manifest["training"]["command"]
    assert bundle.manifest["metrics"]["validation_loss"] < 0.5
    gnnreco("bundle", "verify", work / "bundle")


def test_every_event_comes_out(work: Path) -> None:
    manifest = json.loads((work / "out" / "manifest.json").read_text())
    assert (manifest["events_in"], manifest["events_out"], manifest["events_failed"]) == (12, 12, 0)
    source = open_events(work / "events", load_detector("telescope"))
    rows = list(read_tracks(work / "out"))
    assert [row[0] for row in rows] == source.numbers == list(range(12))
    assert manifest["hits"] == sum(len(event.hits) for event in source)
    assert manifest["tracks"] == sum(len(row[2]) for row in rows)


def test_the_scores_of_a_few_seconds_of_training(work: Path) -> None:
    scores = json.loads((work / "scores.json").read_text())
    assert (scores["task"], scores["events"]) == ("tracking", 12)
    for rule in RULES:
        assert 0 <= scores[rule]["efficiency"] <= 1, rule
    assert scores["acts"]["efficiency"] > 0.7
    assert scores["acts"]["fake_rate"] < 0.1
    assert scores["acts"]["duplicate_rate"] < 0.1
    assert scores["perfect"]["efficiency"] <= scores["acts"]["efficiency"]


def test_the_same_training_gives_the_same_model_and_the_same_tracks(work: Path, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            train_gate, "train_gate", functools.partial(train_gate.train_gate, steps=300, batch=1024)
        )
        gnnreco(
            "train",
            "tracking",
            "detector=telescope",
            "sample=files",
            f"sample.inputs=[{work / 'learn'}]",
            "sample.validation_events=5",
            "graph.min_pt=0",
            "train.epochs=4",
            "train.learning_rate=0.01",
            "train.threads=1",
            "-o",
            tmp_path / "bundle",
        )
    name = "weights.safetensors"
    assert (tmp_path / "bundle" / name).read_bytes() == (work / "bundle" / name).read_bytes()


def test_a_part_at_a_time_gives_the_same_tracks(work: Path, tmp_path: Path) -> None:
    where = ["--detector", "telescope", "--bundle", work / "bundle", "-o", tmp_path / "out"]
    for part in ("1/3", "0/3", "2/3"):
        gnnreco("reconstruct", work / "events", *where, "--shard", part)
    whole, parts = list(read_tracks(work / "out")), list(read_tracks(tmp_path / "out"))
    assert torch.get_num_threads() == 1, "what numba sets must not undo what was asked for"
    assert [row[0] for row in parts] == [row[0] for row in whole]
    for one, two in zip(whole, parts, strict=True):
        assert one[2].hit_index.tobytes() == two[2].hit_index.tobytes()
        assert one[2].covariance.tobytes() == two[2].covariance.tobytes()
        assert one[2].score.tobytes() == two[2].score.tobytes()


def test_a_page_shows_hits_and_tracks(work: Path, tmp_path: Path) -> None:
    page = tmp_path / "event.html"
    gnnreco("show", work / "events", "--found", work / "out", "--event", 3, "-o", page)
    assert page.stat().st_size > 20_000
