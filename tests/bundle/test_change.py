"""Settings of a bundle change without training; what it learned, and what it says of its making, stays."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gnnreco import cli
from gnnreco.bundle import change_settings, load_bundle, load_task
from gnnreco.errors import BadBundle, BadConfig, CannotWrite, OverBudget
from gnnreco.geometry import load_detector
from gnnreco.simulate import SimulationOptions, simulate


def test_a_budget_is_lowered_and_raised_again(tmp_path: Path) -> None:
    detector = load_detector("hgcal")
    options = SimulationOptions(particle="photon", energy=(5.0, 20.0), count=3)
    (event,) = simulate(detector, "gun", 1, seed=1, options=options)
    told = change_settings("showers-hgcal", ["graph.max_edges=100"], tmp_path / "small")
    assert told["graph.max_edges"] == "60000000 -> 100"
    with pytest.raises(OverBudget, match="gnnreco bundle set"):
        load_task(load_bundle(tmp_path / "small"), detector).reconstruct(event)
    change_settings(tmp_path / "small", ["graph.max_edges=60000000"], tmp_path / "again")
    first, again = load_bundle("showers-hgcal"), load_bundle(tmp_path / "again")
    assert again.config == first.config
    assert again.state.keys() == first.state.keys()
    assert all(np.array_equal(again.state[name], first.state[name]) for name in first.state)
    assert again.manifest["detector"] == first.manifest["detector"]
    assert [one["settings"] for one in again.manifest["training"]["changed"]] == [
        ["graph.max_edges=100"],
        ["graph.max_edges=60000000"],
    ]
    assert again.manifest["training"]["changed"][0]["of"] == first.manifest["sha256"]


def test_the_same_words_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        change_settings("tracking-telescope", ["graph.max_triplets=1000"], tmp_path / name)
    files = [{f.name: f.read_bytes() for f in (tmp_path / name).iterdir()} for name in ("one", "two")]
    assert files[0] == files[1]


@pytest.mark.parametrize(
    ("words", "error", "match"),
    [
        (["graph.max_edgse=1"], BadConfig, r"unknown setting 'graph\.max_edgse'.*max_edges"),
        (["graph.max_edges=many"], BadConfig, "max_edges"),
        (["graph=3"], BadConfig, "graph"),
        (["nonsense"], BadConfig, "is not key=value"),
        ([], BadConfig, "no setting"),
        (["network.hidden=7"], BadBundle, "network"),
    ],
)
def test_what_does_not_fit_is_refused_and_writes_nothing(
    words: list[str], error: type[Exception], match: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=match):
        change_settings("showers-hgcal", words, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_the_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["bundle", "set", "showers-any", "least_score=0.5", "-o", str(tmp_path / "strict")]
    assert cli.main([*words, "--json", str(tmp_path / "told.json")]) == 0
    assert json.loads((tmp_path / "told.json").read_text())[0]["least_score"] == "0.25 -> 0.5"
    assert cli.main(words) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert cli.main([*words, "--overwrite"]) == 0
    assert load_bundle(tmp_path / "strict").config["least_score"] == 0.5


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(CannotWrite, match="holds something"):
        change_settings("showers-any", ["least_score=0.5"], tmp_path)
