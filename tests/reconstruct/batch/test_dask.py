"""A Dask cluster that is closed in the middle of a job, whose workers die of an event, or that has none any more."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

from gnnreco.reconstruct import reconstruct
from gnnreco.reconstruct.workers import cluster as of_cluster
from tests.reconstruct.batch.mortal import TOY_PROCESSES, toy_lot
from tests.reconstruct.toy import DETECTOR, N, contents, save

distributed = pytest.importorskip("distributed")
#: Without an address Dask takes port 8787, and warns where another cluster has it.
ONE = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": "127.0.0.1:0"}


@pytest.fixture
def threads() -> Iterator[distributed.LocalCluster]:
    """Threads of this process stand for the machines, since only here is the task of the tests known."""
    with distributed.LocalCluster(**ONE, processes=False) as cluster:
        yield cluster


def test_a_cluster_that_is_closed_is_named_and_the_rest_is_done_later(
    inputs: Path,
    bundle: Path,
    tmp_path: Path,
    threads: distributed.LocalCluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(of_cluster, "CONNECT_S", 3.0)  # for so long the client asks a scheduler that is gone
    out = tmp_path / "out"
    model = save(bundle, seconds=0.1)
    result = reconstruct(
        inputs,
        DETECTOR,
        model,
        out,
        dask=threads.scheduler_address,
        progress=lambda *_: threads.close(timeout=10),
    )
    assert result["events_failed"] == N - result["events_out"] > 0
    assert {failure["kind"] for failure in result["failures"]} == {"Lost"}
    assert "cluster was closed" in result["failures"][0]["reason"]
    again = reconstruct(inputs, DETECTOR, model, out, resume=True)
    assert (again["events_out"], again["failures"]) == (N, [])


def test_a_connection_that_breaks_costs_no_event(
    inputs: Path, bundle: Path, tmp_path: Path, threads: distributed.LocalCluster
) -> None:
    """A client forgets all that it asked for when its connection breaks, and makes another one."""
    broken = []

    def cut() -> None:
        for connection in threads.scheduler.client_comms.values():
            broken.append(connection.comm)
            connection.comm.abort()

    def once(done: int, _: int) -> None:
        if not broken:
            threads.loop.add_callback(cut)

    model = save(bundle, seconds=0.1)
    result = reconstruct(
        inputs, DETECTOR, model, tmp_path / "out", dask=threads.scheduler_address, progress=once
    )
    assert broken
    assert (result["events_out"], result["failures"]) == (N, [])
    reconstruct(inputs, DETECTOR, model, tmp_path / "clean")
    assert contents(tmp_path / "out") == contents(tmp_path / "clean")


def test_an_event_that_kills_workers_is_quarantined_after_two_of_them(
    inputs: Path, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "gnnreco.reconstruct.run.dask_cluster", functools.partial(of_cluster.dask, work=toy_lot)
    )
    monkeypatch.setattr(of_cluster, "SAY_S", 600.0)  # both workers may be dead for long on a busy machine
    out, deadly = tmp_path / "out", tmp_path / "deadly"
    deadly.touch()
    model = save(bundle, exit_at=[11], deadly=str(deadly))
    with distributed.LocalCluster(**ONE | {"n_workers": 2}) as cluster:
        result = reconstruct(inputs, DETECTOR, model, out, dask=cluster.scheduler_address)
    assert deadly.read_text() == "++"  # Dask alone would have tried it on four workers, twice
    assert (result["events_in"], result["events_out"], result["events_quarantined"]) == (N, N - 1, 1)
    (failure,) = result["failures"]
    assert (failure["event"], failure["kind"]) == (11, "Quarantined")
    assert "a worker of the Dask cluster died at this event, twice" in failure["reason"]
    deadly.unlink()
    monkeypatch.setattr("gnnreco.reconstruct.run.processes", TOY_PROCESSES)
    healed = reconstruct(inputs, DETECTOR, model, out, resume=True, redo_failed=True)
    assert (healed["events_out"], healed["failures"], healed["events_timed"]) == (N, [], 8)
    reconstruct(inputs, DETECTOR, model, tmp_path / "clean")
    assert contents(out) == contents(tmp_path / "clean")


def test_a_cluster_without_workers_is_not_waited_for_forever(
    inputs: Path,
    bundle: Path,
    tmp_path: Path,
    threads: distributed.LocalCluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(of_cluster, "SAY_S", 0.5)
    monkeypatch.setattr(of_cluster, "LEAVE_S", 2.0)
    model = save(bundle, seconds=0.1)
    with pytest.warns(RuntimeWarning, match="no worker any more"):
        result = reconstruct(
            inputs,
            DETECTOR,
            model,
            tmp_path / "out",
            dask=threads.scheduler_address,
            progress=lambda *_: threads.scale(0),
        )
    assert result["events_failed"] == N - result["events_out"] > 0
    assert "had no worker any more" in result["failures"][0]["reason"]
