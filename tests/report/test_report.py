"""Reports on a bundle of each task: figures, ranking, objects whose parts add up, failures one can open, the same bytes."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gnnreco
from gnnreco.cli import main
from gnnreco.columns import Event
from gnnreco.errors import BadBundle, BadConfig, BadInput
from gnnreco.events import open_jets
from gnnreco.geometry import ConstantField, load_detector
from gnnreco.report.figures import pulls
from tests.test_testing_tasks import CASES

JETS = Path(__file__).parents[2] / "examples" / "jets" / "jets-small.parquet"


@dataclass(frozen=True)
class Given:
    """What a report is asked of."""

    bundle: str
    events: list[Event]
    options: dict[str, Any] = field(default_factory=dict)


def of_case(task: str, bundle: str) -> Given:
    case = CASES[task]()
    return Given(bundle, case.events, {"detector": case.detector})


def trigger() -> Given:
    block = open_jets(JETS)[0]
    return Given("jet-tagger", [block], {"train": [block], "seeds": ["jet-tagger"]})


GIVEN: dict[str, Callable[[], Given]] = {
    "tracking": lambda: of_case("tracking", "tracking-telescope"),
    "clustering": lambda: of_case("clustering", "showers-any"),
    "drift": lambda: of_case("drift", "tpc"),
    "trigger": trigger,
}


@cache
def given(task: str) -> Given:
    return GIVEN[task]()


@pytest.fixture(scope="module", params=GIVEN)
def made(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], Path]:
    asked = given(request.param)
    page = tmp_path_factory.mktemp(request.param) / "report.html"
    return gnnreco.report(asked.bundle, asked.events, page, explained=2, **asked.options), page


def test_it_has_figures_a_ranking_and_objects(made: tuple[dict[str, Any], Path]) -> None:
    told, page = made
    figures = {row["figure"]: row for row in told["figures"]}
    first = figures.get("efficiency") or figures["accuracy"]
    assert first["interval"][0] <= first["value"] <= first["interval"][1]
    assert page.read_text().count("sha256") == 1, "of the manifest, and not of each file of the training"
    assert np.isfinite(figures["loss"]["value"])
    assert told["baseline"]["figures"][0]["value"] is not None
    assert told["ranking"][0]["rise"] > 0
    assert all(row["feature"] for row in told["ranking"])
    assert told["calibration"]
    assert told["objects"]
    for row in told["objects"]:
        assert row["sum"] == pytest.approx(row["answer"] - row["answer_average"], rel=0.3, abs=0.5)
    text = page.read_text()
    assert "<script" not in text
    for title in ("What it does on these events", "Is it over-trained?", "What it reads", "Where it fails"):
        assert title in text
    json.dumps(told, allow_nan=False)


def test_the_browser_shows_it_without_complaint(made: tuple[dict[str, Any], Path], browser) -> None:
    document, console = browser(made[1])
    assert console == []
    assert "Why it said so" in document


def test_the_same_events_give_the_same_bytes(tmp_path: Path) -> None:
    asked = given("tracking")
    pages = [tmp_path / "one.html", tmp_path / "two.html"]
    told = [gnnreco.report(asked.bundle, asked.events, page, explained=1) for page in pages]
    assert told[0] == told[1]
    assert pages[0].read_bytes() == pages[1].read_bytes()


def test_trainings_stand_side_by_side_and_the_gap_to_the_same_events_is_none(tmp_path: Path) -> None:
    asked = given("trigger")
    told = gnnreco.report(asked.bundle, asked.events, tmp_path / "r.html", **asked.options)
    assert len(told["seeds"]) == 2
    assert told["seeds"][0]["figures"] == told["seeds"][1]["figures"]
    assert {row["difference"] for row in told["gap"]} == {0.0}


def test_the_commands_of_a_report_open_what_failed(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    words = "simulate --detector telescope --process beam --particle electron --energy 0.2 0.4 --count 25 --events 3"
    assert main([*words.split(), "-o", "events", "noise_hits=8", "efficiency=0.7"]) == 0
    words = "report tracking-telescope --data events -o report.html --json report.json --explained 2"
    assert main(words.split()) == 0
    printed = capsys.readouterr()
    assert "efficiency" in printed.out
    assert "other seeds: none were given with --seeds" in printed.err
    told = json.loads(Path("report.json").read_text())
    (first,), worst = told["failures"]["first"], told["failures"]["events"]
    assert worst, "events that bad have losses"
    assert main(shlex.split(first)[1:]) in (0, 1)
    assert main(shlex.split(worst[0]["command"])[1:]) == 0
    assert Path(f"event-{worst[0]['event']}.html").is_file()


def test_without_a_field_there_is_no_pull_of_the_momentum() -> None:
    row = {"pull_core": 1.0, "pull_bias": 0.0}
    result = {"resolutions": {"phi": row, "q_over_p": row}}
    straight = load_detector("telescope")
    bent = replace(straight, field=ConstantField(1.0))
    assert [row["of"] for row in pulls(result, straight)] == ["phi"]
    assert [row["of"] for row in pulls(result, bent)] == ["phi", "q/p"]


def test_what_learns_nothing_says_so(tmp_path: Path) -> None:
    asked = given("clustering")
    told = gnnreco.report("clusters-density", asked.events, tmp_path / "r.html", **asked.options)
    assert told["ranking"] == told["objects"] == []
    assert [line for line in told["left_out"] if "learns nothing" in line]


def test_bad_questions_are_one_line(tmp_path: Path) -> None:
    page, events = tmp_path / "r.html", given("tracking").events
    with pytest.raises(BadConfig, match="serves any detector; name that of the events with detector="):
        gnnreco.report("showers-any", events, page)
    with pytest.raises(BadInput, match="no events to report on"):
        gnnreco.report("tracking-telescope", [], page)
    with pytest.raises(BadBundle, match="is for the task 'trigger'"):
        gnnreco.report("tracking-telescope", events, page, seeds=["jet-tagger"])
    blind = [Event(e.number, e.source, e.hits) for e in events]
    with pytest.raises(BadInput, match="has no truth to compare with"):
        gnnreco.report("tracking-telescope", blind, page)
    assert not page.exists()
