"""A folder with a network in ONNX: complete, named, measured; and refused once a byte of it differs."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import onnx
import pytest

from gnnreco.bundle import Bundle, load_bundle, save_bundle
from gnnreco.bundle.files import manifest_sum, sha256
from gnnreco.bundle.onnx import load_onnx, make_onnx
from gnnreco.cli import main
from gnnreco.deploy.onnx.export import export_onnx
from gnnreco.deploy.onnx.verify import verify_onnx
from gnnreco.errors import BadBundle
from gnnreco.geometry import load_detector


@pytest.fixture
def copy(exported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported, tmp_path / "copy"))


def rewrite(folder: Path, **changes: object) -> None:
    """Change the manifest as one would who knows how it is summed."""
    manifest = json.loads((folder / "manifest.json").read_text()) | changes
    manifest["sha256"] = manifest_sum(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def replace_model(folder: Path, model: bytes) -> None:
    (folder / "model.onnx").write_bytes(model)
    files = json.loads((folder / "manifest.json").read_text())["files"]
    rewrite(folder, files=files | {"model.onnx": {"bytes": len(model), "sha256": sha256(model)}})


def test_the_manifest_tells_all(exported: Path, bundle: Bundle) -> None:
    manifest = json.loads((exported / "manifest.json").read_text())
    model = (exported / "model.onnx").read_bytes()
    assert manifest["target"] == "onnx"
    assert manifest["bundle"]["sha256"] == bundle.manifest["sha256"]
    assert manifest["files"]["model.onnx"] == {"bytes": len(model), "sha256": sha256(model)}
    assert 0 < manifest["parity"]["relative"] < 1e-5
    assert manifest["parity"]["relative"] <= manifest["parity"]["max_difference"]
    assert set(manifest["versions"]) == {"onnx", "onnxruntime", "torch"}
    props = {p.key: p.value for p in onnx.load_model_from_string(model).metadata_props}
    assert props["gnnreco.bundle.name"] == "tracking-telescope"
    assert props["gnnreco.bundle.sha256"] == bundle.manifest["sha256"]
    assert props["gnnreco.detector.hash"] == bundle.manifest["detector"]["hash"]
    assert len(props["gnnreco.nodes"].split()) == len(manifest["model"]["node_features"])
    assert sorted(f.name for f in exported.iterdir()) == [
        "bundle",
        "manifest.json",
        "model-one-thread.onnx",
        "model.onnx",
    ]


def test_the_same_bundle_gives_the_same_bytes(exported: Path, bundle: Bundle, tmp_path: Path) -> None:
    export_onnx(bundle, tmp_path / "again")
    for name in ("model.onnx", "model-one-thread.onnx", "manifest.json"):
        assert (tmp_path / "again" / name).read_bytes() == (exported / name).read_bytes()


def test_what_was_written_verifies(exported: Path) -> None:
    rows = verify_onnx(exported)
    assert [row["check"] for row in rows] == ["sums", "trained network", "sources", "parity with torch"]
    assert all(row["ok"] for row in rows)


@pytest.mark.parametrize(
    "name",
    ["model.onnx", "model-one-thread.onnx", "manifest.json", "bundle/tracking-telescope/weights.safetensors"],
)
def test_one_changed_byte_is_refused(copy: Path, name: str) -> None:
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(BadBundle, match=r"manifest|sha256"):
        load_onnx(copy)


def test_one_other_weight_in_the_model_is_found(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever mends the sums, and the tolerance that the manifest states, does not mend the numbers."""
    proto = onnx.load_model_from_string((copy / "model.onnx").read_bytes())
    bias = next(t for t in proto.graph.initializer if t.name == "edge_out.2.bias")
    bias.raw_data = b"\0\0\x80\x3f"  # 1.0
    replace_model(copy, proto.SerializeToString())
    rewrite(copy, parity={"seed": 0, "relative": 1e9, "tolerance": 1e9})
    assert [row["ok"] for row in verify_onnx(copy)] == [True, True, False, None]
    assert verify_onnx(copy, trust=True)[-1]["ok"] is False
    assert main(["deploy", "verify", str(copy)]) == 1
    assert "edge_out.2.bias" in capsys.readouterr().out


