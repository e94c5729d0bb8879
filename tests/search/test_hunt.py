"""A whole search: it finds a bump without labels, finds none where there is none, and says the same twice."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import gnnreco
from gnnreco.cli import main
from gnnreco.errors import BadConfig, BadInput
from gnnreco.search import EventTable, SearchSettings, hunt, methods
from gnnreco.search.methods import Lesson, Trend, learn
from gnnreco.search.regions import inside

from .toys import matrix, toy

UNKNOWN = np.full(20_000, -1)  # labels
QUICK = SearchSettings(members=1, folds=3, toys=100, keep=0.02, signal_region=(3.3, 3.7))
COLUMNS = "m,a,b,c,label"
DOCS = Path(__file__).parents[2] / "docs" / "how_to" / "search.md"


@pytest.fixture(scope="module")
def table() -> EventTable:
    return toy()


@pytest.mark.parametrize("method", ["cwola", "supervised", "idealised"])
def test_a_bump_is_found(method: str, table: EventTable) -> None:
    told = hunt(table, replace(QUICK, method=method)).told
    assert told["p_value"] < 1e-3
    assert told["max_significance_improvement"] > 3
    assert told["window"] == [3.3, 3.7]
    assert told["observed"] == told["events_in_excess"]
    assert json.loads(json.dumps(told, allow_nan=False)) == told


@pytest.mark.parametrize("method", ["cathode", "anode"])
def test_densities_of_the_side_bands_find_it_too(method: str) -> None:
    told = hunt(toy(1500, 60), replace(QUICK, method=method, folds=2, epochs=8)).told
    assert told["p_value"] < 1e-2
    assert told["max_significance_improvement"] > 2


def test_without_a_bump_nothing_is_found() -> None:
    told = hunt(toy(1500, 0, seed=5), replace(QUICK, signal_region=None, folds=2)).told
    assert told["p_value"] > 0.05
    assert told["windows"] == len(told["scan"]) == 9 - told["windows_left_out"]
    assert 0 < told["windows_left_out"] < 9
    assert told["max_significance_improvement"] is None


def test_no_event_is_judged_by_a_score_that_saw_it(table: EventTable) -> None:
    """Labels of pure noise: a score that had seen them would know them."""
    noise = np.random.default_rng(1).integers(0, 2, len(table))
    features = np.random.default_rng(2).normal(size=table.features.shape)
    blind = EventTable("noise", table.names, table.mass, features, noise)
    assert abs(hunt(blind, replace(QUICK, method="supervised")).told["auc"] - 0.5) < 0.04


def test_a_trend_takes_off_what_features_know_of_the_mass(table: EventTable) -> None:
    side = table.label == 0
    tilted = replace(table, features=table.features + table.mass[:, None] * [0.5, -1, 0])
    left = Trend.of(tilted, side)(tilted.features, tilted.mass)[side]
    knows = np.abs([np.corrcoef(one, table.mass[side])[0, 1] for one in left.T])
    assert knows[:2].max() < 1e-6
    np.testing.assert_array_equal(left[:, 2], table.features[side, 2])


def test_a_trend_that_is_not_there_cuts_no_bump(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slope that chance gave moves the end of a feature's range with mass: a score would learn where it lies."""

    def excess() -> float:
        """Kept in the window beyond its share, where features know nothing of mass: the mean of 8 numbers of spread one."""
        found = []
        for seed in range(8):
            draw = np.random.default_rng(seed)
            mass, features = draw.random(40_000), draw.exponential(size=(40_000, 4))
            taught, judged = (
                EventTable("", tuple("abcd"), mass[i::2], features[i::2], UNKNOWN) for i in (0, 1)
            )
            score = learn("cwola", Lesson(taught, None, None, (0.4, 0.6), 1, 1, seed, 10))
            best = np.argsort(-score(judged.features, judged.mass))[:400]
            here = inside(judged.mass, (0.4, 0.6))
            found.append((here[best].mean() - here.mean()) / np.sqrt(0.2 * 0.8 / 400))
        return float(np.mean(found))

    assert abs(excess()) < 0.6
    monkeypatch.setattr(methods, "WEAKEST", 0.0)
    monkeypatch.setattr(methods, "SURE", 0.0)
    assert excess() > 0.8


