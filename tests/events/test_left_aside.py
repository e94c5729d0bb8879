"""What a reader does not know is said once by every verb, and stands in reports and manifests."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from gnnreco.cli import main
from gnnreco.events import open_events
from gnnreco.events.parquet.writer import write_parquet
from gnnreco.geometry import load_detector
from gnnreco.simulate import SimulationOptions, simulate
from tests.events.conftest import CORPUS, EXAMPLES, ROOT

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


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Two events of a simulation, written again with a column that nobody knows."""
    detector = load_detector("telescope")
    options = SimulationOptions(particle="electron", energy=(2.0, 6.0), count=2)
    write_parquet(tmp_path / "own.parquet", simulate(detector, "beam", 2, seed=1, options=options), detector)
    table = pq.read_table(tmp_path / "own.parquet")
    pq.write_table(table.append_column("run", table.column("event")), tmp_path / "run.parquet")
    return tmp_path / "run.parquet"


SAID = "gnnreco: left aside: column run (2)\n"


def test_verbs_say_it_once(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(
            [
                "convert",
                str(file),
                "--detector",
                "telescope",
                "-o",
                str(file.parent / "csv"),
                "--format",
                "trackml",
            ]
        )
        == 0
    )
    assert capsys.readouterr().err.count(SAID) == 1


def test_convert_says_that_it_leaves_what_another_program_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = CORPUS / "lcio" / "ild_dst.slcio"
    event = open_events(file, load_detector("full_cld"))[0]
    assert main(["convert", str(file), "--detector", "full_cld", "-o", str(tmp_path / "events")]) == 0
    said = capsys.readouterr().err
    assert len(event.found) == 3
    for kind in event.found:
        assert f"{kind.__name__} of another program (" in said


def test_reports_and_manifests_hold_it(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, report = file.parent / "out", file.parent / "report.json"
    command = [
        "reconstruct",
        str(file),
        "--detector",
        "telescope",
        "--bundle",
        "tracking-telescope",
        "-o",
        str(out),
    ]
    assert main([*command, "--json", str(report)]) == 0
    assert capsys.readouterr().err.count(SAID) == 1
    for name in (out / "manifest.json", report):
        assert json.loads(name.read_text())["left_aside"] == {"column run": 2}