def test_another_network_under_the_name_of_a_shipped_one_is_found(
    bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One weight of the shipped bundle turned round, and all of it exported again."""
    state = dict(bundle.state)
    state["network.edge_out.2.weight"] = -state["network.edge_out.2.weight"]
    forged = tmp_path / bundle.name
    detector = load_detector(bundle.manifest["detector"]["name"])
    save_bundle(forged, bundle.task, bundle.config, state, detector, bundle.manifest["training"], {})
    export_onnx(load_bundle(forged), tmp_path / "out")
    assert main(["deploy", "verify", str(tmp_path / "out")]) == 1
    assert "give --bundle" in capsys.readouterr().out
    assert main(["deploy", "verify", str(tmp_path / "out"), "--bundle", bundle.name]) == 1
    said = " ".join(capsys.readouterr().out.split())  # tables are as wide as the terminal
    assert "weight 'edge_out.2.weight' is not that of bundle 'tracking-telescope'" in said


@pytest.mark.parametrize(("kind", "why"), [("external", "external data"), ("domain", "com.example")])
def test_a_model_that_leads_elsewhere_is_refused(copy: Path, kind: str, why: str) -> None:
    proto = onnx.load_model_from_string((copy / "model.onnx").read_bytes())
    if kind == "external":
        tensor = proto.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="weights.bin")
    else:
        proto.graph.node[0].domain = "com.example"
    replace_model(copy, proto.SerializeToString())
    with pytest.raises(BadBundle, match=why):
        load_onnx(copy)


def test_a_model_of_another_bundle_is_refused(copy: Path) -> None:
    replace_model(copy, make_onnx(load_bundle("tracking-hex")))
    with pytest.raises(BadBundle, match="another bundle"):
        load_onnx(copy)


def test_a_manifest_that_points_outside_is_refused(copy: Path) -> None:
    facts = json.loads((copy / "manifest.json").read_text())["bundle"]
    rewrite(copy, bundle={**facts, "name": "../../tracking-telescope"})
    with pytest.raises(BadBundle, match="outside"):
        load_onnx(copy)


@pytest.mark.parametrize(
    "name", ["manifest.json", "model-one-thread.onnx", "bundle/tracking-telescope/config.yaml"]
)
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(BadBundle, match=f"{Path(name).name} is missing"):
        load_onnx(copy)


def test_names_with_odd_characters(bundle: Bundle, tmp_path: Path) -> None:
    odd = tmp_path / "größe $x 'y' – ✓"
    shutil.copytree(bundle.folder, odd)
    assert main(["deploy", str(odd), "-o", str(tmp_path / "out ✓")]) == 0
    assert main(["deploy", "verify", str(tmp_path / "out ✓")]) == 0
    assert load_onnx(tmp_path / "out ✓").bundle.name == odd.name


def test_a_bundle_called_verify(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(bundle.folder, tmp_path / "verify")
    monkeypatch.chdir(tmp_path)
    assert main(["deploy", "write", "verify", "-o", "out"]) == 0
    assert main(["deploy", "verify", "out"]) == 0


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["showers-any", "-o", "x"], "task 'clustering'.*such as tracking-trackml"),
        (["tracking-telescop", "-o", "x"], "tracking-telescope"),
        (["tracking-telescope"], "-o"),
        (["tracking-telescope", "tracking-hex", "-o", "x"], "tracking-hex"),
        (["verify", "."], "manifest.json"),
    ],
)
def test_wrong_words_are_one_clear_line(
    words: list[str],
    why: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        status = main(["deploy", *words])
    except SystemExit as ended:  # of the parser
        status = ended.code
    assert status == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert re.search(why, line), line


def test_what_is_deployed_is_no_bundle_and_says_so(exported: Path) -> None:
    with pytest.raises(BadBundle, match=r"deployed for 'onnx'.*engine='onnx'"):
        load_bundle(exported)


def test_eight_bits_state_their_deviation(bundle: Bundle, tmp_path: Path) -> None:
    manifest = export_onnx(bundle, tmp_path / "small", int8=True)
    assert manifest["model"]["weights"] == "int8"
    assert 1e-6 < manifest["parity"]["relative"] < 0.1
    assert all(row["ok"] for row in verify_onnx(tmp_path / "small"))
