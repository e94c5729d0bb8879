"""gnnreco deploy for trigger bundles: each target, its proof on new events, a front, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gnnreco.cli import build_parser, main
from gnnreco.cli.verbs.deploy import search, verify, with_part, write
from gnnreco.deploy.folder import save_folder
from gnnreco.deploy.rtl import firmware
from gnnreco.deploy.toolchain import package, verilator
from gnnreco.errors import MissingTool
from gnnreco.train.settings import compose, run_training

JETS = Path(__file__).parents[2] / "examples" / "jets" / "jets-small.parquet"
SAMPLE = (f"sample.inputs=[{JETS}]", "sample.validation_events=1", "train.epochs=4", "train.threads=1")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tagger too small to be good, trained on the jets that ship."""
    folder = tmp_path_factory.mktemp("bundle") / "Small tagger (1)"
    small = ("model.head_layers=[2]", "model.bits.weight_bits=3", "model.bits.activation_bits=3")
    run_training(compose("trigger", [*SAMPLE, *small, "task.resource=1e-5"]), folder)
    return folder


# `tests/deploy/rtl` simulates a firmware by clocks as well: by this command only `make bench` does it again.
@pytest.mark.parametrize("target", ["onnx", pytest.param("rtl", marks=pytest.mark.slow), "hls"])
def test_every_target_is_written_and_proved_on_new_events(
    bundle: Path, tmp_path: Path, target: str, capsys
) -> None:
    if target == "hls" and not package("hls4ml"):
        pytest.skip("hls4ml is not installed: pip install 'gnnreco[hls]'")
    if target == "rtl":
        try:
            verilator()
        except MissingTool as error:
            pytest.skip(str(error))
    out, report = tmp_path / "out", tmp_path / "report.json"
    options = ["--target", target, "-o", str(out), "--synthesis-s", "0", "--json", str(report)]
    assert main(["deploy", str(bundle), *options]) == 0
    assert json.loads(report.read_text())["vectors"] == 1000
    capsys.readouterr()
    known = ["--input", str(JETS), "--bundle", str(bundle), "--json", str(report)]
    assert main(["deploy", "verify", str(out), *known]) == 0
    assert capsys.readouterr().out.endswith("\nproved\n")
    rows = {row["check"]: row for row in json.loads(report.read_text())}
    assert rows["buffers"]["detail"].startswith("2,000 filled")
    assert rows["trained network"]["ok"]
    assert rows["trained network, input"]["detail"].startswith("2,000 of 2,000")
    assert not [row for row in rows.values() if row["ok"] is False]
    (out / "program.json").write_text((out / "program.json").read_text().replace("cut", "rows", 1))
    assert main(["deploy", "verify", str(out)]) == 2
    assert "sha256" in capsys.readouterr().err


@pytest.mark.slow
def test_a_streamed_classifier_is_written_and_proved(tmp_path: Path, capsys) -> None:
    try:
        verilator()
    except MissingTool as error:
        pytest.skip(str(error))
    out, report = tmp_path / "out", tmp_path / "report.json"
    options = ["--target", "rtl", "--stream", "24", "40", "-o", str(out), "--synthesis-s", "0"]
    assert main(["deploy", "seeds-trackml", *options, "--json", str(report)]) == 0
    said = json.loads(report.read_text())
    assert said["equal"] == said["graphs"] > 10
    assert main(["deploy", "verify", str(out)]) == 0
    assert said["clocks_per_graph"]["each_edge"] == 2
    assert "initiation_interval" not in said
    file = next((out / "src").glob("*.v"))
    file.write_text(file.read_text() + " ")
    assert main(["deploy", "verify", str(out)]) == 2
    assert "sha256" in capsys.readouterr().err
    assert main(["deploy", "jet-tagger", *options[:5], "-o", str(tmp_path / "no")]) == 2
    assert "edges" in capsys.readouterr().err


def test_a_budget_that_is_too_small_says_what_would_help(bundle: Path, tmp_path: Path, capsys) -> None:
    options = [
        "--target",
        "rtl",
        "-o",
        str(tmp_path / "out"),
        "--synthesis-s",
        "0",
        "--luts",
        "5",
        "--budget-ns",
        "1",
    ]
    assert main(["deploy", str(bundle), *options]) == 1
    said = capsys.readouterr().out
    assert "LUTs:" in said
    assert "latency:" in said


def test_a_search_gives_a_front_and_goes_on(bundle: Path, tmp_path: Path, capsys) -> None:
    words = [
        "deploy",
        "search",
        str(bundle),
        "-o",
        str(tmp_path),
        *SAMPLE[:2],
        "train.epochs=1",
        "train.threads=1",
    ]
    assert main(words) == 0
    points = json.loads((tmp_path / "front.json").read_text())
    assert len(points) >= 5
    assert [p["pressure"] for p in points] == sorted(p["pressure"] for p in points)
    assert all(0 <= p["accuracy"] <= 1 and p["luts"] >= 0 for p in points)
    assert (tmp_path / "front.png").stat().st_size > 5000
    before = {f: f.stat().st_mtime_ns for f in tmp_path.glob("point-*/weights.safetensors")}
    assert main(words) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main([*words, "--resume", "task.teacher=other"]) == 2
    assert "is a point of another search" in capsys.readouterr().err
    assert main([*words, "--resume"]) == 0
    assert before == {f: f.stat().st_mtime_ns for f in before}
    capsys.readouterr()


