"""`gnnreco explore` of several events: the table, and one page that holds the strangest of them."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gnnreco.cli import main
from gnnreco.display.ranking_sheet import ranking_sheet
from gnnreco.tasks.explore import measure, rank
from tests.tasks.explore.made import hot, plain, write_ig

ROOT = Path(__file__).parents[2]
DISPLAYS = ROOT / "examples" / "displays"


@pytest.fixture(scope="module")
def archives(tmp_path_factory) -> Path:
    """A folder with eight events, of which number 5 has a hot cell, and five usual ones."""
    folder = tmp_path_factory.mktemp("archives")
    write_ig(folder / "collisions.ig", [hot(plain(n), 300.0) if n == 5 else plain(n) for n in range(1, 10)])
    write_ig(folder / "usual.ig", [plain(n) for n in range(20, 26)], vertices=9)
    return folder


def explored(words: str, folder: Path, tmp_path: Path) -> dict:
    """The JSON of one command."""
    page, file = tmp_path / "page.html", tmp_path / "page.json"
    command = f"explore {words.format(folder)} -o {page} --json {file}"
    assert main(shlex.split(command)) == 0
    return json.loads(file.read_text())


def test_the_strangest_event_opens(archives, tmp_path, capsys):
    told = explored("{}/collisions.ig", archives, tmp_path)
    assert told["event"] == 5
    ranking = told["ranking"]
    assert ranking["judged_by"] == "one another"
    assert ranking["smallest_p_value"] == pytest.approx(1 / 9)
    first = ranking["events"][0]
    assert (first["event"], first["known_effect"]) == (5, "noisy cell")
    assert first["p_value"] == pytest.approx(1 / 9)
    assert first["numbers"]["cell_gev"] == pytest.approx(300)
    assert [row["rank"] for row in ranking["events"]] == list(range(1, 10))
    assert told["parts"][0]["part"] == "barrel"
    out = capsys.readouterr().out
    assert "5: noisy cell: one cell of barrel has 300 GeV" in out
    assert "no p-value can be below 0.11, however strange it is" in out
    assert "it would need p <= 0.011, so 89 normal events" in out


def test_judged_by_usual_events(archives, tmp_path, capsys):
    told = explored("{0}/collisions.ig --normal {0}/usual.ig --event 3", archives, tmp_path)
    assert told["event"] == 3  # it was asked for
    ranking = told["ranking"]
    assert (ranking["judged_by"], ranking["normal_events"]) == ("normal", 6)
    assert ranking["events"][0]["event"] == 5
    assert (
        "9 events are judged by 6 that count as normal: no p-value can be below 0.14"
        in capsys.readouterr().out
    )


def test_what_is_not_ranked(archives, tmp_path, capsys):
    for words, why in (
        (
            f"{DISPLAYS / 'lhcb_2017.json.gz'}",
            "one event cannot be ranked among itself; give at least 5, or others",
        ),
        (f"{DISPLAYS / 'cms_met_2012.ig'}", "2 events cannot be ranked among one another"),
    ):
        told = explored(words, archives, tmp_path)
        assert told["ranking"] is None
        assert why in told["ranking_refused"]
        assert f"nothing is ranked: {why}" in capsys.readouterr().err
    told = explored("{}/collisions.ig --alone", archives, tmp_path)
    assert told["event"] == 1
    assert told["ranking"] is None
    page = ["-o", str(tmp_path / "page.html")]
    few = write_ig(tmp_path / "few.ig", [plain(1)])
    both = str(archives / "collisions.ig")
    assert main(["explore", both, "--normal", str(few), *page]) == 2
    assert "1 event cannot tell what is normal; give at least 5" in capsys.readouterr().err
    assert main(["explore", both, "--alone", "--normal", both, *page]) == 2
    assert "--alone and --normal" in capsys.readouterr().err


def test_the_page_holds_several_events(archives, tmp_path, drive):
    explored("{}/collisions.ig", archives, tmp_path)
    page = tmp_path / "page.html"
    text = page.read_text("utf-8")
    assert text.count('type="application/json"') == 8
    script = """
        document.querySelector("nav button[title='Ranking']").click();
        const sheet = [...document.querySelectorAll(".sheet")].find(s => !s.hidden);
        return { title: document.title, hits: page.counts.hits, sheets: document.querySelectorAll(".sheet").length,
            told: sheet.innerText, linked: sheet.querySelectorAll("tr[data-scene]").length,
            on: [...sheet.querySelectorAll("tr.on")].map(row => row.innerText.split("\\t")[1]),
            strange: page.data.h_strange.indexOf(Math.max(...page.data.h_strange)) };"""
    first, second = drive(page, script), drive(page, script, "#scene=1")
    assert first["title"].startswith("Event 5 ")
    assert first["strange"] == first["hits"] - 1 - _chambers(5)
    assert "noisy cell: one cell of barrel has 300 GeV" in first["told"]
    assert "This page holds 8 of the events" in first["told"]
    assert first["linked"] == 8
    assert first["on"] == ["5"]
    assert second["title"] != first["title"]
    assert second["sheets"] == first["sheets"] == 4
    assert second["on"] == [re.match(r"Event (\d+)", second["title"])[1]]


def _chambers(number: int) -> int:
    """Hits of the chambers: in the archive they come after all of the barrel's."""
    event = plain(number)
    return int(np.isnan(event.hits.energy).sum())


def test_names_in_the_table_are_never_markup():
    event, name = measure(hot(plain(1), 300.0)), "<img>"
    facts = {(name if part == "barrel" else part, kind): fact for (part, kind), fact in event.facts.items()}
    evil = replace(event, facts=facts, lone={}, typical={name: 1.0}, missing={name: 0.0})
    markup = ranking_sheet(rank([evil, *(measure(plain(n)) for n in range(6))]), [0])
    assert "<img>" not in markup
    assert "&lt;img&gt;" in markup


def test_the_commands_of_the_page_on_real_collisions(archives, tmp_path, monkeypatch):
    text = (ROOT / "docs" / "how_to" / "real_collisions.md").read_text("utf-8")
    (block,) = re.findall(r"^```\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    for name in ("collisions.ig", "usual.ig"):
        (tmp_path / name).write_bytes((archives / name).read_bytes())
    monkeypatch.chdir(tmp_path)
    for line in block.strip().splitlines():
        assert main(shlex.split(line)[1:]) == 0, line
