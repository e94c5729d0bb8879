"""A folder of any target that holds another network than the trained bundle it names is found out, whatever its sums say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gnnreco.bundle import Bundle, load_bundle, save_bundle
from gnnreco.cli import main
from gnnreco.deploy import export as trigger
from gnnreco.deploy.folder import Provenance
from gnnreco.deploy.hls import project as hls
from gnnreco.deploy.hls.parts import dense_parts
from gnnreco.deploy.program.lower import lower
from gnnreco.deploy.proof.checks import verdict
from gnnreco.deploy.proof.equality import Trained, difference
from gnnreco.deploy.proof.provenance import provenance, trained_network, trained_program
from gnnreco.deploy.rtl import firmware, verify
from gnnreco.deploy.stream import folder as stream_folder
from gnnreco.deploy.stream.classifier import StreamAnswer
from gnnreco.deploy.verify import verify as verify_folder
from gnnreco.errors import BadBundle
from gnnreco.schema import plain
from gnnreco.tasks.trigger.task import TriggerConfig, TriggerTask
from tests.deploy.forgery import forged
from tests.deploy.networks import inputs, network


def written(folder: Path, shape: str, seed: int = 1) -> Bundle:
    """A bundle of a network of random weights."""
    net = network(shape, seed)
    config = TriggerConfig(network=net.config)
    config = replace(config, input=replace(config.input, features=net.offset.numel()))
    task = TriggerTask.from_config(config, None)
    task.network.load_state_dict(net.state_dict())
    save_bundle(folder, "trigger", plain(config), task.state(), None, {"seed": seed}, {})
    return load_bundle(folder)


def write_onnx(program: Any, bundle: Bundle, folder: Path) -> None:
    trigger.write_onnx(program, inputs("dense", 20)[0], None, folder, "tagger", provenance(bundle))


def write_rtl(program: Any, bundle: Bundle, folder: Path) -> None:
    pytest.importorskip("alkaid")
    x = inputs("dense", 20)[0]
    firmware.write_firmware(program, x, None, folder, "tagger", provenance(bundle), synthesis_s=0)


def write_hls(program: Any, bundle: Bundle, folder: Path) -> None:
    pytest.importorskip("hls4ml")
    hls.write_hls(program, inputs("dense", 20)[0], folder, "tagger", provenance(bundle))


@pytest.fixture
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """A forger's folder agrees with itself: compilers would only say so, and take long."""
    monkeypatch.setattr(verify.Firmware, "verilator", lambda self: (True, ""))
    monkeypatch.setattr(hls.Project, "simulation", lambda self: (True, ""))
    monkeypatch.setattr(hls, "_prove", lambda *of: {})


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("write", [write_onnx, write_rtl, write_hls])
def test_one_weight_of_a_trained_network_turned_round(write: Callable[..., None], tmp_path: Path) -> None:
    bundle = written(tmp_path / "tagger", "dense")
    program = trained_program(bundle)
    for name, made in (("true", program), ("false", forged(program))):
        write(made, bundle, tmp_path / name)
        rows = verify_folder(tmp_path / name, bundle=str(bundle.folder))
        found = {row["check"]: row for row in rows}
        assert verdict(rows)[0] is (name == "true"), rows
        assert found["trained network"]["ok"] is (name == "true")
        assert found["sources"]["ok"], "a forger's folder is whole"
    assert "1 of 24 numbers of weight otherwise" in found["trained network"]["detail"]
    assert found["its answers"]["ok"] is False
    # Nobody vouches for either where the bundle is not here.
    rows = verify_folder(tmp_path / "true")
    assert verdict(rows) == (False, f"not proved: trained network: {rows[1]['detail']}")
    assert rows[1]["ok"] is None
    assert "not compared" in rows[1]["detail"]
    assert "give --bundle" in rows[1]["detail"]


def test_a_shipped_bundle_is_found_by_its_sum(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The provenance of the shipped tagger, and another network."""
    bundle = load_bundle("jet-tagger")
    program = forged(trained_program(bundle))
    x, _ = trigger.examples(trigger.open_trigger(bundle))
    trigger.write_onnx(program, x, None, tmp_path / "out", "jet_tagger", provenance(bundle))
    assert main(["deploy", "verify", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().out
    assert "is not that of bundle 'jet-tagger'" in said
    assert "not proved: trained network" in said


def test_a_streamed_forgery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("alkaid")
    bundle, other = written(tmp_path / "seeds", "edges", 3), written(tmp_path / "others", "edges", 4)
    monkeypatch.setattr(
        stream_folder, "simulate_stream", lambda design, graphs: [StreamAnswer(0, 0, False, 9)] * len(graphs)
    )
    monkeypatch.setattr(
        stream_folder,
        "compared",
        lambda *of: {"graphs": 1, "equal": 1, "answers": 1, "longest": {"nodes": 2, "edges": 2, "clocks": 9}},
    )
    config = TriggerConfig(network=network("edges").config)
    for kept, ok in ((bundle, True), (other, False)):
        task = TriggerTask.from_config(replace(config, input=replace(config.input, features=3)), None)
        task.network.load_state_dict(trained_network(kept).state_dict())
        x, valid = inputs("edges", 3)
        task.examples = stream_folder.Buffers(x, valid, valid.astype(int))
        folder = tmp_path / f"out-{ok}"
        stream_folder.write_stream(task, bundle, folder, "seeds", (8, 20), 5.0, synthesis_s=0)
        rows = verify_folder(folder, bundle=str(bundle.folder))
        assert verdict(rows)[0] is ok, rows
    assert rows[1]["check"] == "trained network"
    assert rows[1]["ok"] is False
    assert rows[3]["detail"] == "not built: see sources"


def test_a_part_of_a_graph_is_compared_with_that_part(tmp_path: Path) -> None:
    bundle = written(tmp_path / "graph", "pairs")
    whole = trained_program(bundle)
    part = dense_parts(whole)[0]

    def said(first: int, last: int) -> Trained:
        return Trained(Provenance(bundle.name, bundle.manifest["sha256"], [first, last]), str(bundle.folder))

    trained = said(part.first, part.last)
    assert trained.check_program(part.program)[0]
    assert trained.check_program(forged(part.program))[0] is False
    with pytest.raises(BadBundle, match=r"no dense part of operations \[0, 40\]"):
        said(0, 40).check_program(part.program)


def test_differences_have_a_place() -> None:
    program = lower(network("pairs"))
    assert difference(program, program) == ""
    assert "formats of its inputs (integer)" in difference(
        replace(program, integer=program.integer + 1), program
    )
    assert "operations for" in difference(replace(program, ops=program.ops[:-1]), program)
    last = replace(program.ops[-1], inputs=(0,))
    assert "is another" in difference(replace(program, ops=(*program.ops[:-1], last)), program)
