"""`reconstruct --scorer`: a network from any framework in place of the bundle's, checked before anything runs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from gnnreco.bundle.edge_scorer import EdgeScorer, scored_tasks
from gnnreco.cli import main
from gnnreco.errors import BadBundle, BadConfig, BadInput
from gnnreco.events import write_events
from gnnreco.events.tracks_file import read_tracks
from gnnreco.geometry import load_detector
from gnnreco.graphs import DOUBLET_FEATURES, TRIPLET_FEATURES
from gnnreco.reconstruct import reconstruct
from gnnreco.simulate import SimulationOptions, simulate

DETECTOR, BUNDLE, EVENTS = "telescope", "tracking-telescope", 3
N, M = len(DOUBLET_FEATURES), len(TRIPLET_FEATURES)
INPUTS = {
    "x": (TensorProto.FLOAT, ["n", N]),
    "edge_index": (TensorProto.INT64, [2, "m"]),
    "edge_attr": (TensorProto.FLOAT, ["m", M]),
}
OUTPUT = ("edge_logits", TensorProto.FLOAT, ["m"])


def straightness(offset: float = 4.0, kink: float = -2.0, output=OUTPUT, domain: str = "", **inputs) -> bytes:  # type: ignore[no-untyped-def]
    """A scorer that likes triplets without a kink: offset + kink |kink pull|. `output` and `inputs` are what it says of itself."""
    claimed = {name: info for name, info in (INPUTS | inputs).items() if info is not None}
    slope = np.zeros((M, 1), np.float32)
    slope[TRIPLET_FEATURES.index("kink_pull")] = kink
    constants = {"slope": slope, "offset": np.array([offset], np.float32), "last": np.array([1])}
    nodes = [
        helper.make_node("Abs", ["edge_attr"], ["size"], domain=domain),
        helper.make_node("MatMul", ["size", "slope"], ["column"]),
        helper.make_node("Add", ["column", "offset"], ["shifted"]),
        helper.make_node("Squeeze", ["shifted", "last"], [output[0]]),
    ]
    graph = helper.make_graph(
        nodes,
        "scorer",
        [helper.make_tensor_value_info(name, *info) for name, info in claimed.items()],
        [helper.make_tensor_value_info(*output)],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    opsets = [helper.make_opsetid("", 18), *([helper.make_opsetid(domain, 1)] if domain else [])]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString())


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, detector = tmp_path_factory.mktemp("events"), load_detector(DETECTOR)
    options = SimulationOptions(particle="muon", energy=(2.0, 10.0), count=4)
    write_events(simulate(detector, "beam", EVENTS, seed=3, options=options), folder, detector=detector)
    return folder


@pytest.fixture
def scorer(tmp_path: Path) -> Path:
    file = tmp_path / "scorer.onnx"
    file.write_bytes(straightness())
    return file


def test_a_scorer_from_outside_finds_the_tracks(events: Path, scorer: Path, tmp_path: Path) -> None:
    words = ["reconstruct", str(events), "--detector", DETECTOR, "--bundle", BUNDLE, "--scorer", str(scorer)]
    assert main([*words, "-o", str(tmp_path / "out")]) == 0
    found = list(read_tracks(tmp_path / "out"))
    assert sum(len(tracks) for _, _, tracks in found) >= 3 * EVENTS
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["scorer"]["path"] == str(scorer)
    assert manifest["job"]["scorer"] == manifest["scorer"]["sha256"] == EdgeScorer(scorer, "tracking").sha256
    assert manifest["versions"]["onnxruntime"]
    # What a bundle's calibration says of its own network says nothing of this one.
    assert all(((tracks.score > 0) & (tracks.score < 1)).all() for _, _, tracks in found)


def test_what_dislikes_every_triplet_finds_nothing(events: Path, scorer: Path, tmp_path: Path) -> None:
    scorer.write_bytes(straightness(-100.0))
    reconstruct(events, DETECTOR, BUNDLE, tmp_path / "out", scorer=scorer)
    assert sum(len(tracks) for _, _, tracks in read_tracks(tmp_path / "out")) < EVENTS


@pytest.mark.slow  # as with the network of a bundle, in test_reconstruct.py
def test_workers_and_threads_give_the_same_bytes(events: Path, scorer: Path, tmp_path: Path) -> None:
    for name, more in (("one", {}), ("two", {"workers": 2})):
        reconstruct(events, DETECTOR, BUNDLE, tmp_path / name, scorer=scorer, **more)  # type: ignore[arg-type]
    one, two = (sorted((tmp_path / name).glob("shard*")) for name in ("one", "two"))
    assert [a.read_bytes() for a in one] == [b.read_bytes() for b in two]


def test_another_scorer_is_another_job(events: Path, scorer: Path, tmp_path: Path) -> None:
    reconstruct(events, DETECTOR, BUNDLE, tmp_path / "out", scorer=scorer)
    again = reconstruct(events, DETECTOR, BUNDLE, tmp_path / "out", scorer=scorer, resume=True)
    assert again["events_timed"] == 0
    with pytest.raises(BadInput, match=r"of another job \(another scorer\)"):
        reconstruct(events, DETECTOR, BUNDLE, tmp_path / "out", resume=True)
    scorer.write_bytes(straightness(kink=-3.0))
    with pytest.raises(BadInput, match=r"of another job \(another scorer\)"):
        reconstruct(events, DETECTOR, BUNDLE, tmp_path / "out", scorer=scorer, resume=True)


FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
WRONG = {
    "width": ({"x": (FLOAT, ["n", 12])}, f"input x is float32 (n, 12), float32 (nodes, {N}) expected"),
    "type": (
        {"edge_index": (TensorProto.INT32, [2, "m"])},
        "input edge_index is int32 (2, m), int64 (2, edges) expected",
    ),
    "rank": ({"edge_index": (INT64, ["m"])}, "input edge_index is int64 (m,), int64 (2, edges) expected"),
    "turned": (
        {"edge_index": (INT64, ["m", 3])},
        "input edge_index is int64 (m, 3), int64 (2, edges) expected",
    ),
    "fixed": ({"x": (FLOAT, [40, N])}, f"input x is float32 (40, {N}), float32 (nodes, {N}) expected"),
    "lost": ({"edge_index": None}, "input edge_index is missing (int64 (2, edges) expected)"),
    "unknown": ({"batch": (INT64, ["n"])}, "input batch is unknown"),
    "output": (
        {"output": ("scores", FLOAT, ["m"])},
        "output edge_logits is missing (float32 (edges,) expected)",
    ),
    "column": (
        {"output": ("edge_logits", FLOAT, ["m", 1])},
        "output edge_logits is float32 (m, 1), float32 (edges,) expected",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_fit_is_said_beside_what_would(
    events: Path, scorer: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    claims, said = WRONG[name]
    scorer.write_bytes(straightness(**claims))  # type: ignore[arg-type]
    words = [
        "reconstruct",
        str(events),
        "--detector",
        DETECTOR,
        "--bundle",
        BUNDLE,
        "-o",
        str(tmp_path / "out"),
    ]
    assert main([*words, "--scorer", str(scorer)]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert str(scorer) in line
    assert said in line
    assert "torch.onnx.export" in line
    assert not (tmp_path / "out").exists()


def external() -> bytes:
    model = onnx.load_model_from_string(straightness())
    tensor = model.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    return bytes(model.SerializeToString())


HOSTILE = {
    "empty": (b"", "must take|edge scorer|valid ONNX"),
    "noise": (b"\x89PNG not a model", "is not a file of ONNX"),
    "library": (straightness(domain="my.ops"), r"operators of its own \(my.ops\)"),
    "elsewhere": (external(), "keeps its weights in another file"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_outside_of_the_file_is_read_or_run(scorer: Path, name: str) -> None:
    content, said = HOSTILE[name]
    scorer.write_bytes(content)
    with pytest.raises(BadInput, match=said):
        EdgeScorer(scorer, "tracking")


def test_a_file_that_is_too_large_or_not_there(scorer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gnnreco.bundle.edge_scorer.SCORER_BYTES", 100)
    with pytest.raises(BadInput, match="has more than 100 bytes"):
        EdgeScorer(scorer, "tracking")
    with pytest.raises(BadInput, match="No such file"):
        EdgeScorer(scorer.with_name("none.onnx"), "tracking")


def test_a_scorer_needs_one_network_to_replace(scorer: Path) -> None:
    with pytest.raises(BadBundle, match="no bundle for tracking or drift has a network"):
        scored_tasks(scorer, ["clustering"])
    with pytest.raises(BadBundle, match="2 of the bundles have"):
        scored_tasks(scorer, ["tracking", "drift"])
    with pytest.raises(BadConfig, match="--engine onnx"):
        scored_tasks(scorer, ["tracking"], "onnx")
    assert set(scored_tasks(scorer, ["tracking", "clustering"])) == {"tracking"}


def test_logits_that_are_no_numbers_or_too_few_fail_the_event(scorer: Path) -> None:
    ends, nodes = np.zeros((3, 2), np.int32), np.zeros((1, N), np.float32)
    edges = np.zeros((3, M), np.float32)
    asked = EdgeScorer(scorer, "tracking")
    assert asked.logits(nodes, edges, ends).tolist() == [4.0] * 3
    assert asked.logits(nodes, edges[:0], ends[:0]).shape == (0,)
    with pytest.raises(ArithmeticError, match="row 1 of edges has a feature that is not a finite number"):
        asked.logits(nodes, edges * np.array([[1], [np.nan], [1]], np.float32), ends)
    with pytest.raises(IndexError, match="a node that is not there"):
        asked.logits(nodes, edges, ends + 1)
    scorer.write_bytes(straightness(kink=3e38))
    with pytest.raises(ArithmeticError, match="gave edge 0 a logit"):
        EdgeScorer(scorer, "tracking").logits(nodes, edges + 2, ends)
    with pytest.raises(ValueError, match=r"shape \(3,\) for 2 edges"):
        asked.logits(nodes, edges, ends[:2])


def test_sums_that_race_run_on_one_thread(tmp_path: Path) -> None:
    from gnnreco.bundle.edge_scorer import _races

    model = onnx.load_model_from_string(straightness())
    assert not _races(model.graph)
    model.graph.node.append(helper.make_node("ScatterND", ["a", "b", "c"], ["d"], reduction="add"))
    assert _races(model.graph)
