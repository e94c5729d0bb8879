"""One pass, many stages: each event is read once, and each task sees what those before it found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gnnreco.bundle import save_bundle
from gnnreco.columns import Clusters, Event, Tracks
from gnnreco.errors import BadBundle, BadInput
from gnnreco.events import EventSource, open_events, write_events
from gnnreco.events.clusters_file import read_clusters
from gnnreco.events.select import select_hits
from gnnreco.events.tracks_file import read_tracks
from gnnreco.geometry import load_detector
from gnnreco.pipeline import Reconstructor
from gnnreco.reconstruct import reconstruct
from gnnreco.reconstruct.status import status
from gnnreco.simulate import SimulationOptions, simulate
from gnnreco.tasks import registry
from gnnreco.tasks.contract import Needs, Task
from tests.reconstruct.toy import DETECTOR, OneTrack, Settings, event, save

N = 6


@dataclass(frozen=True)
class NoSettings:
    """Nothing to set."""


class OfTracks(Task[Any, Clusters]):
    """A task that makes a cluster of every track that was found."""

    name = "of-tracks"
    needs = Needs(("position",), (Tracks,))
    gives = Clusters
    config = NoSettings()

    def __init__(self, detector: Any) -> None:
        self.detector = detector

    @classmethod
    def from_config(cls, config: Any, detector: Any) -> OfTracks:
        return cls(detector)

    def load_state(self, state: Mapping[str, Any]) -> None:
        pass

    def reconstruct(self, event: Event) -> Clusters:
        tracks: Tracks = event.found[Tracks]
        n = len(tracks)
        zeros = {name: np.zeros(n) for name in ("energy_sigma", "x", "y", "z", "score")}
        return Clusters(
            tracks.offsets,
            tracks.hit_index,
            np.ones(len(tracks.hit_index)),
            np.abs(tracks.q_over_p),
            axis=np.zeros((n, 3)),
            class_probability=np.zeros((n, 4)),
            **zeros,
        )


@pytest.fixture
def chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path, Path]:
    """Events, a bundle that gives tracks and one that needs them."""
    kinds = {
        "one-track": registry.Kind(OneTrack.needs, Tracks, lambda: (OneTrack, Settings)),
        "of-tracks": registry.Kind(OfTracks.needs, Clusters, lambda: (OfTracks, NoSettings)),
    }
    for name, kind in kinds.items():
        monkeypatch.setitem(registry.TASKS, name, kind)
    detector = load_detector(DETECTOR)
    write_events([event(i, 3 + i) for i in range(N)], tmp_path / "events", detector=detector)
    second = tmp_path / "of-tracks"
    save_bundle(second, "of-tracks", {}, {}, detector, {}, {})
    return tmp_path / "events", save(tmp_path / "one-track"), second


def test_a_stage_sees_what_those_before_it_found(chain: tuple[Path, Path, Path], tmp_path: Path) -> None:
    inputs, tracks, clusters = chain
    out = tmp_path / "out"
    # The order in which bundles are named does not matter.
    result = reconstruct(inputs, DETECTOR, [clusters, tracks], out)
    assert list(result["tasks"]) == ["one-track", "of-tracks"]
    found = {row[0]: row[2] for row in read_tracks(out / "one-track")}
    made = {row[0]: row[2] for row in read_clusters(out / "of-tracks")}
    assert sorted(found) == sorted(made) == list(range(N))
    for number, track in found.items():
        assert np.array_equal(made[number].hit_index, track.hit_index)
        assert np.array_equal(made[number].energy, np.abs(track.q_over_p))
        assert np.array_equal(made[number].hit_id, track.hit_id)


def test_what_a_stage_finds_takes_the_place_of_what_the_event_brings(
    chain: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    _, tracks, clusters = chain
    reconstruct = Reconstructor(DETECTOR, [tracks, clusters])
    alone = reconstruct(event(1, 4))
    both = reconstruct(replace(event(1, 4), found={Tracks: alone.tracks, Clusters: alone.clusters}))
    assert len(alone.clusters) == len(both.clusters) == 1  # of-tracks makes one of each track that it sees
    brought = Reconstructor(DETECTOR, clusters, brings=[Tracks])
    assert len(brought(replace(event(1, 4), found={Tracks: alone.tracks})).clusters) == 1


def test_events_are_read_once(
    chain: tuple[Path, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs, tracks, clusters = chain
    read: list[int] = []
    single = EventSource.__getitem__

    def counted(self: EventSource, index: Any) -> Any:
        if isinstance(index, int):
            read.append(self.numbers[index])
        return single(self, index)

    monkeypatch.setattr(EventSource, "__getitem__", counted)
    reconstruct(inputs, DETECTOR, [tracks, clusters], tmp_path / "out")
    assert sorted(read) == list(range(N))


def test_the_file_of_one_stage_is_made_again(chain: tuple[Path, Path, Path], tmp_path: Path) -> None:
    inputs, tracks, clusters = chain
    out = tmp_path / "out"
    reconstruct(inputs, DETECTOR, [tracks, clusters], out)
    (file,) = (out / "of-tracks").glob("shard-*")
    kept, content = next((out / "one-track").glob("shard-*")), file.read_bytes()
    when = kept.stat().st_mtime_ns
    file.unlink()
    reconstruct(inputs, DETECTOR, [tracks, clusters], out, resume=True)
    assert file.read_bytes() == content
    assert kept.stat().st_mtime_ns == when
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["tasks"]["one-track"]["events_timed"] == 0
    assert manifest["tasks"]["of-tracks"]["events_out"] == N


def test_a_stage_that_fails_takes_those_along_that_need_it(
    chain: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    inputs, tracks, clusters = chain
    result = reconstruct(inputs, DETECTOR, [save(tracks, fail_at=[2]), clusters], tmp_path / "out")
    first, second = (result["tasks"][name]["failures"] for name in ("one-track", "of-tracks"))
    assert [f["event"] for f in first] == [f["event"] for f in second] == [2]
    assert first[0]["kind"] == "OverBudget"
    assert "of-tracks needs tracks, which could not be found in it" in second[0]["reason"]
    report = status(tmp_path / "out")["report"]
    assert (report["events"], report["failures"]) == (N, {"OverBudget": 1})
    assert {"one-track", "of-tracks", "read"} <= report["stage_seconds"].keys()


def test_what_nobody_gives_is_said_before_a_file_is_opened(
    chain: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    with pytest.raises(BadBundle, match="of-tracks needs tracks; name a bundle that gives them as well"):
        reconstruct(tmp_path / "nowhere", DETECTOR, chain[2], tmp_path / "out")
    with pytest.raises(BadBundle, match="'trigger' finds nothing in events; use `gnnreco deploy`"):
        Reconstructor("trackml", "seeds-trackml")


def test_python_finds_what_the_command_line_writes(tmp_path: Path) -> None:
    """In a detector with trackers and calorimeters a task sees its own hits, whoever calls."""
    detector = load_detector("odd")
    options = SimulationOptions(particle="muon", count=10)
    events = list(simulate(detector, "gun", 3, seed=3, options=options))
    write_events(events, tmp_path / "events", detector=detector)
    reconstruct(tmp_path / "events", "odd", "tracking-odd", tmp_path / "out")
    from_python = Reconstructor("odd", "tracking-odd")
    source = open_events(tmp_path / "events", detector, truth=False)
    written = list(read_tracks(tmp_path / "out"))
    assert sum(len(tracks) for *_, tracks in written) > 20
    for one, (_, _, tracks) in zip(source, written, strict=True):
        found = from_python(one).tracks
        for name in Tracks.__slots__:
            assert np.array_equal(getattr(found, name), getattr(tracks, name)), name


def test_events_without_hits_and_with_hits_nowhere() -> None:
    found = Reconstructor("telescope")(select_hits(event(1, 4), np.zeros(4, bool)))
    assert len(found.tracks) == len(found.clusters) == 0
    assert repr(found) == "Found(tracking: 0 tracks)"
    bad = event(1, 4)
    bad = replace(bad, hits=replace(bad.hits, x=bad.hits.x * np.nan))
    with pytest.raises(BadInput, match="its position is not a finite number"):
        Reconstructor("telescope")(bad)