@pytest.mark.parametrize(
    ("words", "run"),
    [
        (["jet-tagger", "--target", "rtl", "-o", "x"], write),
        (["--target", "rtl", "jet-tagger", "-o", "x"], write),
        (["write", "jet-tagger", "-o", "x"], write),
        (["verify", "x", "--trust"], verify),
        (["search", "jet-tagger", "train.epochs=1", "-o", "x"], search),
    ],
)
def test_deploy_writes_unless_told_otherwise(words: list[str], run: object, capsys) -> None:
    assert build_parser().parse_args(["deploy", *words]).run is run
    assert capsys.readouterr().err == ""


def test_a_search_by_its_old_flag_is_told_its_new_name(capsys) -> None:
    words = ["deploy", "jet-tagger", "--search", "-o", "x", "--resume", "train.epochs=1"]
    assert with_part(words) == ["deploy", "search", "jet-tagger", "-o", "x", "--resume", "train.epochs=1"]
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "deploy search BUNDLE" in said


def test_help_of_deploy_shows_what_it_takes_without_a_word(capsys) -> None:
    with pytest.raises(SystemExit):
        main(["deploy", "--help"])
    said = capsys.readouterr().out
    for word in ("verify", "search", "--target", "--budget-ns", "--json FILE"):
        assert word in said


@pytest.mark.parametrize(
    ("words", "why"),
    [(["tracking-hex", "more", "-o", "x"], "unknown: more"), (["tracking-hex"], "-o/--output")],
)
def test_words_that_do_not_parse(words: list[str], why: str, capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["deploy", *words])
    assert stop.value.code == 2
    assert why in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["showers-any", "--target", "rtl", "-o", "x"], "only trigger bundles"),
        (["tracking-hex", "--target", "hls", "-o", "x"], "only trigger bundles"),
        (["search", "tracking-hex", "-o", "x"], "needs a bundle of `gnnreco train trigger`"),
        (["verify", "nowhere"], "is not there"),
        (["jet-tagger", "--int8", "-o", "x"], "--int8 is for networks of tracking"),
        (["jet-tagger", "--target", "hls", "--luts", "5", "-o", "x"], "--luts is for --target rtl, not hls"),
        (
            ["seeds-trackml", "--target", "rtl", "--stream", "9", "9", "--luts", "5", "-o", "x"],
            "--stream has no",
        ),
        *(
            (
                ["jet-tagger", "--target", target, f"--clock-ns={clock}", "-o", "x"],
                "clock_ns: must be 1 to 1000 ns",
            )
            for target in ("rtl", "hls", "onnx")
            for clock in ("1e-9", "0.01", "0.3", "nan", "-5", "inf", "1e9")
        ),
        *(
            (
                ["jet-tagger", "--target", "rtl", f"{option}={value}", "-o", "x"],
                "must be 0 (do not run) to 604,800 s",
            )
            for option in ("--synthesis-s", "--place-s")
            for value in ("nan", "-5", "inf")
        ),
        (["jet-tagger", "--target", "rtl", "--budget-ns=nan", "-o", "x"], "budget ns: must be above 0"),
        (["jet-tagger", "--target", "rtl", "--luts=-3", "-o", "x"], "budget luts: must be above 0"),
    ],
)
def test_what_cannot_be_is_one_line(words: list[str], why: str, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["deploy", *words]) == 2
    said = capsys.readouterr().err
    assert why in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("tool", ["yosys", "slow"])
def test_a_synthesis_that_did_not_end_is_said(
    bundle: Path, tmp_path: Path, monkeypatch, capsys, tool: str
) -> None:
    pytest.importorskip("alkaid")
    why = {"yosys": "is not installed", "slow": "took longer than 1 s and was stopped"}[tool]

    def fails(*of: object) -> None:
        raise MissingTool("yosys", why)

    monkeypatch.setattr(firmware, "synthesise", fails)
    options = ["--target", "rtl", "-o", str(tmp_path / "out"), "--synthesis-s", "1", "--luts", "1000000"]
    assert main(["deploy", str(bundle), *options]) == 0
    said = capsys.readouterr().out
    assert f"Yosys did not count: yosys: {why}; numbers of cells are estimates" in said
    assert "24% below Yosys" in said


@pytest.mark.parametrize("file", ["report.json", "manifest.json"])
@pytest.mark.parametrize(
    "damage", [b"\xff", b"{", b'{"target": 5}', b'{"target": "rtl", "target": "rtl"}', b"[" * 99999, b"7"]
)
def test_a_damaged_report_is_one_line(tmp_path: Path, capsys, file: str, damage: bytes) -> None:
    """P2: one byte was a traceback."""
    content = {"report.json": damage if file == "report.json" else b"{}"}
    save_folder(tmp_path / "out", content, "tagger", {"bundle": "jet-tagger", "sha256": "0" * 64})
    if file == "manifest.json":
        (tmp_path / "out" / file).write_bytes(damage)
    assert main(["deploy", "verify", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert str(tmp_path / "out") in said
    assert file in said or "program.json" in said
