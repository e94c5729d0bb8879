"""Output and truth are joined by the ids of the hits, whatever the order of rows; other files are said."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gnnreco import cli
from gnnreco.columns import Event, Tracks
from gnnreco.errors import BadInput
from gnnreco.evaluate import Join
from gnnreco.events import EventSource, open_events
from gnnreco.events.source import Entry
from gnnreco.geometry import load_detector

CORPUS = Path(__file__).parents[1] / "corpus"
CASE, TELESCOPE = CORPUS / "hits-reordered-truth", CORPUS / "evaluate-root-output" / "tel"
CUTS = ["--min-hits", "3", "--max-eta", "100", "--min-pt", "0"]
Evaluate = Callable[[Path, Path], tuple[int, dict, str]]


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return reconstructed(CASE / "reco", tmp_path_factory.mktemp("output") / "out")


def reconstructed(events: Path, out: Path, *words: str) -> Path:
    how = ["--detector", "telescope", "--bundle", "tracking-telescope", "-o", str(out), *words]
    assert cli.main(["reconstruct", str(events), *how]) == 0
    return out


@pytest.fixture
def evaluate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Evaluate:
    def run(output: Path, truth: Path) -> tuple[int, dict, str]:
        report = tmp_path / "report.json"
        capsys.readouterr()
        status = cli.main(["evaluate", str(output), "--truth", str(truth), "--json", str(report), *CUTS])
        return status, json.loads(report.read_text()) if report.exists() else {}, capsys.readouterr().err

    return run


def test_rows_in_another_order(output: Path, evaluate: Evaluate) -> None:
    results = {}
    for truth in ("reco", "truth"):
        status, result, line = evaluate(output, CASE / truth)
        assert status == 0
        results[truth] = {name: result["acts"][name] for name in ("efficiency", "fake_rate")}
        said = "truth differs from what was reconstructed" in line and "joined by their ids" in line
        assert said == (truth == "truth") == (len(result["warnings"]) == 1)
        assert "count rows" not in line
    assert results["reco"] == results["truth"] == {"efficiency": 1.0, "fake_rate": 0.0}


def test_the_event_page_joins_by_id(output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--found", str(output), "--event", "1", "-o", str(tmp_path / "page.html")]
    assert cli.main(["show", str(CASE / "truth"), *words]) == 0
    assert "truth differs" in capsys.readouterr().err
    assert cli.main(["show", str(CASE / "reco"), *words]) == 0
    assert not capsys.readouterr().err


def test_hits_that_the_truth_lacks(output: Path, evaluate: Evaluate, tmp_path: Path) -> None:
    truth = Path(shutil.copytree(CASE / "truth", tmp_path / "truth"))
    for kind in ("hits", "truth", "cells"):
        file = truth / f"event000000001-{kind}.csv"
        with file.open() as stream:
            rows = list(csv.reader(stream))
        file.write_text("".join(",".join(row) + "\n" for row in rows if row[0] not in ("3", "8")))
    status, _, line = evaluate(output, truth)
    assert status == 2
    assert "event 1: 2 of 22 hits of the output are not in this event (first: hit 3)" in line


def test_a_copy_elsewhere_is_the_same_and_swapped_files_are_not(
    output: Path, evaluate: Evaluate, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(CASE / "reco", tmp_path / "copy"))
    assert evaluate(output, copy)[2] == ""
    for kind in ("hits", "truth", "cells", "particles"):
        one, two = (copy / f"event00000000{i}-{kind}.csv" for i in (0, 1))
        first = one.read_bytes()
        one.write_bytes(two.read_bytes())
        two.write_bytes(first)
    assert "truth differs" in evaluate(output, copy)[2]


def test_root_output_is_scored_and_shown_as_parquet_is(
    evaluate: Evaluate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = []
    for form in ("parquet", "root"):
        out = reconstructed(TELESCOPE, tmp_path / form, "--format", form)
        status, result, line = evaluate(out, TELESCOPE)
        assert (status, line) == (0, "")
        results.append({name: result[name] for name in ("acts", "perfect", "resolutions")})
        words = ["--found", str(out), "-o", str(tmp_path / f"{form}.html")]
        assert cli.main(["show", str(TELESCOPE), *words]) == 0
    assert results[0] == results[1]
    of_parquet, of_root = ((tmp_path / f"{form}.html").read_text() for form in ("parquet", "root"))
    assert (
        of_parquet.replace(f"{tmp_path}/parquet", f"{tmp_path}/root") == of_root
    )  # but for the command in it


def join_of(event: Event, file: Path, inputs: list[dict]) -> Join:
    entry = Entry(event.number, "a", (("hits", file),))
    return Join(EventSource([(entry, lambda *_: event)]), {"inputs": inputs}, Path("out"))


def test_ids_that_only_count_rows_and_outputs_without_ids(tmp_path: Path) -> None:
    event = open_events(TELESCOPE, load_detector("telescope"))[0]
    file = tmp_path / "a"
    file.write_text("x")
    other = [{"path": "/there/a", "bytes": 2, "sha256": "0"}]
    index = np.arange(5)
    with_ids = Tracks(np.array([0, 5]), index, hit_id=event.hits.hit_id[index])
    for found, words in ((with_ids, "count rows"), (replace(with_ids, hit_id=None), "no hit ids")):
        join = join_of(event, file, other)
        assert join.place(found, event, 0).hit_index.tolist() == index.tolist()
        assert words in join.warnings()[0]
        same = join_of(event, file, [])
        same.place(found, event, 0)
        assert same.warnings() == []


def test_ids_that_are_not_unique(tmp_path: Path) -> None:
    event = open_events(TELESCOPE, load_detector("telescope"))[0]
    twice = replace(event, hits=replace(event.hits, hit_id=np.zeros(len(event.hits), np.int64)))
    index = np.arange(5)[::-1]
    found = Tracks(np.array([0, 5]), index, hit_id=np.zeros(5, np.int64))
    file = tmp_path / "a"
    file.write_text("x")
    assert join_of(twice, file, []).place(found, twice, 0).hit_index.tolist() == index.tolist()
    with pytest.raises(BadInput, match="not unique"):
        join_of(twice, file, [{"path": "a", "bytes": 2, "sha256": "0"}]).place(found, twice, 0)
