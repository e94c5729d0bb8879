"""The command line: light to start, one line for every error, an exit status that scripts can trust."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gnnreco import cli
from gnnreco.bundle import SHIPPED, list_bundles
from gnnreco.cli.table import csv_text, table

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
    ["serve"],
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
        (["evaluatte"], "did you mean 'evaluate'?"),
        (["detectors", "list"], "did you mean 'detector'?"),
        (["bundle", "lst"], "did you mean 'list'?"),
        (["doctor", "-q", "-v"], "not allowed with argument -q/--quiet"),
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
        (["detector", "check", "hgcla"], "did you mean 'hgcal'?"),
        (["train"], "name a task: tracking,"),
        (["bundle", "verify", "no-such-bundle"], "neither a folder nor a shipped bundle"),
        (["convert", "nowhere", "--detector", "trackml", "-o", "x"], "does not exist"),
        (["show", "nowhere", "-o", "x.html"], "name the detector"),
        (["evaluate", "nowhere", "--truth", "x"], "is no folder"),
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


ROWS = [
    {"name": "odd", "sensors": 22856, "parts": "pixel_barrel, short_strip_barrel, long_strip_barrel"},
    {"name": "telescope", "sensors": 6, "parts": "plane"},
]


def test_a_table_is_as_wide_as_the_terminal() -> None:
    assert table(ROWS, 80) == table(ROWS)
    narrow = table(ROWS, 44).splitlines()
    assert max(map(len, narrow)) <= 44
    assert narrow[:4] == [
        "name       sensors  parts",
        "odd         22,856  pixel_barrel,",
        "                    short_strip_barrel,",
        "                    long_strip_barrel",
    ]
    assert table(ROWS[:1], 30).splitlines()[:2] == ["name     odd", "sensors  22,856"]
    long = [{**row, "name": f"{row['name']}_of_a_long_name"} for row in ROWS]
    assert table(long, 44).splitlines()[:2] == ["name     odd_of_a_long_name", "sensors  22,856"]


def test_short_texts_leave_their_room_to_long_ones() -> None:
    rows = [{"a": "x" * 5, "b": "word " * 20, "c": "word " * 20}]
    assert max(map(len, table(rows * 2, 60).splitlines())) <= 60
    assert len(table(rows * 2, 60).splitlines()) < 15


def test_a_table_can_be_csv(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["detector", "list", "--csv", str(tmp_path / "list.csv")]) == 0
    header, first, *_ = (tmp_path / "list.csv").read_text().splitlines()
    assert header == "name,sensors,layers,subsystems"
    assert first.startswith("belle2_ecl,8736,1,")
    nested = {"acts": {"efficiency": 0.5, "interval": [0.4, 0.6]}, "words": "a, b"}
    assert csv_text(nested).splitlines() == [
        "name,value",
        "acts.efficiency,0.5",
        "acts.interval.0,0.4",
        "acts.interval.1,0.6",
        'words,"a, b"',
    ]


def test_the_module_is_the_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gnnreco", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("gnnreco ")


def test_the_program_alone_shows_first_steps(capsys: pytest.CaptureFixture[str]) -> None:
    import shlex

    assert cli.main([]) == 0
    steps = [line.strip() for line in capsys.readouterr().out.splitlines() if line.startswith("  gnnreco")]
    assert len(steps) == 3
    for step in steps:
        assert callable(cli.build_parser().parse_args(shlex.split(step)[1:]).run)


def test_every_bundle_has_a_purpose_and_a_figure_that_a_page_has(capsys: pytest.CaptureFixture[str]) -> None:
    root = Path(__file__).parents[2]
    told = json.loads((SHIPPED / "purposes.json").read_text())
    assert sorted(told) == list_bundles()
    for name, (purpose, figure, page) in told.items():
        assert purpose
        assert bool(page) == (figure != "none of its own"), name
        text = (root / page).read_text("utf-8") if page else ""
        numbers = re.findall(r"\d[\d.,]*\d|\d", figure.replace("50.8 %", "0.508"))
        assert all(number in text for number in numbers if number not in {"1", "50", "0"}), name


def test_all_tasks_and_groups_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    import shlex

    from gnnreco.tasks.registry import task_names
    from gnnreco.train.settings import compose

    assert cli.main(["train", "--list"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in task_names())
    for line in printed.splitlines():
        if "gnnreco train tracking " in line:
            compose("tracking", ["detector=odd", *shlex.split(line.partition("gnnreco train tracking ")[2])])


def test_defaults_are_the_same_on_the_command_line_and_in_python() -> None:
    import inspect

    import gnnreco
    from gnnreco.search.settings import SearchSettings
    from gnnreco.train import adapt

    required = {
        "simulate": (gnnreco.simulate, ["--detector", "odd", "--events", "1", "-o", "x"]),
        "report": (gnnreco.report, ["b", "--data", "x", "-o", "x"]),
        "search": (SearchSettings, ["t", "--resonance", "mjj", "-o", "x"]),
        "bundle adapt": (adapt, ["b", "--detector", "odd", "-o", "x"]),
    }
    for verb, (function, words) in required.items():
        args = cli.build_parser().parse_args([*verb.split(), *words])
        python = inspect.signature(function).parameters
        assert args.seed == python["seed"].default, verb


def test_output_means_one_thing() -> None:
    """What -o names, --output names too, in every verb."""
    from gnnreco.cli.completion import places

    for place in places(cli.build_parser(), {}):
        assert ("-o" in place.options) == ("--output" in place.options), place.path


def test_show_takes_the_old_name_of_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["show", "events", "--output", str(tmp_path), "-o", "page.html"]
    args = cli.build_parser().parse_args(words)
    assert (args.found, args.page) == (tmp_path, Path("page.html"))
    assert "--output FOLDER is now called --found FOLDER" in capsys.readouterr().err
    args = cli.build_parser().parse_args(["show", "events", "--output", str(tmp_path / "page.html")])
    assert (args.found, args.page) == (None, tmp_path / "page.html")
