"""The command line: light to start, one line for every error, an exit status that scripts can trust."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gnnreco import cli
from gnnreco.cli.table import table

VERBS = [
    ["detector", "list"],
    ["detector", "check"],
    ["detector", "show"],
    ["detector", "import"],
    ["simulate"],
    ["convert"],
    ["train"],
    ["reconstruct"],
    ["status"],
    ["resubmit"],
    ["verify"],
    ["evaluate"],
    ["show"],
    ["explore"],
    ["bundle", "list"],
    ["bundle", "verify"],
    ["bundle", "info"],
    ["warm"],
    ["doctor"],
    ["deploy"],
    ["deploy", "write"],
    ["deploy", "verify"],
    ["deploy", "search"],
]
HEAVY = ("torch", "numba", "numpy", "pyarrow", "matplotlib", "hydra", "scipy", "yaml", "onnx", "onnxruntime")


@pytest.mark.parametrize("verb", [[], *VERBS], ids=" ".join)
def test_help_has_an_example(verb: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main([*verb, "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert " ".join(["gnnreco", *verb]) in text
    if verb:
        assert "example:\n  gnnreco" in text
        assert "--json FILE" in text


def test_every_example_parses() -> None:
    import shlex

    for verb in VERBS:
        help_text = subprocess_help(verb)
        example = help_text.split("example:\n")[1].strip()
        args = cli.build_parser().parse_args(shlex.split(example)[1:])
        assert callable(args.run)


def subprocess_help(verb: list[str]) -> str:
    parser = cli.build_parser()
    for word in verb:
        actions = [a for a in parser._actions if isinstance(a.choices, dict)]
        parser = actions[0].choices[word]
    return parser.format_help()


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys, gnnreco.cli as c\n"
        "try: c.main(['--help'])\n"
        "except SystemExit: pass\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["reconstruct", "x"], "required: --detector, -o/--output"),
        (["nonsense"], "invalid choice: 'nonsense'"),
        (["detector", "list", "--jason", "x"], "unknown: --jason x"),
        (["simulate", "--detector", "d", "--events", "0", "-o", "x"], "'0' is not a whole number above zero"),
        (
            ["reconstruct", "x", "--detector", "d", "--bundle", "b", "-o", "o", "--shard", "3/3"],
            "from 0 to n - 1",
        ),
        (["reconstruct", "x", "--detector", "d", "--bundle", "b", "-o", "o", "--shard", "3"], "not i/n"),
    ],
)
def test_wrong_arguments(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    one_line(capsys.readouterr().err, message)
    assert stop.value.code == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["detector", "check", "no-such-detector"], "no-such-detector"),
        (["bundle", "verify", "no-such-bundle"], "neither a folder nor a shipped bundle"),
        (["convert", "nowhere", "--detector", "trackml", "-o", "x"], "does not exist"),
        (["show", "nowhere", "-o", "x.html"], "name the detector"),
        (["evaluate", "nowhere", "--truth", "x"], "manifest.json"),
        (["train", "dancing", "--show"], "dancing"),
        (
            ["simulate", "--detector", "trackml", "--events", "1", "-o", "x", "--process", "gun", "conut=3"],
            "count",
        ),
    ],
)
def test_bad_input(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == 2
    one_line(capsys.readouterr().err, message)


def one_line(text: str, message: str) -> None:
    assert text.count("\n") == 1
    assert text.startswith("gnnreco")
    assert message in text


def test_tables_are_printed_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor", "--json", str(tmp_path / "a" / "doctor.json")]) == 0
    rows = json.loads((tmp_path / "a" / "doctor.json").read_text())
    printed = capsys.readouterr().out
    assert all(row["part"] in printed for row in rows)
    assert {row["part"] for row in rows} > {
        "gnnreco",
        "python",
        "kernels",
        "hls4ml",
        "qonnx",
        "torch",
        "torch threads",
    }
    assert all(row["remedy"] for row in rows if row["state"] == "missing")


def test_numbers_stand_to_the_right() -> None:
    rows = [
        {"name": "a", "n": 1200, "ok": True, "x": 0.123456},
        {"name": "long", "n": None, "ok": False, "x": 2.0},
    ]
    assert table(rows).splitlines() == [
        "name      n  ok        x",
        "a     1,200  yes  0.1235",
        "long      -  no        2",
    ]
