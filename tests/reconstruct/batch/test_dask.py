"""A Dask cluster that is closed in the middle of a job."""

from __future__ import annotations

from pathlib import Path

import pytest

from gnnreco.reconstruct import reconstruct
from tests.reconstruct.toy import DETECTOR, N, save

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
