"""What a reader does not know is said once by every verb, and stands in reports and manifests."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from gnnreco.cli import main
from gnnreco.events import open_events
from gnnreco.events.parquet_writer import write_parquet

from .conftest import EXAMPLES, ROOT

DISPLAYS = ROOT / "examples" / "displays"


def test_displays_name_what_was_made_from_hits() -> None:
    source = open_events(DISPLAYS / "cms_met_2012.ig", None)
    assert source.left_aside == {}, "nothing is read yet"
    list(source)
    assert source.left_aside == {"SuperClusters_V1": 12, "Event_V2": 2}
    assert next(iter(source.left_aside)) == "SuperClusters_V1", "the most frequent first"


def test_files_of_the_formats_themselves_leave_nothing(acts: Path, trackml: Path, tmp_path: Path) -> None:
    write_parquet(tmp_path / "own.parquet", open_events(acts, None), None)
    source = open_events(
        [acts, trackml, tmp_path / "own.parquet", EXAMPLES / "acts-ttbar-pu20.parquet"], None
    )
    assert len(list(source)) == 4
    assert source.left_aside == {}


def test_verbs_say_it_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = "gnnreco: left aside: SuperClusters_V1 (6), Event_V2 (1)\n"
    report = tmp_path / "report.json"
    command = [
        "explore",
        str(DISPLAYS / "cms_met_2012.ig"),
        "-o",
        str(tmp_path / "a.html"),
        "--json",
        str(report),
    ]
    assert main(command) == 0
    assert capsys.readouterr().err.count(said) == 1
    assert json.loads(report.read_text())["left_aside"] == {"SuperClusters_V1": 6, "Event_V2": 1}


def test_the_manifest_holds_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from gnnreco.geometry import load_detector
    from gnnreco.simulate import SimulationOptions, simulate

    detector = load_detector("telescope")
    options = SimulationOptions(particle="electron", energy=(2.0, 6.0), count=2)
    events = list(simulate(detector, "beam", 2, seed=1, options=options))
    write_parquet(tmp_path / "own.parquet", events, detector)
    table = pq.read_table(tmp_path / "own.parquet")
    pq.write_table(table.append_column("run", table.column("event")), tmp_path / "run.parquet")
    command = [
        "reconstruct",
        str(tmp_path / "run.parquet"),
        "--detector",
        "telescope",
        "-o",
        str(tmp_path / "out"),
    ]
    assert main([*command, "--bundle", "tracking-telescope", "--json", str(tmp_path / "report.json")]) == 0
    assert capsys.readouterr().err.count("gnnreco: left aside: column run (2)\n") == 1
    for name in ("out/manifest.json", "report.json"):
        assert json.loads((tmp_path / name).read_text())["left_aside"] == {"column run": 2}
