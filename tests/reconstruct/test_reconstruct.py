"""Every event once, none lost: whatever fails, however many workers, and after an interruption."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gnnreco.bundle import load_bundle
from gnnreco.errors import BadBundle, BadInput
from gnnreco.events import write_events
from gnnreco.events.tracks_file import read_tracks
from gnnreco.geometry import load_detector
from gnnreco.reconstruct import reconstruct
from gnnreco.simulate import SimulationOptions, simulate
from tests.reconstruct.toy import DETECTOR, N, contents, event, save


def test_every_event_once(inputs: Path, bundle: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    result = reconstruct(inputs, DETECTOR, bundle, tmp_path / "out", progress=lambda *p: seen.append(p))
    assert seen[-1] == (N, N)
    assert (result["events_in"], result["events_out"], result["events_failed"]) == (N, N, 0)
    assert result == json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert result["hits_outside"] == 0
    assert result["peak_rss_gib"] > 0
    assert result["seconds_per_event"] > 0
    assert all(len(file["sha256"]) == 64 for file in result["inputs"])
    rows = list(read_tracks(tmp_path / "out"))
    assert [row[0] for row in rows] == list(range(N))
    assert [len(row[2]) for row in rows] == [int(i != 5) for i in range(N)]  # the empty event has no tracks
    assert [len(row[2].hit_index) for row in rows] == [3 + i if i != 5 else 0 for i in range(N)]


def test_an_event_that_fails_is_reported_and_the_others_go_on(
    inputs: Path, bundle: Path, tmp_path: Path
) -> None:
    result = reconstruct(inputs, DETECTOR, save(bundle, fail_at=[3, 11]), tmp_path / "out")
    assert (result["events_out"], result["events_failed"]) == (N - 2, 2)
    assert [f["event"] for f in result["failures"]] == [3, 11]
    assert result["failures"][0]["kind"] == "OverBudget"
    assert "1,000 edges" in result["failures"][0]["reason"]
    assert 3 not in [row[0] for row in read_tracks(tmp_path / "out")]


def test_hits_outside_are_counted_and_positions_must_be_numbers(bundle: Path, tmp_path: Path) -> None:
    far, broken = event(0, 4), event(1, 4)
    far.hits.x[:2], far.hits.sensor[:2] = 1e6, -1
    write_events([far], tmp_path / "far", detector=load_detector(DETECTOR))
    assert reconstruct(tmp_path / "far", DETECTOR, bundle, tmp_path / "out")["hits_outside"] == 2
    lines = ["hit_id,x,y,z,volume_id,layer_id,module_id", "1,1,2,3,8,2,1", "2,nan,2,3,8,2,1"]
    (tmp_path / "event000000007-hits.csv").write_text("\n".join(lines) + "\n")
    result = reconstruct(
        tmp_path / "event000000007-hits.csv", DETECTOR, bundle, tmp_path / "out", overwrite=True
    )
    assert result["events_out"] == 0
    assert result["failures"][0]["kind"] == "BadInput"
    assert result["failures"][0]["event"] == 7
    assert len(broken.hits) == 4


def test_a_stopped_run_goes_on(inputs: Path, bundle: Path, tmp_path: Path) -> None:
    whole, part = tmp_path / "whole", tmp_path / "part"
    reconstruct(inputs, DETECTOR, bundle, whole)

    def stop(done: int, total: int) -> None:
        if done > N / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reconstruct(inputs, DETECTOR, bundle, part, progress=stop)
    files = sorted(part.glob("shard-*"))
    assert len(files) == 2
    with pytest.raises(BadInput, match=r"not finished; go on with resume=True"):
        list(read_tracks(part))
    with pytest.raises(BadInput, match="holds this output already; go on with resume=True"):
        reconstruct(inputs, DETECTOR, bundle, part)
    with (part / "journal.jsonl").open("a") as journal:
        journal.write('{"file": "shard-00000016.par')  # the process died as it wrote this
    (part / "shard-00000016.parquet").write_bytes(b"noted nowhere")
    files[1].write_bytes(files[1].read_bytes()[:-7])
    kept = files[0].stat().st_mtime_ns
    result = reconstruct(inputs, DETECTOR, bundle, part, resume=True)
    assert files[0].stat().st_mtime_ns == kept
    assert (result["events_in"], result["events_out"], result["events_timed"]) == (N, N, 12)
    assert contents(part) == contents(whole)
    assert sorted(f.name for f in part.iterdir()) == sorted(f.name for f in whole.iterdir())
    # Another bundle: nothing of the old output may stay.
    result = reconstruct(inputs, DETECTOR, save(bundle, fail_at=[19]), part, resume=True, overwrite=True)
    assert (result["events_in"], result["events_out"], result["events_timed"]) == (N, N - 1, N - 1)


def test_parts_make_the_whole(inputs: Path, bundle: Path, tmp_path: Path) -> None:
    for i in (2, 0, 1):
        assert not (tmp_path / "out" / "manifest.json").exists()
        reconstruct(inputs, DETECTOR, bundle, tmp_path / "out", shard=(i, 3))
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert (manifest["events_in"], manifest["events_out"], manifest["parts"]) == (N, N, 3)
    assert sorted(row[0] for row in read_tracks(tmp_path / "out")) == list(range(N))


def test_more_parts_than_events(inputs: Path, bundle: Path, tmp_path: Path) -> None:
    results = [reconstruct(inputs, DETECTOR, bundle, tmp_path / "out", shard=(i, 23)) for i in range(23)]
    assert sum(r["events_in"] for r in results) == N
    assert len(list(read_tracks(tmp_path / "out"))) == N


def test_what_cannot_work_is_said_before_anything_is_read(inputs: Path, bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="does not exist"):
        reconstruct(tmp_path / "nowhere", DETECTOR, bundle, tmp_path / "out")
    with pytest.raises(BadBundle, match="one bundle for each task"):
        reconstruct(inputs, DETECTOR, [bundle, bundle], tmp_path / "out")
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="is a file"):
        reconstruct(inputs, DETECTOR, bundle, tmp_path / "file")


def test_a_dask_cluster_gives_the_same_bytes(inputs: Path, bundle: Path, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    reconstruct(inputs, DETECTOR, bundle, tmp_path / "here")
    # Threads of this process stand for the machines, since only here is the task of this test known.
    options = {
        "n_workers": 1,
        "threads_per_worker": 1,
        "processes": False,
        "dashboard_address": "127.0.0.1:0",
    }
    with distributed.LocalCluster(**options) as cluster:
        result = reconstruct(inputs, DETECTOR, bundle, tmp_path / "there", dask=cluster.scheduler_address)
    assert result["events_out"] == N
    assert contents(tmp_path / "here") == contents(tmp_path / "there")


def test_root_output(inputs: Path, bundle: Path, tmp_path: Path) -> None:
    uproot = pytest.importorskip("uproot")
    reconstruct(inputs, DETECTOR, bundle, tmp_path / "out", format="root")
    result = reconstruct(inputs, DETECTOR, bundle, tmp_path / "out", format="root", resume=True)
    assert result["events_timed"] == 0
    with uproot.open(sorted((tmp_path / "out").glob("shard-*.root"))[0]) as file:
        assert file["tracks"]["event"].array().tolist() == list(range(8))


def test_processes_give_the_same_bytes(tmp_path: Path) -> None:
    """Each run in a process of its own, as users have it."""
    name = "tracking-telescope"
    detector = load_bundle(name).manifest["detector"]["name"]
    options = SimulationOptions(particle="muon", energy=(2.0, 10.0), count=4)
    events = simulate(load_detector(detector), "beam", events=10, seed=5, options=options)
    write_events(events, tmp_path / "events", detector=load_detector(detector))
    for run, workers in (("one", 1), ("two", 2)):
        words = [
            "reconstruct",
            tmp_path / "events",
            "--detector",
            detector,
            "--bundle",
            name,
            "-o",
            tmp_path / run,
        ]
        command = [
            sys.executable,
            "-c",
            "from gnnreco.cli import entry; entry()",
            *words,
            "--workers",
            workers,
        ]
        subprocess.run([str(word) for word in command], check=True, capture_output=True)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
