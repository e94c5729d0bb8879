"""Projects of hls4ml: their C simulation gives the program's bits, or there is no project; what is refused is named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from gnnreco.bundle.files import MANIFEST
from gnnreco.deploy.folder import read_files
from gnnreco.deploy.hls import compile as hls_project
from gnnreco.deploy.hls import project as hls
from gnnreco.deploy.hls.parts import dense_parts, write_hls_parts
from gnnreco.deploy.hls.project import PROJECT, REPORT, Project, write_hls
from gnnreco.deploy.program.program import Op, Program
from gnnreco.deploy.proof.checks import run_checks
from gnnreco.errors import BadBundle, BadInput
from tests.deploy.forgery import resum
from tests.deploy.programs import program, vectors

TOLD = {"bundle": "random weights", "sha256": "b" * 64}
simulates = pytest.mark.skipif(shutil.which("g++") is None, reason="the C simulation needs g++")


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    pytest.importorskip("hls4ml")
    folder = tmp_path_factory.mktemp("hls") / "trigger"
    return folder, write_hls(tiny(), vectors("dense", 300)[0][:, :2], folder, "trigger", TOLD)


def tiny() -> Program:
    """One quantiser that half of what comes in saturates, and one product."""
    two = np.ones(2, np.int64)
    cut = Op("cut", (0,), {"signed": 0 * two, "integer": two, "fraction": np.array([1, -1])})
    return Program(0, two, 3 * two, 2 * two, (cut, Op("dense", (1,), {"weight": np.array([[1.0, 0.5]])})))


@simulates
@pytest.mark.slow  # a minute of C++; a smaller one is proved below, and by tests/deploy/test_deploy_cli.py
def test_every_bit_is_the_programs(tmp_path: Path) -> None:
    pytest.importorskip("hls4ml")
    folder = tmp_path / "trigger"
    report = write_hls(program(), vectors("dense", 300)[0], folder, "trigger", TOLD)
    made = Program.load(folder)
    assert report["equal"] == report["vectors"] == 300
    assert report["top"] == "trigger_hls"
    assert json.loads((folder / MANIFEST).read_text())["provenance"] == TOLD
    assert [layer["kind"] for layer in report["layers"]].count("Dense") == 3
    kept = json.loads((folder / REPORT).read_text())
    assert kept == {k: v for k, v in report.items() if k != "seconds"}
    testbench = np.loadtxt(folder / PROJECT / "tb_data" / "tb_output_predictions.dat")
    x, _ = vectors("dense", 300)
    np.testing.assert_array_equal(testbench, made.answer(made.ported(x)))


@simulates
@pytest.mark.slow  # a minute of C++
def test_a_range_may_end_between_what_can_come_in(tmp_path: Path) -> None:
    pytest.importorskip("hls4ml")
    three = np.ones(3, np.int64)
    first = {"signed": three, "integer": np.array([1, 0, 1]), "fraction": np.array([3, 2, -1])}
    second = {"signed": 0 * three, "integer": np.array([0, -1, 1]), "fraction": np.array([5, 4, 2])}
    same = {"weight": np.eye(3)}
    kinds = (("cut", first), ("dense", same), ("cut", second), ("dense", same))
    made = Program(
        0, three, 3 * three, np.array([0, 1, 0]), tuple(Op(k, (i,), a) for i, (k, a) in enumerate(kinds))
    )
    x = np.linspace(-8, 7, 61)[:, None] * np.ones(3)
    np.testing.assert_array_equal(made.answer(made.ported(x)).max(axis=0), [31 / 32, 7 / 16, 0])
    assert write_hls(made, x, tmp_path / "out", "ends", {})["equal"] == 61


@simulates
@pytest.mark.slow  # a minute of C++
def test_one_format_for_all_channels(tmp_path: Path) -> None:
    # hls4ml then makes no layers of quantisers, but gives their types to the layers before them.
    pytest.importorskip("hls4ml")
    two, draw = np.ones(2, np.int64), np.random.default_rng(0)

    def cut(signed: int, integer: int, fraction: int) -> dict[str, np.ndarray]:
        return {"signed": signed * two, "integer": integer * two, "fraction": fraction * two}

    def dense() -> dict[str, np.ndarray]:
        return {"weight": draw.integers(-15, 16, (2, 2)) / 8, "bias": draw.integers(-15, 16, 2) / 16}

    port = {"offset": 0.0 * two, "scale": 1.0 * two, "integer": 3 * two, "fraction": 6 * two}
    kinds = (
        ("port", port),
        ("cut", cut(1, 2, 4)),
        ("dense", dense()),
        ("cut", cut(0, 1, 3)),
        ("dense", dense()),
    )
    made = Program(0, two, 5 * two, 6 * two, tuple(Op(k, (i,), a) for i, (k, a) in enumerate(kinds)))
    x = draw.normal(size=(400, 2)) * 4
    report = write_hls(made, x, tmp_path / "out", "one", {})
    assert report["equal"] == 400
    assert {layer["kind"] for layer in report["layers"]} == {"Input", "Dense"}


def verified(folder: Path, trust: bool = False) -> dict[str, tuple[bool | None, str]]:
    """Verdict and reason of each check."""
    rows = run_checks(Project(folder, *read_files(folder), trust=trust).checks())
    return {row["check"]: (row["ok"], row["detail"]) for row in rows}


@simulates
def test_a_project_can_be_verified_and_a_change_is_found(
    export: tuple[Path, dict], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(export[0], folder)
    found = verified(folder)
    assert [ok for ok, _ in found.values()] == [True] * 4
    assert found["C simulation"][1].startswith("300 of 300")
    monkeypatch.setattr(hls, "simulate", None)  # what differs is never compiled
    for file, more in (
        ("firmware/trigger_hls.cpp", "// "),
        ("build_lib.sh", "id\n"),
        ("project.tcl", "exec id\n"),
    ):
        source = folder / PROJECT / file
        text = source.read_text()
        source.write_text(text + more)
        with pytest.raises(BadBundle, match=f"{source.name} is not what was written"):
            read_files(folder)
        resum(folder, f"{PROJECT}/{file}")
        found = verified(folder)
        assert found["sources"][0] is False
        assert f"{PROJECT}/{file} is not what the program gives" in found["sources"][1]
        assert found["C simulation"][0] is None
        source.write_text(text)
        resum(folder, f"{PROJECT}/{file}")
    extra = folder / PROJECT / "more.tcl"
    extra.write_text("exec true")
    with pytest.raises(BadBundle, match=r"more\.tcl is not in manifest"):
        read_files(folder)
    extra.unlink()
    report = json.loads((folder / REPORT).read_text())
    for key, wrong in (("top", "../x"), ("backend", "Quartus"), ("clock_ns", 1e-9), ("clock_ns", None)):
        (folder / REPORT).write_text(json.dumps(report | {key: wrong}))
        resum(folder, REPORT)
        with pytest.raises(BadBundle, match=REPORT):
            verified(folder)


@simulates
def test_a_simulation_that_differs_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("hls4ml")
    made = hls_project._quantiser
    monkeypatch.setattr(hls_project, "_quantiser", lambda cut: made(cut) | {"RND": "RND"})
    with pytest.raises(BadInput, match="vector 1, output 0: C simulation says"):
        write_hls(tiny(), np.array([[0.5, 0.0], [0.25, 0.0]]), tmp_path / "out", "tiny", {})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("shape", ["pairs", "edges"])
def test_graphs_are_refused_by_name(tmp_path: Path, shape: str) -> None:
    made = program(shape)
    with pytest.raises(
        BadBundle, match=r"operation [0-9]+ is 'rows', which hls4ml cannot take.*--target rtl"
    ):
        write_hls(made, vectors(shape, 5)[0], tmp_path / "out", "graph", {})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["", "Trigger", "1st", "a/b", "../up", "a b", "x" * 33, "a;ls", "a\n"])
def test_names_are_checked(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match="lower-case letter"):
        write_hls(tiny(), np.zeros((1, 2)), tmp_path / "out", name, {})


def test_backends_and_vectors_are_checked(tmp_path: Path) -> None:
    for key in ("backend", "strategy"):
        with pytest.raises(BadInput, match="is none of"):
            write_hls(tiny(), np.zeros((1, 2)), tmp_path / "out", "tiny", {}, **{key: "magic"})
    with pytest.raises(BadInput, match="at least one row"):
        write_hls(tiny(), np.zeros((0, 2)), tmp_path / "out", "tiny", {})
    with pytest.raises(BadInput, match="not finite"):
        write_hls(tiny(), np.array([[0.0, np.nan]]), tmp_path / "out", "tiny", {})


@pytest.mark.parametrize("shape", ["pairs", "senders", "edges"])
def test_dense_parts_do_what_the_graph_does_between(shape: str) -> None:
    from dataclasses import replace

    made = program(shape)
    x, valid = vectors(shape, 50)
    ports = made.ported(x)
    parts = dense_parts(made)
    assert sum(op.kind == "dense" for op in made.ops) == sum(
        op.kind == "dense" for part in parts for op in part.program.ops
    )
    for part in parts:
        read, given = (
            replace(made, ops=made.ops[:n]).answer(ports, valid) for n in (part.reads, part.last + 1)
        )
        rows = read.reshape(-1, read.shape[-1])
        np.testing.assert_array_equal(part.program.ported(rows) / np.exp2(part.program.fraction), rows)
        np.testing.assert_array_equal(
            part.program.answer(part.program.ported(rows)).reshape(given.shape), given
        )


@simulates
@pytest.mark.slow
def test_dense_parts_become_projects(tmp_path: Path) -> None:
    pytest.importorskip("hls4ml")
    made = program("senders")
    x, valid = vectors("senders", 20)
    reports = write_hls_parts(made, x, valid, tmp_path, "jet", TOLD, backend="Vivado")
    assert len(reports) == len(dense_parts(made)) > 2
    for report in reports:
        assert report["equal"] == report["vectors"] > 0
        assert (tmp_path / f"jet_{report['operations'][0]}" / REPORT).is_file()