def test_the_command_writes_page_events_and_numbers_and_repeats_itself(
    table: EventTable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "t.npy", matrix(table))
    np.save(tmp_path / "test.npy", matrix(toy(2000, 200, seed=9)))
    words = ["search", str(tmp_path / "t.npy"), "--resonance", "m", "--columns", COLUMNS]
    words += shlex.split("--members 1 --trees 20 --folds 2 --toys 50 --keep 0.02 --signal-region 3.3 3.7")
    words += ["--test", str(tmp_path / "test.npy"), "--page", str(tmp_path / "p.html")]
    for out in ("one", "two"):
        assert main([*words, "-o", str(tmp_path / out), "--json", str(tmp_path / f"{out}.json")]) == 0
    one, two = (json.loads((tmp_path / f"{out}.json").read_text()) for out in ("one", "two"))
    assert {**one, "command": ""} == {**two, "command": ""}
    assert one["inputs"]["test"]["events"] == 2200
    assert "test, masses 3.3 to 3.7" in one["judged_on"]
    assert "maximum significance improvement" in capsys.readouterr().out
    assert (tmp_path / "one" / "excess.parquet").read_bytes() == (
        tmp_path / "two" / "excess.parquet"
    ).read_bytes()
    rows = pq.read_table(tmp_path / "one" / "excess.parquet")
    assert rows.num_rows == one["events_in_excess"]
    np.testing.assert_array_equal(rows["m"], table.mass[rows["row"].to_numpy()])
    page = (tmp_path / "p.html").read_text()
    assert "<script" not in page
    assert "Events in excess" in page
    assert main([*words, "-o", str(tmp_path / "one")]) == 2
    assert "is there already" in capsys.readouterr().err


def test_events_of_other_masses_are_left_out(table: EventTable, tmp_path: Path) -> None:
    np.save(tmp_path / "t.npy", matrix(table))
    search = partial(gnnreco.search, columns=COLUMNS.split(","), members=1, folds=2, toys=50)
    told = search(
        tmp_path / "t.npy", "m", mass_range=(3.0, 4.2), signal_region=(3.3, 3.7), output=tmp_path / "o"
    )
    here = inside(table.mass, (3.0, 4.2))
    assert told["events"] == here.sum()
    assert told["inputs"]["table"]["left_out"] == {"masses outside 3 to 4.2": (~here).sum()}
    assert told["mass_range"] == [table.mass[here].min(), table.mass[here].max()]
    rows = pq.read_table(tmp_path / "o" / "excess.parquet")
    np.testing.assert_array_equal(rows["m"], table.mass[rows["row"].to_numpy()])
    cut = hunt(table[here], replace(QUICK, folds=2, toys=50, keep=0.01)).told
    assert cut["p_value"] == told["p_value"]
    with pytest.raises(BadConfig, match="from the lower mass to the higher one, not 4 to 3"):
        search(table, "m", mass_range=(4.0, 3.0))
    with pytest.raises(BadInput, match="a search needs 100"):
        search(table, "m", mass_range=(40.0, 41.0))


def test_the_same_from_python(table: EventTable, tmp_path: Path) -> None:
    told = gnnreco.search(
        table, "m", signal_region=(3.3, 3.7), members=1, folds=2, toys=50, page=tmp_path / "p.html"
    )
    assert told["p_value"] < 0.01
    assert (tmp_path / "p.html").exists()
    with pytest.raises(BadConfig, match="no method 'cwolla'; did you mean 'cwola'"):
        gnnreco.search(table, "m", method="cwolla")
    with pytest.raises(BadConfig, match="unknown setting 'fold'; did you mean 'folds'"):
        gnnreco.search(table, "m", fold=3)
    with pytest.raises(BadConfig, match="may not see true signal"):
        gnnreco.search(table, "m", signal=table)


def test_labels_that_teach_nothing_are_refused(table: EventTable) -> None:
    def refused(message: str, data: EventTable, method: str, **more: Any) -> None:
        with pytest.raises(BadInput, match=message):
            hunt(data, replace(QUICK, method=method), **more)

    unknown = replace(table, label=np.full(len(table), -1))
    refused("has no labels, which supervised learns from", unknown, "supervised")
    refused("has no labels, which idealised learns from", unknown, "idealised")
    refused("there is no signal to learn from", replace(table, label=table.label * 0), "supervised")
    refused("there is no background to learn from", replace(table, label=table.label * 0 + 1), "supervised")
    refused("there is no background to learn from", replace(table, label=table.label * 0 + 1), "idealised")
    refused("so it cannot be the test", table, "cwola", test=table)
    other = replace(toy(100, 10, seed=1), label=np.zeros(110, np.int64))
    refused("a test needs events of both labels", table, "cwola", test=other)
    refused("has features x, y, z, not those of", table, "cwola", test=replace(other, names=("x", "y", "z")))


def test_the_command_of_the_page_about_it_runs(
    table: EventTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = re.findall(r"```\n(gnnreco search .*)\n```", DOCS.read_text("utf-8"))[0]
    columns = dict(zip(COLUMNS.split(","), matrix(table).T, strict=True))
    pq.write_table(pa.table(columns), tmp_path / "events.parquet")
    monkeypatch.chdir(tmp_path)
    assert main([*shlex.split(command)[1:], "--members", "1", "--toys", "100"]) == 0
    assert json.loads(Path("search.json").read_text())["p_value"] < 0.01
    assert Path("search.html").exists()
    assert Path("found/excess.parquet").exists()
