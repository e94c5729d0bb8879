"""A Dask cluster whose workers die, or that is closed in the middle of a job."""

from __future__ import annotations

from pathlib import Path

import pytest

from gnnreco.events.tracks_file import read_tracks
from gnnreco.reconstruct import reconstruct
from tests.reconstruct.batch.mortal import TOY_PROCESSES
from tests.reconstruct.toy import DETECTOR, N, contents, save

distributed = pytest.importorskip("distributed")


def test_a_cluster_that_is_closed_is_named_and_the_rest_is_done_later(
    inputs: Path, bundle: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    model = save(bundle, seconds=0.1)
    # Threads of this process stand for the machines, since only here is the task of this test known.
    options = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster:
        result = reconstruct(
            inputs,
            DETECTOR,
            model,
            out,
            dask=cluster.scheduler_address,
            progress=lambda *_: cluster.close(timeout=10),
        )
    assert result["events_failed"] == N - result["events_out"] > 0
    assert {failure["kind"] for failure in result["failures"]} == {"Lost"}
    assert "cluster was closed" in result["failures"][0]["reason"]
    again = reconstruct(inputs, DETECTOR, model, out, resume=True)
    assert (again["events_out"], again["failures"]) == (N, [])


@pytest.mark.slow
def test_an_event_that_kills_workers_is_quarantined(
    inputs: Path, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dask

    monkeypatch.setattr("gnnreco.reconstruct.run.processes", TOY_PROCESSES)
    deadly = tmp_path / "deadly"
    deadly.touch()
    model = save(bundle, kill_at=[11], deadly=str(deadly))
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            dashboard_address=None,
            preload=["tests.reconstruct.batch.mortal"],
            death_timeout=600,  # a nanny gives a worker up for good that takes longer to start
        ) as cluster,
    ):
        result = reconstruct(inputs, DETECTOR, model, tmp_path / "out", dask=cluster.scheduler_address)
    (failure,) = result["failures"]
    assert (failure["event"], failure["kind"]) == (11, "Quarantined")
    assert [row[0] for row in read_tracks(tmp_path / "out")] == [i for i in range(N) if i != 11]
    deadly.unlink()
    reconstruct(inputs, DETECTOR, model, tmp_path / "out", resume=True, redo_failed=True)
    reconstruct(inputs, DETECTOR, model, tmp_path / "clean")
    assert contents(tmp_path / "out") == contents(tmp_path / "clean")
