"""Events that are not like those of the calibration: one line with numbers, the same for one job and for its parts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gnnreco import cli
from gnnreco.bundle import load_bundle, save_bundle
from gnnreco.columns import Event
from gnnreco.evaluate import calibrate
from gnnreco.events import open_events, write_events
from gnnreco.events.select import select_hits
from gnnreco.files.json_types import JsonMapping
from gnnreco.geometry import Detector, load_detector
from gnnreco.models.calibration import Usual, UsualRatio
from gnnreco.reconstruct import reconstruct
from gnnreco.schema import plain
from gnnreco.simulate import SimulationOptions, simulate

EVENTS = Path(__file__).parents[2] / "examples" / "events"
TOLD = "these events are not like those that calibrated "


def beams(events: int, first: int = 0) -> list[Event]:
    options = SimulationOptions(particle="pion", count=6, energy=(3.0, 6.0), noise_hits=1.0)
    return list(simulate(load_detector("telescope"), "beam", events, seed=5, options=options, first=first))


def unusual(manifest: JsonMapping) -> list[str]:
    """What it says of this, and not of a telescope without a field."""
    return [line for line in manifest["notes"] if line.startswith(TOLD)]


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that takes events in which all hits lie on tracks for usual."""
    ratio = UsualRatio("hits_on_tracks", "hits_seen", "% of hits lie on tracks", 0.0, -1, 1.0, 0.0, 1.0)
    source = load_bundle("tracking-telescope")
    folder = tmp_path_factory.mktemp("bundles") / "strict"
    save_bundle(
        folder,
        source.task,
        source.config | {"usual": plain(Usual((ratio,)))},
        source.state,
        load_detector("telescope"),
        {},
        {},
    )
    return folder


def test_parts_of_a_job_say_together_what_the_whole_says(strict: Path, tmp_path: Path) -> None:
    write_events(beams(12), tmp_path / "events", detector=load_detector("telescope"))
    whole = reconstruct(tmp_path / "events", "telescope", strict, tmp_path / "whole")
    (line,) = unusual(whole)
    assert line.startswith(TOLD + "strict: ")
    assert line.endswith(" % of hits lie on tracks (100 +- 0): results may be worse than the bundle's figures; "
                         "see docs/explanation/unusual_events.md")  # fmt: skip
    for i in (1, 0, 2):
        reconstruct(tmp_path / "events", "telescope", strict, tmp_path / "parts", shard=(i, 3))
    merged = json.loads((tmp_path / "parts" / "manifest.json").read_text())
    assert merged["notes"] == whole["notes"]
    assert merged["usual"] == whole["usual"]
    (ratio,) = whole["usual"]["ratios"]
    assert ratio["unusual"]
    counts = whole["usual"]["counts"]
    assert ratio["value"] == counts["hits_on_tracks"] / counts["hits_seen"]
    assert counts["hits_seen"] == whole["hits"]
    assert set(counts) == {"hits_on_tracks", "hits_seen"}
    assert whole["counted"] == ["hits", "hits_outside", "tracks"]


def test_empty_events_and_few_hits_say_nothing(strict: Path, tmp_path: Path) -> None:
    empty = [select_hits(event, np.zeros(len(event.hits), bool)) for event in beams(3)]
    write_events(empty, tmp_path / "events", detector=load_detector("telescope"))
    manifest = reconstruct(tmp_path / "events", "telescope", strict, tmp_path / "out")
    assert unusual(manifest) == []
    assert manifest["usual"]["ratios"][0]["value"] is None
    write_events(beams(1), tmp_path / "one", detector=load_detector("telescope"))
    assert unusual(reconstruct(tmp_path / "one", "telescope", strict, tmp_path / "out_of_one")) == []


def test_a_bundle_that_does_not_know_what_is_usual_says_nothing(tmp_path: Path) -> None:
    source = load_bundle("tracking-telescope")
    source.config.pop("usual", None)
    save_bundle(
        tmp_path / "old", source.task, source.config, source.state, load_detector("telescope"), {}, {}
    )
    write_events(beams(3), tmp_path / "events", detector=load_detector("telescope"))
    manifest = reconstruct(tmp_path / "events", "telescope", tmp_path / "old", tmp_path / "out")
    assert unusual(manifest) == []
    assert "usual" not in manifest
    assert "hits_seen" not in manifest


@pytest.fixture(scope="module")
def trackml() -> Detector:
    return load_detector("trackml")


@pytest.fixture(scope="module")
def home(trackml: Detector, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped bundle, calibrated on events of ACTS alone: two of them, and the halves of one."""
    small, large = (open_events([EVENTS / f"acts-ttbar-pu{k}.parquet"], trackml)[0] for k in (20, 50))
    halves = [select_hits(large, keep) for keep in (large.hits.y > 0, large.hits.y <= 0)]
    folder = tmp_path_factory.mktemp("bundles") / "home"
    calibrate("tracking-trackml", [(trackml, [small, large, *halves])], folder)
    return folder


def said(capsys: pytest.CaptureFixture[str], bundle: Path, inputs: str, out: Path) -> tuple[str, list[str]]:
    words = ["reconstruct", inputs, "--detector", "trackml", "--bundle", str(bundle), "-o", str(out)]
    assert cli.main(words) == 0
    printed = capsys.readouterr()
    return printed.out, [line for line in printed.err.splitlines() if TOLD in line]


def test_the_real_event_is_told_under_a_bundle_of_another_simulation(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, (line,) = said(capsys, home, str(EVENTS / "event*"), tmp_path / "out")
    assert " % of clusters of several cells have unequal signals (100 +- " in line  # its strips are digital
    assert "hits on tracks" not in table
    assert "hits_on_tracks" not in table


def test_an_event_of_home_says_nothing(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, lines = said(capsys, home, str(EVENTS / "acts-ttbar-pu20.parquet"), tmp_path / "out")
    assert lines == []
    usual = json.loads((tmp_path / "out" / "manifest.json").read_text())["usual"]
    assert len(usual["ratios"]) == 5
    assert all(ratio["value"] is not None for ratio in usual["ratios"])
