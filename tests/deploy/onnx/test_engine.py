"""`reconstruct --engine onnx`: the tracks of the native engine, in a process that never loads torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gnnreco.bundle import load_bundle, load_task
from gnnreco.bundle.onnx import load_onnx
from gnnreco.cli import main
from gnnreco.deploy.onnx.parity import relative
from gnnreco.errors import BadBundle, BadInput
from gnnreco.events import write_events
from gnnreco.events.tracks_file import read_tracks
from gnnreco.geometry import load_detector
from gnnreco.reconstruct import reconstruct
from gnnreco.simulate import SimulationOptions, simulate
from gnnreco.tasks.registry import TASKS

DETECTOR, BUNDLE, EVENTS = "telescope", "tracking-telescope", 12


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("events")
    options = SimulationOptions(particle="muon", energy=(2.0, 10.0), count=4)
    made = simulate(load_detector(DETECTOR), "beam", EVENTS, seed=3, options=options)
    write_events(made, folder, detector=load_detector(DETECTOR))
    return folder


@pytest.fixture(scope="module")
def native(events: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("native")
    reconstruct(events, DETECTOR, BUNDLE, out)
    return out


def compare(one: Path, other: Path) -> None:
    """The same hits on the same tracks, and parameters that differ by less than a thousandth of their errors."""
    n = 0
    for (number, _, a), (again, _, b) in zip(read_tracks(one), read_tracks(other), strict=True):
        assert (number, len(a)) == (again, len(b))
        assert np.array_equal(a.offsets, b.offsets)
        assert np.array_equal(a.hit_index, b.hit_index)
        sigma = np.sqrt(a.covariance[:, [0, 2, 5, 9, 14]])  # the diagonal of the lower triangle
        for k, name in enumerate(("d0", "z0", "phi", "theta", "q_over_p")):
            assert (np.abs(getattr(a, name) - getattr(b, name)) <= 1e-3 * sigma[:, k]).all(), name
        np.testing.assert_allclose(a.score, b.score, atol=1e-5)
        n += len(a)
    assert n > EVENTS


# Of two threads test_graph.py shows the same for the network alone.
@pytest.mark.parametrize("threads", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_finds_the_same_tracks(
    events: Path, native: Path, exported: Path, tmp_path: Path, threads: int
) -> None:
    for k, name in enumerate((BUNDLE, exported)):
        manifest = reconstruct(events, DETECTOR, name, tmp_path / str(k), engine="onnx", threads=threads)
        compare(native, tmp_path / str(k))
        assert manifest["engine"] == "onnx"
        assert manifest["versions"]["onnxruntime"]
        assert manifest["bundle"]["name"] == BUNDLE
    compare(tmp_path / "0", tmp_path / "1")


SCRIPT = """
import sys
from gnnreco.cli import main
status = main(["reconstruct", sys.argv[1], "--detector", sys.argv[2], "--bundle", sys.argv[3], "-o", sys.argv[4],
               "--engine", sys.argv[5]])
assert status == 0
assert "torch" not in sys.modules
if sys.argv[5] == "onnx":
    assert "onnxruntime" in sys.modules
    import pathlib
    tasks = [t for t in pathlib.Path("/proc/self/task").iterdir() if (t / "comm").exists()]
    print("threads", len(tasks))
"""


@pytest.mark.parametrize("engine", ["native", "onnx"])
def test_a_reconstruction_of_tracks_never_loads_torch(
    events: Path, native: Path, tmp_path: Path, engine: str
) -> None:
    words = [str(events), DETECTOR, BUNDLE, str(tmp_path), engine]
    done = subprocess.run([sys.executable, "-c", SCRIPT, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    compare(native, tmp_path)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts threads as Linux lists them")
@pytest.mark.parametrize("threads", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_a_session_starts_no_thread_beyond_those_asked_for(threads: int) -> None:
    script = (
        "import os, sys; from gnnreco.bundle.onnx import load_onnx; from gnnreco.models.onnx import session; b = load_onnx(sys.argv[1])\n"
        "before = len(os.listdir('/proc/self/task')); n = b.network(int(sys.argv[2]))\n"
        "print(len(os.listdir('/proc/self/task')) - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, BUNDLE, str(threads)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) == threads - 1


def test_real_graphs_have_the_same_logits(exported: Path) -> None:
    detector = load_detector(DETECTOR)
    task, both = load_task(load_bundle(BUNDLE), detector), load_onnx(exported).network(1)
    options = SimulationOptions(particle="pion", energy=(1.0, 5.0), count=30)
    for event in simulate(detector, "beam", 3, seed=4, options=options):
        graph = task.graph.build(event)[1]
        parts = graph.doublet_features, graph.triplet_features, graph.triplets
        assert len(graph.triplets)
        assert relative([both.logits(*parts)], [task.model.logits(*parts)]) < 5e-5


def test_a_session_that_met_a_broken_feature_fails_that_event_only(
    events: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gnnreco.models.onnx import session as onnx_session

    run, calls = onnx_session.OnnxNetwork.logits, []

    def broken(self, nodes, edges, pairs):  # type: ignore[no-untyped-def]
        calls.append(1)
        nodes = nodes.copy()
        if len(calls) == 2:
            nodes[0, 0] = np.nan
        return run(self, nodes, edges, pairs)

    monkeypatch.setattr(onnx_session.OnnxNetwork, "logits", broken)
    manifest = reconstruct(events, DETECTOR, BUNDLE, tmp_path, engine="onnx")
    assert (manifest["events_in"], manifest["events_failed"]) == (EVENTS, 1)
    assert "not a finite number" in manifest["failures"][0]["reason"]


def test_a_bundle_of_another_task_is_named(
    events: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["reconstruct", str(events), "--detector", DETECTOR, "--engine", "onnx", "-o", str(tmp_path)]
    assert main([*words, "--bundle", "clusters-density"]) == 2
    assert "such as tracking-trackml" in capsys.readouterr().err


def test_a_tampered_folder_is_refused(events: Path, exported: Path, tmp_path: Path) -> None:
    import shutil

    copy = shutil.copytree(exported, tmp_path / "copy")
    (copy / "model.onnx").write_bytes((copy / "model.onnx").read_bytes() + b"\0")
    with pytest.raises(BadBundle, match="sha256 differs"):
        reconstruct(events, DETECTOR, copy, tmp_path / "out", engine="onnx")


def test_another_model_is_not_resumed(events: Path, tmp_path: Path, bundle) -> None:  # type: ignore[no-untyped-def]
    """Eight bits are another model: what thirty-two bits found must not stand beside what they find."""
    from gnnreco.deploy.onnx.export import export_onnx

    export_onnx(bundle, tmp_path / "small", int8=True)
    reconstruct(events, DETECTOR, BUNDLE, tmp_path / "out", engine="onnx")
    again = reconstruct(events, DETECTOR, BUNDLE, tmp_path / "out", engine="onnx", resume=True)
    assert again["events_timed"] == 0
    with pytest.raises(BadInput, match="of another job"):
        reconstruct(events, DETECTOR, tmp_path / "small", tmp_path / "out", engine="onnx", resume=True)


def test_tasks_are_what_their_classes_say() -> None:
    for kind in TASKS.values():
        task, _ = kind.load()
        assert (task.needs, task.gives) == (kind.needs, kind.gives)


def test_the_manifest_of_a_folder_says_what_ran(events: Path, native: Path) -> None:
    assert json.loads((native / "manifest.json").read_text())["engine"] == "native"
