"""What `gnnreco evaluate` tells of anomalies: drawn scores give the figures that are known for them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import gnnreco
from gnnreco.cli import main
from gnnreco.columns import Floats
from gnnreco.errors import BadConfig, BadInput
from gnnreco.evaluate import figures, score_anomalies, table
from gnnreco.events.tracks_file import write_tracks
from gnnreco.statistics import gains
from tests.evaluate.anomaly.made import CALIBRATION, MANIFEST, drawn, output, rows_of

NORMAL = drawn("normal/a.parquet", 2000)
STRANGE = drawn("strange/b.parquet", 1000, 2.0, seed=2)


def scored(*parts: list, anomalous: tuple[str, ...] = ()) -> dict:
    return score_anomalies([row for part in parts for row in part], anomalous, "out", CALIBRATION)


def test_two_normal_distributions_give_the_known_figures() -> None:
    told = scored(NORMAL, STRANGE, anomalous=("strange",))
    low, high = told["auc_interval"]
    assert told["auc"] == pytest.approx(stats.norm.cdf(2 / np.sqrt(2)), abs=0.01)
    assert low < told["auc"] < high
    row = told["rates"][0]
    assert row["threshold"] == pytest.approx(stats.norm.isf(0.01), abs=0.3)
    assert row["efficiency"] == pytest.approx(stats.norm.sf(stats.norm.isf(0.01) - 2), abs=0.1)
    assert row["efficiency_interval"][0] < row["efficiency"] < row["efficiency_interval"][1]
    assert told["max_significance_improvement"] == pytest.approx(3.7, abs=0.6)
    assert told["at_fpr"] * 2000 == pytest.approx(told["background_passing"])
    assert told["sources"]["strange"]["auc"] == told["auc"]


def test_p_values_of_normal_events_hold_and_drift_is_seen() -> None:
    fine, moved = scored(NORMAL), scored(drawn("normal/a", 2000, 0.3))
    assert fine["anomalous"] is None
    assert "auc" not in fine
    assert fine["coverage"]["error"] < 0.06
    assert not fine["drift"]["drifted"]
    assert moved["drift"]["drifted"]
    assert any("calibrate again" in line for line in moved["warnings"])


def test_coverage_is_told_for_each_folder_of_normal_events() -> None:
    by_source = scored(NORMAL, drawn("other/c", 300, 1.0, seed=4))["coverage"]["by_source"]
    assert set(by_source) == {"normal", "other"}
    assert by_source["other"]["error"] > 3 * by_source["normal"]["error"]
    assert by_source["other"]["events"] == 300


@pytest.mark.parametrize(
    ("pattern", "groups"),
    [
        (("s*",), ["s1", "s2"]),
        (("s1", "s2/b.parquet"), ["s1", "s2/b.parquet"]),
        (("s1/",), ["s1"]),
        (("b.parquet",), ["s1/b.parquet", "s2/b.parquet"]),
    ],
)
def test_sources_are_named_by_folder_file_or_glob(pattern: tuple[str, ...], groups: list[str]) -> None:
    parts = [drawn("n/a.parquet", 30), *(drawn(f"{s}/b.parquet", 30, 3.0) for s in ("s1", "s2"))]
    told = scored(*parts, anomalous=pattern)
    assert list(told["sources"]) == groups
    assert told["anomalous"]["events"] == 30 * len(groups)
    assert told["normal"]["events"] == 30 * (3 - len(groups))


def test_events_that_are_files_of_their_own_are_one_group() -> None:
    rows = [row for i in range(60) for side in "ns" for row in drawn(f"{side}{i}/hits.csv", 1, seed=i)]
    told = scored(rows, anomalous=("s*",))
    assert told["normal"]["sources"] == {"normal": 60}
    assert told["anomalous"]["sources"] == {"s*": 60}


def test_an_event_without_hits_counts_and_is_never_flagged() -> None:
    empty = rows_of("strange/e", np.full(1000, np.nan))
    told = scored(NORMAL, STRANGE, empty, anomalous=("strange",))
    counts = {"events": 2000, "without_score": 1000, "sources": {"strange": 2000}}
    assert counts.items() <= told["anomalous"].items()
    assert told["anomalous"]["parts"]["ionisation"] == pytest.approx(2.0)
    half = scored(NORMAL, STRANGE, anomalous=("strange",))["rates"][0]["efficiency"] / 2
    assert told["rates"][0]["efficiency"] == pytest.approx(half)
    assert json.dumps(told, allow_nan=False)


def test_a_rate_that_the_sample_cannot_tell_says_so() -> None:
    told = scored(drawn("n", 150), drawn("s", 50, 3.0), anomalous=("s",))
    first, second = told["rates"]
    assert first["efficiency"] is not None
    assert second["efficiency"] is None
    assert "150 normal events cannot set a rate of 0.001" in second["why"]
    assert second["why"] in told["warnings"]
    few = scored(drawn("n", 15), drawn("s", 5, 3.0), anomalous=("s",))
    assert few["max_significance_improvement"] is None
    assert few["coverage"] is few["drift"] is None
    assert "15 normal events with a p-value" in few["warnings"][-1]
    assert "too few to judge" in table({"task": "anomaly", **few})


def test_the_strangest_events_come_first_with_what_makes_them_so() -> None:
    told = scored(NORMAL, rows_of("odd/x", np.array([50.0, np.nan]), first=40))
    best = told["strangest"][0]
    assert (best["source"], best["event"], best["main_part"]) == ("odd/x", 40, "ionisation")
    assert best["p_value"] == pytest.approx(1 / (CALIBRATION + 1))
    assert [row["score"] for row in told["strangest"]] == sorted(
        (row["score"] for row in told["strangest"]), reverse=True
    )


@pytest.mark.parametrize(
    ("sources", "pattern", "message"),
    [
        (("n/a", "s/b"), "w*", r"no source of the output is like 'w\*'; there are n/a, s/b"),
        (("s/a", "s/b"), "s", r"all of it is anomalous \(s/a, s/b\)"),
        ([f"f{i}/x" for i in range(20)], "w", r"there are f0, .* and 12 more"),
        ((), "w", "holds no events"),
    ],
)
def test_patterns_that_make_no_sense_are_refused(
    sources: tuple[str, ...], pattern: str, message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        scored(*(drawn(source, 3) for source in sources), anomalous=(pattern,))


@settings(max_examples=10)
@given(st.lists(st.floats(-5, 5), min_size=2, max_size=30), st.floats(0.1, 3))
def test_only_the_order_of_scores_counts(values: list[float], factor: float) -> None:
    def area(score: Floats) -> float:
        return gains(score, np.arange(len(score)) == len(score) - 1)["auc"]

    score = np.round(values, 3)
    assert area(score) == pytest.approx(area(factor * score + 1))
    assert area(score) + area(-score) == pytest.approx(1)


def test_the_command_line_needs_no_truth(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, file = output(tmp_path / "out", NORMAL + STRANGE), tmp_path / "out.json"
    words = ["evaluate", str(folder), "--anomalous", "strange*", "--json", str(file)]
    assert main([*words, "--plots", str(tmp_path / "plots")]) == 0
    said, told = capsys.readouterr().out, json.loads(file.read_text())
    for word in ("AUC", "TPR / sqrt(FPR)", "part below", "no drift", "strangest"):
        assert word in said
    assert max(map(len, said.split("wrote")[0].splitlines())) <= 110
    assert {"task", "events", "definitions", "seconds_per_event", "cpu_seconds_per_event"} <= set(told)
    assert {"peak_rss_gib", "threads", "events_failed", "events_without_output", "warnings"} <= set(told)
    assert (told["task"], told["events"], told["events_without_output"]) == ("anomaly", 3000, 0)
    assert gnnreco.evaluate(folder, anomalous="strange*").items() <= told.items()
    assert {f.stem for f in (tmp_path / "plots").iterdir()} == {
        *("report", "anomaly_scores", "significance_improvement", "coverage")
    }
    assert set(figures({"x": gnnreco.evaluate(folder)})) == {"anomaly_scores", "coverage"}


def test_a_pattern_that_matches_nothing_names_the_sources(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = output(tmp_path, NORMAL)
    assert main(["evaluate", str(folder), "--anomalous", "nowhere"]) == 2
    said = capsys.readouterr().err
    assert "there are normal/a.parquet: name one of these with --anomalous" in said


def test_of_several_tasks_only_strangeness_is_scored_without_truth(tmp_path: Path) -> None:
    anomaly = output(tmp_path / "anomaly", NORMAL)
    (tmp_path / "tracking").mkdir()
    write_tracks(tmp_path / "tracking" / "shard.parquet", [])
    other = {**MANIFEST, "task": "tracking", "shards": [{"file": "shard.parquet"}]}
    (tmp_path / "tracking" / "manifest.json").write_text(json.dumps(other))
    manifest = json.loads((anomaly / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps({"tasks": {"tracking": other, "anomaly": manifest}}))
    told = gnnreco.evaluate(tmp_path)
    assert list(told["tasks"]) == ["anomaly"]
    with pytest.raises(BadConfig, match="is of the task 'tracking'; name its events with truth with truth="):
        gnnreco.evaluate(tmp_path / "tracking")
    with pytest.raises(
        BadConfig, match="is of tracking, and anomalous= goes with output of an anomaly bundle"
    ):
        gnnreco.evaluate(tmp_path / "tracking", anomalous="x")
